"""MATLAB files with the structure of the Helsinki Tomography Challenge 2022."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from .paths import one_line

NEEDED = ("angles", "distanceSourceOrigin", "distanceSourceDetector", "pixelSizePost or pixelSize")
MILLIMETRES = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


def read_matlab(path: Path) -> dict[str, Any]:
    """Read a fan-beam scan with a flat detector, in the structure of HTC 2022, as named values for `scan_of`.

    One variable of any name has the fields ``sinogram`` (views, bins), which holds line integrals already, and
    ``parameters`` with ``angles`` (degrees, counter-clockwise as ours), ``distanceSourceOrigin``,
    ``distanceSourceDetector`` and the width of a bin, ``pixelSizePost``, or else ``pixelSize`` times ``binningPost``.
    The signs of the angle and of the detector's coordinate were checked against the two tangents of the measured discs,
    which lie within a quarter of a bin of the closed form for this convention only, or for its mirror image.

    Args:
        path: of the file: versions 4 to 7 by scipy, 7.3 by h5py.

    Returns:
        The values by name.

    Raises:
        InputError: the file cannot be read, or lacks a field.

    Reference:
        Meaney, A., et al., Helsinki Tomography Challenge 2022 open tomographic dataset, doi:10.5281/zenodo.6984868.
    """
    variables = _load(path)
    scans = {n: v for n, v in variables.items() if isinstance(v, dict) and {"sinogram", "parameters"} <= v.keys()}
    if len(scans) != 1:
        raise InputError(
            f"{path.name} must have one variable with the fields sinogram and parameters, as in HTC 2022; it has "
            f"{', '.join(scans) or 'none'} among {', '.join(_outline(variables)) or 'no variables'}."
        )
    [scan] = scans.values()
    parameters = scan["parameters"] if isinstance(scan["parameters"], dict) else {}
    missing = [name for name in NEEDED if not any(choice in parameters for choice in name.split(" or "))]
    if missing:
        there = ", ".join(sorted(parameters)) or "nothing"
        raise InputError(f"{path.name}: the field parameters lacks {', '.join(missing)}. There is: {there}.")
    unit = str(parameters.get("distanceUnit", "mm"))
    if unit not in MILLIMETRES:
        raise InputError(f"{path.name}: distanceUnit is {unit!r}; known are {', '.join(MILLIMETRES)}.")
    kind = str(parameters.get("geometryType", "Cone"))
    if kind.lower() not in ("cone", "fan"):
        raise InputError(f"{path.name}: geometryType is {kind!r}; only Cone and Fan are read.")

    def number(name: str) -> float:
        try:
            return float(np.asarray(parameters[name]).item())  # some of the files' numbers are texts
        except (ValueError, TypeError):
            raise InputError(f"{path.name}: the field {name} must be a number, not {parameters[name]!r}.") from None

    sinogram = np.atleast_2d(scan["sinogram"])
    if "numDetectorsPost" in parameters and sinogram.shape[-1] != number("numDetectorsPost"):
        raise InputError(
            f"{path.name}: the sinogram has shape {sinogram.shape}, but numDetectorsPost, its number of columns, is "
            f"{number('numDetectorsPost'):g}."
        )
    binning = number("binningPost") if "binningPost" in parameters else 1.0
    return {
        "kind": "fan",
        "sinogram": sinogram,
        "angles": parameters["angles"],
        # distanceUnit is that of the distances; pixels are in mm
        "pitch": number("pixelSizePost") if "pixelSizePost" in parameters else number("pixelSize") * binning,
        "source_origin": number("distanceSourceOrigin") * MILLIMETRES[unit],
        "source_detector": number("distanceSourceDetector") * MILLIMETRES[unit],
    }


def _outline(variables: dict[str, Any]) -> list[str]:
    """Give the names of variables, with their fields."""
    return [f"{n} ({', '.join(sorted(v))})" if isinstance(v, dict) else n for n, v in sorted(variables.items())]


def _load(path: Path) -> dict[str, Any]:
    """Load all variables, structures as dictionaries."""
    from scipy.io import loadmat

    try:
        loaded = loadmat(path, simplify_cells=True)
        return {name: value for name, value in loaded.items() if not name.startswith("__")}
    except NotImplementedError:  # scipy says so of version 7.3, which is HDF5
        return _load_hdf5(path)
    # A damaged file makes scipy raise nearly anything, from zlib.error to MemoryError.
    except Exception as error:
        raise InputError(f"{path.name} cannot be read as a MATLAB file: {one_line(error)}") from None


def _load_hdf5(path: Path) -> dict[str, Any]:
    try:
        import h5py
    except ImportError:
        raise InputError(f"{path.name} is a MATLAB 7.3 file, which needs h5py: pip install h5py.") from None

    def value_of(item: Any) -> Any:
        if isinstance(item, h5py.Group):
            return {str(name): value_of(part) for name, part in item.items()}
        if item.attrs.get("MATLAB_empty", 0):
            return np.empty(0)
        value = np.asarray(item).T.squeeze()  # MATLAB stores columns first
        if item.attrs.get("MATLAB_class") == b"char":
            return "".join(map(chr, value.ravel()))
        return value[()]

    try:
        with h5py.File(path) as file:
            return {str(name): value_of(item) for name, item in file.items() if name != "#refs#"}
    except Exception as error:  # as above
        raise InputError(f"{path.name} cannot be read as a MATLAB 7.3 file: {one_line(error)}") from None
