"""A problem seen as an evolution: states, orders in time, what holds at each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...domains import Boundary, Points, SpaceTime
from ...errors import InputError
from ...jets import Key
from ...problem import HardConditions, Initial, PeriodicEmbedding, Problem, Residual
from ...problem.conditions import evaluate_datum, split_key

State = Callable[[Tensor], list[Tensor]]
"""Maps points of space ``(n, d)`` to the unknowns ``(n, K)`` and as many of their time derivatives as make a state."""


class Evolution:
    """A problem with time, taken apart.

    Args:
        problem: the problem.

    Raises:
        InputError: it has no time, or what it prescribes cannot be marched.

    Attributes:
        orders: the order of each unknown's highest time derivative.
        lateral: residuals of the soft conditions at all times.
        hard: the hard conditions in space.
        embedding: of periodic axes of space, or None.
    """

    def __init__(self, problem: Problem) -> None:
        """Sort equations and conditions; see the class."""
        if not isinstance(problem.domain, SpaceTime):
            raise InputError("time marching needs a domain with time, such as pk.Interval(0, 1) * pk.Time(0, 1).")
        if not problem.equations:
            raise InputError("time marching needs equations, but this problem is an energy or a weak form: use auto.")
        if problem.known is not None:
            raise InputError("time marching adds no known part (lift=...) to a solution; use gauss-newton.")
        if problem.trainable_parameters:
            name = problem.trainable_parameters[0].name
            raise InputError(f"time marching finds no parameters, but {name!r} is to be found; use gauss-newton.")
        self.problem, self.domain = problem, problem.domain
        self.axis = problem.domain.dimension - 1
        self.orders = [max(self._order(r, name) for r in problem.equations) for name in problem.unknowns]
        if not any(self.orders):
            raise InputError("time marching: no equation has a derivative in time; use least-squares.")
        if len(problem.equations) < len(problem.unknowns):
            raise InputError(
                f"time marching needs an equation for each unknown, got {len(problem.equations)} for "
                f"{len(problem.unknowns)}."
            )
        self.data = self._initial()
        self.lateral = [r for r in problem.soft if not self._at_one_time(r)]
        if problem.domain.regions:
            raise InputError("time marching has one basis in space; use least-squares where there are regions.")
        spatial = [c for c in problem.conditions if not isinstance(c, Initial)]
        self.hard = HardConditions(spatial, problem.unknowns, problem.domain)
        if self.hard.slopes or set(self.hard.faces) - self.hard.boxed:
            raise InputError("time marching meets hard conditions as values on faces of boxes only; use soft ones.")
        axes = problem.periodic_axes
        if self.axis in axes:
            raise InputError("time marching cannot make time periodic; use least-squares.")
        self.embedding = PeriodicEmbedding(axes, problem.domain.bounds) if axes else None

    def _order(self, residual: Residual, unknown: str) -> int:
        return max([0, *(time_order(key, self.axis) for key in residual.keys[unknown])])

    def _initial(self) -> dict[tuple[int, int], tuple[str, Any]]:
        """Read the data at the first time: for each unknown and order of derivative a title and a datum."""
        problem, found = self.problem, {}
        for condition in (c for c in problem.conditions if isinstance(c, Initial)):
            for key, datum in condition.data.items():
                unknown, derivative = split_key(key, problem.unknowns, "Initial")
                k, time = problem.unknowns.index(unknown), problem.coordinates.names[-1]
                order = len(derivative) if derivative == time * len(derivative) else self.orders[k]
                if order >= self.orders[k]:
                    raise InputError(
                        f"time marching: Initial({key}=...) is no state of an equation of order {self.orders[k]} in "
                        f"time for {unknown!r}; use least-squares or gauss-newton."
                    )
                found[k, order] = (f"Initial {key}", datum)
        for k, order in enumerate(self.orders):
            for missing in (q for q in range(order) if (k, q) not in found):
                name = problem.unknowns[k] + ("_" + problem.coordinates.names[-1] * missing if missing else "")
                raise InputError(f"time marching needs the state at the first time: add pk.Initial({name}=...).")
        return found

    def _at_one_time(self, residual: Residual) -> bool:
        """Tell initial conditions, which are read elsewhere, and refuse what no march can meet."""
        region = residual.region
        if isinstance(region, Boundary):
            times = [piece.face is not None and piece.face[0] == self.axis for piece in region.pieces]
            if not any(times):
                return False
            if residual.name.startswith("Initial ") and all(times):
                return True
        elif region is self.domain:
            return False
        raise InputError(
            f"time marching cannot meet {residual.name}: it goes forward in time from pk.Initial, with conditions on "
            "the boundary of space; use least-squares or gauss-newton."
        )

    def start(self) -> State:
        """Give the state at the first time."""

        def state(x: Tensor) -> list[Tensor]:
            t = torch.full_like(x[:, :1], self.domain.time.t0)
            points = Points(torch.cat([x, t], 1), self.problem.coordinates.names)
            parts = [torch.zeros(len(x), len(self.orders), dtype=x.dtype, device=x.device) for _ in self.span]
            for (k, order), (title, datum) in self.data.items():
                parts[order][:, k] = evaluate_datum(datum, points, title)
            return parts

        return state

    def start_function(self, x: Any) -> Any:
        """Give the unknowns at the first time as a function of points ``(n, d)`` or jets of them."""
        points = Points(torch.cat([x, x[:, :1] * 0.0 + self.domain.time.t0], -1), self.problem.coordinates.names)
        data = [self.data.get((k, 0), ("", 0.0)) for k in range(len(self.orders))]
        return torch.stack([x[:, 0] * 0.0 + evaluate_datum(datum, points, title) for title, datum in data], -1)

    @property
    def span(self) -> range:
        """The orders of the time derivatives that a state holds."""
        return range(max(self.orders))


def time_order(key: Key, axis: int) -> int:
    """Count how often a derivative is taken in time."""
    return 0 if isinstance(key, str) else sum(a == axis for a in key)


def spatial_key(key: Key, axis: int) -> Key:
    """Leave out a derivative's part in time."""
    return key if isinstance(key, str) else tuple(a for a in key if a != axis)
