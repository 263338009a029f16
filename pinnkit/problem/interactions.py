"""Interactions of coordinates, read off the data of a problem in many dimensions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..domains import Domain, Points, SpaceTime

Group = tuple[int, ...]

SAMPLES = 256
HIGHEST = 3
"""Interactions of more coordinates are not looked for."""
MOST = 2**22
"""How many coordinates all points together may have that the data are evaluated at."""
ROUNDING = 1e-9
SERVES = 0.1
"""A group as strong as this, next to a smaller one inside it, serves both."""
ANY = 1 / 8
"""The share of groups that are drawn whatever the data say."""


class Interactions:
    r"""Which coordinates act together in the data of a problem, and how strongly.

    The strength of a group S of coordinates in a function f is its mixed difference at independent uniform x and z of
    the bounding box, :math:`2^{-|S|} E (\sum_{T \subseteq S} (-1)^{|T|} f(z_T, x_{-T}))^2`: the variance of all ANOVA
    terms of f that contain S. Groups of up to three coordinates are drawn with probability (strength)^(1/8), and one
    in eight draws is any group, because a solution may have interactions that its data lack. Time belongs to every
    group. (Our choices, but for the strength.)

    Args:
        domain: where the problem is stated.
        data: its sources and boundary data as functions of points, ``(n,)`` or None where they cannot be evaluated.

    Reference:
        Liu and Owen 2006, doi:10.1198/016214505000001410.
    """

    def __init__(self, domain: Domain, data: Sequence[Callable[[Points], Tensor | None]]) -> None:
        """Measure the strengths; see the class."""
        self.dimension = d = domain.dimension
        self.always = [d - 1] if isinstance(domain, SpaceTime) else []
        groups = _groups(d)
        generator = torch.Generator().manual_seed(2)
        low, high = domain.bounds
        x, z = low + (high - low) * torch.rand(2, SAMPLES, d, generator=generator, dtype=torch.float64)
        points = Points(torch.where(_masks(groups, d)[:, None] > 0, z, x).reshape(-1, d), domain.names)
        total = torch.zeros(len(groups), dtype=torch.float64)
        for function in data:
            values = function(points)
            if values is not None and torch.isfinite(values).all():
                total += _strengths(values.reshape(len(groups), -1), groups)
        kept = _unserved(dict(zip(groups, total.tolist(), strict=True)))
        # Without any data, all coordinates act together.
        self.groups = _masks(list(kept), d) if kept else torch.ones(1, d, dtype=torch.float64)
        self.probability = torch.tensor(list(kept.values()) or [1.0], dtype=torch.float64).pow(1 / 8)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw groups.

        Args:
            count: how many.
            generator: source of random numbers.

        Returns:
            A group in each row, one at its coordinates and zero at the others, shape ``(count, d)``.
        """
        groups = self.groups[torch.multinomial(self.probability, count, replacement=True, generator=generator)]
        size = torch.randint(1, self.dimension + 1, (count, 1), generator=generator)
        of_any_size = torch.rand(count, self.dimension, generator=generator).argsort(1) < size
        replaced = torch.rand(count, 1, generator=generator) < ANY
        groups = torch.where(replaced, of_any_size.to(groups), groups)
        groups[:, self.always] = 1.0
        return groups


def _groups(d: int) -> list[Group]:
    """List the groups of coordinates by size, as far as their number allows."""
    groups: list[Group] = [()]
    for size in range(1, HIGHEST + 1):
        larger = list(itertools.combinations(range(d), size))
        if d * SAMPLES * (len(groups) + len(larger)) > MOST:
            break
        groups += larger
    return groups


def _masks(groups: Sequence[Group], d: int) -> Tensor:
    masks = torch.zeros(len(groups), d, dtype=torch.float64)
    for row, group in enumerate(groups):
        masks[row, list(group)] = 1.0
    return masks


def _strengths(values: Tensor, groups: Sequence[Group]) -> Tensor:
    """Give the strength of each group, the largest of them one, from values with the group of a row exchanged."""
    row = {group: number for number, group in enumerate(groups)}
    strength = torch.zeros(len(groups), dtype=torch.float64)
    for group in groups[1:]:
        inside = [part for size in range(len(group) + 1) for part in itertools.combinations(group, size)]
        signs = torch.tensor([(-1.0) ** len(part) for part in inside], dtype=torch.float64)
        mixed = signs @ values[[row[part] for part in inside]]
        strength[row[group]] = mixed.square().mean() / 2 ** len(group)
    strength[strength <= (ROUNDING * values.abs().max()) ** 2] = 0.0
    return strength / strength.max() if strength.max() > 0 else strength


def _unserved(strength: dict[Group, float]) -> dict[Group, float]:
    """Leave out groups without strength, and those that a larger one serves."""
    served = {
        inside
        for group, value in strength.items()
        for inside in itertools.combinations(group, max(0, len(group) - 1))
        if value >= SERVES**2 * strength[inside]
    }
    return {group: value for group, value in strength.items() if value > 0 and group not in served}
