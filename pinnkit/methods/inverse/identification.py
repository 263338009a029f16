"""Inverse problems by Gauss-Newton over all parameters of a network and of the problem."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from ...algebra import solve_least_squares
from ...errors import InputError
from ...spaces.space import whole
from ..gauss_newton.jacobian import scaled_residuals
from ..gauss_newton.method import GaussNewton, GaussNewtonRun
from ..sampling import RAD
from ..stopping import Budget, Status, Step, Stop
from ..task import Task
from ..training import Training
from ..weights.noise import Noise
from .frozen import set_values, values_of
from .posterior import has_noise

INSIGNIFICANT = 0.5
"""A fall of the sum of squares, in units of the noise, that changes no conclusion."""


@dataclass(frozen=True)
class Identification:
    r"""Gauss-Newton for inverse problems whose solution no frozen space holds: first the data, then the model.

    The network is fitted to the data alone; the parameters are then those for which it fits the model best, by linear
    least squares where they enter linearly, so that first guesses matter little. From there all are found together,
    with the weights of `Noise`.

    Args:
        points: interior collocation points.
        boundary_points: points shared by the soft conditions.
        every: number of steps between two draws of points and looks at the weights.
    """

    points: int = 2500
    boundary_points: int = 500
    every: int = 10
    name = "identification"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        for name in ("points", "boundary_points", "every"):
            whole(name, getattr(self, name))

    def start(self, task: Task) -> IdentificationRun:
        """Begin work.

        Args:
            task: the problem and space.

        Returns:
            The run.

        Raises:
            InputError: the problem has no equations at points, or nothing to be identified by data.
        """
        if not task.problem.equations or not has_noise(task.problem):
            raise InputError(
                "identification needs equations, and trainable parameters or data with noise=...; use the method auto."
            )
        training = Training(task, self.points, self.boundary_points, Noise(self.every), RAD(self.every))
        return IdentificationRun(GaussNewton(self.points, self.boundary_points, resample=self.every), training)


class IdentificationRun(GaussNewtonRun):
    """Identification at work; see `Identification`."""

    joined = False
    looked = math.inf
    """The sum of squares at the last look at the weights."""

    def step(self, budget: Budget) -> Step:
        """Take one step, of the network alone at first."""
        self.training.refresh(budget.steps_done)
        memory = self.training.memory
        if memory["stiffness"] and not self.joined:
            self.joined = True
            self._regress()
            self.damping = None
        every = self.method.resample or 1
        if budget.steps_done % every == 0:
            self.looked = self._loss()
        step = super().step(budget)
        last = (budget.steps_done + 1) % every == 0
        settled = self.joined and not memory["grown"] and self.looked - step.loss < INSIGNIFICANT
        if step.stop is None and last and settled:
            reason = f"the sum of squares, {step.loss:.1f} for {memory['count']} data, falls no more"
            return replace(step, stop=Stop(Status.CONVERGED, reason))
        return step

    @torch.no_grad()
    def _regress(self) -> None:
        """Find the parameters for which the network, as it is, fits the model best."""
        parameters = self.training.unknown_parameters
        if not parameters:
            return
        collocation = self.training.collocation
        columns = torch.cat(list(collocation.parameter_columns(self.trial)))
        change, _ = solve_least_squares(columns, -scaled_residuals(collocation, self.trial))
        set_values(parameters, values_of(parameters) + change.cpu().double())

    def state_dict(self) -> dict:
        """Give everything that the next step depends on."""
        own = {"joined": self.joined, "looked": self.looked}
        return super().state_dict() | own

    def load_state_dict(self, state: dict) -> None:
        """Continue from a state."""
        super().load_state_dict(state)
        for name in ("joined", "looked"):
            setattr(self, name, state[name])
