import dataclasses

import numpy as np
import pytest

from pinnkit.errors import InputError
from pinnkit.tomography import Detector, FanBeam, ImageGrid, ParallelBeam, Scan
from pinnkit.tomography.files import read_scan, write_scan

ANGLES = [0.1, 33.3, 200.7]
PARALLEL = {"kind": "parallel", "angles": ANGLES, "pitch": 0.5}
FAN = {"kind": "fan", "angles": ANGLES, "pitch": 0.5, "source_origin": 50.0, "source_detector": 100.0}


def sinogram(views=3, bins=8):
    return np.random.default_rng(0).uniform(0, 2, (views, bins))


def npz(tmp_path, **fields):
    path = tmp_path / "scan.npz"
    np.savez(path, **fields)
    return path


@pytest.mark.parametrize(
    "geometry",
    [
        ParallelBeam(ANGLES, Detector(8, 0.1, 0.025), axis_offset=-0.3),
        FanBeam(ANGLES, Detector(8, 0.3), 50.0, 100.1),
        FanBeam(ANGLES, Detector(8, 0.3, curved=True), 1 / 3, 1.7, axis_offset=0.01),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_a_round_trip_is_exact(tmp_path, geometry, full):
    more = {}
    if full:
        rng = np.random.default_rng(1)
        more = {
            "variance": rng.uniform(1e-9, 1, (3, 8)), "truth": rng.normal(size=(5, 7)), "water": 0.0193,
            "name": "a µ scan", "notes": {"seed": 3, "photons": 5e4, "filters": ["Al"]},
        }  # fmt: skip
    scan = Scan(geometry, sinogram(), ImageGrid(5, 7, 0.1, (0.2, -1 / 3)), **more)
    write_scan(scan, tmp_path / "s.npz")
    again = read_scan(tmp_path / "s.npz")
    for field in dataclasses.fields(Scan):
        mine, theirs = getattr(scan, field.name), getattr(again, field.name)
        assert np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs, field.name
    write_scan(again, tmp_path / "t.npz")
    with np.load(tmp_path / "s.npz") as one, np.load(tmp_path / "t.npz") as two:
        assert all(np.array_equal(one[name], two[name]) for name in one.files)


def test_the_default_grid_holds_the_circle_that_every_view_sees(tmp_path):
    scan = read_scan(npz(tmp_path, sinogram=sinogram(), **FAN))
    # the last bin's centre is 1.75 mm from the middle of a detector 100 mm from the source
    radius = 50 * np.sin(np.arctan(1.75 / 100))
    assert scan.grid.shape == (8, 8) and scan.grid.radius == pytest.approx(radius, rel=1e-12)
    assert scan.name == "scan"
    other = read_scan(npz(tmp_path, sinogram=sinogram(), **FAN, rows=6, columns=3)).grid
    assert other.shape == (6, 3) and other.radius == pytest.approx(radius, rel=1e-12)
    assert read_scan(npz(tmp_path, sinogram=sinogram(), **FAN, pixel=0.2)).grid == ImageGrid(8, 8, 0.2)
    mine = ImageGrid(4, 4, 1.0)
    assert read_scan(npz(tmp_path, sinogram=sinogram(), **FAN, rows=9), mine).grid == mine


def test_what_the_caller_says_comes_before_what_the_file_says(tmp_path):
    scan = read_scan(npz(tmp_path, sinogram=sinogram(), **PARALLEL), pitch=0.25, axis_offset=0.1, rows=4)
    assert scan.geometry == ParallelBeam(ANGLES, Detector(8, 0.25), 0.1)
    assert scan.grid.rows == 4


def test_a_bare_array_takes_its_geometry_from_the_caller(tmp_path):
    np.save(tmp_path / "s.npy", sinogram().astype(np.float32))
    scan = read_scan(tmp_path / "s.npy", **PARALLEL)
    assert scan.sinogram.dtype == np.float64 and scan.geometry.shape == (3, 8)
    with pytest.raises(InputError, match=r"^s.npy lacks kind, angles, pitch. There is: sinogram. Known: "):
        read_scan(tmp_path / "s.npy")


class TestCounts:
    def counts(self):
        return np.round(1000 * np.exp(-sinogram())) + 7

    def test_become_line_integrals_with_their_variance(self, tmp_path):
        path = npz(tmp_path, counts=self.counts(), flat=np.full((1, 8), 1007.0), dark=np.full((1, 8), 7.0), **PARALLEL)
        scan = read_scan(path)
        assert np.abs(scan.sinogram - sinogram()).max() < 0.01
        assert scan.variance is not None and scan.variance.shape == (3, 8)

    @pytest.mark.parametrize("bad", [np.nan, -5.0, np.inf])
    def test_that_make_no_sense_are_refused(self, tmp_path, bad):
        counts = self.counts()
        counts[1, 2] = bad
        with pytest.raises(InputError, match="count") as caught:
            read_scan(npz(tmp_path, counts=counts, flat=np.full((1, 8), 1007.0), **PARALLEL))
        assert "\n" not in str(caught.value)

    def test_need_a_flat_field(self, tmp_path):
        with pytest.raises(InputError, match=r"^scan.npz lacks flat. There is: angles, counts"):
            read_scan(npz(tmp_path, counts=self.counts(), **PARALLEL))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pitch": None}, r"^scan.npz lacks pitch. There is: angles, kind, sinogram. Known: sinogram, counts"),
        ({"sinogram": None}, r"^scan.npz lacks sinogram or counts, flat. There is: angles"),
        ({"kind": "fan"}, r"^scan.npz lacks source_origin, source_detector. There"),
        ({"kind": "helix"}, r"^scan.npz: kind must be parallel or fan, not 'helix'.$"),
        ({"source_origin": 9.0}, r"source_origin and source_detector belong to a fan beam, but its kind is parallel.$"),
        ({"pich": 1.0}, r"^scan.npz: unknown pich. There is: angles, kind, pich, pitch, sinogram. Known: "),
        ({"counts": sinogram()}, r"^scan.npz lacks flat"),
        ({"counts": sinogram(), "flat": 1.0}, r"^scan.npz has both a sinogram and counts; keep one"),
        ({"angles": [0.0, 1.0]}, r"^the sinogram has 3 views \(rows\), but 2 angles are given.$"),
        ({"angles": np.arange(8.0)}, r"the sinogram has shape \(3, 8\) for 8 angles; views are rows: transpose it.$"),
        ({"angles": [0.0, np.nan, 1.0]}, r"angles must be numbers in degrees, but angle 1 is nan"),
        ({"sinogram": np.full((3, 8), np.nan)}, r"^24 values of the sinogram are not finite: view 0, bin 0 is nan"),
        ({"sinogram": np.ones((2, 3, 8))}, r"sinogram must have 2 axes, but its shape is \(2, 3, 8\). A volume\? Give"),
        ({"sinogram": np.ones((3, 8), complex)}, r"sinogram must be real numbers, not complex128.$"),
        ({"sinogram": np.ones((3, 0))}, r"sinogram is empty, its shape is \(3, 0\).$"),
        ({"pitch": "wide"}, r"pitch must be real numbers, not <U4.$"),
        ({"pitch": [1.0, 2.0]}, r"pitch must be one number, but its shape is \(2,\).$"),
        ({"pitch": 0.0}, r"pitch must be a positive number of millimetres"),
        ({"rows": 4.5}, r"rows must be a whole number, got 4.5.$"),
        ({"rows": 0}, r"rows must be a whole number of at least 1"),
        ({"offset": 9.0}, r"no circle about the rotation axis is seen by every view; give rows and pixel \(mm\).$"),
        ({"centre": [0.0, 0.0, 0.0]}, r"centre must be two numbers, x and y in mm, not 3.$"),
        ({"variance": np.ones((3, 7))}, r"^the variance has shape"),
        ({"notes": "by hand"}, r"notes must be a JSON object, such as \{\}, not 'by hand'.$"),
    ],
)  # fmt: skip
def test_bad_fields_are_one_clear_line(tmp_path, fields, message):
    stored = {"sinogram": sinogram(), **PARALLEL, **fields}
    with pytest.raises(InputError, match=message) as caught:
        read_scan(npz(tmp_path, **{name: value for name, value in stored.items() if value is not None}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"", r"^a.npz cannot be read as NumPy arrays: "),
        ("a.npz", b"PK\x03\x04nothing", r"^a.npz cannot be read as NumPy arrays: "),
        ("a.npy", b"\x93NUMPY", r"^a.npy cannot be read as NumPy arrays: "),
        ("a.b", b"1,2", r"^a.b is not a scan in a known format, which end in .npz, .npy, .mat, .png, .tif, .tiff.$"),
        ("a.dcm", b"", r"A DICOM slice is an image, not a scan: see read_dicom.$"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_scan(tmp_path / name)


def test_damaged_data_and_pickles_are_refused(tmp_path):
    path = npz(tmp_path, sinogram=sinogram(), **PARALLEL)
    path.write_bytes(path.read_bytes().replace(b"\x93NUMPY", b"\x93NUMQY"))
    with pytest.raises(InputError, match="scan.npz cannot be read as NumPy arrays"):
        read_scan(path)
    with pytest.raises(InputError, match="scan.npz cannot be read as NumPy arrays: Object arrays cannot be loaded"):
        read_scan(npz(tmp_path, sinogram=np.array([{}], object), **PARALLEL))


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(InputError, match=r"^there is no file .*none.npz.$"):
        read_scan(tmp_path / "none.npz")
    with pytest.raises(InputError, match=r"is a folder; name one file in it"):
        read_scan(tmp_path)
    scan = Scan(ParallelBeam(ANGLES, Detector(8, 1.0)), sinogram(), ImageGrid(4, 4, 1.0))
    with pytest.raises(InputError, match=r"^a scan is written as .npz, not as scan.mat.$"):
        write_scan(scan, tmp_path / "scan.mat")
