"""Regions: the named parts of a domain, and the interfaces between them."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from .boundary import Boundary, Piece
from .points import Points

if TYPE_CHECKING:
    from .domain import Domain

PROBE = 1e-6
"""Distance from an interface, relative to the domain, at which its two sides are looked at."""
TOLD: ContextVar[tuple[Any, int] | None] = ContextVar("region", default=None)
"""Regions, and the number of the one that all points are taken to be in; see `Regions.within`."""
LOOKED = 2**12
"""Points at which it is looked whether parts overlap or leave something out."""


class Between(Boundary):
    """Where two regions touch; its normals point from the first one to the second.

    Attributes:
        sides: the names of the two regions.
        whole: whether it is all that they have in common.
    """

    def __init__(
        self, pieces: Sequence[Piece], coordinate_names: Sequence[str], sides: tuple[str, str], whole: bool = True
    ) -> None:
        """Collect pieces."""
        super().__init__(pieces, coordinate_names)
        self.sides, self.whole = sides, whole
        self.kept: Callable[[Points], Tensor] | None = None

    def where(self, predicate: Callable[[Points], Tensor]) -> Between:
        """Keep the part where a predicate of points holds; see `Boundary.where`."""
        found = Between(super().where(predicate).pieces, self.coordinate_names, self.sides, whole=False)
        before = self.kept
        found.kept = predicate if before is None else lambda p: before(p) & predicate(p)
        return found

    def without(self, other: Between) -> Between:
        """Give what is left of an interface when another part of the same one, or all of it, is taken away."""
        if other.whole:
            return Between([], self.coordinate_names, self.sides)
        if (kept := other.kept) is not None:
            return self.where(lambda p: ~kept(p))
        # Groups of facets have one name on both sides.
        left = [piece for piece in self.pieces if piece.name not in other.names]
        found = Between(left, self.coordinate_names, self.sides, whole=False)
        found.kept = self.kept
        return found


class Regions(Mapping[str, "Domain"]):
    """The parts of a domain by name; empty where the domain is one piece.

    Called with shapes by name it gives the same domain, cut into them: ``box.regions(steel=..., copper=...)``. A part
    lies in the domain, no two have more than their boundaries in common, and together they fill it.

    Args:
        domain: the domain.
        parts: its parts.
        find: gives the number of the part of each point ``(n, d)``, -1 where it is in none; by default the parts do.
        touch: gives the pieces that two parts have in common, with the normals of the first; by default it is looked
            next to the boundary of the first one.
    """

    def __init__(
        self,
        domain: Domain,
        parts: Mapping[str, Domain],
        find: Callable[[Tensor], Tensor] | None = None,
        touch: Callable[[str, str], Sequence[Piece]] | None = None,
    ) -> None:
        """Keep them; see the class."""
        self.domain, self._parts = domain, dict(parts)
        self._find, self._touch = find or self._first, touch or self._looked
        # Functions and data are asked for at the same points, one after the other.
        self._last: tuple[weakref.ref[Tensor], int, Tensor] | None = None

    def __call__(self, **parts: Domain) -> Any:
        """Give the domain, cut into parts.

        Args:
            **parts: shapes by name, in the domain and with its coordinates.

        Returns:
            The same domain with these regions.

        Raises:
            InputError: parts overlap, leave something out, or are no domains of the same coordinates.
        """
        from .time import SpaceTime

        domain = self.domain
        if isinstance(domain, SpaceTime):
            raise InputError("name the regions of the domain in space, and multiply by Time afterwards.")
        if len(parts) < 2:
            raise InputError("regions are two or more parts of a domain, such as regions(left=..., right=...).")
        for name, part in parts.items():
            if not hasattr(part, "contains") or tuple(part.names) != tuple(domain.names):
                names = ", ".join(domain.names)
                raise InputError(f"the region {name!r} must be a domain with the coordinates {names}.")
        found = copy.copy(domain)
        regions = Regions(found, parts)
        regions._check()
        found.__dict__["regions"] = regions
        return found

    def __deepcopy__(self, memo: Any) -> Regions:
        """Regions do not change, so that copies share them."""
        return self

    def __getitem__(self, name: str) -> Domain:
        """Give a part.

        Args:
            name: its name.

        Returns:
            The part.

        Raises:
            NameNotFound: there is none of this name.
        """
        if name not in self._parts:
            raise NameNotFound("region", name, [*self._parts])
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def number(self, name: str) -> int:
        """Give the number of a region, in the order in which they were named."""
        self[name]
        return [*self._parts].index(name)

    def locate(self, x: Tensor) -> Tensor:
        """Give the number of the region of each point; the nearest one's outside all.

        Args:
            x: points ``(n, d)``.

        Returns:
            int64 ``(n,)``.
        """
        if (told := TOLD.get()) is not None and told[0] is self:
            return torch.full((len(x),), told[1], device=x.device)
        if (last := self._last) is not None and last[0]() is x and last[1] == x._version:
            return last[2]
        y = x.detach().to("cpu", torch.float64)
        label = self._find(y)
        if len(rest := (label < 0).nonzero()[:, 0]):
            label[rest] = torch.stack([part.signed_distance(y[rest]) for part in self.values()]).argmin(0)
        self._last = (weakref.ref(x), x._version, label.to(x.device))
        return self._last[2]

    def _first(self, x: Tensor) -> Tensor:
        label = torch.full((len(x),), -1)
        for number, part in enumerate(self.values()):
            rest = (label < 0).nonzero()[:, 0]
            label[rest[part.contains(x[rest])]] = number
        return label

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Take all points for points of one region, as functions on one side of an interface are meant to.

        Args:
            name: of the region.
        """
        token = TOLD.set((self, self.number(name)))
        try:
            yield
        finally:
            TOLD.reset(token)

    def interface(self, first: str, second: str) -> Between:
        """Give what two regions have in common.

        Args:
            first: the region that normals point away from.
            second: the region that they point into.

        Returns:
            The interface.

        Raises:
            NameNotFound: there is no such region.
            InputError: the regions do not touch.
        """
        if not (found := self._between(first, second)).pieces:
            raise InputError(f"the regions {first!r} and {second!r} do not touch: there is no interface between them.")
        return found

    @cached_property
    def interfaces(self) -> list[Between]:
        """All interfaces, each once."""
        names = [*self._parts]
        found = [self._between(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        return [interface for interface in found if interface.pieces]

    @property
    def breaks(self) -> dict[str, list[float]]:
        """Coordinates at which cells must end so that none lies in two regions, by name; none where cells do anyway.

        Raises:
            InputError: there are none, because regions are not boxes.
        """
        from .box import Box
        from .mesh import Mesh
        from .time import SpaceTime

        shapes = [part.space if isinstance(part, SpaceTime) else part for part in (self.domain, *self.values())]
        if len(self) == 0 or isinstance(shapes[0], Mesh):
            return {}
        if not all(isinstance(shape, Box) for shape in shapes):
            raise InputError(
                "a weak form with regions needs cells that end at interfaces: boxes in a box, or a mesh with groups of "
                "cells; or state it by equations."
            )
        ends = torch.cat([shape.bounds for shape in shapes[1:]])
        low, high = shapes[0].bounds
        return {
            name: sorted({v for v in ends[:, axis].tolist() if low[axis] < v < high[axis]})
            for axis, name in enumerate(shapes[0].names)
        }

    def _between(self, first: str, second: str) -> Between:
        (low, high), (lower, upper), step = self[first].bounds, self[second].bounds, self._step
        near = (high >= lower - step).all() and (low <= upper + step).all()
        return Between(self._touch(first, second) if near else [], self.domain.names, (first, second))

    @property
    def _step(self) -> Tensor:
        return PROBE * (self.domain.bounds[1] - self.domain.bounds[0])

    def _looked(self, first: str, second: str) -> Sequence[Piece]:
        number, step = self.number(second), self._step

        def touches(p: Points) -> Tensor:
            beyond = p.coordinates + step * p.normal
            return (self.locate(beyond) == number) & self.domain.contains(beyond)

        return self[first].boundary.where(touches).pieces

    def _check(self) -> None:
        generator = torch.Generator().manual_seed(0)
        x = self.domain.interior(LOOKED, generator).coordinates
        slack = PROBE * (self.domain.bounds[1] - self.domain.bounds[0]).norm()
        deep = torch.stack([part.signed_distance(x) for part in self.values()])
        names = [*self._parts]

        def at(mask: Tensor) -> str:
            return ", ".join(f"{v:.4g}" for v in x[mask][0].tolist())

        if (lost := deep.amin(0) > slack).any():
            raise InputError(f"the regions leave out a part of the domain, such as the point ({at(lost)}).")
        if (twice := (deep < -slack).sum(0) > 1).any():
            both = [names[i] for i in (deep[:, twice][:, 0] < -slack).nonzero()[:, 0].tolist()][:2]
            raise InputError(f"the regions {both[0]!r} and {both[1]!r} overlap at ({at(twice)}).")
        touched = {name for between in self.interfaces for name in between.sides}
        if alone := [name for name in self if name not in touched]:
            raise InputError(f"the region {alone[0]!r} touches no other one; do their sides agree to all digits?")
        for name, part in self.items():
            inside = part.interior(64, generator).coordinates
            if (out := self.domain.signed_distance(inside) > slack).any():
                where = ", ".join(f"{v:.4g}" for v in inside[out][0].tolist())
                raise InputError(f"the region {name!r} reaches out of the domain, to ({where}).")


class Interfaces:
    """Access to interfaces: ``interfaces["steel", "copper"]``, or the name of a group of facets of a mesh."""

    def __init__(self, regions: Regions) -> None:
        """Keep the regions."""
        self.regions = regions

    def __getitem__(self, names: str | tuple[str, str]) -> Between:
        """Give an interface.

        Args:
            names: two regions (normals point from the first to the second), or a group of facets between two regions.

        Returns:
            The interface, or the part of it in the group.

        Raises:
            NameNotFound: there is no such region or group.
            InputError: the regions do not touch, or the group lies between more than two.
        """
        if not isinstance(names, str):
            return self.regions.interface(*names)
        all_names = [name for between in self.regions.interfaces for name in between.names]
        found = [between for between in self.regions.interfaces if names in between.names]
        if not found:
            raise NameNotFound("interface", names, sorted({*all_names}))
        if len(found) > 1:
            pairs = " and ".join("-".join(between.sides) for between in found)
            raise InputError(f"the group {names!r} lies between {pairs}: name two regions.")
        return Between(found[0][names].pieces, found[0].coordinate_names, found[0].sides, whole=False)
