"""Inverse problems by Gauss-Newton over all parameters of a network and of the problem."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from ...errors import InputError
from ...spaces.space import whole
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
    loss = math.inf

    def step(self, budget: Budget) -> Step:
        """Take one step, of the network alone at first."""
        self.training.refresh(self.steps)
        memory = self.training.memory
        if memory["stiffness"] and not self.joined:
            self.joined = True
            self._regress()
            self.damping = None
        due = self.steps % (self.method.resample or 1) == 0
        if due:
            self.loss = self._loss()
        step = super().step(budget)
        last = self.steps % (self.method.resample or 1) == 0
        if step.stop is None and last and self.joined and not memory["grown"] and self.loss - step.loss < INSIGNIFICANT:
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
        found = zip(collocation.blocks, collocation.factors, collocation.residuals(self.trial), strict=True)
        sides = [b.weight * (1.0 if f is None else f.sqrt()) * r / math.sqrt(len(r)) for b, f, r in found]
        ridge = 1e-12 * columns.norm() * torch.eye(columns.shape[1]).to(columns)
        rows = torch.cat([columns, ridge])
        side = torch.cat([*sides, columns.new_zeros(len(ridge))])
        step = torch.linalg.lstsq(rows, -side[:, None]).solution[:, 0]
        set_values(parameters, values_of(parameters) + step.cpu().double())

    def state_dict(self) -> dict:
        """Give everything that the next step depends on."""
        own = {"joined": self.joined, "loss": self.loss}
        return super().state_dict() | own

    def load_state_dict(self, state: dict) -> None:
        """Continue from a state."""
        super().load_state_dict(state)
        for name in ("joined", "loss"):
            setattr(self, name, state[name])
