r"""How much of the turn each view stands for, and how the two measurements of a line share its weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import pi

WEDGE = 3.0
"""The largest gap between angles is a missing wedge if it is this many times the next largest (our choice)."""


@dataclass(frozen=True)
class Arc:
    """The angles of a scan within a period.

    Args:
        gaps: what each view stands for, shape ``(views,)``, radians.
        start: where the arc begins, half a gap before its first view, radians.
        length: of the arc, radians; the whole period if no wedge is missing.
        period: radians.
    """

    gaps: np.ndarray
    start: float
    length: float
    period: float

    @property
    def closed(self) -> bool:
        """Whether no wedge is missing."""
        return self.length >= self.period * (1 - 1e-9)

    def taper(self, angles: np.ndarray) -> np.ndarray:
        r"""Weigh angles by :math:`\sin^2` of their place in the arc: 0 at its ends and outside, 1 if it is closed.

        Args:
            angles: radians.

        Returns:
            Same shape.
        """
        if self.closed:
            return np.ones_like(angles)
        place = (angles - self.start) % self.period / self.length
        return np.where(place < 1, np.sin(pi * place) ** 2, 0.0)


def arc_of(angles: np.ndarray, period: float) -> Arc:
    """Share a turn among views: each has half of the gaps to its two neighbours.

    A wedge that no view covers (one at most, see `WEDGE`) belongs to nobody: the views beside it reach as far out as
    in. Views at the same angle, modulo the period, share its gap, as those at 0 and 180 degrees do.

    Args:
        angles: of the views, radians, in any order.
        period: after which angles mean the same, radians.

    Returns:
        The arc with the gaps, which add up to its length.
    """
    places = np.round(angles % period, 9) % round(period, 9)
    unique, which, counts = np.unique(places, return_inverse=True, return_counts=True)
    after = np.diff(unique, append=unique[0] + period)
    before = np.roll(after, 1)
    start = 0.0
    if len(unique) > 1 and after.max() > WEDGE * np.sort(after)[-2]:
        last = int(after.argmax())
        first = (last + 1) % len(unique)
        after[last], before[first] = before[last], after[first]
        start = unique[first] - before[first] / 2
    gaps = (before + after) / 2
    return Arc((gaps / counts)[which], start, gaps.sum(), period)


def fan_weights(angles: np.ndarray, gamma: np.ndarray, arc: Arc) -> np.ndarray:
    r"""Share the weight of every line between the two rays of a turn that run along it.

    The ray of the view :math:`\beta` at the angle :math:`\gamma` from the line between source and rotation axis comes
    back at :math:`\beta' = \beta - 2 \gamma + \pi`, and with the taper c of the arc it has the weight
    :math:`c(\beta) / (c(\beta) + c(\beta'))`: one half on full turns, one where the line was measured only once, and
    smooth between.

    Args:
        angles: of the views, radians.
        gamma: of the bins, radians.
        arc: of the scan.

    Returns:
        Shape ``(views, bins)``.

    Reference: Noo et al., Physics in Medicine and Biology 47 (2002), 2525-2546, doi:10.1088/0031-9155/47/14/311; the
    taper over the whole arc is our choice.
    """
    own = arc.taper(angles)[:, None]
    return own / (own + arc.taper(angles[:, None] - 2 * gamma + pi))
