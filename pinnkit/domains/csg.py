"""Constructive solid geometry: union, intersection and difference of two domains."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .approximate_distance import Distances, TwoSided, conjunction, disjunction, trimmed
from .ball import Ball, sphere
from .boundary import Keep, Piece, Place, probes_per_piece
from .box import Box
from .domain import Domain
from .sampling import UnitStream
from .time import SpaceTime

# Sobol points that measure an overlap; the error is about 1e-4 of the operand.
MEASURING_POINTS = 2**15
# Distance from a boundary, relative to the size of the operands, at which its two sides are looked at.
PROBE = 1e-7


class _Combination(Domain):
    """Two domains of the same coordinates, of which a set operation keeps a part.

    The signed distance is a minimum or maximum of the operands': the sign is right, the magnitude a lower
    bound of the true distance. The boundary consists of the operands' pieces, as far as the result lies on
    exactly one side of them; where two have one name, that of the second operand is numbered ("circle_2").
    """

    verb: str
    # The factor of the second operand's normals.
    second_normals = 1.0

    def __init__(self, first: Domain, second: Domain) -> None:
        """Check and keep the operands.

        Args:
            first: the first operand.
            second: the second operand.

        Raises:
            InputError: if they cannot be combined.
        """
        for operand in (first, second):
            if not isinstance(operand, Domain):
                raise InputError(f"cannot {self.verb} a domain and {operand!r}: both must be domains")
            if isinstance(operand, SpaceTime):
                raise InputError(
                    f"cannot {self.verb} domains with time: combine the spatial domains first, then multiply "
                    "by Time"
                )
        if first.dimension != second.dimension:
            raise InputError(
                f"cannot {self.verb} domains of different dimensions: {type(first).__name__} has "
                f"{first.dimension}, {type(second).__name__} has {second.dimension}"
            )
        if first.names != second.names:
            raise InputError(
                f"cannot {self.verb} domains of different coordinates: ({', '.join(first.names)}) and "
                f"({', '.join(second.names)}); give both the same names=..."
            )
        self.first, self.second = first, second
        bounds = self._combined_bounds()
        if (bounds[1] <= bounds[0]).any():
            raise InputError(
                f"the domain is empty: the bounding boxes {first.bounds.tolist()} and "
                f"{second.bounds.tolist()} do not overlap"
            )
        super().__init__(bounds, first.names)

    @property
    def cavities(self) -> list[tuple[Tensor, float]]:
        """Those of the operands, and subtracted balls, if centres are outside and the domain is next to the sphere."""
        return self._cavities

    @cached_property
    def _cavities(self) -> list[tuple[Tensor, float]]:
        return [ball for ball in self._candidates() if self._wraps(*ball)]

    def _candidates(self) -> list[tuple[Tensor, float]]:
        return [*self.first.cavities, *self.second.cavities]

    def _straight(self) -> Tensor:
        return torch.cat([self.first._straight(), self.second._straight()])

    def _wraps(self, center: Tensor, radius: float) -> bool:
        around = sphere("around", center, (1 + PROBE) * radius)
        unit = UnitStream(around.dimension, torch.Generator().manual_seed(0)).draw(2**10)
        return not self.contains(center[None]).any() and bool(self.contains(around.place(unit)[0]).any())

    @abstractmethod
    def _combined_bounds(self) -> Tensor:
        """Bounding box `(2, d)`."""

    @cached_property
    def _overlap(self) -> float:
        """Measure of the intersection, by quasi Monte Carlo in the smallest set that is sure to hold it."""
        a, b = self.first, self.second
        lower, upper = torch.maximum(a.bounds[0], b.bounds[0]), torch.minimum(a.bounds[1], b.bounds[1])
        if (upper <= lower).any():
            return 0.0
        around = min(Box(lower, upper, a.names), a, b, key=lambda domain: domain.measure)
        x = around.interior(MEASURING_POINTS, torch.Generator().manual_seed(0)).coordinates
        return around.measure * (a.contains(x) & b.contains(x)).double().mean().item()

    def _pieces(self) -> Sequence[Piece]:
        first, second = self.first.boundary.pieces, self.second.boundary.pieces
        probes = probes_per_piece(len(first) + len(second))
        eps = PROBE * max((o.bounds[1] - o.bounds[0]).amax().item() for o in (self.first, self.second))

        def outermost(x: Tensor, normal: Tensor) -> Tensor:
            return self.contains(x - eps * normal) & ~self.contains(x + eps * normal)

        def not_of_first(x: Tensor, normal: Tensor) -> Tensor:
            # Where the first operand's boundary runs along the second's, the first's piece stands for both.
            return self.first.contains(x - eps * normal) == self.first.contains(x + eps * normal)

        def only_second(x: Tensor, normal: Tensor) -> Tensor:
            return outermost(x, normal) & not_of_first(x, normal)

        taken: set[str] = set()
        result = [self._part(p, p.name, 1.0, outermost, probes) for p in first]
        taken |= {piece.name for piece in result}
        for piece in second:
            name, number = piece.name, 2
            while name in taken:
                name, number = f"{piece.name}_{number}", number + 1
            taken.add(name)
            result.append(self._part(piece, name, self.second_normals, only_second, probes))
        return [piece for piece in result if piece.measure > 0]

    def _part(self, piece: Piece, name: str, sign: float, keep: Keep, probes: int) -> Piece:
        whole, before, first = piece.place, piece.keep, self.first.boundary.pieces

        def flipped(unit: Tensor) -> tuple[Tensor, Tensor]:
            x, normal = whole(unit)
            return x, -normal

        def both(x: Tensor, normal: Tensor) -> Tensor:
            kept = keep(x, normal)
            return kept if before is None else kept & before(x, sign * normal)

        place: Place = whole if sign > 0 else flipped
        face = piece.face if self._on_bounds(piece) and sign > 0 else None
        alias = piece.alias if name == piece.name and face is not None else None
        distances = None if piece.distances is None else self._distances(piece.distances, piece in first)
        return Piece(name, piece.whole_measure, piece.dimension, place, face, alias, both, probes, None, distances)

    @abstractmethod
    def _distances(self, distances: Distances, of_first: bool) -> Distances:
        """Turn an operand's distances to a piece of its boundary into those of the combination."""

    def _trimmed(self, distance: TwoSided, other: Domain, outside: bool) -> TwoSided:
        """Keep the part of a set that is inside or outside the other operand."""
        sign, size = 1.0 - 2.0 * outside, self.bounds.abs().max().item()
        return lambda x, side: trimmed(distance(x, side), sign * other.implicit(x), size)

    def _on_bounds(self, piece: Piece) -> bool:
        if piece.face is None:
            return False
        axis, side = piece.face
        owner = self.first if any(piece is p for p in self.first.boundary.pieces) else self.second
        return owner.bounds[side, axis].item() == self.bounds[side, axis].item()


class Union(_Combination):
    """All points of either domain."""

    verb = "unite"

    def _combined_bounds(self) -> Tensor:
        a, b = self.first.bounds, self.second.bounds
        return torch.stack([torch.minimum(a[0], b[0]), torch.maximum(a[1], b[1])])

    @property
    def measure(self) -> float:
        """Sum of the measures less the overlap."""
        return self.first.measure + self.second.measure - self._overlap

    def _distances(self, distances: Distances, of_first: bool) -> Distances:
        other = self.second if of_first else self.first
        whole = self._trimmed(distances.everywhere, other, True)
        return Distances(lambda x: whole(x, 1.0), whole, smooth=False)

    def implicit(self, x: Any) -> Any:
        """Evaluate a function that is positive inside; see Domain."""
        return disjunction(self.first.implicit(x), self.second.implicit(x))

    def _distance(self, x: Tensor) -> Tensor:
        return torch.minimum(self.first.signed_distance(x), self.second.signed_distance(x))

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points are in the first or the second domain.

        Args:
            x: `(n, d)`.

        Returns:
            bool `(n,)`.
        """
        return self.first.contains(x) | self.second.contains(x)


class Intersection(_Combination):
    """All points of both domains."""

    verb = "intersect"

    def _combined_bounds(self) -> Tensor:
        a, b = self.first.bounds, self.second.bounds
        return torch.stack([torch.maximum(a[0], b[0]), torch.minimum(a[1], b[1])])

    @property
    def measure(self) -> float:
        """The overlap."""
        return self._overlap

    def _distances(self, distances: Distances, of_first: bool) -> Distances:
        other = self.second if of_first else self.first
        return Distances(distances.within, self._trimmed(distances.everywhere, other, False), distances.smooth)

    def implicit(self, x: Any) -> Any:
        """Evaluate a function that is positive inside; see Domain."""
        return conjunction(self.first.implicit(x), self.second.implicit(x))

    def _distance(self, x: Tensor) -> Tensor:
        return torch.maximum(self.first.signed_distance(x), self.second.signed_distance(x))

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points are in the first and the second domain.

        Args:
            x: `(n, d)`.

        Returns:
            bool `(n,)`.
        """
        return self.first.contains(x) & self.second.contains(x)


class Difference(_Combination):
    """The points of the first domain that are not in the second."""

    verb = "subtract"
    second_normals = -1.0

    def _combined_bounds(self) -> Tensor:
        return self.first.bounds

    def _candidates(self) -> list[tuple[Tensor, float]]:
        return [*self.first.cavities, *_balls(self.second)]

    @property
    def measure(self) -> float:
        """The measure of the first less the overlap."""
        return self.first.measure - self._overlap

    def _distances(self, distances: Distances, of_first: bool) -> Distances:
        if of_first:
            return Distances(
                distances.within, self._trimmed(distances.everywhere, self.second, True), distances.smooth
            )
        # Seen from outside, where a plane goes on beyond the face that lies in it.
        def seen(x: Any, side: float) -> Any:
            return distances.everywhere(x, -side)

        walls = self._trimmed(seen, self.first, False)
        return Distances(lambda x: seen(x, 1.0), walls, smooth=isinstance(self.second, Ball))

    def implicit(self, x: Any) -> Any:
        """Evaluate a function that is positive inside; see Domain."""
        return conjunction(self.first.implicit(x), -self.second.implicit(x))

    def _distance(self, x: Tensor) -> Tensor:
        return torch.maximum(self.first.signed_distance(x), -self.second.signed_distance(x))

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points are in the first domain but not in the second.

        Args:
            x: `(n, d)`.

        Returns:
            bool `(n,)`.
        """
        return self.first.contains(x) & ~self.second.contains(x)


def _balls(domain: Domain) -> list[tuple[Tensor, float]]:
    if isinstance(domain, Union):
        return [*_balls(domain.first), *_balls(domain.second)]
    return [(domain.center, domain.radius)] if isinstance(domain, Ball) else []
