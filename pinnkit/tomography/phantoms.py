r"""Phantoms with closed-form line integrals: sums of ellipses and of Gaussians.

An affine map M takes each part to the unit disc or to the standard Gaussian, and a line :math:`o + t d` to
:math:`q + t e`, at the distance :math:`\delta = |q \times e| / |e|` from the origin. The part's line integral is then
its profile's, which depends on :math:`\delta` only, over :math:`|e|`.

Reference: Kak and Slaney, Principles of Computerized Tomographic Imaging (1988), section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ..errors import InputError
from .geometry import Geometry, ImageGrid
from .scan import WATER

BLOCK = 500_000
"""Rays or points that are evaluated at once, which bound the memory."""

TOFT = (
    (0, 0, 0.69, 0.92, 0, 1.0),
    (0, -0.0184, 0.6624, 0.874, 0, -0.8),
    (0.22, 0, 0.11, 0.31, -18, -0.2),
    (-0.22, 0, 0.16, 0.41, 18, -0.2),
    (0, 0.35, 0.21, 0.25, 0, 0.1),
    (0, 0.1, 0.046, 0.046, 0, 0.1),
    (0, -0.1, 0.046, 0.046, 0, 0.1),
    (-0.08, -0.605, 0.046, 0.023, 0, 0.1),
    (0, -0.606, 0.023, 0.023, 0, 0.1),
    (0.06, -0.605, 0.023, 0.046, 0, 0.1),
)
"""The Shepp-Logan head with the values of Toft, whose soft tissue can be seen."""
LOW_CONTRAST = (2.0, -0.98, -0.02, -0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01)
"""The values of Shepp and Logan, in units of water."""


class Phantom:
    """What phantoms share: parts, which are one radial profile under affine maps.

    Args:
        parts: for each its centre x and y, its semi-axes (mm), the angle of the first one from x (degrees,
            counter-clockwise) and its value (1/mm).

    Raises:
        InputError: a part is not of six finite numbers, or a semi-axis is not positive.
    """

    def __init__(self, parts: Sequence[Sequence[float]]) -> None:
        for place, part in enumerate(parts):
            if len(part) != 6 or not all(map(math.isfinite, part)) or min(part[2:4]) <= 0:
                raise InputError(
                    f"part {place} of the phantom must be six numbers, x, y, two positive semi-axes, angle and value, "
                    f"got {tuple(part)}."
                )
        self.parts = tuple(tuple(map(float, part)) for part in parts)

    def density(self, squared_radius: np.ndarray) -> np.ndarray:
        """Give the profile at a squared distance from its centre."""
        raise NotImplementedError

    def integral(self, squared_distance: np.ndarray) -> np.ndarray:
        """Give the profile's integral along a line of a squared distance from its centre."""
        raise NotImplementedError

    def _maps(self) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """Give each part's centre, the transpose of its linear map, and its value."""
        for x, y, a, b, angle, value in self.parts:
            c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            yield np.array([x, y]), np.array([[c / a, -s / b], [s / a, c / b]]), value

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate the phantom.

        Args:
            points: shape ``(..., 2)``, mm.

        Returns:
            Shape ``(...)``, 1/mm.
        """
        values = np.zeros(np.shape(points)[:-1])
        for centre, linear, value in self._maps():
            values += value * self.density((((points - centre) @ linear) ** 2).sum(-1))
        return values

    def line_integrals(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Integrate along whole lines; a source has to lie outside the phantom.

        Args:
            origins: a point on each line, shape ``(..., 2)``, mm.
            directions: of the lines, unit vectors of the same shape.

        Returns:
            Shape ``(...)``, dimensionless.
        """
        integrals = np.zeros(np.shape(origins)[:-1])
        for centre, linear, value in self._maps():
            q, e = (origins - centre) @ linear, directions @ linear
            speed = (e**2).sum(-1)
            squared_distance = (q[..., 0] * e[..., 1] - q[..., 1] * e[..., 0]) ** 2 / speed
            integrals += value * self.integral(squared_distance) / np.sqrt(speed)
        return integrals

    def sinogram(self, geometry: Geometry, subrays: int = 1) -> np.ndarray:
        """Give what a scan of the phantom measures.

        Args:
            geometry: of the scan.
            subrays: rays for each detector bin, whose mean is taken over the bin's width.

        Returns:
            Shape ``(views, bins)``, dimensionless.
        """
        views, bins = geometry.shape
        step = max(1, BLOCK // (bins * subrays))
        blocks = [
            self.line_integrals(*geometry.rays(subrays, slice(first, first + step)))
            for first in range(0, views, step)
        ]  # fmt: skip
        return np.concatenate(blocks).reshape(views, bins, subrays).mean(-1)

    def rasterise(self, grid: ImageGrid, subpixels: int = 8) -> np.ndarray:
        """Give the means over pixels.

        Args:
            grid: of the image.
            subpixels: points along either side of a pixel at which the phantom is evaluated.

        Returns:
            Shape ``(rows, columns)``, 1/mm.
        """
        fine = grid.resized(grid.rows * subpixels, grid.columns * subpixels)
        step = subpixels * max(1, BLOCK // (subpixels * fine.columns))
        blocks = []
        for first in range(0, fine.rows, step):
            points = np.stack(np.meshgrid(fine.x, fine.y[first : first + step]), -1)
            blocks.append(average_blocks(self(points), subpixels))
        return np.concatenate(blocks)


class Ellipses(Phantom):
    """Sum of ellipses of constant value; see `Phantom`."""

    def density(self, squared_radius: np.ndarray) -> np.ndarray:
        """Give 1 inside the unit disc."""
        return (squared_radius <= 1).astype(float)

    def integral(self, squared_distance: np.ndarray) -> np.ndarray:
        """Give the length of the chord."""
        return 2 * np.sqrt(np.maximum(1 - squared_distance, 0))


class Gaussians(Phantom):
    """Sum of Gaussians: the semi-axes are standard deviations and the value is the peak; see `Phantom`."""

    def density(self, squared_radius: np.ndarray) -> np.ndarray:
        """Give the Gaussian of deviation 1 and peak 1."""
        return np.exp(-squared_radius / 2)

    def integral(self, squared_distance: np.ndarray) -> np.ndarray:
        """Give its integral along a line."""
        return math.sqrt(2 * math.pi) * np.exp(-squared_distance / 2)


def head(radius: float, attenuation: float = WATER, modified: bool = True) -> Ellipses:
    """Give the head phantom of Shepp and Logan.

    Args:
        radius: of the circle that contains it (the head's longer semi-axis is 0.92 of it), mm.
        attenuation: what the value 1 stands for: the skull of the modified phantom, water in the original one, 1/mm.
        modified: Toft's values with the better contrast (skull 1, brain 0.2) instead of the original ones
            (skull 2, brain 1.02).

    Returns:
        The phantom.

    Reference:
        Shepp and Logan, IEEE Transactions on Nuclear Science 21 (1974), 21-43, doi:10.1109/TNS.1974.6499235; Toft,
        The Radon Transform: Theory and Implementation, thesis, Technical University of Denmark (1996), appendix B.
    """
    values = [part[-1] for part in TOFT] if modified else LOW_CONTRAST
    return Ellipses(
        [
            (*(radius * length for length in part[:4]), part[4], attenuation * value)
            for part, value in zip(TOFT, values, strict=True)
        ]
    )


def average_blocks(image: np.ndarray, side: int) -> np.ndarray:
    """Average an image over square blocks.

    Args:
        image: shape ``(rows * side, columns * side)``.
        side: of the blocks, pixels.

    Returns:
        Shape ``(rows, columns)``.
    """
    rows, columns = image.shape
    return image.reshape(rows // side, side, columns // side, side).mean((1, 3))
