"""Inverse problems over frozen spaces: the head and the parameters together, by Newton's method."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...problem import Trial, validation_points
from ..error_estimate import POINTS, difference
from ..frozen.head import collocation_sizes
from ..frozen.rounds import FrozenSpaces, Rounds
from ..stopping import Budget, Status, Step, Stop
from ..task import Task
from .posterior import NEGLIGIBLE, STIFFNESS, LinearisedInverse, Posterior, Weighing
from .starts import blind, starts
from .uncertainty import field_rows

ITERATIONS = 20
WIDEST = 16.0
SOUND = 0.3
"""From this doubt on, deviations are not those of the noise alone, and a larger space is worth while. (Our choice.)"""
SOLVED = 1e-8
"""A sum of squares smaller by this factor than at a wrong stationary point is that of a solution."""
FIRM = (1e2, 1e4)
"""How stiff a model is held where data alone have led astray; the second one for stiffer valleys. (Our choice.)"""
SHORTEST = 1 / 64
SOFTER = 1e4
INSIGNIFICANT = 1e-2
"""A fall of the sum of squares, in units of the noise, that changes no conclusion."""


@dataclass
class Fit:
    """A trial function with the parameters found with it.

    Attributes:
        trial: the trial function.
        values: of the trainable parameters.
        posterior: at the solution; None where it is not finite.
        misfits: M, chi squared and P of the trial function.
    """

    trial: Trial
    values: list[float]
    posterior: Posterior | None
    misfits: dict[str, float]

    @property
    def order(self) -> tuple[float, float]:
        """The better the data are explained with a model that is followed, the better; then the sum of squares."""
        if self.posterior is None:
            return (math.inf, math.inf)
        return (self.posterior.disbelief(self.misfits), _sum(self.posterior, self.misfits))

    @property
    def doubt(self) -> float:
        """What the space's failure to follow the model may shift numbers by, squared, in variances."""
        return math.inf if self.posterior is None else self.posterior.doubt(self.misfits)

    @property
    def lost(self) -> bool:
        """Whether the data are followed by a soft model rather than explained: it binds less than half of them."""
        if self.posterior is None or not self.values or self.doubt < NEGLIGIBLE:
            return False
        return self.posterior.freedom > self.posterior.count / 2


def _sum(posterior: Posterior, misfits: dict[str, float]) -> float:
    weights = {"model": posterior.stiffness, "data": 1.0, "prior": posterior.smoothness}
    return sum(weights[kind] * misfit for kind, misfit in misfits.items())


def _limit(noise: float) -> Stop:
    if noise > 1:
        far = f"the data do not determine the solution: its deviation is {noise:.1e} of its size"
        return Stop(Status.UNDETERMINED, far)
    return Stop(Status.CONVERGED, f"the data determine the solution to about {noise:.1e}, and no further")


def _astray(posterior: Posterior) -> str:
    return (
        f"the data follow no solution of the model, which leaves {posterior.freedom:.0f} of {posterior.count} numbers "
        "to them: it does not hold or leaves too much open, or the first guesses are too far away"
    )


def _insignificant(posterior: Posterior, total: float, count: int) -> float:
    """Give a fall of the sum of squares that changes no conclusion."""
    noise = posterior.noise**2 if math.isfinite(posterior.noise) else 0.0
    # Where the sum is far above what noise explains, the space is the limit, and a like part of it changes nothing.
    return INSIGNIFICANT * max(noise, total / max(count, 1))


@torch.no_grad()
def newton_inverse(
    trial: Trial,
    task: Task,
    generator: torch.Generator,
    oversampling: float = 4.0,
    guess: Callable[[Any], Any] | None = None,
    firmness: float = 0.0,
) -> Fit:
    """Find head and trainable parameters of an inverse problem, on fresh points.

    Each step solves the problem linearised about the last function and parameters, with the weights that the noise
    asks for: a first step from far away follows the data, later ones the model, too. Steps within the space are
    shortened until the sum of squares falls.

    Args:
        trial: its head is set; so are the problem's parameters, from whose values the search starts.
        task: the problem.
        generator: source of the collocation points.
        oversampling: interior points for each unknown coefficient.
        guess: where to start; None starts from what the hard conditions prescribe, else zero.
        firmness: how stiff the model is at least, whatever the data say, in units of a row of theirs.

    Returns:
        What was found.
    """
    unknowns, parameters = len(task.problem.unknowns), task.problem.trainable_parameters
    weighing = Weighing(task.collocation(*collocation_sizes(trial, task, oversampling), generator))
    about: Callable[[Any], Any] = guess or trial.lift
    head = torch.zeros(unknowns, trial.space.size + 1, dtype=task.dtype, device=task.device)
    size = head.numel()
    posterior: Posterior | None = None
    misfits, stiffest, softest = weighing.misfits(about), math.inf, firmness * weighing.unit
    for iteration in range(ITERATIONS):
        system = LinearisedInverse(weighing, [trial], about, trial.lift)
        if not system.finite:
            break
        before = posterior
        posterior = system.posterior(stiffest, softest)
        whole, change = posterior.mean[:size].reshape(unknowns, -1), posterior.mean[size:]
        start, old, length = values_of(parameters), _sum(posterior, misfits), 1.0
        # The first step is never shortened: it leads from another space, or from where nothing is known yet.
        inside = iteration > 0
        while True:
            trial.set_head(head + length * (whole - head) if inside else whole)
            set_values(parameters, start + length * change.cpu().to(start))
            misfits = weighing.misfits(trial)
            new = _sum(posterior, misfits)
            if new < old or not inside or length <= SHORTEST:
                break
            length /= 2
        if inside and not new < old:
            trial.set_head(head)
            set_values(parameters, start)
            misfits = weighing.misfits(trial)
            if old - _sum(posterior, posterior.misfits) < _insignificant(posterior, old, weighing.count):
                if posterior.stiffness < stiffest / 10:
                    break
                stiffest *= SOFTER
                continue
            # The stiffer the model, the narrower and more bent the valley of the sum of squares: a softer one leads on.
            stiffest = posterior.stiffness / SOFTER
            if stiffest < max(softest, weighing.unit * STIFFNESS[0]):
                break
            continue
        stiffest = max(stiffest, posterior.stiffness) * math.sqrt(SOFTER)
        steady = before is not None and before.stiffness == posterior.stiffness
        if inside and steady and length == 1 and old - new < _insignificant(posterior, new, weighing.count):
            break
        about = copy.deepcopy(trial)
        head = trial.coefficients
    return Fit(trial, values_of(parameters).tolist(), posterior, misfits)


def values_of(parameters: list[Any]) -> Tensor:
    """Give the values of parameters, shape ``(P,)``."""
    return torch.tensor([parameter.item() for parameter in parameters], dtype=torch.float64)


@torch.no_grad()
def set_values(parameters: list[Any], values: Any) -> None:
    """Set the values of parameters."""
    for parameter, value in zip(parameters, values, strict=True):
        parameter.fill_(float(value))


class InverseRun(Rounds):
    """Rounds of Newton's method for an inverse problem, until the noise and not the space limits the solution."""

    def __init__(self, method: FrozenSpaces, task: Task) -> None:
        """Start from the first guesses."""
        super().__init__(method, task)
        self.parameters = task.problem.trainable_parameters
        self.weighed = any(residual.kind == "data" for residual in task.problem.soft)
        for parameter in self.parameters:
            parameter.reset()

    def _share(self, best: Any, other: Any) -> float:
        return 1.0

    def _fit(
        self, draw: int, spread: float, start: list[float], guess: Callable[[Any], Any] | None, firmness: float = 0.0
    ) -> Fit:
        trial = self.task.trial(self._sized(self.round), self.task.generator(self.round, draw), spread)
        set_values(self.parameters, start)
        points, oversampling = self.task.points(draw), self.method.oversampling
        return newton_inverse(trial, self.task, points, oversampling, guess, firmness)

    def _led(self, first: Fit, start: list[float]) -> Fit:
        """Start again from other functions where no residual depends on a parameter at the one that was found."""
        sizes = collocation_sizes(first.trial, self.task, self.method.oversampling)
        collocation = self.task.collocation(*sizes, self.task.points(0))
        if first.posterior is None or not blind(collocation, first.trial):
            return first
        fits = [first]
        for other in starts(collocation, first.trial, self.task):
            fits.append(self._fit(0, self.spread, start, other))
            if fits[-1].misfits["model"] < SOLVED * first.misfits["model"]:
                break  # the others are other solutions, farther from the guess
        best = min(fits, key=lambda fit: fit.order)
        set_values(self.parameters, best.values)
        return best

    def _firm(self, first: Fit, start: list[float]) -> Fit:
        """Start again, where the data have led astray, with a model that is kept to from the first step on."""
        fits = [first]
        for firmness in FIRM:
            if not fits[-1].lost:
                break
            firm = self._fit(0, self.spread, start, self.task.problem.guess, firmness)
            fits.append(self._fit(0, self.spread, firm.values, firm.trial))
        best = min(fits, key=lambda fit: fit.order)
        set_values(self.parameters, best.values)
        return best

    def step(self, budget: Budget) -> Step:
        """Solve one round."""
        started, start = time.perf_counter(), values_of(self.parameters).tolist()
        self.spread = self.spread or 1.0
        guess = self.trial if self.round else self.task.problem.guess
        first = self._fit(0, self.spread, start, guess)
        if not self.round:
            began = time.perf_counter()
            other = self._firm(self._led(first, start), start)
            started += time.perf_counter() - began  # later rounds go on from here, and need not search
            if other is not first:
                # All draws go on from there, because they shall find one of several solutions, such as u and not -u.
                first, guess, start = other, other.trial, other.values
        # The data's points do not show the solution's spectrum: functions become rougher as long as that helps.
        while self.space.spectral and self.spread < WIDEST:
            rougher = self._fit(0, 2 * self.spread, start, guess)
            if not rougher.order < first.order:
                break
            first, self.spread = rougher, 2 * self.spread
        pair = [first, self._fit(1, self.spread, start, guess)]
        self.draw = int(pair[1].order < pair[0].order)
        best = pair[self.draw]
        self.trial = best.trial
        set_values(self.parameters, best.values)
        self.round += 1
        if best.posterior is None:
            return Step(math.inf, 1, None, Stop(Status.DIVERGED, "no linearised problem is finite"))
        numerical = self._apart(best, pair[1 - self.draw])
        if not self.weighed:
            # Without data nothing but the residual tells whether both draws have found one and the same wrong function.
            fresh = self.task.collocation(*collocation_sizes(self.trial, self.task, 1.0), self.task.points(2))
            numerical = max(numerical, fresh.relative_residual(self.trial))
        noise = self._noise_error(best.posterior)
        error = math.hypot(numerical, noise) if math.isfinite(noise) else numerical
        stop = self._stop(error, time.perf_counter() - started, budget)
        limited = numerical < noise / 3 < math.inf and best.doubt < SOUND and not best.lost
        if limited and (stop is None or stop.status is not Status.CONVERGED):
            stop = _limit(noise)
        if stop is not None and best.lost:
            status = Status.UNDETERMINED if stop.status is Status.CONVERGED else stop.status
            stop = Stop(status, f"{stop.reason}; {_astray(best.posterior)}")
        return Step(_sum(best.posterior, best.misfits), 1, error, stop)

    @torch.no_grad()
    def _apart(self, best: Fit, other: Fit) -> float:
        """Estimate the numerical error by what two fits differ by, each with the parameters found with it."""
        if not self.task.problem.built_in:
            return difference(best.trial, other.trial, self.task)
        x = validation_points(self.task.problem, POINTS).to(self.task.dtype, self.task.device).coordinates
        set_values(self.parameters, other.values)
        b = other.trial(x)
        set_values(self.parameters, best.values)
        a = best.trial(x)
        return _relative(a - b, a)

    @torch.no_grad()
    def _noise_error(self, posterior: Posterior) -> float:
        """Give the root-mean-square of the posterior standard deviation relative to the solution, the largest one."""
        x = validation_points(self.task.problem, POINTS // 8).to(self.task.dtype, self.task.device).coordinates
        rows = [x.new_zeros(len(x), len(posterior.mean)) for _ in self.task.problem.unknowns]
        parts = [field_rows([self.trial], x, k, row, self.parameters) for k, row in enumerate(rows)]
        return _relative(torch.stack([posterior.deviations(part) for part in parts], 1), self.trial(x))

    def state_dict(self) -> dict[str, Any]:
        """Give what the next round and the solution depend on."""
        return super().state_dict() | {"parameters": values_of(self.parameters)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        super().load_state_dict(state)
        set_values(self.parameters, state["parameters"])


def _relative(parts: Tensor, wholes: Tensor) -> float:
    """Divide root-mean-squares of columns (by one where an unknown vanishes), and take the largest."""
    size = wholes.square().mean(0).sqrt()
    return (parts.square().mean(0).sqrt() / torch.where(size > 0, size, torch.ones_like(size))).max().item()
