"""Boundaries: named pieces that can be selected and sampled."""

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from .approximate_distance import Distances
from .arguments import count
from .points import Points
from .sampling import UnitStream, draw

Place = Callable[[Tensor], tuple[Tensor, Tensor]]
Keep = Callable[[Tensor, Tensor], Tensor]
UnitRule = Callable[[int], tuple[Tensor, Tensor]]


class Piece:
    """One named part of a boundary: the image of a unit cube, or the kept part of it."""

    def __init__(
        self,
        name: str,
        measure: float,
        dimension: int,
        place: Place,
        face: tuple[int, int] | None = None,
        alias: str | None = None,
        keep: Keep | None = None,
        probes: int = 2**13,
        rule: UnitRule | None = None,
        distances: Distances | None = None,
    ) -> None:
        """Compose a piece.

        Args:
            name: its name.
            measure: the length or area of the whole image; 1 for a point.
            dimension: k, the number of unit coordinates that `place` takes.
            place: maps `(n, k)` to points `(n, d)` and outward unit normals `(n, d)`, uniform to uniform.
            face: `(axis, 0 lower or 1 upper)` if it lies in that side of the bounding box, else None.
            alias: a second name that it answers to.
            keep: tells which points (from `x, normal`) belong to the piece; None keeps all.
            probes: how many points estimate the kept share.
            rule: gives at least n nodes of a quadrature rule in unit coordinates, and weights that sum to one.
            distances: approximate ones, of jets too.
        """
        self.name = name
        self.face = face
        self.alias = alias
        self.dimension = dimension
        self.place = place
        self.keep = keep
        self.whole_measure = measure
        self._probes = probes
        self.rule, self.distances = rule, distances

    @cached_property
    def measure(self) -> float:
        """Length or area; by quasi Monte Carlo where only a part of the image is kept."""
        if self.keep is None:
            return self.whole_measure
        n = self._probes if self.dimension else 1
        unit = UnitStream(self.dimension, torch.Generator().manual_seed(0)).draw(n)
        return self.whole_measure * self.keep(*self.place(unit)).double().mean().item()

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw points by a scrambled Sobol sequence.

        Args:
            n: how many.
            generator: the source of randomness.

        Returns:
            Points and outward unit normals, float64 `(n, d)` each.
        """
        empty = f"empty boundary: the piece {self.name!r} has no points"
        x, normal = draw(n, self.dimension, generator, "sobol", self.place, self.keep, empty)
        return x, normal

    def collocate(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw points for the residual of a condition.

        Args:
            n: how many rows the residual is to have, about.
            generator: the source of randomness.

        Returns:
            Points and normals `(m, d)`, and the row `(m,)` of each.
        """
        x, normal = self.sample(n, generator)
        return x, normal, torch.arange(n)

    def quadrature(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give a Gauss rule.

        Args:
            n: how many nodes, at least.

        Returns:
            Nodes and normals `(m, d)`, and weights `(m,)` that sum to the measure.

        Raises:
            InputError: if there is none, or only a part of the piece is kept.
        """
        if self.rule is None or self.keep is not None:
            raise InputError(
                "an integral over a boundary needs Gauss quadrature, which whole pieces of boxes, polygons, meshes, "
                f"annuli and balls up to three dimensions have; {self.name!r} is none."
            )
        unit, weights = self.rule(n)
        return *self.place(unit), weights * self.measure

    def where(self, keep: Keep, probes: int = 2**13) -> "Piece":
        """Keep the part where a test holds.

        Args:
            keep: tells from points and normals which points stay.
            probes: how many points estimate the share that stays.

        Returns:
            The smaller piece.
        """
        before = self.keep
        both = keep if before is None else lambda x, normal: before(x, normal) & keep(x, normal)
        return Piece(
            self.name, self.whole_measure, self.dimension, self.place, self.face, self.alias, both, probes
        )


class Boundary:
    """A boundary, or a part of one."""

    def __init__(self, pieces: Sequence[Piece], coordinate_names: Sequence[str]) -> None:
        """Collect pieces.

        Args:
            pieces: the pieces.
            coordinate_names: the names of the coordinates of their points.
        """
        self.pieces = tuple(pieces)
        self.coordinate_names = tuple(coordinate_names)

    @property
    def names(self) -> list[str]:
        """The names of the pieces."""
        return [piece.name for piece in self.pieces]

    @property
    def measure(self) -> float:
        """Length or area, or the number of end points of an interval."""
        return math.fsum(piece.measure for piece in self.pieces)

    def __getitem__(self, names: str | tuple[str, ...]) -> "Boundary":
        """Select pieces by name.

        Args:
            names: one name or several.

        Returns:
            The part of the boundary that has these names.

        Raises:
            NameNotFound: if a name is unknown.
        """
        wanted = (names,) if isinstance(names, str) else tuple(names)
        chosen: list[Piece] = []
        for name in wanted:
            found = [piece for piece in self.pieces if name in (piece.name, piece.alias)]
            if not found:
                raise NameNotFound("boundary group", name, self.names)
            chosen += [piece for piece in found if piece not in chosen]
        return Boundary(chosen, self.coordinate_names)

    def where(self, predicate: Callable[[Points], Tensor]) -> "Boundary":
        """Keep the part where a predicate holds.

        Args:
            predicate: maps boundary points (with normals) to a bool tensor `(n,)`, for example
                `lambda p: p.x < 0`.

        Returns:
            That part, without the pieces of which nothing is left.
        """

        def keep(x: Tensor, normal: Tensor) -> Tensor:
            mask = predicate(Points(x, self.coordinate_names, normal))
            if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != x.shape[:1]:
                got = f"{mask.dtype} of shape {tuple(mask.shape)}" if isinstance(mask, Tensor) else repr(mask)
                raise InputError(
                    f"the predicate of boundary.where must return a bool tensor of shape ({len(x)},), one "
                    f"entry a point, got {got}: write a comparison such as "
                    f"lambda p: p.{self.coordinate_names[0]} < 0"
                )
            return mask

        probes = probes_per_piece(len(self.pieces))
        kept = [piece.where(keep, probes) for piece in self.pieces]
        return Boundary([piece for piece in kept if piece.measure > 0], self.coordinate_names)

    def sample(self, n: int, generator: torch.Generator) -> Points:
        """Draw points, distributed over the pieces in proportion to their measures.

        Args:
            n: how many.
            generator: the source of randomness; nothing else is used.

        Returns:
            float64 points on the CPU, with outward unit normals, piece after piece.

        Raises:
            InputError: if the boundary is empty.
        """
        drawn = [piece.sample(m, generator) for piece, m in self._shares(n, generator)]
        x, normal = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        return Points(x, self.coordinate_names, normal)

    def collocate(self, n: int, generator: torch.Generator) -> Points:
        """Draw points for the residual of a condition.

        As `sample`, except on facets of a mesh that stand for a curved boundary: there the points of a facet make
        one row, their mean.

        Args:
            n: how many rows the residual is to have, about.
            generator: the source of randomness; nothing else is used.

        Returns:
            float64 points on the CPU, with outward unit normals, and with `rows` where some points share one.

        Raises:
            InputError: if the boundary is empty.
        """
        drawn = [piece.collocate(m, generator) for piece, m in self._shares(n, generator)]
        x, normal = (torch.cat([parts[i] for parts in drawn]) for i in (0, 1))
        offset, rows = 0, []
        for *_, row in drawn:
            rows.append(row + offset)
            offset += int(row.max()) + 1
        return Points(x, self.coordinate_names, normal, torch.cat(rows) if offset < len(x) else None)

    def quadrature(self, n: int) -> tuple[Points, Tensor]:
        """Give a Gauss rule on every piece.

        Args:
            n: how many nodes on each, at least.

        Returns:
            Nodes with outward unit normals, float64 on the CPU, and weights ``(m,)`` that sum to the measure.
        """
        parts = [piece.quadrature(n) for piece in self.pieces]
        x, normal, weights = (torch.cat(part) for part in zip(*parts, strict=True))
        return Points(x, self.coordinate_names, normal), weights

    def _shares(self, n: int, generator: torch.Generator) -> list[tuple[Piece, int]]:
        n = count(n)
        pieces = [piece for piece in self.pieces if piece.measure > 0]
        if not pieces:
            raise InputError(
                "empty boundary: there is nothing to sample; check the predicate of where() "
                "and the chosen groups"
            )
        shares = numbers(n, [piece.measure for piece in pieces], generator)
        return [(piece, m) for piece, m in zip(pieces, shares, strict=True) if m > 0]


def probes_per_piece(pieces: int) -> int:
    """Return how many points estimate what is left of each of many pieces."""
    return max(64, min(2**13, 2**15 // max(pieces, 1)))


def numbers(n: int, measures: Sequence[float], generator: torch.Generator) -> list[int]:
    """Distribute points over pieces in proportion to measure.

    By largest remainder, with at least one point each, if there are enough points; otherwise by systematic
    sampling, so that no piece is left out for ever.

    Args:
        n: how many points.
        measures: of the pieces, positive.
        generator: the source of randomness of systematic sampling.

    Returns:
        One number a piece; they sum to n.
    """
    share = torch.tensor(measures, dtype=torch.float64, device="cpu")
    share = share / share.sum()
    if n < len(measures):
        start = torch.rand(1, generator=generator, dtype=torch.float64, device="cpu")
        ticks = (torch.arange(n, device="cpu") + start) / n
        at = torch.searchsorted(share.cumsum(0), ticks, right=True)
        return torch.bincount(at.clamp_max(len(measures) - 1), minlength=len(measures)).tolist()
    result = torch.ones_like(share, dtype=torch.int64)
    # Pieces that deserve less than one point get one; the others share the rest, by largest remainder.
    large = torch.ones_like(share, dtype=torch.bool)
    while True:
        rest = n - int((~large).sum())
        quota = share * rest / share[large].sum()
        small = large & (quota < 1)
        if not small.any():
            break
        large = large & ~small
    result[large] = quota[large].floor().long()
    missing = n - int(result.sum())
    order = torch.argsort(torch.where(large, quota - quota.floor(), -1.0), descending=True, stable=True)
    result[order[:missing]] += 1
    return result.tolist()
