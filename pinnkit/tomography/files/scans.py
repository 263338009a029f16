"""Scans from files of any known format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import InputError
from ..geometry import ImageGrid
from ..scan import Scan
from .arrays import read_arrays
from .fields import scan_of
from .images import read_image
from .matlab import read_matlab
from .paths import existing

IMAGES = (".png", ".tif", ".tiff")
READERS = {".npz": read_arrays, ".npy": read_arrays, ".mat": read_matlab}


def read_scan(path: str | Path, grid: ImageGrid | None = None, **fields: Any) -> Scan:
    """Read a scan: NumPy's .npz or .npy, MATLAB's .mat, or a greyscale image (.png, .tif) of a sinogram.

    Args:
        path: of the file; its ending tells the format.
        grid: of the image to come; by default one over the circle that every view sees.
        **fields: what the file does not say, or says wrongly, by the names of `scan_of`: ``kind="fan"``,
            ``angles=...``, ``pitch=0.2``, ``rows=256``; for images also ``black`` and ``white`` as in `read_image`.

    Returns:
        The scan.

    Raises:
        InputError: there is no such file, its format is not known, it cannot be read, or something in it is missing,
            unknown or wrong.
    """
    path = existing(path)
    suffix = path.suffix.lower()
    if suffix in IMAGES:
        scale = {name: fields.pop(name) for name in ("black", "white") if name in fields}
        stored: dict[str, Any] = {"sinogram": read_image(path, **scale)}
    elif suffix in READERS:
        stored = READERS[suffix](path)
    else:
        known = ", ".join((*READERS, *IMAGES))
        dicom = " A DICOM slice is an image, not a scan: see read_dicom." if suffix in (".dcm", ".ima") else ""
        raise InputError(f"{path.name} is not a scan in a known format, which end in {known}.{dicom}")
    return scan_of(stored | fields, grid, path.name)
