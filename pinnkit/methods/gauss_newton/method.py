"""Gauss-Newton over all parameters, damped; for energies the energy natural gradient."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...algebra import solve_least_squares
from ...errors import InputError
from ...problem import EnergyIntegral
from ...problem.collocation import Block
from ...spaces.space import positive, whole
from ..sampling import RAD, Drawn, Resample
from ..stopping import Budget, Status, Step, Stop, diverged
from ..task import Task
from ..training import Training
from .jacobian import NotPointwise, metric_root, metric_values, residual_jacobian, scaled_residuals
from .levenberg import DampedSystem, Damping
from .linear_model import FreeSystem, System
from .projection import ProjectedSystem

DENSE = 20_000
"""More parameters than this have no matrix."""
TRIES = 30
"""Dampings tried in one step."""
PROBE = 0.1
"""Length of the difference that measures the curvature of the residuals along a step, relative to the step."""
BENT = 0.75
"""A step whose correction for curvature is relatively longer than this is not corrected."""
FIRST = 8
"""Where points are drawn anew, a run begins with this part of them, and doubles them as long as they are too few."""
OVERFITTED = 4.0
"""Points are too few where the loss on fresh ones is so many times that on those of the last steps. (Our choice.)"""
SERVES = 0.1
"""The head is projected out where the best one leaves no more than this of the right-hand side. (Our choice.)"""
MIB = 2**20


@dataclass(frozen=True)
class GaussNewton:
    r"""Gauss-Newton over all parameters of the network and the problem, with Levenberg's damping.

    Each step solves :math:`\min_d \|r + J d\|^2 + \mu \|d\|^2`, J the Jacobian of the scaled residuals r, whose squared
    norm is the loss, and corrects d for the curvature of r along it (geodesic acceleration, which needs one more
    evaluation of r). The damping follows the gain ratio. Energies are made least as they are, never squared: their
    steps solve :math:`(G + \mu) d = -\nabla E` with the metric G of the energy's second derivative.

    In a linear problem the best head for the other parameters is a least-squares solution. Where it leaves at most a
    tenth of the right-hand side, steps are those of the other parameters by variable projection, and the head is
    solved for again after each; else, best heads of unfit functions would lead astray. (Our choice, by measurement: it
    takes product neurons from errors near 1e-8 to rounding, and perceptrons to about half of theirs.)

    J is made row by row in chunks of points; the smaller one of :math:`J^T J` and :math:`J J^T` is factored. Above
    20,000 parameters, beyond the memory, and for weak forms and modules that cannot be mapped over points, only
    products with J are used, in conjugate gradients with a randomised Nystroem preconditioner.

    Args:
        points: interior collocation points.
        boundary_points: points shared by the soft conditions.
        damping: the first damping, relative to the largest diagonal entry of the matrix.
        resample: number of steps between two draws of all points, more of them where the residual is large (`RAD`); the
            damping stays as it is. A run begins with an eighth of the points, and doubles them each time that the loss
            on fresh ones is four times that on the old. None keeps all points from the start.
        memory: MiB that matrices may take.
        projection: whether the head is projected out where it can be.

    Reference:
        Levenberg 1944; Nielsen 1999; Transtrum and Sethna 2012 (acceleration), arXiv:1201.5885; Mueller and Zeinhofer
        2023 (energies), arXiv:2302.13163; Golub and Pereyra 1973 (projection), doi:10.1137/0710036; Frangella, Tropp
        and Udell 2023, doi:10.1137/21M1466244.
    """

    points: int = 2500
    boundary_points: int = 500
    damping: float = 1e-3
    resample: int | None = 5
    memory: int = 2048
    projection: bool = True
    name = "gauss-newton"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        for name in ("points", "boundary_points", "resample", "memory"):
            whole(name, getattr(self, name))
        positive("damping", self.damping)

    def start(self, task: Task) -> GaussNewtonRun:
        """Begin work.

        Args:
            task: the problem and space.

        Returns:
            The run.

        Raises:
            InputError: parameters of an energy are to be found.
        """
        if task.problem.energies and task.problem.trainable_parameters:
            name = task.problem.trainable_parameters[0].name
            raise InputError(
                f"gauss-newton finds no parameters of energies, but {name!r} is to be found; use adam+lbfgs."
            )
        if not (self.resample and task.problem.equations):
            return GaussNewtonRun(self, Training(task, self.points, self.boundary_points))
        numbers = (-(-self.points // FIRST), -(-self.boundary_points // FIRST))
        return GaussNewtonRun(self, Training(task, *numbers, sampling=_Anew(self.resample)))


class _Anew(RAD):
    """Points of the equations by `RAD`, those of the conditions evenly."""

    def draw(self, training: Training, generator: torch.Generator) -> Drawn:
        """Draw points for all residuals."""
        equations = len(training.task.problem.equations)
        drawn = super().draw(training, generator)[:equations]
        return drawn + Resample().draw(training, generator)[equations:]


class GaussNewtonRun:
    """Gauss-Newton at work; see `GaussNewton`."""

    def __init__(self, method: GaussNewton, training: Training) -> None:
        """Differentiate nothing yet."""
        self.method, self.training, self.trial = method, training, training.trial
        self.parameters = training.parameters()
        self.damping: Damping | None = None
        self.loss = math.inf
        self.energy = isinstance(training.discretisation, EnergyIntegral)
        self.free = sum(p.numel() for p in self.parameters) > DENSE
        heads = [*self.trial.space.head.parameters()]
        problem, trained = training.task.problem, all(p.requires_grad for p in heads)
        self.linear = trained and not self.energy and problem.nonlinear is None
        self.head = torch.cat([torch.full_like(p, any(p is h for h in heads), dtype=torch.bool).flatten()
                               for p in self.parameters])  # fmt: skip

    def step(self, budget: Budget) -> Step:
        """Take one step that makes the loss smaller, with as many dampings as that needs."""
        if self.training.refresh(budget.steps_done) and self._loss() > OVERFITTED * self.loss:
            self._grow()
        system, side, gradient, loss = self._linearise()
        if not (math.isfinite(loss) and torch.isfinite(gradient).all() and math.isfinite(system.size)):
            return diverged(loss)
        if self.damping is None:
            self.damping = Damping(self.method.damping * (system.size or 1.0))
        origin = self.training.flat(self.parameters)
        failures = {"singular systems": 0, "losses not finite": 0, "larger losses": 0}
        for _ in range(TRIES):
            if not system.damp(self.damping.value):
                failures["singular systems"] += 1
                self.damping.fail()
                continue
            step = system.solve(side)
            predicted = 0.5 * (step @ (self.damping.value * step - gradient)).item()
            if not predicted > 0 or budget.spent >= 1:
                break
            self.training.move(origin + self._accelerated(system, side, step, origin))
            if isinstance(system, ProjectedSystem):
                self._solve_head()
            found = self._loss()
            if found < loss:
                # The model is that of half the squared residuals.
                self.loss = found
                self.damping.succeed((loss - found) / predicted * (1.0 if self.energy else 0.5))
                return Step(found, note=_told(failures) if failures["singular systems"] else None)
            self.training.move(origin)
            failures["larger losses" if math.isfinite(found) else "losses not finite"] += 1
            self.damping.fail()
        if budget.spent >= 1:
            return Step(loss)
        if failures["losses not finite"] and not failures["larger losses"]:
            # Where it failed once more, for the diagnosis.
            self.training.move(origin + step)
            return Step(found, stop=Stop(Status.DIVERGED, f"the loss became {found} at all dampings tried"))
        text = f"no damping up to {self.damping.value:.1e} gives a smaller loss than {loss:.3e} ({_told(failures)})"
        # On more points it may go on.
        if self._grow():
            return Step(loss, note=text)
        return Step(loss, stop=Stop(Status.STALLED, text))

    def _grow(self) -> bool:
        """Double the points of the next draw; False where they are all there."""
        now, most = self.training.numbers, (self.method.points, self.method.boundary_points)
        if self.training.sampling is None or now == most:
            return False
        self.training.numbers = (min(2 * now[0], most[0]), min(2 * now[1], most[1]))
        return True

    def _linearise(self) -> tuple[System, Tensor, Tensor, float]:
        """Give the linear model here: the system, its right-hand side, the gradient of the model, and the loss."""
        system, rows = self._system()
        if rows is not None:
            return system, rows, system.transposed(rows), self._loss()
        energy = self.training.loss()
        gradient = self.training.flat(torch.autograd.grad(energy, self.parameters, materialize_grads=True))
        return system, gradient, gradient, energy.item()

    def _system(self) -> tuple[System, Tensor | None]:
        """Differentiate the residuals, or take the root of the energy's metric, where there are no residuals."""
        found, memory = self.training.discretisation, self.method.memory * MIB
        if not self.free and self._bytes() <= memory:
            try:
                if isinstance(found, EnergyIntegral):
                    return DampedSystem(metric_root(found, self.trial, memory / 4), rows=False), None
                projected = self.method.projection and self.linear and self._solve_head()
                jacobian, rows = residual_jacobian(found, self.trial, self.training.unknown_parameters, memory / 4)
                if projected:
                    eps = torch.finfo(self.training.task.dtype).eps
                    return ProjectedSystem(jacobian, self.head, eps), rows
                return DampedSystem(jacobian), rows
            except NotPointwise as cause:
                self.free = True
                warnings.warn(f"gauss-newton works without matrices: {cause}.", stacklevel=2)
        generator = self.training.task.generator(13, self.training.refreshed)
        flat, split = self.training.flat, self.training.split
        if isinstance(found, EnergyIntegral):
            values = partial(metric_values, found, self.trial)
            return FreeSystem(values, self.parameters, flat, split, generator, rows=False), None
        residuals = partial(scaled_residuals, found, self.trial)
        system = FreeSystem(residuals, self.parameters, flat, split, generator)
        return system, system.residuals.detach().double()

    def _solve_head(self) -> bool:
        """Give the trial function its best head, if that serves; tell whether it does."""
        matrix, side = self.training.collocation.system(self.trial)
        # Fewer rows could be met by any functions.
        if matrix.shape[0] < 2 * matrix.shape[1]:
            return False
        coefficients, least = solve_least_squares(matrix, side)
        if not least <= SERVES:
            return False
        self.trial.set_head(coefficients.reshape(len(self.training.task.problem.unknowns), -1))
        return True

    def _bytes(self) -> float:
        """Tell how much the matrices of a step take: the rows thrice while they are joined, the Gram matrix twice."""
        found = self.training.discretisation
        if isinstance(found, EnergyIntegral):
            sizes = [(block, len(block.points)) for block, _ in found.parts]
            rows = sum(n * sum(map(len, block.residual.keys.values())) for block, n in sizes)
        else:
            rows = sum(len(block.points) for block in found.blocks if isinstance(block, Block))
        columns = sum(p.numel() for p in self.parameters)
        return 8.0 * (3 * rows * columns + 2 * min(rows, columns) ** 2)

    def _accelerated(self, system: System, side: Tensor, step: Tensor, origin: Tensor) -> Tensor:
        """Correct a step for the curvature of the residuals along it, which is found by a difference."""
        found = self.training.discretisation
        if isinstance(found, EnergyIntegral):
            return step
        path = system.follow(step) if isinstance(system, ProjectedSystem) else step
        self.training.move(origin + PROBE * path)
        with torch.no_grad():
            moved = scaled_residuals(found, self.trial).double()
        self.training.move(origin)
        curvature = (moved - side - PROBE * system.product(step)) * (2 / PROBE**2)
        correction = 0.5 * system.solve(curvature)
        return step + correction if 2 * correction.norm() <= BENT * step.norm() else step

    def _loss(self) -> float:
        with torch.no_grad():
            return self.training.loss().item()

    def calm(self, times: int) -> None:
        """Be more careful after divergence: damp a hundred times as much for each time that it came to this."""
        if self.damping is not None:
            self.damping.value *= 100.0**times

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        damping = self.damping and [self.damping.value, self.damping.growth]
        return {
            "training": self.training.state_dict(),
            "damping": damping,
            "numbers": list(self.training.numbers),
            "loss": self.loss,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.training.load_state_dict(state["training"])
        self.damping = state["damping"] and Damping(*state["damping"])
        self.training.numbers = (state["numbers"][0], state["numbers"][1])
        self.loss = state["loss"]


def _told(failures: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in failures.items() if count) or "the gradient is zero"
