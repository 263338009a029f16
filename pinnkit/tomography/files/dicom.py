"""DICOM: CT slices in Hounsfield units in, secondary captures out."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from .paths import existing, one_line

AIR = -1000.0
SOFT_TISSUE = (40.0, 400.0)
"""The usual window of the abdomen, HU."""
CAUTION = "not for diagnostic use"
DECODERS = {"2000": "openjpeg", "JPEG": "libjpeg"}
"""Which plugin of pylibjpeg decodes what a transfer syntax is named after, the first that fits."""


@dataclass(frozen=True)
class Slice:
    """A CT slice.

    Args:
        image: HU, shape ``(rows, columns)``, float64.
        pixel: size of a pixel, mm.
        window: centre and width of the display, HU, where the file names one.
    """

    image: np.ndarray
    pixel: float
    window: tuple[float, float] | None = None


def read_dicom(path: str | Path) -> Slice:
    """Read one CT slice; padding, which means nothing, becomes air.

    Args:
        path: of the file.

    Returns:
        The slice.

    Raises:
        InputError: the file is not one slice of a CT in Hounsfield units with square pixels, or cannot be decoded.
    """
    pydicom = _pydicom()
    path = existing(path)
    try:
        return _slice(pydicom.dcmread(path), path)
    except InputError:
        raise
    except Exception as error:  # a damaged file makes pydicom and its decoders raise nearly anything, anywhere
        reason = "it has no DICOM header" if isinstance(error, pydicom.errors.InvalidDicomError) else one_line(error)
        raise InputError(f"{path.name} cannot be read as DICOM: {reason}") from None


def write_dicom(
    image: np.ndarray,
    path: str | Path,
    pixel: float,
    window: tuple[float, float] = SOFT_TISSUE,
    description: str = "reconstruction",
) -> None:
    """Write an image as a secondary capture with 16 bits and a rescale slope, marked as not for diagnostic use.

    Values are rounded to the nearest of 65536 equal steps between their least and their greatest. Names of the study,
    the series and the image follow from the content: the same image makes the same file.

    Args:
        image: HU, shape ``(rows, columns)``.
        path: of the file.
        pixel: size of a pixel, mm.
        window: centre and width of the display, HU.
        description: of the series.

    Raises:
        InputError: the image is not a finite one of two axes with at most 65535 of each, or a number makes no sense.
    """
    pydicom = _pydicom()
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    image = np.asarray(image, np.float64)
    if image.ndim != 2 or not 0 < min(image.shape) <= max(image.shape) <= 65535:
        raise InputError(f"a DICOM slice has two axes of 1 to 65535 pixels; this image has shape {image.shape}.")
    if not np.isfinite(image).all():
        raise InputError(f"{(~np.isfinite(image)).sum()} of {image.size} values of the image are not finite.")
    if not (math.isfinite(pixel) and pixel > 0 and math.isfinite(window[0]) and 1 <= window[1] < math.inf):
        raise InputError(f"pixel must be positive and the window (centre, width of at least 1): {pixel}, {window}.")
    intercept, slope = _rescale(image)
    stored = np.clip(np.rint((image - intercept) / slope), 0, 65535).astype("<u2")
    content = hashlib.sha256(stored.tobytes())
    content.update(repr((image.shape, pixel, intercept, slope, window, description)).encode())

    def number(value: float) -> Any:
        return pydicom.valuerep.DSfloat(value, auto_format=True)

    def identifier(kind: str) -> str:
        return generate_uid(entropy_srcs=[kind, content.hexdigest()])

    data = pydicom.Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = SecondaryCaptureImageStorage, identifier("image")
    data.StudyInstanceUID, data.SeriesInstanceUID = identifier("study"), identifier("series")
    # What the standard demands but nobody knows stays empty.
    for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"):
        setattr(data, name, "")
    data.AccessionNumber = data.ReferringPhysicianName = data.PatientOrientation = ""
    data.Modality, data.ConversionType, data.Manufacturer = "CT", "WSD", "pinnkit"
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.SeriesNumber = data.InstanceNumber = 1
    data.SeriesDescription = description[:64]
    data.ImageComments = CAUTION
    data.DerivationDescription = f"reconstructed from a sinogram, {CAUTION}"
    data.BurnedInAnnotation = "NO"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = image.shape
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.PixelSpacing = [number(pixel), number(pixel)]
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = number(intercept), number(slope), "HU"
    data.WindowCenter, data.WindowWidth = number(window[0]), number(window[1])
    data.PixelData = stored.tobytes()
    data["PixelData"].VR = "OW"
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True)


def _pydicom() -> Any:
    try:
        import pydicom
    except ImportError:
        raise InputError("DICOM needs the package pydicom: pip install 'pinnkit[ct]'.") from None
    return pydicom


def _rescale(image: np.ndarray) -> tuple[float, float]:
    """Give an intercept and a slope that cover an image, of no more digits than a DICOM number holds."""
    least, greatest = math.floor(image.min()), float(image.max())
    if max(abs(least), abs(greatest)) > 1e9:
        raise InputError(f"the image goes from {least:g} to {greatest:g}, which are no Hounsfield units.")
    return float(least), max(1.0, math.ceil((greatest - least) / 65535 * 1e9)) / 1e9


def _slice(data: Any, path: Path) -> Slice:
    """Make a slice of a data set that is one."""
    if "Rows" not in data or not any(name in data for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise InputError(f"{path.name} holds no image ({data.get('Modality', 'unknown modality')}).")
    frames = int(data.get("NumberOfFrames") or 1)
    if frames != 1:
        raise InputError(f"{path.name} has {frames} frames, a volume; give a file of one slice.")
    if data.get("SamplesPerPixel", 1) != 1 or "PALETTE" in data.get("PhotometricInterpretation", ""):
        raise InputError(f"{path.name} is a colour image ({data.get('PhotometricInterpretation')}), not a CT slice.")
    if data.get("RescaleSlope") is None or data.get("RescaleIntercept") is None:
        raise InputError(f"{path.name} has no rescale slope and intercept, so its numbers are not Hounsfield units.")
    if data.get("Modality") not in ("CT", "OT"):
        raise InputError(f"{path.name} is of modality {data.get('Modality')}; Hounsfield units are for CT only.")
    spacing = data.get("PixelSpacing")
    if spacing is None or len(spacing) != 2:
        raise InputError(f"{path.name} has no pixel spacing, so the size of its pixels in mm is unknown.")
    vertical, horizontal = map(float, spacing)
    if not (vertical > 0 and math.isclose(vertical, horizontal, rel_tol=1e-4)):
        raise InputError(
            f"{path.name} has pixels of {vertical:g} x {horizontal:g} mm; resample it to square pixels first."
        )
    stored = _stored(data, path)
    image = stored * float(data.RescaleSlope) + float(data.RescaleIntercept)
    padding = data.get("PixelPaddingValue")
    if isinstance(padding, int):  # some writers store a negative one as unsigned
        image[(stored - padding) % 2 ** int(data.BitsAllocated) == 0] = AIR
    if not np.isfinite(image).all():
        raise InputError(f"{path.name}: {(~np.isfinite(image)).sum()} of {image.size} values are not finite.")
    return Slice(image, vertical, _window(data))


def _stored(data: Any, path: Path) -> np.ndarray:
    """Decode the stored numbers."""
    syntax = data.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise InputError(f"{path.name} does not say its transfer syntax, so its pixels cannot be decoded.")
    if syntax.is_compressed and not _decodes(syntax):
        plugin = next((plugin for word, plugin in DECODERS.items() if word in syntax.name), None)
        mend = f"pip install pylibjpeg pylibjpeg-{plugin}" if plugin else "convert it to explicit VR little endian"
        raise InputError(f"{path.name} is compressed ({syntax.name}), and its decoder is missing: {mend}.")
    stored = data.pixel_array
    if stored.ndim != 2 or stored.size == 0:
        raise InputError(f"{path.name} holds an image of shape {stored.shape}; a slice has two axes.")
    return stored.astype(np.float64)


def _decodes(syntax: Any) -> bool:
    from pydicom.pixels.decoders.base import get_decoder

    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _window(data: Any) -> tuple[float, float] | None:
    """Give the first window, of which a file may name several."""
    centre, width = data.get("WindowCenter"), data.get("WindowWidth")
    if centre is None or width is None:
        return None
    return float(np.ravel(centre)[0]), float(np.ravel(width)[0])
