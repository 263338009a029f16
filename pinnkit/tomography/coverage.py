"""Whether a scan can image a field of view at all, and sees the whole of it."""

from __future__ import annotations

import warnings

import numpy as np

from ..errors import InputError
from .geometry import FanBeam, Geometry, ImageGrid


def check_coverage(geometry: Geometry, grid: ImageGrid) -> None:
    """Refuse a scan whose source is not outside the image, and warn of one that does not see all of it.

    Args:
        geometry: of the scan. Its detector may lie inside the image: rays end nowhere.
        grid: of the image.

    Raises:
        InputError: the source lies inside the image, or looks away from it.
    """
    if isinstance(geometry, FanBeam):
        near, far = grid.crossings(*geometry.rays())
        if (near < np.minimum(far, 0)).any():
            raise InputError(
                f"the image reaches to the source or behind it: source_origin is {geometry.source_origin:g} mm, the "
                f"image {grid.columns * grid.pixel:g} x {grid.rows * grid.pixel:g} mm about {grid.centre}; check both."
            )
    covered = geometry.covered_radius + geometry.detector.pitch
    needed = grid.radius + float(np.hypot(*grid.centre)) - grid.pixel
    if covered < needed:
        warnings.warn(
            f"truncated: the detector sees a circle of radius {covered:.4g} mm about the rotation axis, but the "
            f"image reaches to {needed:.4g} mm; what lies outside distorts the image.",
            stacklevel=3,
        )
