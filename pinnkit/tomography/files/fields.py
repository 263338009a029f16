"""A scan as named values, which every format is read into: the keys of an .npz file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..geometry import Detector, FanBeam, ImageGrid, ParallelBeam
from ..measurement import attenuation
from ..scan import WATER, Scan

REQUIRED = ("kind", "angles", "pitch")
FAN = ("source_origin", "source_detector")
DATA = ("sinogram", "counts", "flat", "dark", "variance")
GRID = ("rows", "columns", "pixel", "centre")
KNOWN = (*DATA, *REQUIRED, *FAN, "offset", "curved", "axis_offset", *GRID, "truth", "water", "name", "notes")


def scan_of(fields: Mapping[str, Any], grid: ImageGrid | None = None, file: str = "scan") -> Scan:
    """Make a scan of named values.

    ``sinogram``, shape ``(views, bins)``, or else ``counts`` with ``flat`` (and ``dark``); ``kind``, "parallel" or
    "fan"; ``angles`` in degrees; ``pitch``, ``offset``, ``axis_offset``, ``source_origin`` and ``source_detector`` in
    mm; ``curved``. All others may be missing: ``rows``, ``columns``, ``pixel`` in mm and ``centre`` of the image, which
    by default has as many rows and columns as the detector bins and just holds the circle that every view sees whole;
    ``variance``, ``truth``, ``water``, ``name``, ``notes``: see `Scan`.

    Args:
        fields: the values by name.
        grid: of the image, instead of one by the fields.
        file: where the values come from, for messages and as the default of the name.

    Returns:
        The scan.

    Raises:
        InputError: values are missing, unknown or do not fit each other.
    """
    there = ", ".join(sorted(fields)) or "nothing"
    unknown = [name for name in fields if name not in KNOWN]
    if unknown:
        raise InputError(f"{file}: unknown {', '.join(unknown)}. There is: {there}. Known: {', '.join(KNOWN)}.")
    fan, raw = str(fields.get("kind")) == "fan", "counts" in fields
    missing = [name for name in (*REQUIRED, *FAN * fan, *("flat",) * raw) if name not in fields]
    if "sinogram" not in fields and "counts" not in fields:
        missing.append("sinogram or counts, flat")
    if missing:
        raise InputError(f"{file} lacks {', '.join(missing)}. There is: {there}. Known: {', '.join(KNOWN)}.")
    if "sinogram" in fields and "counts" in fields:
        raise InputError(f"{file} has both a sinogram and counts; keep one of them.")
    sinogram, variance = _measured(fields, file)
    geometry = _geometry(fields, sinogram.shape, file)
    return Scan(
        geometry,
        sinogram,
        grid or _grid(fields, geometry, file),
        variance=variance,
        truth=_numbers(fields, "truth", file, 2) if "truth" in fields else None,
        water=_number(fields, "water", file, WATER),
        name=str(fields.get("name", Path(file).stem)),
        notes=_notes(fields, file),
    )


def fields_of(scan: Scan) -> dict[str, Any]:
    """Give a scan as named values, of which `scan_of` makes the same scan again.

    Args:
        scan: the scan.

    Returns:
        The values by name.
    """
    geometry, detector, grid = scan.geometry, scan.geometry.detector, scan.grid
    fields = {
        "kind": "fan" if isinstance(geometry, FanBeam) else "parallel",
        **dataclasses.asdict(geometry),
        **dataclasses.asdict(detector),
        **dataclasses.asdict(grid),
        "sinogram": scan.sinogram,
        "variance": scan.variance,
        "truth": scan.truth,
        "water": scan.water,
        "name": scan.name,
        "notes": json.dumps(scan.notes, default=str),
    }
    return {name: value for name, value in fields.items() if name in KNOWN and value is not None}


def _measured(fields: Mapping[str, Any], file: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Give the sinogram and its variance where it is known."""
    variance = _numbers(fields, "variance", file, 2) if "variance" in fields else None
    if "sinogram" in fields:
        return _numbers(fields, "sinogram", file, 2), variance
    counts, flat = _numbers(fields, "counts", file, 2), _numbers(fields, "flat", file)
    dark = _numbers(fields, "dark", file) if "dark" in fields else np.zeros(())
    sinogram, of_counts = attenuation(counts, flat, dark)
    return sinogram, of_counts if variance is None else variance


def _geometry(fields: Mapping[str, Any], shape: tuple[int, ...], file: str) -> ParallelBeam | FanBeam:
    angles, kind = _numbers(fields, "angles", file).ravel().tolist(), str(fields["kind"])
    if len(angles) == shape[1] != shape[0]:
        raise InputError(f"{file}: the sinogram has shape {shape} for {shape[1]} angles; views are rows: transpose it.")
    curved = bool(_number(fields, "curved", file, 0.0))
    pitch, offset = _number(fields, "pitch", file), _number(fields, "offset", file, 0.0)
    detector = Detector(shape[1], pitch, offset, curved)
    axis_offset = _number(fields, "axis_offset", file, 0.0)
    if kind == "parallel":
        if any(name in fields for name in FAN):
            raise InputError(f"{file}: {' and '.join(FAN)} belong to a fan beam, but its kind is parallel.")
        return ParallelBeam(angles, detector, axis_offset)
    if kind == "fan":
        source_origin, source_detector = (_number(fields, name, file) for name in FAN)
        return FanBeam(angles, detector, source_origin, source_detector, axis_offset)
    raise InputError(f"{file}: kind must be parallel or fan, not {kind!r}.")


def _grid(fields: Mapping[str, Any], geometry: ParallelBeam | FanBeam, file: str) -> ImageGrid:
    """Give the grid; by default its shorter side is the diameter of the covered circle."""
    rows = _whole(fields, "rows", file, geometry.detector.count)
    columns = _whole(fields, "columns", file, rows)
    diameter = 2 * geometry.covered_radius
    if "pixel" not in fields and diameter == 0:
        raise InputError(f"{file}: no circle about the rotation axis is seen by every view; give rows and pixel (mm).")
    pixel = _number(fields, "pixel", file, diameter / max(1, min(rows, columns)))
    centre = _numbers(fields, "centre", file, 1).tolist() if "centre" in fields else (0.0, 0.0)
    if len(centre) != 2:
        raise InputError(f"{file}: centre must be two numbers, x and y in mm, not {len(centre)}.")
    return ImageGrid(rows, columns, pixel, (centre[0], centre[1]))


def _notes(fields: Mapping[str, Any], file: str) -> dict[str, object]:
    text = str(fields.get("notes", "{}"))
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        raise InputError(f"{file}: notes must be a JSON object, such as {{}}, not {text[:40]!r}.") from None


def _numbers(fields: Mapping[str, Any], name: str, file: str, axes: int | None = None) -> np.ndarray:
    value = np.asarray(fields[name])
    if value.dtype.kind not in "biuf":
        raise InputError(f"{file}: {name} must be real numbers, not {value.dtype}.")
    if axes is not None and value.ndim != axes:
        volume = " A volume? Give one slice of it." if value.ndim == 3 else ""
        raise InputError(f"{file}: {name} must have {axes} axes, but its shape is {value.shape}.{volume}")
    if value.size == 0:
        raise InputError(f"{file}: {name} is empty, its shape is {value.shape}.")
    return value.astype(np.float64)


def _number(fields: Mapping[str, Any], name: str, file: str, default: float | None = None) -> float:
    if name not in fields and default is not None:
        return float(default)
    value = _numbers(fields, name, file)
    if value.size != 1:
        raise InputError(f"{file}: {name} must be one number, but its shape is {value.shape}.")
    return float(value.item())


def _whole(fields: Mapping[str, Any], name: str, file: str, default: int) -> int:
    value = _number(fields, name, file, default)
    if not value.is_integer():
        raise InputError(f"{file}: {name} must be a whole number, got {value:g}.")
    return int(value)
