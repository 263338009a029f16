import math
import sys
import warnings

import numpy as np
import pytest

from pinnkit.errors import InputError
from pinnkit.tomography import from_hounsfield, read_dicom, to_hounsfield, write_dicom

pydicom = pytest.importorskip("pydicom")


def image(shape=(6, 9), low=-1000.0, high=1800.0):
    values = np.random.default_rng(0).uniform(low, high, shape)
    values.flat[:2] = low, high
    return values


def changed(tmp_path, **elements):
    """A slice as we write it, with other elements; None deletes one."""
    path = tmp_path / "slice.dcm"
    write_dicom(image(), path, 0.7)
    data = pydicom.dcmread(path)
    for name, value in elements.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.save_as(path)
    return path


@pytest.mark.parametrize("low, high", [(-1000, 3000), (-1024.5, 1.2e5), (0.0, 1e-3), (-3.3, -3.3), (0, 0), (-1e8, 1e8)])
def test_a_round_trip_is_within_half_a_step(tmp_path, low, high):
    original = image((5, 4), low, high)
    write_dicom(original, tmp_path / "a.dcm", 1 / 3, window=(-600.0, 1500.5))
    again = read_dicom(tmp_path / "a.dcm")
    step = float(pydicom.dcmread(tmp_path / "a.dcm").RescaleSlope)
    assert np.abs(again.image - original).max() <= step / 2 * (1 + 1e-6)
    assert step <= max(1e-9, (math.ceil(high) - math.floor(low)) / 65535 + 1e-9)
    assert again.pixel == pytest.approx(1 / 3, rel=1e-12) and again.window == (-600.0, 1500.5)
    assert again.image.dtype == np.float64


def test_hounsfield_units_and_back():
    hu = image()
    assert np.allclose(to_hounsfield(from_hounsfield(hu)), hu, rtol=0, atol=1e-9)
    assert from_hounsfield(np.array([-1000.0, 0.0, 1000.0]), water=0.019) == pytest.approx([0.0, 0.019, 0.038])


def test_a_secondary_capture_has_what_the_standard_demands(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_dicom(image(), tmp_path / "a.dcm", 0.7, description="TV, 20 vues, µ")
        data = pydicom.dcmread(tmp_path / "a.dcm")
        # every value is of its type's form
        assert all(element.value is not None for element in data)
    assert data.SOPClassUID == data.file_meta.MediaStorageSOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert data.SOPInstanceUID == data.file_meta.MediaStorageSOPInstanceUID
    identifiers = [data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID]
    assert len(set(identifiers)) == 3 and all(identifier.is_valid for identifier in identifiers)
    assert data.ImageType == ["DERIVED", "SECONDARY"] and data.ConversionType == "WSD" and data.Modality == "CT"
    assert data.ImageComments == "not for diagnostic use" and data.SeriesDescription == "TV, 20 vues, µ"
    assert (data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation) == (16, 16, 15, 0)
    assert len(data.PixelData) == 2 * data.Rows * data.Columns and data["PixelData"].VR == "OW"
    # Type 2: may be empty, must be there.
    for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
                 "AccessionNumber", "ReferringPhysicianName", "SeriesNumber", "InstanceNumber"):  # fmt: skip
        assert name in data


def test_the_same_image_makes_the_same_file_and_another_does_not(tmp_path):
    for name, values in (("a", image()), ("b", image()), ("c", image() + 1)):
        write_dicom(values, tmp_path / name, 0.7)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert pydicom.dcmread(tmp_path / "a").SOPInstanceUID != pydicom.dcmread(tmp_path / "c").SOPInstanceUID


def test_slices_of_scanners():
    path = pydicom.data.get_testdata_file("CT_small.dcm", download=False)
    data, slice_ = pydicom.dcmread(path), read_dicom(path)
    assert np.array_equal(slice_.image, pydicom.pixels.apply_modality_lut(data.pixel_array, data))
    assert slice_.pixel == float(data.PixelSpacing[0]) and slice_.image.shape == (128, 128)


def test_padding_becomes_air(tmp_path):
    path = changed(tmp_path)
    data = pydicom.dcmread(path)
    stored = np.array(data.pixel_array)
    stored[0, :3], stored[1, :3] = 63536, 7
    data.PixelData = stored.tobytes()
    data.add_new("PixelPaddingValue", "US", 63536)
    data.save_as(path)
    assert (read_dicom(path).image[0, :3] == -1000).all()
    assert (read_dicom(path).image[1, :3] != -1000).all()
    # -2000 in signed numbers of 16 bits, which some writers store as the unsigned 63536
    data.PixelRepresentation = 1
    data.save_as(path)
    assert (read_dicom(path).image[0, :3] == -1000).all()


def test_the_first_of_several_windows_counts(tmp_path):
    path = changed(tmp_path, WindowCenter=[40, 300], WindowWidth=[400, 1500])
    assert read_dicom(path).window == (40.0, 400.0)
    assert read_dicom(changed(tmp_path, WindowCenter=None)).window is None


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"RescaleSlope": None}, "slice.dcm has no rescale slope and intercept, so its numbers are not Hounsfield"),
        ({"RescaleIntercept": None}, "slice.dcm has no rescale slope and intercept"),
        ({"NumberOfFrames": 3}, "slice.dcm has 3 frames, a volume; give a file of one slice."),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "slice.dcm is a colour image (RGB), not a CT"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "slice.dcm is a colour image (PALETTE COLOR)"),
        ({"PixelData": None}, "slice.dcm holds no image (CT)."),
        ({"PixelData": b""}, "slice.dcm cannot be read as DICOM: "),
        ({"PixelData": bytes(10)}, "slice.dcm cannot be read as DICOM: "),
        ({"RescaleSlope": [1.0, 2.0]}, "slice.dcm cannot be read as DICOM: "),
        ({"Modality": "MR"}, "slice.dcm is of modality MR; Hounsfield units are for CT only."),
        ({"PixelSpacing": None}, "slice.dcm has no pixel spacing, so the size of its pixels in mm is unknown."),
        ({"PixelSpacing": [0.5, 0.7]}, "slice.dcm has pixels of 0.5 x 0.7 mm; resample it to square pixels first."),
        ({"PixelSpacing": [0, 0]}, "slice.dcm has pixels of 0 x 0 mm"),
        ({"RescaleSlope": math.nan}, "slice.dcm: 54 of 54 values are not finite."),
    ],
)  # fmt: skip
def test_slices_that_are_refused(tmp_path, elements, message):
    path = changed(tmp_path, **elements)
    with pytest.raises(InputError) as caught:
        read_dicom(path)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("syntax", "mend"),
    [
        ("JPEGLossless", "pip install pylibjpeg pylibjpeg-libjpeg."),
        ("JPEGLSLossless", "pip install pylibjpeg pylibjpeg-libjpeg."),
        ("JPEG2000Lossless", "pip install pylibjpeg pylibjpeg-openjpeg."),
        ("HTJ2KLossless", "pip install pylibjpeg pylibjpeg-openjpeg."),
        ("MPEG2MPML", "convert it to explicit VR little endian."),
    ],
)
def test_a_compressed_slice_without_its_decoder(tmp_path, monkeypatch, syntax, mend):
    path = changed(tmp_path)
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    data.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    data["PixelData"].is_undefined_length = True
    data.save_as(path)
    monkeypatch.setattr(pydicom.pixels.decoders.base.Decoder, "is_available", False)
    with pytest.raises(InputError) as caught:
        read_dicom(path)
    name = data.file_meta.TransferSyntaxUID.name
    assert str(caught.value) == f"slice.dcm is compressed ({name}), and its decoder is missing: {mend}"


def test_files_that_are_no_dicom(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes(b"no" * 200)
    with pytest.raises(InputError, match=r"^a.dcm cannot be read as DICOM: it has no DICOM header$"):
        read_dicom(path)
    with pytest.raises(InputError, match=r"^there is no file .*none.dcm.$"):
        read_dicom(tmp_path / "none.dcm")
    with pytest.raises(InputError, match=r"is a folder; name one file in it: a single scan or slice is expected, not"):
        read_dicom(tmp_path)
    path.write_bytes(changed(tmp_path).read_bytes()[:300])
    with pytest.raises(InputError, match=r"^a.dcm (cannot be read as DICOM|holds no image)"):
        read_dicom(path)


def test_a_slice_that_does_not_say_how_it_is_stored(tmp_path):
    path = changed(tmp_path)
    data = pydicom.dcmread(path)
    del data.file_meta.TransferSyntaxUID
    data.save_as(path, implicit_vr=True, little_endian=True)
    with pytest.raises(InputError, match=r"^slice.dcm does not say its transfer syntax, so its pixels cannot be dec"):
        read_dicom(path)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.ones((2, 3, 4)), {}, r"^a DICOM slice has two axes of 1 to 65535 pixels; this image has shape \(2,"),
        (np.ones((0, 3)), {}, r"this image has shape \(0, 3\).$"),
        (np.array([[np.nan, 1.0]]), {}, r"^1 of 2 values of the image are not finite.$"),
        (np.full((2, 2), 1e10), {}, r"^the image goes from 1e\+10 to 1e\+10, which are no Hounsfield units.$"),
        (np.ones((2, 2)), {"pixel": 0.0}, r"^pixel must be positive and the window \(centre, width of at least 1\)"),
        (np.ones((2, 2)), {"window": (40.0, 0.5)}, r"width of at least 1\): 1.0, \(40.0, 0.5\).$"),
    ],
)  # fmt: skip
def test_images_that_are_not_written(tmp_path, values, options, message):
    with pytest.raises(InputError, match=message):
        write_dicom(values, tmp_path / "a.dcm", **({"pixel": 1.0} | options))
    assert not (tmp_path / "a.dcm").exists()


def test_without_pydicom(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    for call in (lambda: read_dicom("a.dcm"), lambda: write_dicom(image(), tmp_path / "a.dcm", 1.0)):
        with pytest.raises(InputError, match=r"^DICOM needs the package pydicom: pip install 'pinnkit\[ct\]'.$"):
            call()
