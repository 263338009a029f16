"""Time marching: an evolution problem solved window by window."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...domains import Points
from ...errors import InputError
from ...jets import evaluate
from ...problem import Problem, validation_points
from ...spaces import LRNN, RadialGaussians, Space
from ...spaces.space import whole
from ..scales import scales
from ..stopping import Budget, Status, Step, Stop
from ..task import Task
from .evolution import Evolution, State
from .march import March, Window
from .resolution import Resolution
from .slices import Slices
from .time_polynomials import radau_points

TOLERANCES = (1e-2, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
"""Relative residuals that the rounds allow."""
COARSE, FINE = 0.3, 0.04
"""Spacings of bells in local lengths, the first and the finest."""
SHORTEST = 1e-7
"""The shortest window as a share of the whole time."""
VALIDATION = 4096
WINDOWS = 20
"""The first window is tried at this share of the whole time."""
HOPELESS = 10.0
"""A residual this many times the allowed one, with all functions there may be, ends the work."""
JUMP = 30.0
"""A jump at the start of a window counts this many times, because it is an error and not only a residual."""
GROWTH = 2.0
"""How many times as long the next round is expected to take."""


@dataclass(frozen=True)
class TimeMarching:
    """March through time in windows, each starting from the end of the one before.

    On a window the solution is a polynomial in time with coefficients in a frozen space over the domain of space:
    bells as dense as the solution varies, drawn anew for each window, or the user's space. Newton's method solves for
    them: projected onto the space, collocated at Radau points in time. A window is shortened where its residual between
    those points is above what the round allows, or Newton's method fails, and bells are moved closer together where
    its residual between the points of space is.

    A round marches twice, with independent draws and with different numbers of slices: what the two differ by
    estimates the error, with all that builds up from window to window; what Newton's method leaves is added. Rounds
    with ever smaller residuals follow each other until the next would not fit into the budget. (Our choices.)

    Args:
        stages: slices in time of a window.
        max_size: functions of space at most.

    Reference:
        Hairer and Wanner 1996, Solving Ordinary Differential Equations II (Radau IIA).
    """

    stages: int = 7
    max_size: int = 500
    name = "time-marching"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("stages", self.stages)
        whole("max_size", self.max_size)
        if self.stages < 2:
            raise InputError(f"stages must be at least 2, got {self.stages!r}.")

    def suits(self, problem: Problem) -> bool:
        """Tell whether a problem is an evolution that can be marched."""
        try:
            return bool(Evolution(problem).orders)
        except InputError:
            return False

    def start(self, task: Task) -> TimeMarchingRun:
        """Begin.

        Args:
            task: the problem and space.

        Returns:
            The run.
        """
        task.one_basis(self.name)
        return TimeMarchingRun(self, task)


@dataclass
class Course:
    """One of the two marches of a round, as far as it has come.

    Attributes:
        windows: the windows done.
        length: of the next one.
        fineness: spacing of its bells in local lengths.
        local: the local lengths at the cloud of `Resolution`.
        stages: slices of a window.
        attempts: windows tried, the failed ones, too.
        worst: the largest residual of a window.
        left: what Newton's method has left in all windows, relative to the solution.
    """

    windows: list[Window]
    length: float
    fineness: float
    local: Tensor
    stages: int
    attempts: int = 0
    worst: float = 0.0
    left: float = 0.0


KEPT = ("length", "fineness", "local", "stages", "attempts", "worst", "left")


class TimeMarchingRun:
    """Marches in pairs; see `TimeMarching`."""

    def __init__(self, method: TimeMarching, task: Task) -> None:
        """Look at the state at the first time; see the class."""
        self.method, self.task = method, task
        self.evolution = Evolution(task.problem)
        self.domain = self.evolution.domain
        # On a line, bells at even steps are best; scattered over an area, waves are.
        self.space = task.space or (LRNN() if self.domain.space.dimension > 1 else None)
        self.resolution = Resolution(self.domain.space, self.evolution.embedding)
        self.resolution.measure([self.evolution.start_function])
        self.start_length = self.resolution.length
        self.round = 0
        self.pair = self._fresh()
        self.done: list[Window] = []
        self.estimate = math.inf
        self.seconds = [0.0, 0.0]

    def _fresh(self) -> list[Course]:
        """Begin two courses; with different numbers of slices, so that they do not share errors of time."""
        length, stages = self.domain.time.measure / WINDOWS, self.method.stages
        return [Course([], length, COARSE, self.start_length, number) for number in (stages, stages + 1)]

    @property
    def trial(self) -> Any:
        """The better `March` of the last whole round; of the first one, as far as it has come."""
        windows = self.done or self.pair[0].windows or [self._resting()]
        # A copy, because the march itself goes on in double precision on the CPU.
        return copy.deepcopy(March(windows)).to(self.task.dtype).to(self.task.device)

    @property
    def shortfall(self) -> Stop | None:
        """Say how far the solution goes, where it does not go to the last time."""
        if self.done:
            return None
        reached, time = self._time(self.pair[0]), self.domain.time
        if not self.pair[0].windows:
            shortest = self.pair[0].length
            return Stop(
                Status.DIVERGED,
                f"no window of time was accepted, the next one would be {shortest:.2g} long: the solution is the "
                "initial state only; give it more budget",
            )
        if self._over(self.pair[0]):
            return None
        return Stop(
            Status.UNRESOLVED,
            f"the solution reaches {time.name} = {reached:.4g} of {time.t1:.4g} and stands still beyond",
        )

    def _resting(self) -> Window:
        """Give a first window that takes over the state at the first time."""
        slices = self._slices(self.pair[0], self.task.generator(0, 0))
        slices.finish(slices.project(self.evolution.start()))
        return slices.window

    @property
    def tolerance(self) -> float:
        """The relative residual that this round allows."""
        return TOLERANCES[min(self.round, len(TOLERANCES) - 1)]

    def _time(self, course: Course) -> float:
        return course.windows[-1].end if course.windows else self.domain.time.t0

    def _over(self, course: Course) -> bool:
        return self.domain.time.t1 - self._time(course) <= SHORTEST * self.domain.time.measure

    def _slices(self, course: Course, generator: torch.Generator) -> Slices:
        """Draw the space and the points of a window."""
        evolution, stages = self.evolution, course.stages
        self.resolution.length = course.local
        bells = self.resolution.bells(course.fineness, generator)
        space: Space = bells
        frequencies = None
        if self.space is not None:
            space = self.space.resized(len(bells.widths))
            frequencies = self.resolution.frequencies(course.fineness, generator)
        bounds = self.domain.space.bounds
        if evolution.embedding is not None:
            bounds = evolution.embedding.bounds(bounds)
            frequencies = None if frequencies is None else evolution.embedding.frequencies(frequencies, generator)
        outputs = len(evolution.orders) * (stages + max(evolution.orders))
        start = self._time(course)
        left = self.domain.time.t1 - start
        length = left if left < 1.01 * course.length else left / 2 if left < 2 * course.length else course.length
        window = Window(
            space.build(bounds, outputs, generator, frequencies), evolution.embedding, evolution.hard, start, length
        )
        points, weights = self.resolution.points(course.fineness, generator)
        d = points.shape[1]
        count = 4 if d == 1 else math.ceil(4 * len(points) ** (1 - 1 / d))
        boundary = []
        for residual in evolution.lateral:
            found = residual.sample(count, generator)
            boundary.append(Points(found.coordinates[:, :-1], self.domain.space.names, found.normals))
        return Slices(evolution, window, points, weights, boundary, stages)

    def step(self, budget: Budget) -> Step:
        """Try one window of the march that is behind."""
        began = time.perf_counter()
        which = min((0, 1), key=lambda i: self._time(self.pair[i]))
        course = self.pair[which]
        loss, stop = self._attempt(course, self.task.generator(10 + self.round, which, course.attempts))
        if stop is None and all(self._over(c) for c in self.pair):
            self._compare()
            self.seconds = [self.seconds[1] + time.perf_counter() - began, 0.0]
            stop = self._stop(budget)
        else:
            self.seconds[1] += time.perf_counter() - began
        # A loss far below what is allowed would make the next one look like divergence.
        return Step(max(loss, self.tolerance / 100), 1, self.estimate, stop)

    def _attempt(self, course: Course, generator: torch.Generator) -> tuple[float, Stop | None]:
        tolerance, stages = self.tolerance, course.stages
        course.attempts += 1
        state = self._state(course)
        slices, coefficients = self._begin(course, state, generator)
        window = slices.window
        linear = self.task.problem.nonlinear is None
        if not (factorised := slices.newton(coefficients, 1e-3 * tolerance, linear)):
            course.length = window.length / 2
            if course.length < SHORTEST * self.domain.time.measure:
                return math.nan, Stop(Status.DIVERGED, f"Newton's method fails at t = {window.start:.4g}")
            return tolerance, None
        slices.finish(coefficients)
        nodes = radau_points(stages)
        between = (np.concatenate([[-1.0], nodes[:-1]]) + nodes) / 2
        fresh, weights = self.resolution.points(0.9 * course.fineness, generator)
        in_space = slices.defect(coefficients, fresh, weights, nodes)
        in_time = slices.defect(coefficients, slices.points, slices.weights, between)
        full = len(slices.bases[0]) >= self.method.max_size or course.fineness <= FINE
        self._measure(course, window)
        ratio = (tolerance / max(in_time, 1e-300)) ** (1 / stages)
        if in_time > tolerance and in_time > 2 * in_space and window.length > SHORTEST * self.domain.time.measure:
            course.length = window.length * min(0.8, max(0.2, 0.9 * ratio))
            return in_time, None
        if in_space > tolerance and not full:
            course.fineness *= 0.8
            return in_space, None
        if max(in_space, in_time) > HOPELESS * tolerance and self.done:
            what = f"{len(slices.bases[0])} functions do not reach residuals of {tolerance:g} at t = {window.start:.4g}"
            return in_space, Stop(Status.STALLED, f"estimated error {self.estimate:.1e}; {what}")
        course.windows.append(window)
        loss = max(in_space, in_time)
        course.worst = max(course.worst, loss)
        course.left += slices.left
        growth = min(2.0, max(0.5, 0.9 * ratio)) if in_time > 2 * in_space else 1.2
        # Where Newton's method needs new matrices on its way, shorter windows are cheaper.
        course.length = window.length * (growth if factorised == 1 else min(1.0, growth))
        if in_space < tolerance / 20:
            course.fineness = min(COARSE, 1.1 * course.fineness)
        return loss, None

    def _begin(self, course: Course, state: State, generator: torch.Generator) -> tuple[Slices, list[Tensor]]:
        """Draw a window that takes over the state, made finer where it does not, as at a kink."""
        while True:
            slices = self._slices(course, generator)
            coefficients = slices.project(state)
            slices.finish(coefficients)
            points, weights = self.resolution.points(0.9 * course.fineness, generator)
            jumps = JUMP * slices.jump(state, points)
            if not (weights * jumps.square()).sum().sqrt() > self.tolerance:
                return slices, coefficients
            if len(slices.bases[0]) >= self.method.max_size:
                return slices, coefficients
            if not self.resolution.refine(points[jumps > self.tolerance]):
                return slices, coefficients
            course.local = self.resolution.length

    def _measure(self, course: Course, window: Window) -> None:
        """Take the local lengths from both ends of a window."""

        def at(t: float) -> Callable[[Any], Any]:
            return lambda x: window(torch.cat([x, x[:, :1] * 0 + t], 1))

        self.resolution.measure([at(window.start), at(window.end)])
        course.local = self.resolution.length

    def _state(self, course: Course) -> State:
        if not course.windows:
            return self.evolution.start()
        last = course.windows[-1]
        keys = [(self.evolution.axis,) * q for q in self.evolution.span]

        def state(x: Tensor) -> list[Tensor]:
            with torch.no_grad():
                found = evaluate(last, torch.cat([x, torch.full_like(x[:, :1], last.end)], 1), keys)
            return [found[key] for key in keys]

        return state

    @torch.no_grad()
    def _compare(self) -> None:
        """Keep the better march of a whole round, estimate its error, and begin the next round."""
        x = validation_points(self.task.problem, VALIDATION).coordinates
        one, other = (March(course.windows)(x) for course in self.pair)
        sizes = torch.maximum(scales(one, self.task), scales(other, self.task))
        differ = ((one - other).square().mean(0).sqrt() / sizes).max().item()
        better = min(self.pair, key=lambda course: course.worst)
        # Both go the same way to the solution of a window, and are equally wrong where they leave it.
        self.estimate, self.done = math.hypot(differ, better.left), better.windows
        self.round += 1
        self.pair = self._fresh()

    def _stop(self, budget: Budget) -> Stop | None:
        if not math.isfinite(self.estimate):
            return Stop(Status.DIVERGED, "the marches are not finite")
        if self.estimate <= self.task.tolerance:
            return Stop(Status.CONVERGED, f"estimated error {self.estimate:.1e} within {self.task.tolerance:g}")
        if self.round == len(TOLERANCES):
            return Stop(Status.STALLED, f"estimated error {self.estimate:.1e} with residuals of {TOLERANCES[-1]:g}")
        if GROWTH * self.seconds[0] > budget.remaining_seconds:
            reason = f"a round with residuals of {self.tolerance:g} would not fit into the budget"
            return Stop(Status.BUDGET_SPENT, reason)
        return None

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        return {
            "round": self.round,
            "estimate": self.estimate if math.isfinite(self.estimate) else None,
            "seconds": list(self.seconds),
            "done": [_saved(window) for window in self.done],
            "pair": [
                {
                    "windows": [_saved(window) for window in course.windows],
                    **{name: getattr(course, name) for name in KEPT},
                }
                for course in self.pair
            ],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.round, self.seconds = state["round"], list(state["seconds"])
        self.estimate = math.inf if state["estimate"] is None else state["estimate"]
        self.done = [self._loaded(saved) for saved in state["done"]]
        self.pair = []
        for saved in state["pair"]:
            kept = {name: saved[name] for name in KEPT} | {"local": saved["local"].cpu()}
            self.pair.append(Course([self._loaded(window) for window in saved["windows"]], **kept))

    def _loaded(self, saved: dict[str, Any]) -> Window:
        """Make a window again: its space is drawn in any way, then all its numbers are set."""
        numbers = {name: tensor.cpu() for name, tensor in saved["space"].items()}
        if self.space is None:
            space: Space = RadialGaussians(numbers["centres"], numbers["widths"])
        else:
            space = self.space.resized(numbers["head.weight"].shape[1])
        bounds = self.domain.space.bounds
        if self.evolution.embedding is not None:
            bounds = self.evolution.embedding.bounds(bounds)
        built = space.build(bounds, len(numbers["head.weight"]), torch.Generator())
        built.load_state_dict(numbers)
        return Window(built, self.evolution.embedding, self.evolution.hard, saved["start"], saved["length"])


def _saved(window: Window) -> dict[str, Any]:
    numbers = {name: tensor.detach().clone() for name, tensor in window.space.state_dict().items()}
    return {"start": window.start, "length": window.length, "space": numbers}
