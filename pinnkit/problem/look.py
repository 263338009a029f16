"""Looking at a function: the places where it varies on a scale far below that of its domain, and their widths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..domains import Domain, Feature

SAMPLES = 2**17
"""Points that a function is looked at first."""
LOCAL = 2**12
RARE = 0.1
"""Part of the domain up to which large values are a feature of it, and not its nature."""
NEAR = 6.0
"""What is within so many widths belongs to a feature."""
MOST = 8
"""More features than this are an oscillation."""
FAINT = 0.1
"""Features that are less prominent than this, relative to the first one, are left out."""
STEP, STEPPED = 1e-3, 2**15
"""Distance of the points whose difference is looked at, in halfwidths, and how many there are."""
FILLS = 0.42
"""Standard deviation, in views, from which on a direction is filled (evenly: 0.58), and not narrow."""
STEPS, RESOLVED = 0.05, 3.0
"""Step of differences, in views; a transition has been seen to its width when it is this many steps wide."""
WIDER, TINY = 4.0, 0.3
"""A second length for fourth differences; what they show is a peak where it is narrower than this part of
what is, and a transition of a coefficient matters."""
EDGE = 0.02
"""Part of a peak's width over which its values change by much only where they jump."""
SHARP = 1e-6
"""Transitions narrower than this, in halfwidths, are jumps."""
GROWS = 5.0
"""Values of which a few, within a tenth of `SHARP`, are so many times larger than most are infinite."""
FINEST = 1e-3
"""Jumps are resolved to this width, in halfwidths."""
EVIDENT = 1e-6
"""Variation below this, relative to the size of the data, is rounding."""


Field = Callable[[Tensor, float], Tensor]
"""What is looked at: of points ``(n, d)`` and a length, numbers ``(n,)`` that are large where something happens."""


@dataclass(frozen=True)
class Spot:
    """A place where a function varies.

    Attributes:
        kind: a peak of its values, a transition (a peak of its differences), or a kink (of second differences).
        centre: a point of it, ``(d,)``.
        frame: the directions in which it is narrow, each over the width there in units, ``(k, d)``.
        bent: whether it is a layer or tube that these directions hold for only here.
        sharp: whether it is a peak whose values jump at its edge.
    """

    kind: str
    centre: Tensor
    frame: Tensor
    bent: bool = False
    sharp: bool = False

    @property
    def widths(self) -> Tensor:
        """The widths in units, ``(k,)``."""
        return 1 / self.frame.norm(dim=1)

    @property
    def jump(self) -> bool:
        """Whether values change at once."""
        return self.kind == "transition" and self.widths.min().item() < 10 * SHARP

    @property
    def resolved(self) -> Tensor:
        """The frame to be resolved, with widths of `FINEST` at least where it is no peak."""
        least = 0.0 if self.kind == "peak" else FINEST
        return self.frame * (self.widths / self.widths.clamp_min(least))[:, None]


@dataclass(frozen=True)
class Sight:
    """Something that was seen in the data.

    Attributes:
        feature: where and how wide it is; None where it is bent, or too small to be placed.
        text: the same in words.
        jump: whether values jump there, from one place to another.
        peak: whether it may lie between points.
        coefficient: whether it is one of what unknowns are multiplied by.
        sharp: whether it is a peak whose values jump at its edge.
        inside: whether it is of an equation, a weak form or an energy, not of a condition.
    """

    feature: Feature | None
    text: str
    jump: bool
    peak: bool
    coefficient: bool = False
    sharp: bool = False
    inside: bool = False


class Look:
    """A look at functions on a domain.

    Args:
        domain: the domain.
        unit: a length along each axis, ``(d,)``, about half of the domain's.
        narrow: standard deviation, in units, up to which a place is narrow.
    """

    def __init__(self, domain: Domain, unit: Tensor, narrow: float) -> None:
        """Keep them; see the class."""
        self.domain, self.unit, self.narrow = domain, unit, narrow

    def spots(
        self, data: Callable[[Tensor], Tensor], inside: Tensor, least: float = 0.0, known: Tensor | None = None
    ) -> list[Spot]:
        """Look for peaks in the values of a function, then for layers and jumps in its differences, then for kinks.

        Args:
            data: the function, of points ``(n, d)``, values ``(n,)``.
            inside: points to begin with, ``(n, d)``.
            least: values that vary by no more than this are passed over.
            known: values there, of data that are costly: kinks and peaks lower than what is around are not looked for.

        Returns:
            The places, the most prominent first; none where values are not finite.
        """
        values = data(inside) if known is None else known
        usual, size = values.median(), values.abs().max()
        if not torch.isfinite(values).all() or (values - usual).abs().max() <= max(least, (EVIDENT * size).item()):
            return []
        peaks = self._search(lambda x, length: (data(x) - usual).abs(), inside, (values - usual).abs())
        found = [Spot("peak", *seen) for seen in peaks]
        found = [replace(spot, sharp=self._sharp(data, spot)) for spot in found]
        taken = [spot for spot in found if not spot.bent]

        def steepness(x: Tensor, length: float) -> Tensor:
            here = data(x)
            steps = [data(self._within(x + length * self.unit[a] * _axis(a, x.shape[1]))) for a in range(x.shape[1])]
            # Next to the boundary there may be no number a step further.
            change = torch.stack([torch.nan_to_num((there - here).abs(), 0.0, 0.0) for there in steps]).amax(0)
            for peak in taken:  # its slopes belong to it
                away = (((x - peak.centre) / self.unit) @ peak.resolved.mT).norm(dim=1)
                change = torch.where(away < NEAR, 0.0, change)
            return change

        inside = inside[:STEPPED]
        changes = steepness(inside, STEP)
        if changes.max() > EVIDENT * size:
            found += [Spot("transition", *seen) for seen in self._search(steepness, inside, changes)]
        if found or known is not None:
            return found
        return self._faint(data, inside, size.item()) or self._kinks(data, inside, size.item())

    def infinite(self, data: Callable[[Tensor], Tensor], spot: Spot) -> bool:
        """Tell whether values grow without end towards a place: a few of them are far above most others near it."""
        away = 2 * torch.rand(LOCAL, len(spot.centre), generator=torch.Generator().manual_seed(0)).double() - 1
        x = self._within(spot.centre + SHARP / 10 * self.unit * away)
        sizes = data(x[self.domain.contains(x)]).abs()
        return bool(len(sizes)) and not sizes.max() < GROWS * sizes.quantile(0.75)

    def _sharp(self, data: Callable[[Tensor], Tensor], peak: Spot) -> bool:
        """Tell whether values around a peak change over a small part of its width by much of what they do at all."""
        generator = torch.Generator().manual_seed(0)
        across = torch.linalg.pinv(peak.frame).mT * self.unit
        parts = 2 * torch.rand(2 * LOCAL, len(across), generator=generator, dtype=torch.float64) - 1
        x = self._within(peak.centre + parts @ across)
        there = self._within(x + EDGE * torch.sign(parts) @ across)
        inside = self.domain.contains(x) & self.domain.contains(there)
        values, changes = data(x[inside]), (data(there[inside]) - data(x[inside])).abs()
        return bool(inside.any()) and bool(changes.max() > (values.max() - values.min()) / 4)

    def _faint(self, data: Callable[[Tensor], Tensor], inside: Tensor, size: float) -> list[Spot]:
        """Look for narrow peaks that are lower than waves around them, by fourth differences, which waves pass."""

        def roughness(x: Tensor, length: float) -> Tensor:
            total = torch.zeros_like(x[:, 0])
            for a in range(x.shape[1]):
                step = length * self.unit[a] * _axis(a, x.shape[1])
                middle = self._within(self._within(x + 2 * step) - 2 * step) - 2 * step
                middle = self._within(middle) + 2 * step  # so that all five are as far apart
                values = [data(middle + k * step) for k in range(-2, 3)]
                fourth = values[0] - 4 * values[1] + 6 * values[2] - 4 * values[3] + values[4]
                total = torch.maximum(total, torch.nan_to_num(fourth.abs(), 0.0, 0.0))
            return total

        found: list[Spot] = []
        for length in (STEP, WIDER * STEP):
            sizes = roughness(inside, length)
            if sizes.max() > EVIDENT * size:
                found = [Spot("peak", *seen) for seen in self._search(roughness, inside, sizes)]
            # What has no width is a kink.
            if found := [s for s in found if 10 * SHARP < s.widths.min() and s.widths.max() < TINY * self.narrow]:
                break
        return found

    def _kinks(self, data: Callable[[Tensor], Tensor], inside: Tensor, size: float) -> list[Spot]:
        """Look for jumps of the slope where values are smooth: they cost accuracy, but need no places of their own."""

        def bend(x: Tensor, length: float) -> Tensor:
            here, total = data(x), torch.zeros_like(x[:, 0])
            for a in range(x.shape[1]):
                step = length * self.unit[a] * _axis(a, x.shape[1])
                middle = self._within(self._within(x + step) - step)  # so that both sides are as far away
                both = data(middle + step) + data(middle - step)
                total = torch.maximum(total, (both - 2 * data(middle)).abs())
            return torch.where(here.isfinite(), total, 0.0)

        bends = bend(inside, STEP)
        if bends.max() <= EVIDENT * STEP * size:
            return []
        found = [Spot("kink", *seen) for seen in self._search(bend, inside, bends)]
        return [spot for spot in found if spot.widths.min() < 10 * SHARP]

    def _within(self, x: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(x, self.domain.bounds[0]), self.domain.bounds[1])

    def _search(self, field: Field, x: Tensor, values: Tensor) -> list[tuple[Tensor, Tensor, bool]]:
        """Find the places where a field is large: centre, frame ``(k, d)`` in units, and whether it is bent."""
        first = values.max().item()
        found: list[tuple[Tensor, Tensor, bool]] = []
        free = torch.ones_like(values, dtype=torch.bool)
        while free.any() and (here := torch.where(free, values, 0.0)).max().item() > FAINT * first:
            if len(found) == MOST:
                return []
            if (here > here.max() / 2).double().mean() > RARE:
                return found
            seen = self._measure(field, x, here)
            if seen is None:
                return []
            found.append(seen)
            centre, frame, bent = seen
            if bent:
                return found
            reach = NEAR * torch.maximum(1 / frame.norm(dim=1), frame.new_tensor(STEP))
            across = frame / frame.norm(dim=1, keepdim=True)
            near = ((((x - centre) / self.unit) @ across.mT) / reach).norm(dim=1) < 1
            near[here.argmax()] = True
            free &= ~near
        return found

    def _measure(self, field: Field, points: Tensor, values: Tensor) -> tuple[Tensor, Tensor, bool] | None:
        """Look closer and closer at the largest value until what is there fills a fair part of the view."""
        centre, d = points[values.argmax()], points.shape[1]
        generator = torch.Generator().manual_seed(0)
        share = (values > values.max() / 2).double().mean().item()
        view = min(1.0, 4 * max(share, 1 / SAMPLES) ** (1 / d))
        for _ in range(40):
            offset = 2 * torch.rand(LOCAL, d, generator=generator, dtype=torch.float64) - 1
            x = self._within(centre + view * self.unit * offset)
            x = torch.cat([x[self.domain.contains(x)], centre[None]])
            length = STEPS * view
            here = torch.nan_to_num(field(x, length), 0.0, 0.0, 0.0)
            high = here > here.max() / 2
            inside = (x[high] - centre) / self.unit
            middle = inside.mean(0)
            spread = (inside - middle).mT @ (inside - middle) / len(inside)
            variances, axes = torch.linalg.eigh(spread)
            narrow = variances.sqrt() < FILLS * view
            widths = 2 * variances.clamp_min((1e-3 * view) ** 2).sqrt()
            small = narrow.any() and widths[narrow].min() < (1.5 if narrow.all() else 0.75) * self.narrow
            # What is no wider than the step by which it is looked for may be narrower still.
            seen = variances[0].sqrt() > RESOLVED * length and int(high.sum()) > 0.015 * len(x)
            if small and seen or view < SHARP / 4:
                break
            if seen and high.double().mean() > 0.3:
                return None
            centre, view = x[here.argmax()], view / 2
        if not narrow.any():
            return None
        centre = centre + middle * self.unit
        across, bent = axes.mT[narrow], False
        if not narrow.all():
            across, bent = self._straightened(points[values > values.max() / 2], centre, across, widths[narrow])
        return centre, across / widths[narrow][:, None], bent

    def _straightened(self, high: Tensor, centre: Tensor, across: Tensor, widths: Tensor) -> tuple[Tensor, bool]:
        """Turn the directions across a layer or tube to those that hold for all of it; tell whether it is bent."""
        away = (high - centre) / self.unit
        reach = torch.full_like(widths, 0.2)
        for _ in range(6):
            near = away[((away @ across.mT).abs() < reach).all(1)]
            if len(near) < 3 * away.shape[1]:
                break
            off = near - near.mean(0)
            variances, axes = torch.linalg.eigh(off.mT @ off / len(near))
            across = axes.mT[: len(across)]
            reach = torch.minimum(reach, 3 * variances[: len(across)].sqrt().clamp_min(STEP))
        return across, bool((reach > 3 * torch.maximum(widths, widths.new_tensor(STEP))).any())


def _axis(a: int, d: int) -> Tensor:
    return torch.eye(d, dtype=torch.float64)[a]
