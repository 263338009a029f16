"""When a method stops and why: statuses, budgets, steps."""

from __future__ import annotations

import enum
import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..errors import InputError


class Status(enum.Enum):
    """How a solve ended."""

    CONVERGED = "converged"
    BUDGET_SPENT = "budget spent"
    STALLED = "stalled"
    UNDETERMINED = "undetermined"
    CONTRADICTORY = "contradictory"
    UNRESOLVED = "unresolved"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"

    @property
    def usable(self) -> bool:
        """Whether the result is an answer, as good as its error estimate says."""
        wrong = (Status.UNDETERMINED, Status.CONTRADICTORY, Status.UNRESOLVED, Status.DIVERGED)
        return self not in wrong


@dataclass(frozen=True)
class Stop:
    """A status with its reason in words."""

    status: Status
    reason: str


@dataclass(frozen=True)
class Step:
    """What one call of a method's `step` did.

    Attributes:
        loss: the weighted loss, or the relative residual of a least-squares round.
        steps: how many steps of the method it counts for.
        estimated_error: relative error estimate, where the step made one.
        stop: set when the method is done.
        note: what else happened, for the history: a restart, or the next method's turn.
        checked: whether a stop has been doubted already, as `examine` does.
        residual: the relative residual on fresh points, where that was done.
    """

    loss: float
    steps: int = 1
    estimated_error: float | None = None
    stop: Stop | None = None
    note: str | None = None
    checked: bool = False
    residual: float | None = None


def diverged(loss: float) -> Step:
    """Give the step that ends a run whose loss, or else its gradient, is not finite."""
    what = "the gradient of the loss is not finite" if math.isfinite(loss) else f"the loss became {loss}"
    return Step(loss, stop=Stop(Status.DIVERGED, what))


UNITS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass
class Budget:
    """A limit on wall-clock seconds, on steps, or on both; it counts what is spent.

    Attributes:
        seconds: wall-clock limit.
        steps: limit on steps.
        seconds_before: seconds spent before this process took over (a resumed run).
        steps_done: steps spent so far.
    """

    seconds: float = math.inf
    steps: float = math.inf
    seconds_before: float = 0.0
    steps_done: int = 0
    _started: float = field(default_factory=time.perf_counter)

    @classmethod
    def parse(cls, text: str | float | Budget) -> Budget:
        """Read a budget such as "60s", "2min", "500 steps" or "60s,500steps"; a number means seconds.

        Args:
            text: the budget.

        Returns:
            A fresh budget.

        Raises:
            InputError: it cannot be read, or is not positive.
        """
        if isinstance(text, Budget):
            return cls(text.seconds, text.steps)
        limits = {"seconds": math.inf, "steps": math.inf}
        for part in str(text).split(","):
            match = re.fullmatch(r"\s*([-+\d.eE]+)\s*([a-z]*)\s*", part)
            unit = (match.group(2) or "s") if match else ""
            try:
                value = float(match.group(1)) if match else math.nan
            except ValueError:
                value = math.nan
            if math.isnan(value) or (unit not in UNITS and unit not in ("step", "steps")):
                raise InputError(f"cannot read the budget {text!r}; write it like 60s, 2min or 500steps.")
            if not 0 < value < math.inf:
                raise InputError(f"the budget must be positive and finite, got {text!r}.")
            if unit not in UNITS and value != int(value):
                raise InputError(f"the number of steps must be whole, got {text!r}.")
            kind, limit = ("seconds", value * UNITS[unit]) if unit in UNITS else ("steps", value)
            if limits[kind] < math.inf:
                raise InputError(f"the budget {text!r} limits the {kind} twice.")
            limits[kind] = limit
        return cls(limits["seconds"], limits["steps"])

    def start(self, seconds_before: float = 0.0, steps_done: int = 0) -> None:
        """Start the clock, after what an earlier process has spent."""
        self.seconds_before, self.steps_done = seconds_before, steps_done
        self._started = time.perf_counter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock for what is no part of the work."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._started += time.perf_counter() - begin

    @property
    def elapsed(self) -> float:
        """Seconds spent."""
        return self.seconds_before + time.perf_counter() - self._started

    @property
    def remaining_seconds(self) -> float:
        """Seconds left."""
        return self.seconds - self.elapsed

    @property
    def spent(self) -> float:
        """The share of the budget that is spent, by whichever limit is nearer."""
        return max(self.elapsed / self.seconds, self.steps_done / self.steps)

    @property
    def remaining_steps(self) -> float:
        """Steps left."""
        return self.steps - self.steps_done

    def __str__(self) -> str:
        """Write the budget in the form that `parse` reads."""
        limits = [(self.seconds, "s"), (self.steps, "steps")]
        return ",".join(f"{value:.15g}{unit}" for value, unit in limits if value < math.inf)


def check_tolerance(tolerance: float) -> float:
    """Return a tolerance.

    Args:
        tolerance: the number.

    Returns:
        The same number.

    Raises:
        InputError: it is not positive and finite.
    """
    if not 0 < tolerance < math.inf:
        raise InputError(f"the tolerance must be positive and finite, got {tolerance}.")
    return tolerance
