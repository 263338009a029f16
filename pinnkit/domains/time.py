"""Time, and the product of a spatial domain with it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

import torch
from torch import Tensor

from ..errors import InputError
from .approximate_distance import Distances, half_space
from .arguments import coordinate_names, interval
from .boundary import Boundary, Piece
from .box import Box
from .cells import Cells, box_cells
from .domain import Domain
from .quadrature import gauss_legendre
from .regions import Regions


class Time:
    """A time interval [t0, t1]; multiply a spatial domain by it."""

    def __init__(self, t0: float, t1: float, name: str = "t") -> None:
        """Check and keep the ends.

        Args:
            t0: the initial time.
            t1: the final time.
            name: the name of the time coordinate.
        """
        self.t0, self.t1 = interval(t0, t1, "the time interval")
        (self.name,) = coordinate_names((name,), 1)

    @property
    def measure(self) -> float:
        """The duration t1 - t0."""
        return self.t1 - self.t0

    def __mul__(self, other: Any) -> NoReturn:
        """Refuse time x space, because time is the last coordinate.

        Raises:
            InputError: always.
        """
        raise InputError("time is the last coordinate: write space * Time(t0, t1), not Time(t0, t1) * space")


class SpaceTime(Domain):
    """The product of a spatial domain and a time interval.

    Its boundary is the spatial boundary at all times (the lateral boundary), whose normals have no time
    component; `initial` and `final` are the domain at t0 and t1. The signed distance is
    max(distance in space, distance in time): exact inside, a lower bound outside.

    What a spatial domain knows of its curved boundary acts in problems without time only, so far: a product with
    time has no cavities and no facet offsets, and conditions on bent facets hold at points, not in the mean.

    Attributes:
        space: the spatial domain.
        time: the time interval.
    """

    space: Domain
    time: Time

    def __init__(self, space: Domain, time: Time) -> None:
        """Multiply.

        Args:
            space: the spatial domain.
            time: the time interval.

        Raises:
            InputError: if space has time already.
        """
        if isinstance(space, SpaceTime):
            raise InputError(f"this domain has the time coordinate {space.time.name!r} already")
        ends = space.bounds.new_tensor([[time.t0], [time.t1]])
        super().__init__(torch.cat([space.bounds, ends], dim=1), (*space.names, time.name))
        self.space, self.time = space, time
        if space.regions:
            parts = {name: SpaceTime(part, time) for name, part in space.regions.items()}
            self.__dict__["regions"] = Regions(self, parts)

    @property
    def measure(self) -> float:
        """Measure of space times duration."""
        return self.space.measure * self.time.measure

    def _distance(self, x: Tensor) -> Tensor:
        t = x[:, -1]
        beyond = torch.maximum(self.time.t0 - t, t - self.time.t1)
        return torch.maximum(self.space.signed_distance(x[:, :-1]), beyond)

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points are in the domain.

        Args:
            x: `(n, d + 1)`.

        Returns:
            bool `(n,)`.
        """
        t = self._checked(x)[:, -1]
        return self.space.contains(x[:, :-1]) & (t >= self.time.t0) & (t <= self.time.t1)

    def proposal(self) -> tuple[int, Any]:
        """Say how to draw interior points: as in space, with one more unit coordinate for time.

        Returns:
            The number of unit coordinates that `place` takes, and the acceptance test of its points.
        """
        k, keep = self.space.proposal()
        return k + 1, None if keep is None else lambda x: keep(x[:, :-1])

    def place(self, unit: Tensor) -> Tensor:
        """Map the unit cube onto the domain.

        Args:
            unit: `(n, k + 1)`, the last coordinate being time.

        Returns:
            `(n, d + 1)`.
        """
        return torch.cat([self.space.place(unit[:, :-1]), self._times(unit)], dim=1)

    def _times(self, unit: Tensor) -> Tensor:
        return self.time.t0 + unit[:, -1:] * self.time.measure

    def _cells(self, n: int, breaks: Sequence[Sequence[float]]) -> Cells | None:
        return box_cells(self.bounds, n, breaks) if isinstance(self.space, Box) else None

    def _pieces(self) -> list[Piece]:
        return [self._lateral(piece) for piece in self.space.boundary.pieces]

    def _lateral(self, piece: Piece) -> Piece:
        def place(unit: Tensor) -> tuple[Tensor, Tensor]:
            x, normal = piece.place(unit[:, :-1])
            no_time = torch.zeros_like(x[:, :1])
            return torch.cat([x, self._times(unit)], dim=1), torch.cat([normal, no_time], dim=1)

        spatial = piece.keep
        keep = None if spatial is None else lambda x, normal: spatial(x[:, :-1], normal[:, :-1])
        whole = piece.whole_measure * self.time.measure
        rule = partial(gauss_legendre, dimension=piece.dimension + 1) if isinstance(self.space, Box) else None
        lateral = Piece(
            piece.name, whole, piece.dimension + 1, place, piece.face, piece.alias, keep, rule=rule,
            distances=_in_space(piece.distances),
        )  # fmt: skip
        # What is kept of the spatial piece is kept at all times.
        lateral.measure = piece.measure * self.time.measure
        return lateral

    def _slice(self, name: str, side: int) -> Boundary:
        k, inside = self.space.proposal()

        def place(unit: Tensor) -> tuple[Tensor, Tensor]:
            x = self.space.place(unit)
            t = torch.full_like(x[:, :1], (self.time.t0, self.time.t1)[side])
            normal = x.new_zeros(len(x), self.dimension)
            normal[:, -1] = 2.0 * side - 1.0
            return torch.cat([x, t], dim=1), normal

        face = (self.dimension - 1, side)
        plane = half_space(face[0], (self.time.t0, self.time.t1)[side], 1.0 - 2.0 * side)
        distances = Distances(plane, lambda x, toward: toward * plane(x))
        if inside is None:
            rule = partial(gauss_legendre, dimension=k) if isinstance(self.space, Box) else None
            piece = Piece(name, self.space.measure, k, place, face, rule=rule, distances=distances)
            return Boundary([piece], self.names)
        box = (self.space.bounds[1] - self.space.bounds[0]).prod().item()
        piece = Piece(name, box, k, place, face, keep=lambda x, normal: inside(x[:, :-1]), distances=distances)
        # The share of the bounding box is known better than quasi Monte Carlo over it would tell.
        piece.measure = self.space.measure
        return Boundary([piece], self.names)

    @property
    def initial(self) -> Boundary:
        """The domain at t0, one piece "initial" with the normal (0, ..., 0, -1)."""
        return self._slice("initial", 0)

    @property
    def final(self) -> Boundary:
        """The domain at t1, one piece "final" with the normal (0, ..., 0, 1)."""
        return self._slice("final", 1)


def _in_space(distances: Distances | None) -> Distances | None:
    if distances is None:
        return None
    within, everywhere = distances.within, distances.everywhere
    return Distances(lambda x: within(x[:, :-1]), lambda x, side: everywhere(x[:, :-1], side), distances.smooth)
