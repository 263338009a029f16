"""Scan geometry in scanner units: where the rays run and where the pixels lie, in millimetres and degrees.

The rotation axis is the origin, x points right and y up. At the view angle 0 rays run along +y and the detector's
coordinate s grows along x; both turn counter-clockwise with the angle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import InputError


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
            raise InputError(f"{name} must be a positive number of millimetres, got {value!r}.")


def _finite(**values: float) -> None:
    for name, value in values.items():
        if not (isinstance(value, int | float) and math.isfinite(value)):
            raise InputError(f"{name} must be a number of millimetres, got {value!r}.")


def _count(**values: int) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name} must be a whole number of at least 1, got {value!r}.")


@dataclass(frozen=True)
class ImageGrid:
    """Square pixels: row 0 is the top one, column 0 the left one.

    Args:
        rows: number of rows.
        columns: number of columns.
        pixel: size of a pixel, mm.
        centre: of the image, (x, y) in mm from the rotation axis.

    Raises:
        InputError: a number makes no sense.
    """

    rows: int
    columns: int
    pixel: float
    centre: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        """Check the numbers; see the class."""
        _count(rows=self.rows, columns=self.columns)
        _positive(pixel=self.pixel)
        if len(self.centre) != 2:
            raise InputError(f"centre must be two numbers, x and y in mm, got {self.centre!r}.")
        _finite(**{f"centre[{axis}]": value for axis, value in enumerate(self.centre)})

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @cached_property
    def x(self) -> np.ndarray:
        """The pixels' centres along x, growing, shape ``(columns,)``, mm."""
        return self.centre[0] + self.pixel * (np.arange(self.columns) - (self.columns - 1) / 2)

    @cached_property
    def y(self) -> np.ndarray:
        """The pixels' centres along y, falling, shape ``(rows,)``, mm."""
        return self.centre[1] - self.pixel * (np.arange(self.rows) - (self.rows - 1) / 2)

    @property
    def radius(self) -> float:
        """Radius of the circle in the image that a scan must cover: half its shorter side, mm."""
        return min(self.shape) * self.pixel / 2

    def points(self) -> np.ndarray:
        """Give the centres of all pixels, shape ``(rows * columns, 2)``, row by row, mm."""
        x, y = np.meshgrid(self.x, self.y)
        return np.stack([x.ravel(), y.ravel()], 1)

    def resized(self, rows: int, columns: int | None = None) -> ImageGrid:
        """Give a grid of other pixels over the same field of view, which must keep its proportions.

        Args:
            rows: of the new grid.
            columns: of the new grid; in proportion if not given.

        Returns:
            The grid.

        Raises:
            InputError: the field of view would be wider or narrower by more than a pixel.
        """
        exact = rows * self.columns / self.rows
        columns = columns or max(1, round(exact))
        if abs(columns - exact) > 1:
            raise InputError(f"{rows} x {columns} pixels do not have the proportions of {self.rows} x {self.columns}.")
        return ImageGrid(rows, columns, self.pixel * self.rows / rows, self.centre)

    def crossings(self, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find where lines enter and leave the image, whose border includes the outer halves of its outermost pixels.

        Args:
            origins: a point on each line, shape ``(..., 2)``, mm.
            directions: their unit directions, same shape.

        Returns:
            Distances from the origins along the directions to where each line enters and leaves, shape ``(...)``, mm;
            a line that misses the image enters no earlier than it leaves.
        """
        half = self.pixel / 2 * np.array([self.columns, self.rows])
        with np.errstate(divide="ignore", invalid="ignore"):  # along an axis: infinite; on the border: a miss
            ends = np.stack([(np.asarray(self.centre) + side - origins) / directions for side in (-half, half)])
        return np.fmin(*ends).max(-1), np.fmax(*ends).min(-1)


@dataclass(frozen=True)
class Detector:
    """A row of detector bins.

    Args:
        count: number of bins.
        pitch: distance between the centres of neighbours, which are as wide; along the arc if curved, mm.
        offset: of the detector's middle along s, mm. A quarter of the pitch makes opposite rays of a full turn
            interleave; see `quarter_offset`.
        curved: whether the bins lie on a circle about the source (third-generation scanners) instead of a line.

    Raises:
        InputError: a number makes no sense.
    """

    count: int
    pitch: float
    offset: float = 0.0
    curved: bool = False

    def __post_init__(self) -> None:
        """Check the numbers; see the class."""
        _count(count=self.count)
        _positive(pitch=self.pitch)
        _finite(offset=self.offset)

    def quarter_offset(self) -> Detector:
        """Give this detector, moved by a quarter of its pitch."""
        return Detector(self.count, self.pitch, self.offset + self.pitch / 4, self.curved)

    def positions(self, subrays: int = 1) -> np.ndarray:
        """Give the coordinates s of the middles of equal parts of the bins.

        Args:
            subrays: parts of each bin.

        Returns:
            Shape ``(count * subrays,)``, mm.
        """
        n = self.count * subrays
        return self.offset + self.pitch / subrays * (np.arange(n) - (n - 1) / 2)


class Geometry:
    """What scan geometries share: a detector, and the angles at which views were taken."""

    angles: tuple[float, ...]
    detector: Detector

    def _check_angles(self) -> None:
        try:
            values = np.asarray(self.angles, dtype=float)
        except (TypeError, ValueError):
            values = np.zeros(0)
        if values.ndim != 1 or values.size == 0:
            raise InputError(f"angles must be a list of at least one angle in degrees, got {self.angles!r}.")
        if not np.isfinite(values).all():
            at = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"angles must be numbers in degrees, but angle {at} is {values[at]}.")
        object.__setattr__(self, "angles", tuple(values.tolist()))

    @property
    def views(self) -> int:
        """Number of views."""
        return len(self.angles)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of a sinogram: views and detector bins."""
        return self.views, self.detector.count

    @property
    def covered_radius(self) -> float:
        """Radius of the circle about the rotation axis that every view sees whole, mm."""
        origins, directions = self.rays(1, slice(0, 1))
        first, last = (origins[0, k, 0] * directions[0, k, 1] - origins[0, k, 1] * directions[0, k, 0] for k in (0, -1))
        return max(0.0, min(abs(first), abs(last))) if first * last < 0 else 0.0

    def rays(self, subrays: int = 1, views: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Give the rays as points and unit directions.

        Args:
            subrays: rays for each detector bin.
            views: which views.

        Returns:
            A point on every ray, mm, and its direction, from the source to the detector, each of shape
            ``(views, bins * subrays, 2)``.
        """
        raise NotImplementedError

    def _axes(self, views: slice) -> tuple[np.ndarray, np.ndarray]:
        """Give the unit vectors along the detector and along the central ray, each ``(views, 1, 2)``."""
        angles = np.radians(np.asarray(self.angles[views]))[:, None]
        along = np.stack([np.cos(angles), np.sin(angles)], -1)
        return along, np.stack([-along[..., 1], along[..., 0]], -1)


@dataclass(frozen=True)
class ParallelBeam(Geometry):
    """Parallel rays.

    Args:
        angles: of the views in degrees, any list: full, sparse, limited.
        detector: its bins.
        axis_offset: where the rotation axis meets the detector, as a coordinate s, mm.

    Raises:
        InputError: there are no angles, or a number makes no sense.
    """

    angles: Sequence[float]  # type: ignore[assignment]
    detector: Detector
    axis_offset: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers; see the class."""
        self._check_angles()
        _finite(axis_offset=self.axis_offset)
        if self.detector.curved:
            raise InputError("a curved detector belongs to a fan beam; a parallel beam has a flat one.")

    def rays(self, subrays: int = 1, views: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Give the rays as points and unit directions; see `Geometry.rays`."""
        along, across = self._axes(views)
        s = self.detector.positions(subrays)[None, :, None] - self.axis_offset
        return s * along, np.broadcast_to(across, (len(along), s.shape[1], 2))


@dataclass(frozen=True)
class FanBeam(Geometry):
    """Rays from a point source.

    Args:
        angles: of the views in degrees, any list: full, sparse, limited.
        detector: its bins, flat or curved.
        source_origin: distance from the source to the rotation axis, mm.
        source_detector: distance from the source to the detector, mm; that to the axis for a virtual detector there.
        axis_offset: of the rotation axis from the central ray, along s at the axis, mm.

    Raises:
        InputError: there are no angles, or a number makes no sense.
    """

    angles: Sequence[float]  # type: ignore[assignment]
    detector: Detector
    source_origin: float
    source_detector: float
    axis_offset: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers; see the class."""
        self._check_angles()
        _positive(source_origin=self.source_origin, source_detector=self.source_detector)
        _finite(axis_offset=self.axis_offset)
        if self.source_detector < self.source_origin:
            raise InputError(
                f"the detector lies between source and axis: source_detector ({self.source_detector:g} mm) must "
                f"be at least source_origin ({self.source_origin:g} mm)."
            )
        reach = self.detector.count * self.detector.pitch / 2 + abs(self.detector.offset)
        if self.detector.curved and reach >= math.pi / 2 * self.source_detector:
            angle = math.degrees(reach / self.source_detector)
            raise InputError(
                f"the curved detector reaches {angle:.4g} degrees from the central ray, which must be less than 90; "
                "check its pitch, count and offset, and source_detector."
            )

    @property
    def magnification(self) -> float:
        """How much larger the axis appears on the detector."""
        return self.source_detector / self.source_origin

    def rays(self, subrays: int = 1, views: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Give the rays as points (the source) and unit directions; see `Geometry.rays`."""
        along, across = self._axes(views)
        u = self.detector.positions(subrays)
        angle = u / self.source_detector if self.detector.curved else np.arctan2(u, self.source_detector)
        directions = np.sin(angle)[None, :, None] * along + np.cos(angle)[None, :, None] * across
        source = -self.source_origin * across - self.axis_offset * along
        return np.broadcast_to(source, directions.shape), directions


def describe(geometry: Geometry) -> dict[str, Any]:
    """Give a geometry as plain numbers, for a run folder."""
    return {"kind": type(geometry).__name__, **asdict(geometry)}  # type: ignore[call-overload]
