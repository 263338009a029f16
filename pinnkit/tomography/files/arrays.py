"""NumPy files: a scan as .npz with named arrays, or its sinogram alone as .npy."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..scan import Scan
from .fields import fields_of
from .paths import one_line


def read_arrays(path: Path) -> dict[str, Any]:
    """Read the arrays of an .npz file by name, or that of an .npy file as "sinogram".

    Args:
        path: of the file.

    Returns:
        The arrays by name.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"sinogram": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path.name} cannot be read as NumPy arrays: {one_line(error)}") from None


def write_scan(scan: Scan, path: str | Path) -> None:
    """Write a scan as an .npz file, which `read_scan` reads as the same scan.

    Args:
        scan: the scan.
        path: of the file, ending in .npz.

    Raises:
        InputError: the path has another ending.
    """
    if Path(path).suffix.lower() != ".npz":
        raise InputError(f"a scan is written as .npz, not as {Path(path).name}.")
    with open(path, "wb") as file:  # savez would add .npz to a path that ends in .NPZ
        np.savez_compressed(file, **fields_of(scan))
