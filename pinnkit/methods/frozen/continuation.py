"""Continuation: a nonlinear problem solved for an easy value of a parameter first, and followed to the hard one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from ...errors import InputError, NameNotFound
from ...problem import Parameter, Trial
from ...spaces import LRNN
from ...spaces.space import whole
from ..stopping import Budget, Step
from ..task import Task
from .head import collocation_sizes
from .least_squares import LeastSquares, LeastSquaresRun
from .newton import newton_head
from .rounds import SPREADS

FIRST = 0.25
"""First step, as a share of the way from the easy value to the hard one."""
SHORTEST = 1 / 256
WORSE = 4.0
"""A step is too long if the residual grows by more than this factor, and above the level of `GOOD`."""
GOOD = 1e-4
STATE = ("share", "length", "tried", "residual", "spread")


@dataclass(frozen=True)
class Continuation:
    r"""Newton least squares that follows the solution along a fixed parameter, such as a Reynolds number.

    A space of one size takes the value of the parameter from an easy one to the problem's own, by steps each of which
    starts from the last solution. A step after which the residual is large is taken again at half its length, and the
    one after a good step is twice as long. Values are spaced by their logarithms where both are positive. Then rounds
    of `LeastSquares` start from the solution found. (Our choice.)

    Args:
        parameter: its name; "" takes the only one there is.
        first: the easy value; None takes a tenth of the problem's own value, which suits a Reynolds number.
        size: basis functions on the way.
        start_size: basis functions of the first round at the end.
        max_size: of the last one.
        oversampling: interior points for each unknown coefficient.

    Raises:
        InputError: an option is out of range.
    """

    parameter: str = ""
    first: float | None = None
    size: int = 300
    start_size: int = 300
    max_size: int = 2400
    oversampling: float = 4.0
    name = "continuation"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("size", self.size)
        self.rounds()
        if self.first is not None and not math.isfinite(self.first):
            raise InputError(f"first must be a finite number, got {self.first!r}.")

    def rounds(self) -> LeastSquares:
        """Give the method of the last rounds."""
        return LeastSquares(self.start_size, self.max_size, self.oversampling)

    def chosen(self, task: Task) -> Parameter:
        """Find the parameter.

        Args:
            task: the problem and space.

        Returns:
            The parameter.

        Raises:
            InputError: there is none, it is not clear which, or it is to be found.
            NameNotFound: no parameter has the name.
        """
        known = {parameter.name: parameter for parameter in task.problem.parameters}
        if not known:
            raise InputError("continuation needs a parameter of the problem: parameters=[pk.Parameter(..., False)].")
        if not self.parameter and len(known) > 1:
            raise InputError(f"continuation needs parameter=, one of {', '.join(known)}.")
        name = self.parameter or next(iter(known))
        if name not in known:
            raise NameNotFound("parameter", name, known)
        if known[name].requires_grad:
            fixed = "continuation needs a fixed one (trainable=False)"
            raise InputError(f"the parameter {name!r} is to be found; {fixed}.")
        return known[name]

    def start(self, task: Task) -> ContinuationRun:
        """Begin.

        Args:
            task: the problem and space.

        Returns:
            The run.

        Raises:
            InputError: the problem is linear, or no equations.
        """
        if task.problem.nonlinear is None or not task.problem.equations:
            raise InputError("continuation is for nonlinear equations; use the method auto.")
        task.one_basis(self.name)
        return ContinuationRun(self, task)


class ContinuationRun:
    """Continuation at work; see `Continuation`."""

    def __init__(self, method: Continuation, task: Task) -> None:
        """Draw the space of the way; see the class."""
        self.method, self.task = method, task
        self.parameter = method.chosen(task)
        self.share, self.length, self.tried = -1.0, 1.0, 0
        """How far the solution has come, from 0 to 1 (before the first value: -1), and the next step's length."""
        self.residual = math.inf
        self.spread = SPREADS[0]
        self.on_the_way = self._drawn(self.spread)
        self.rounds: _Rounds | None = None

    def _drawn(self, spread: float) -> Trial:
        space = self.task.suited(self.task.space or LRNN()).resized(self.method.size)
        return self.task.trial(space, self.task.generator(40), spread)

    @property
    def trial(self) -> Trial:
        """The trial function."""
        return self.on_the_way if self.rounds is None else self.rounds.trial

    def value(self, share: float) -> float:
        """Give the value of the parameter at a share of the way."""
        a = self.parameter.first / 10 if self.method.first is None else self.method.first
        b = self.parameter.first
        return a * (b / a) ** share if a > 0 and b > 0 else a + share * (b - a)

    def step(self, budget: Budget) -> Step:
        """Go on to the next value of the parameter, or take a round at the last one."""
        if self.rounds is not None:
            return self.rounds.step(budget)
        share = min(self.share + self.length, 1.0)
        guess: Callable[[Any], Any] | None = self.on_the_way if self.share >= 0 else self.task.problem.guess
        # Solutions may become steeper on the way, so that functions of higher frequency take over.
        tried = [(*self._solved(share, spread, guess), spread) for spread in self._spreads()]
        self.tried += 1
        residual, trial, spread = min(tried, key=lambda entry: entry[0])
        good = residual <= max(GOOD, WORSE * self.residual)
        if good or self.length <= SHORTEST:
            self.on_the_way, self.residual, self.spread = trial, residual, spread
            # The first value is as far away as all others together, and tells nothing about them.
            self.length = FIRST if self.share < 0 else 2 * self.length
            self.share = share
        else:
            self.length /= 2
        if self.share >= 1:
            self.rounds = _Rounds(self.method.rounds(), self.task, self.on_the_way)
        # There is no solution of the problem itself yet, whose residual this is, and no error to be estimated.
        sizes = collocation_sizes(self.on_the_way, self.task, 1.0)
        ahead = self.task.collocation(*sizes, self.task.generator(42)).relative_residual(self.on_the_way)
        note = f"solved for {self.parameter.name} = {self.value(max(self.share, 0.0)):.4g}"
        return Step(ahead, 1, math.inf, note=note)

    def _spreads(self) -> tuple[float, ...]:
        wider = self.on_the_way.space.spectral and self.spread < SPREADS[-1]
        return (self.spread, 2 * self.spread) if wider else (self.spread,)

    def _solved(self, share: float, spread: float, guess: Callable[[Any], Any] | None) -> tuple[float, Trial]:
        trial, generator = self._drawn(spread), self.task.generator(41, self.tried)
        with _at(self.parameter, self.value(share)):
            return newton_head(trial, self.task, generator, self.method.oversampling, guess), trial

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        head = self.on_the_way.space.head
        return {
            **{name: getattr(self, name) for name in STATE},
            "head": {"weight": head.weight.detach().clone(), "bias": head.bias.detach().clone()},
            "rounds": None if self.rounds is None else self.rounds.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        for name in STATE:
            setattr(self, name, state[name])
        self.on_the_way = self._drawn(self.spread)
        self.on_the_way.space.head.load_state_dict(state["head"])
        self.rounds = None
        if state["rounds"] is not None:
            self.rounds = _Rounds(self.method.rounds(), self.task, self.on_the_way)
            self.rounds.load_state_dict(state["rounds"])


class _Rounds(LeastSquaresRun):
    """Rounds whose first one starts from a known function."""

    def __init__(self, method: LeastSquares, task: Task, guess: Trial) -> None:
        super().__init__(method, task)
        self.trial = guess

    def _guess(self, draw: int) -> Trial | None:
        return self.ends[draw] if self.ends else self.trial

    def load_state_dict(self, state: dict[str, Any]) -> None:
        # Before the first round all there is is the guess, whose size is another one.
        if state["round"]:
            super().load_state_dict(state)


@contextmanager
def _at(parameter: Parameter, value: float) -> Iterator[None]:
    """Give a parameter another value for a while."""
    own = parameter.item()
    try:
        with torch.no_grad():
            parameter.fill_(value)
        yield
    finally:
        with torch.no_grad():
            parameter.fill_(own)
