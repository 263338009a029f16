"""A result is doubted before it is called converged: fresh points, fresh looks at the data, and what is left unsaid."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..domains import Domain, Feature, Mesh, Points
from ..problem import Block, Collocation, Trial, validation_points
from ..problem.hat_functions import NODES
from ..problem.look import Sight
from ..spaces import LRNN
from .error_estimate import explained_error
from .frozen.head import collocation_sizes
from .frozen.null_space import undetermined
from .scales import POINTS
from .stopping import Status, Stop
from .task import Task

FRESH = 10
"""Fresh points for each one that was solved on, as long as `NUMBERS` allows, and one at least."""
NUMBERS = 2**19
"""How many values of basis functions a check may cost: ten times the points would take longer than the solve for a few
hundreds of functions. (The data, which may vary on any scale, were sampled at 2^17 points before.)"""
LARGER = 10.0
"""A residual this many times larger on fresh points was not seen where it was made small. (Less than that is usual
between the outermost points and a corner.)"""
WORST, AROUND, CLOSER = 8, 32, 3
"""How many of the worst points are searched around, with how many new ones, and how often ever closer."""
TOLD = 5.0
WRONG = 100.0
"""An error this many times the claimed one makes a result unresolved; below, it is the better estimate."""
PEAKED = 30.0
"""A residual found by the search that is this many times the largest one of the fresh points was hidden from them."""
UNRESOLVED = 0.1
"""From this estimated error on, what was seen in the data is not resolved. (Our choice.)"""
MISSED = 2.0
"""Quadrature nodes that are so many widths apart miss a peak; closer ones, in a part of it, the peak of a coefficient.
(Our choice.)"""
SHARPER, SMOOTHER = 3.0, 0.2
"""Where coefficients peak or oscillate, the error is up to the first times the residual if they jump at the edges of a
peak, and about the second times it if not. (Our calibration.)"""
BOUND, ROUGH = 0.03, 0.01
"""The error is no less than the first part of the relative residual where it was made small, and the second part of
that at fresh points. (Over the gallery the residual is 0.2 to 40 times the error at all sizes of spaces, and up to 250
times where a source jumps; at fresh points it is up to 100 times larger over networks that bend between the points,
whose errors it overstates as much: our calibration.)"""


@dataclass(frozen=True)
class Verdict:
    """What a look at a result found.

    Attributes:
        status: the status the result deserves instead of converged; None where nothing is wrong.
        reason: why, in words.
        error: the error is at least about this.
        features: places to be resolved: where the residual is largest, or what the data hid.
        residual: the relative residual on fresh points; None where they were not looked at.
    """

    status: Status | None
    reason: str
    error: float = 0.0
    features: tuple[Feature, ...] = ()
    residual: float | None = None


def rough(task: Task) -> float:
    """Give the part of the residual that the error is at least, because coefficients peak or oscillate; else zero."""
    if task.problem.survey.sharp:
        return SHARPER
    spectral = (task.space or LRNN()).spectral
    return SMOOTHER if task.problem.survey.rough or spectral and task.spectrum.oscillating else 0.0


def foregone(task: Task) -> Verdict | None:
    """Judge what no method can mend: what the problem leaves unsaid, and statements that are probably mistakes.

    Args:
        task: the task.

    Returns:
        The verdict; None where there is nothing to be said.
    """
    if task.problem.unsaid:
        return Verdict(Status.UNDETERMINED, "; ".join(task.problem.unsaid), 1.0)
    if task.problem.survey.doubts:
        return Verdict(Status.UNRESOLVED, "; ".join(task.problem.survey.doubts), 1.0)
    return None


def resolved(stop: Stop, estimate: float | None, task: Task) -> Stop:
    """Say of a stop with a large estimate which peaks, layers and jumps of the data may be the reason.

    Args:
        stop: how a run ends.
        estimate: its error estimate.
        task: its task.

    Returns:
        The stop; unresolved where the method has nothing more to offer.
    """
    sights = [*task.problem.survey.sights, *task.problem.survey.late]
    if not sights or estimate is None or estimate < UNRESOLVED:
        return stop
    if stop.status not in (Status.STALLED, Status.BUDGET_SPENT):
        return stop
    status = Status.UNRESOLVED if stop.status is Status.STALLED else stop.status
    return Stop(status, f"{stop.reason}; not resolved yet: {'; '.join(sight.text for sight in sights)}")


@torch.no_grad()
def examine(trial: Trial, task: Task, claimed: float, solved: float | None = None) -> Verdict:
    """Look at a result with fresh eyes.

    Residuals are evaluated at up to `FRESH` times as many points as a least-squares solution would use, as `NUMBERS`
    allows, and the largest one is searched for from the worst of these. If they are much larger there than where they
    were made small, the error is estimated anew, with points and functions at the worst place, and the result is
    unresolved if that is much larger than what was claimed. Sources and coefficients, which were sampled at 2^17 points
    before, are looked at once more; what is seen only then makes the result unresolved. (Our choice.)

    Args:
        trial: the trial function.
        task: its task.
        claimed: the error estimate so far.
        solved: the relative residual on the points it was solved on; None where that is not known.

    Returns:
        The verdict.
    """
    if late := [sight for sight in task.problem.survey.again() if not _taken(sight, task)]:
        features = tuple(sight.feature for sight in late if sight.feature is not None)
        return Verdict(Status.UNRESOLVED, f"seen late: {'; '.join(sight.text for sight in late)}", 1.0, features)
    if (found := nothing(trial, task)) is not None:
        return found
    points, boundary_points = collocation_sizes(trial, task, 4.0)
    unseen = Verdict(None, "")
    if task.problem.energies or task.problem.weak:
        unseen = missed(task, trial)
        if task.problem.energies or unseen.status is not None:
            return unseen
    more = max(1, min(FRESH, NUMBERS // max(1, points * trial.space.size)))
    if task.problem.weak:
        more = 1  # its rows are test functions, and its quadrature is exact for finer ones already
    fresh = task.collocation(more * points, more * boundary_points, task.generator(9, 9))
    values = fresh.residuals(trial)
    residual = fresh.total([part.square() for part in values]).sqrt().item() / fresh.size(trial)
    if not math.isfinite(residual):
        return Verdict(None, "", math.inf)
    least = (rough(task) or ROUGH) * residual
    least = max(least, unseen.error)
    hidden = _hidden(trial, task, fresh.blocks, values)
    larger = solved is not None and residual > LARGER * max(solved, torch.finfo(task.dtype).eps)
    largest = hidden or (_worst(task, fresh, values) if larger and not task.problem.weak else None)
    if largest is None:
        return Verdict(None, "", least, residual=residual)
    name, size, feature = largest
    at = ", ".join(f"{n} = {v:.4g}" for n, v in zip(task.problem.domain.names, feature.centre.tolist(), strict=True))
    size_of_correction, unexplained = explained_error(trial, replace(task, features=(*task.features, feature)))
    # A correction that leaves as much of the residual as would amount to itself says nothing.
    told = size_of_correction > TOLD * unexplained * residual
    error = max(least, size_of_correction) if told else least
    reason = f"the residual of {name} is {size:.1e} at {at}, far larger than where it was made small"
    status = Status.UNRESOLVED if error > max(WRONG * claimed, task.tolerance) else None
    return Verdict(status, reason if status else "", error, (feature,), residual)


def _taken(sight: Sight, task: Task) -> bool:
    """Tell whether what was seen late is a feature of a task, or is judged by the nodes of integrals."""
    if sight.feature is None or sight.coefficient and (task.problem.weak or task.problem.energies):
        return sight.feature is not None
    return any(old.holds(sight.feature) for old in task.features)


def missed(task: Task, trial: Trial) -> Verdict:
    """Judge a weak form or an energy by whether its quadrature nodes can miss a peak of its data."""
    domain, weak = task.problem.domain, bool(task.problem.weak)
    nodes = collocation_sizes(trial, task, 4.0)[0]
    nodes = nodes * NODES // len(task.problem.unknowns) if weak else nodes
    apart = (domain.bounds[1] - domain.bounds[0]) * nodes ** (-1 / domain.dimension)
    error = 0.0
    for sight in [*task.problem.survey.sights, *task.problem.survey.late]:
        feature = sight.feature
        # Weak forms are not integrated over the data of conditions.
        if not sight.peak or feature is None or weak and not sight.inside or _cut(task, feature):
            continue
        widths = (feature.frame * apart).norm(dim=1).max().item()
        if widths > MISSED:
            what = "energy" if task.problem.energies else "weak form"
            reason = f"{sight.text}, and the nodes of the {what} are farther apart; state the problem by equations"
            return Verdict(Status.UNRESOLVED, reason, 1.0)
        error = max(error, min(1.0, widths)) if sight.coefficient and sight.sharp else error
    return Verdict(None, "", error)


def _cut(task: Task, feature: Feature) -> bool:
    """Tell whether cells end at a feature: at breaks on both sides of it, or where a mesh is as fine."""
    domain = task.problem.domain
    if isinstance(domain, Mesh):
        return bool((feature.distance(domain.nodes) < 1).any())
    for row in feature.frame:
        axis, width = int(row.abs().argmax()), 1 / row.norm().item()
        places = [at for form in task.problem.weak for at in form.breaks.get(domain.names[axis], ())]
        away = [(at - feature.centre[axis].item()) / width for at in places]
        if not (any(-MISSED < a <= 0 for a in away) and any(0 <= a < MISSED for a in away)):
            return False
    return True


def nothing(trial: Trial, task: Task) -> Verdict | None:
    """Judge a solution that vanishes because all data do."""
    if task.problem.energies or not isinstance(trial, Trial):
        return None
    x = validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates
    if trial(x).any() or trial.lift(x).any():
        return None
    if (free := undetermined(task.typical, task, zero=True)) is not None:
        hint = "an eigenproblem needs the size of its solution prescribed, and its eigenvalue as a pk.Parameter"
        return Verdict(Status.UNDETERMINED, f"all data are zero, and so is what was found, but {free} ({hint})", 1.0)
    if task.problem.nonlinear is None:
        return Verdict(None, "all data are zero, and zero is the only solution")
    return Verdict(None, "all data are zero, and zero is a solution; start elsewhere with guess= to look for others")


def _sizes(block: Block, trial: Trial, x: Points) -> Tensor:
    return block.residual(block.values(trial, x), x).abs()


def _worst(task: Task, made: Collocation, values: list[Tensor]) -> tuple[str, float, Feature]:
    """Find the largest weighted residual on given points."""
    found = []
    for block, residuals, factor in zip(made.blocks, values, made.factors, strict=True):
        assert isinstance(block, Block)
        sizes = residuals.abs() * block.weight * (1.0 if factor is None else factor.sqrt())
        x = block.points.average(block.points.coordinates)
        found.append((sizes.max().item(), residuals[sizes.argmax()].abs().item(), block, x[sizes.argmax()]))
    _, size, block, at = max(found, key=lambda entry: entry[0])
    return block.residual.name, size, _narrow(task, at, block)


def _narrow(task: Task, at: Tensor, block: Block) -> Feature:
    """Make a feature as wide as the points of a residual are apart."""
    bounds = task.problem.domain.bounds
    apart = len(block.points) ** (-1 / bounds.shape[1])
    widths = (bounds[1] - bounds[0]) * apart
    return Feature(at.cpu().double().tolist(), widths.tolist())


def _hidden(trial: Trial, task: Task, blocks: list, values: list[Tensor]) -> tuple[str, float, Feature] | None:
    """Search around the worst points of each equation for residuals that no point has shown."""
    for block, residuals in zip(blocks, values, strict=True):
        if not isinstance(block, Block) or not isinstance(block.residual.region, Domain):
            continue
        domain, generator = block.residual.region, task.generator(9, 8)
        sizes = residuals.abs()
        first = sizes.max().item()
        centres = block.points.coordinates[sizes.topk(min(WORST, len(sizes))).indices]
        half = (domain.bounds[1] - domain.bounds[0]).to(centres) / 2
        reach = len(sizes) ** (-1 / centres.shape[1])
        largest, at = first, centres[0]
        for _ in range(CLOSER):
            away = 2 * torch.rand(len(centres) * AROUND, centres.shape[1], generator=generator, dtype=torch.float64) - 1
            x = centres.repeat_interleave(AROUND, 0) + reach * half * away.to(centres)
            x = x[domain.contains(x.cpu()).to(x.device)]
            if not len(x):
                break
            here = torch.nan_to_num(_sizes(block, trial, Points(x, block.points.names)), 0.0, 0.0, 0.0)
            best = here.topk(min(WORST, len(here))).indices
            centres, reach = x[best], reach / 4
            if here.max().item() > largest:
                largest, at = here.max().item(), x[here.argmax()]
        if largest > PEAKED * first and first > 0:
            return block.residual.name, largest, _narrow(task, at, block)
    return None
