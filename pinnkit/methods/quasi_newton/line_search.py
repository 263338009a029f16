"""Line search to the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

DECREASE, CURVATURE = 1e-4, 0.9
MOST = 25
"""Evaluations in one search."""


@dataclass(frozen=True)
class Point:
    """A point on a line.

    Attributes:
        step: its distance along the direction.
        value: of the function.
        slope: derivative along the direction.
        gradient: of the function.
    """

    step: float
    value: float
    slope: float
    gradient: Tensor

    @property
    def finite(self) -> bool:
        """Whether value and slope are."""
        return math.isfinite(self.value) and math.isfinite(self.slope)


def strong_wolfe(evaluate: Callable[[float], Point], start: Point, first: float) -> Point | None:
    r"""Find a step along a direction of descent that meets the strong Wolfe conditions.

    .. math:: f(t) \leq f(0) + c_1 t f'(0), \qquad |f'(t)| \leq c_2 |f'(0)|.

    Steps grow until they enclose such a point; then the enclosure shrinks by cubic interpolation, kept away from its
    ends. A value that is not finite counts as too large.

    Args:
        evaluate: gives the point at a step.
        start: the point at step 0, with a negative slope.
        first: the first step to try.

    Returns:
        The point; where the evaluations run out, the best one with a sufficient decrease; None if there is none.

    Reference:
        Nocedal and Wright 2006, algorithms 3.5 and 3.6, doi:10.1007/978-0-387-40065-5.
    """
    low, high, step = start, None, first
    for _ in range(MOST):
        here = evaluate(step)
        enough = here.finite and here.value <= start.value + DECREASE * step * start.slope
        if not enough or here.value >= low.value:
            high = here
        elif abs(here.slope) <= -CURVATURE * start.slope:
            return here
        else:
            # The minimum lies where the function falls: on towards `high`, or back towards the last point.
            if here.slope * ((math.inf if high is None else high.step) - low.step) >= 0:
                high = low
            low = here
        step = 4 * low.step if high is None else _between(low, high)
        if step in (low.step, high.step if high is not None else None):
            break
    return None if low is start else low


def _between(low: Point, high: Point) -> float:
    """Give the minimum of the cubic through two points and their slopes, in the middle eight tenths between them."""
    width = high.step - low.step
    share = 0.5
    if high.finite:
        # With t = (step - low.step) / width the cubic is value + p t + q t^2 + r t^3.
        p, rise = low.slope * width, high.value - low.value
        q, r = 3 * rise - 2 * p - high.slope * width, p + high.slope * width - 2 * rise
        root = q * q - 3 * r * p
        if root >= 0 and (bottom := q + math.sqrt(root)) != 0:
            share = -p / bottom
    return low.step + width * min(max(share, 0.1), 0.9)
