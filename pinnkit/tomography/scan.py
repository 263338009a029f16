"""A scan: what was measured, along which rays, and what is known of its noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from .geometry import FanBeam, ImageGrid, ParallelBeam

WATER = 0.02
"""Attenuation of water at about 70 keV, 1/mm, which Hounsfield units refer to."""


def from_hounsfield(image: np.ndarray, water: float = WATER) -> np.ndarray:
    """Give the attenuation ``water * (1 + HU / 1000)``.

    Args:
        image: HU.
        water: attenuation of water, 1/mm.

    Returns:
        1/mm; negative below -1000 HU.
    """
    return water * (1 + np.asarray(image) / 1000)


def to_hounsfield(image: np.ndarray, water: float = WATER) -> np.ndarray:
    """Give Hounsfield units ``1000 * (attenuation / water - 1)``.

    Args:
        image: attenuation, 1/mm.
        water: attenuation of water, 1/mm.

    Returns:
        HU.
    """
    return 1000 * (np.asarray(image) / water - 1)


@dataclass(frozen=True)
class Scan:
    """A sinogram with its geometry, and the grid on which an image is sought.

    Args:
        geometry: of the scan.
        sinogram: line integrals of the attenuation, shape ``(views, bins)``, dimensionless.
        grid: of the image.
        variance: of every entry of the sinogram, same shape; None where it is not known.
        truth: the image itself on the grid, 1/mm, for phantoms only; no reconstruction may look at it.
        water: attenuation of water, 1/mm, for Hounsfield units.
        name: for titles.

    Raises:
        InputError: shapes do not fit, or a value is not finite.
    """

    geometry: ParallelBeam | FanBeam
    sinogram: np.ndarray
    grid: ImageGrid
    variance: np.ndarray | None = None
    truth: np.ndarray | None = None
    water: float = WATER
    name: str = "scan"
    notes: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check shapes and values; see the class."""
        (views, bins), shape = self.geometry.shape, np.shape(self.sinogram)
        if len(shape) != 2:
            raise InputError(f"a sinogram has two axes, views and detector bins; this one has shape {shape}.")
        if shape[0] != views:
            raise InputError(f"the sinogram has {shape[0]} views (rows), but {views} angles are given.")
        if shape[1] != bins:
            raise InputError(f"the sinogram has {shape[1]} detector bins (columns), but the detector has {bins}.")
        bad = ~np.isfinite(self.sinogram)
        if bad.any():
            view, at = np.argwhere(bad)[0]
            value = self.sinogram[view, at]
            raise InputError(f"{bad.sum()} values of the sinogram are not finite: view {view}, bin {at} is {value}.")
        if self.variance is not None:
            if self.variance.shape != shape:
                raise InputError(f"the variance has shape {self.variance.shape}, the sinogram {shape}.")
            if not (np.isfinite(self.variance) & (self.variance > 0)).all():
                raise InputError("the variance of a sinogram must be finite and positive everywhere.")
        if self.truth is not None and self.truth.shape != self.grid.shape:
            raise InputError(f"the true image has shape {self.truth.shape}, the grid {self.grid.shape}.")

    def hounsfield(self, image: np.ndarray) -> np.ndarray:
        """Give an attenuation in Hounsfield units: -1000 for nothing, 0 for this scan's water.

        Args:
            image: 1/mm.

        Returns:
            HU.
        """
        return to_hounsfield(image, self.water)
