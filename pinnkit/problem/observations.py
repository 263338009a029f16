"""Observations: measured values at points, each value kept with its point."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..domains import Domain, Points
from ..errors import InputError, NameNotFound
from .conditions import Stated
from .residual import Coordinates, FixedPoints, Function


@dataclass(frozen=True, eq=False)
class MeasuredPoints(Points):
    """Points with what was measured there; a selection of them keeps its own values.

    Attributes:
        measured: the values, shape ``(n,)``.
    """

    measured: Tensor | None = None

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> MeasuredPoints:
        """Convert coordinates and values.

        Args:
            dtype: the new dtype; None keeps it.
            device: the new device; None keeps it.

        Returns:
            The converted points.
        """
        points = super().to(dtype, device)
        return replace(points, measured=None if self.measured is None else self.measured.to(points.coordinates))

    def __getitem__(self, index: Any) -> MeasuredPoints:
        """Select points, with their values."""
        return replace(super().__getitem__(index), measured=None if self.measured is None else self.measured[index])


class Observations:
    """Measured values at points; with trainable parameters, the data of an inverse problem.

    Args:
        points: where, shape ``(n, d)``.
        noise: standard deviation of the values, which the methods least-squares and identification weigh by it; others
            pass over it. None: where no observations of the problem state theirs, those two estimate it; else the
            values are exact.
        data: for each observed unknown the values, shape ``(n,)``.

    Raises:
        InputError: there are no data, or they are no finite numbers, one for each point; the noise is not positive.
    """

    hard = False
    kind = "data"

    def __init__(self, points: Any, *, noise: float | None = None, **data: Any) -> None:
        """Keep and check the data; see the class."""
        if noise is not None and not (isinstance(noise, (int, float)) and 0 < noise < math.inf):
            raise InputError(
                f"Observations: noise= is the standard deviation of the values, a positive number, got {noise!r}; "
                "leave it out for values that are exact or of unknown noise."
            )
        self.noise = noise
        self.points = torch.as_tensor(points, dtype=torch.float64)
        self.data = {name: torch.as_tensor(values, dtype=torch.float64) for name, values in data.items()}
        if not self.data or not self.points.numel():
            raise InputError("Observations are empty: give points and values, such as Observations(points, u=values).")
        for name, values in [("points", self.points), *self.data.items()]:
            if bad := int((~torch.isfinite(values)).sum()):
                raise InputError(f"Observations: {bad} of {values.numel()} numbers in {name!r} are NaN or infinite.")
        for name, values in self.data.items():
            if values.shape != self.points.shape[:1]:
                raise InputError(
                    f"Observations: {name!r} must have shape ({len(self.points)},), one number for each point, "
                    f"got {tuple(values.shape)}."
                )

    def state(self, unknowns: tuple[str, ...], domain: Domain, coordinates: Coordinates) -> Stated:
        """Give the misfit of each observed unknown at the points.

        Args:
            unknowns: names of the unknowns.
            domain: of the problem.
            coordinates: of the problem.

        Returns:
            The residuals with their points.

        Raises:
            InputError: the points have another number of coordinates.
            NameNotFound: an observed unknown is not one of the problem's.
        """
        names = coordinates.names
        if self.points.ndim != 2 or self.points.shape[1] != len(names):
            raise InputError(f"Observations: points must have shape (n, {len(names)}), got {tuple(self.points.shape)}.")
        for name in self.data:
            if name not in unknowns:
                raise NameNotFound("field in Observations", name, unknowns)

        def misfit(name: str) -> Function:
            return lambda fields, points: fields[name].value - points.measured

        return [
            (f"Observations of {name}", misfit(name), FixedPoints(MeasuredPoints(self.points, names, measured=values)))
            for name, values in self.data.items()
        ]
