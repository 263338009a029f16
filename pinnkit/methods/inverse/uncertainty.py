"""How far noisy data determine a solution and its parameters, whatever method found them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, jacrev, vmap

from ...problem import Trial
from ...spaces import LRNN
from ..frozen.head import collocation_sizes
from ..stopping import Status, Stop
from ..task import Task
from .posterior import LinearisedInverse, Weighing
from .starts import blind

SIZE = 300
OVERSAMPLING = 4.0
WIDEST = 600
"""A solution of more functions than this is a space of its own; with fewer, fresh functions are added."""
POINTS = 500
TRAINABLE = 3000
"""A trained network of no more numbers than this is corrected by all of them."""


class Uncertainty:
    r"""The Gauss-Newton covariance of a solution and its parameters.

    The problem is linearised about the solution, for corrections e of it and d of the parameters:
    :math:`\min \Lambda |R + R_u e + R_\theta d|^2 + |(u + e - data) / \sigma|^2`. The inverse of its normal matrix is
    the covariance, in which what is not looked at is marginalised. Corrections are combinations of the solution's own
    basis and of an independent one, or of the tangents of a small trained network. Where the linearised problem has
    another solution, as after a training that has not converged, what it differs by counts as one more standard
    deviation, and so does the largest shift that an imperfectly followed model allows, :math:`(\Lambda M)^{1/2}`
    standard deviations. (Our choices: the added basis, and the last two.)

    Args:
        trial: the solution.
        task: its task, with the parameters found.

    Reference:
        Tarantola 2005, doi:10.1137/1.9780898717921.
    """

    @torch.no_grad()
    def __init__(self, trial: Trial, task: Task) -> None:
        """Linearise and solve; see the class."""
        self.trial, self.task, self.trials = trial, task, [trial]
        trained = sum(p.numel() for p in trial.parameters() if p.requires_grad)
        self.tangents = not trial.space.frozen and trained <= TRAINABLE
        generator = task.generator(8, 8)
        points = collocation_sizes(trial, task, OVERSAMPLING)
        if self.tangents:
            points = (max(points[0], round(OVERSAMPLING * trained)), max(points[1], trained))
        elif trial.space.size <= WIDEST:
            fresh = task.trial(task.suited(LRNN()).resized(SIZE), generator)
            more = collocation_sizes(fresh, task, OVERSAMPLING)
            points = (points[0] + more[0], points[1] + more[1])
            self.trials.append(fresh)
        weighing = Weighing(task.collocation(*points, generator))
        if self.tangents:
            self.posterior = LinearisedInverse.of_tangents(weighing, trial).posterior()
        else:
            self.posterior = LinearisedInverse(weighing, self.trials, trial).posterior()

    @property
    def parameters(self) -> dict[str, float]:
        """The standard deviation of each trainable parameter; infinite where the data do not determine it."""
        found, n = self.task.problem.trainable_parameters, len(self.posterior.mean)
        rows = torch.eye(n).to(self.posterior.mean)[n - len(found) :]
        return dict(zip([parameter.name for parameter in found], self._deviations(rows).tolist(), strict=True))

    @torch.no_grad()
    def field(self, x: Tensor) -> Tensor:
        """Give the standard deviation of each unknown at points ``(n, d)``, shape ``(n, K)``."""
        unknowns = len(self.task.problem.unknowns)
        return torch.stack([self._deviations(self._rows(x, k)) for k in range(unknowns)], 1)

    def _deviations(self, rows: Tensor) -> Tensor:
        doubt = math.sqrt(1 + self.posterior.doubt(self.posterior.misfits)) if self.posterior.count else 1.0
        return torch.hypot(doubt * self.posterior.deviations(rows), rows @ self.posterior.mean)

    def _rows(self, x: Tensor, unknown: int) -> Tensor:
        """Give what each column of the posterior changes an unknown by at points, shape ``(n, columns)``."""
        rows, parameters = x.new_zeros(len(x), len(self.posterior.mean)), self.task.problem.trainable_parameters
        if self.tangents:
            trained = {name: p.detach() for name, p in self.trial.named_parameters() if p.requires_grad}

            def value(tensors: dict[str, Tensor], point: Tensor) -> Tensor:
                return functional_call(self.trial, tensors, (point[None],))[0, unknown]

            found = vmap(jacrev(value), (None, 0), chunk_size=1024)(trained, x)
            tangents = torch.cat([found[name].flatten(1) for name in trained], 1)
            rows[:, : tangents.shape[1]] = tangents
            rows[:, tangents.shape[1] :] = self.trial.parameter_columns(x, unknown, parameters)
            return rows
        return field_rows(self.trials, x, unknown, rows, parameters)


def doubted(stop: Stop, trial: Trial, task: Task) -> Stop:
    """Look at the parameters found before a run may say that it has converged.

    Args:
        stop: how the run is to end.
        trial: the solution.
        task: its task, with the parameters found.

    Returns:
        The same; or with the status `undetermined` and a reason that names a parameter whose deviation is larger than
        itself, or on which no residual depends at the solution. A run whose budget is spent keeps its status, so that
        it can be continued.
    """
    problem = task.problem
    if stop.status not in (Status.CONVERGED, Status.STALLED, Status.BUDGET_SPENT):
        return stop
    if not problem.trainable_parameters or not problem.equations:
        return stop
    found = blind(task.collocation(POINTS, POINTS // 2, task.generator(8, 9)), trial)
    reasons = [
        f"no residual depends on the parameter {p.name!r} = {p.item():.6g} at this solution (is it zero?)"
        for p in (problem.trainable_parameters[k] for k in found)
    ]
    if not reasons:
        uncertainty = Uncertainty(trial, task)
        deviations = uncertainty.parameters
        # Where the noise is not known and nothing tells it, that is no word about the parameters.
        if math.isfinite(uncertainty.posterior.noise):
            reasons = [
                f"the data do not determine the parameter {p.name!r} = {p.item():.3g} +- {deviations[p.name]:.2g}"
                for p in problem.trainable_parameters
                if not deviations[p.name] <= abs(p.item())
            ]
    if not reasons:
        return stop
    kept = stop.status is Status.BUDGET_SPENT
    said = [] if stop.status is Status.CONVERGED else [stop.reason]
    return Stop(stop.status if kept else Status.UNDETERMINED, "; ".join([*said, *reasons]))


def field_rows(
    trials: list[Trial], x: Tensor, unknown: int, rows: Tensor, parameters: Sequence[Tensor]
) -> Tensor:
    """Put the columns of an unknown at points in their places.

    Args:
        trials: whose heads are the first columns, one after the other.
        x: points ``(n, d)``.
        unknown: which of the K unknowns.
        rows: zeros, shape ``(n, columns)``; filled.
        parameters: the trainable ones of the problem; what the first trial function changes by with them comes last.

    Returns:
        The rows.
    """
    offset = 0
    for trial in trials:
        block, unknowns = trial.space.size + 1, trial.space.head.out_features
        start = offset + unknown * block
        rows[:, start : start + block] = trial.columns(x, unknown)
        offset += unknowns * block
    rows[:, offset:] = trials[0].parameter_columns(x, unknown, parameters)
    return rows
