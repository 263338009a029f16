"""L-BFGS with a strong Wolfe line search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..spaces.space import whole
from .stopping import Budget, Status, Step, Stop
from .task import Task
from .training import Training

INNER = 10
"""Iterations in one call of PyTorch's optimiser, hence between two looks at budget and tolerance."""


@dataclass(frozen=True)
class LBFGS:
    """PyTorch's L-BFGS with a strong Wolfe line search, on all parameters; float64 is advised.

    PyTorch's optimiser returns without a word when its line search finds no better point. Here that restarts it once
    from the gradient alone; when that does not help either, the run stops and says so.

    Args:
        history: number of remembered steps.
        points: interior collocation points.
        boundary_points: points shared by the soft conditions.
    """

    history: int = 100
    points: int = 2500
    boundary_points: int = 500
    name = "lbfgs"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("history", self.history)
        whole("points", self.points)
        whole("boundary_points", self.boundary_points)

    def start(self, task: Task) -> LBFGSRun:
        """Begin work on a task."""
        return LBFGSRun(self, Training(task, self.points, self.boundary_points))


class _AcrossDevices(torch.optim.LBFGS):
    """L-BFGS over parameters on several devices and of several types: those of problems are float64 on the CPU."""

    def _gather_flat_grad(self) -> Tensor:
        home = self._params[0]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._params]
        return torch.cat([grad.reshape(-1).to(home) for grad in grads])

    def _add_grad(self, step_size: float, direction: Tensor) -> None:
        parts = direction.split([p.numel() for p in self._params])
        for p, part in zip(self._params, parts, strict=True):
            p.add_(part.view_as(p).to(p), alpha=step_size)


class LBFGSRun:
    """L-BFGS at work; see `LBFGS`."""

    def __init__(self, method: LBFGS, training: Training) -> None:
        """Prepare the optimiser."""
        self.method, self.training = method, training
        self.trial = training.trial
        self.optimizer = self._fresh()
        self.restarted = False

    def _fresh(self) -> torch.optim.LBFGS:
        return _AcrossDevices(
            self.training.parameters(),
            lr=1.0,
            max_iter=INNER,
            max_eval=25 * INNER,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            history_size=self.method.history,
            line_search_fn="strong_wolfe",
        )

    def _closure(self) -> Tensor:
        self.optimizer.zero_grad()
        loss = self.training.loss()
        loss.backward()
        return loss.detach()

    def step(self, budget: Budget) -> Step:
        """Take up to ten iterations."""
        group = self.optimizer.param_groups[0]
        group["max_iter"] = max(1, int(min(INNER, budget.remaining_steps)))
        state = self.optimizer.state[self.optimizer._params[0]]
        before = state.get("n_iter", 0)
        start = float(self.optimizer.step(self._closure))
        with torch.no_grad():
            end = self.training.loss().item()
        done = state.get("n_iter", 0) - before
        if not math.isfinite(end):
            return Step(end, max(done, 1), None, Stop(Status.DIVERGED, f"the loss became {end}"))
        if end < start and done == group["max_iter"]:
            self.restarted = False
            return Step(end, done)
        if not self.restarted and start != 0:
            # Curvature gathered far away can spoil the direction; forget it once before giving up.
            self.restarted = True
            self.optimizer = self._fresh()
            return Step(end, max(done, 1))
        steepest = max((p.grad.abs().max().item() for p in self.training.parameters() if p.grad is not None), default=0)
        reason = f"the line search finds no smaller loss (loss {end:.3e}, largest gradient entry {steepest:.1e})"
        return Step(end, max(done, 1), None, Stop(Status.STALLED, reason))

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        return {
            "training": self.training.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "restarted": self.restarted,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.training.load_state_dict(state["training"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.restarted = state["restarted"]
