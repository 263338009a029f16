"""Residuals of what unknowns are on both sides of an interface."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from ..domains import Between, Points
from ..errors import InputError
from ..jets import Derivatives, Key, Unknown
from .residual import Residual, Values, order

LOOKED, PROBE, JUMP = 64, 1e-6, 1e-3
"""Points of an interface at which coefficients are looked at, distance from it relative to the domain, and by what part
of them values there may be off."""


@dataclass(frozen=True)
class Sided:
    """A derivative on one side of an interface: 0 is the one that normals point away from.

    Attributes:
        side: which side.
        key: the derivative.
    """

    side: int
    key: Key

    def __len__(self) -> int:
        """Give the order of the derivative."""
        return order([self.key])


class SidedDerivatives:
    """A plan of derivatives on both sides of an interface; called as `Derivatives` is."""

    def __init__(self, keys: Sequence[Any], space: tuple[int, ...], region: Between, regions: Any) -> None:
        """Plan each side."""
        self.keys, self.region, self.regions = tuple(keys), region, regions
        self.plans = [Derivatives([k.key for k in keys if k.side == side], space) for side in (0, 1)]

    def __call__(self, function: Callable[[Any], Any], x: Any) -> dict[Sided, Any]:
        """Evaluate a function as it is in one region, and as it is in the other."""
        found: dict[Sided, Any] = {}
        for side, plan in enumerate(self.plans):
            if plan.keys:
                with self.regions.within(self.region.sides[side]):
                    found |= {Sided(side, key): value for key, value in plan(function, x).items()}
        return found


class TwoSided:
    """An unknown on an interface; ``u.minus`` and ``u.plus`` are what it is on both sides.

    The normal points from the minus side to the plus side; on both it is the one that derivatives along the normal
    are taken of.
    """

    def __init__(self, minus: Unknown, plus: Unknown) -> None:
        """Keep both sides."""
        self.minus, self.plus = minus, plus

    def __getattr__(self, name: str) -> Any:
        """Refuse what has two values."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise InputError(f"an unknown has two values on an interface: write u.minus.{name} or u.plus.{name}.")


def _two_values(self: TwoSided, *others: Any) -> Any:
    raise InputError("an unknown has two values on an interface: write u.minus or u.plus.")


for _name in "add radd sub rsub mul rmul truediv rtruediv pow rpow neg abs".split():
    setattr(TwoSided, f"__{_name}__", _two_values)


class InterfaceResidual(Residual):
    """A residual on an interface, of what the unknowns are on both sides."""

    @cached_property
    def derivatives(self) -> Any:
        """The plan of the derivatives in `keys`."""
        assert isinstance(self.region, Between)
        keys = dict.fromkeys(itertools.chain(*self.keys.values()))
        return SidedDerivatives([*keys], self.coordinates.space, self.region, self.coordinates.regions)

    def _unknown(self, lookup: Callable[[Any], Tensor], points: Points) -> Any:
        minus, plus = (
            Unknown(partial(_on_side, lookup, side), self.coordinates.names, self.coordinates.space, points.normals)
            for side in (0, 1)
        )
        return TwoSided(minus, plus)

    def check_sides(self) -> None:
        """Check that the data next to an interface are those at it: jumps must be told by region.

        Raises:
            InputError: something jumps across the interface in another way.
        """
        regions, points = self.coordinates.regions, self.sample(LOOKED, torch.Generator().manual_seed(0))
        assert regions is not None and points.normals is not None
        step = PROBE * (regions.domain.bounds[1] - regions.domain.bounds[0]).norm() * points.normals
        numbers = itertools.count(1)
        values: Values = {
            u: {key: torch.full_like(points.coordinates[:, 0], 0.5 + 0.618 * next(numbers) % 1) for key in keys}
            for u, keys in self.keys.items()
        }
        with torch.no_grad():
            before, after = (self(values, points.replace(points.coordinates + s * step)) for s in (-1.0, 1.0))
        if ((before - after).abs() > JUMP * torch.maximum(before.abs(), after.abs()).max()).double().mean() > 0.1:
            raise InputError(
                f"{self.name}: a coefficient jumps there, but not by region, so that nothing tells its values on both "
                "sides: use pk.ByRegion(...) for it, in equations and fluxes."
            )

    def _evaluate(self, unknowns: Mapping[str, Any], points: Points) -> Tensor:
        assert isinstance(self.region, Between)
        return super()._evaluate(unknowns, replace(points, regions=self.coordinates.regions, sides=self.region.sides))


def _on_side(lookup: Callable[[Any], Tensor], side: int, key: Key) -> Tensor:
    return lookup(Sided(side, key))
