"""What noisy data tell: the posterior of an inverse problem, linearised, with its weights chosen by the noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...problem import Block, Collocation, Problem, Trial
from ..gauss_newton.jacobian import residual_jacobian

STIFFNESS = tuple(10.0**k for k in range(-2, 9))
SMOOTHNESS = tuple(10.0 ** (k / 2) for k in range(-32, 5))
NEGLIGIBLE = 0.02
"""A doubt that changes no conclusion."""
SLACK = 1.1
"""A misfit this many times the least one is as good where the space cannot explain the data to their noise."""


def has_noise(problem: Problem) -> bool:
    """Tell whether the problem is an inverse one: parameters to be found, data with noise, or prior knowledge."""
    stated = any(residual.noise is not None or residual.kind == "prior" for residual in problem.soft)
    return stated or bool(problem.trainable_parameters)


class Weighing:
    r"""Weights of model, data and prior: the sum of squares is :math:`\Lambda M + \chi^2 + \rho P`.

    Data count by their noise. M and P, balanced mean squares of equations, exact conditions and regularisation, count
    Lambda and rho times what would make a row of them as heavy as one of the data on functions like the solution.

    Args:
        collocation: balanced; the weights of its data are set.
    """

    def __init__(self, collocation: Collocation) -> None:
        """Sort the blocks and weigh the data; see the class."""
        self.collocation = collocation
        blocks = [block for block in collocation.blocks if isinstance(block, Block)]
        self.known = any(block.residual.noise is not None for block in blocks)
        self.kinds, self.count, units = [], 0, []
        for block in blocks:
            kind, noise = block.residual.kind, block.residual.noise
            # Beside data whose noise is stated, those without are exact.
            kind = "model" if kind == "data" and self.known and noise is None else kind
            if kind == "data":
                n = len(block.points)
                size = block.points.measured.square().mean().sqrt().item()
                # Of unknown noise only the ratio to the size of the data is assumed to be the same for all.
                weight = math.sqrt(n) / (noise or size or 1.0)
                units.append((weight / block.weight) ** 2)
                block.weight = weight
                self.count += n
            self.kinds.append(kind)
        self.unit = max(units, default=1.0)

    def misfits(self, function: Callable[[Any], Any]) -> dict[str, float]:
        """Evaluate M, chi squared and P of a function."""
        total = {"model": 0.0, "data": 0.0, "prior": 0.0}
        found = self.collocation.residuals(function)
        parts = zip(self.kinds, self.collocation.blocks, found, self.collocation.factors, strict=True)
        for kind, block, r, factor in parts:
            total[kind] += (block.weight**2 * (r.square() * (1.0 if factor is None else factor)).mean()).item()
        return total


@dataclass
class Posterior:
    """The Gaussian posterior of a linearised inverse problem.

    Attributes:
        mean: of all columns.
        misfits: M, chi squared and P at the mean.
        stiffness: Lambda.
        smoothness: rho.
        freedom: how many numbers the data determine.
        noise: of the data, in units of what is stated (one if known); infinite if nothing tells it.
        count: the number of data.
        known: whether their noise is.
    """

    mean: Tensor
    misfits: dict[str, float]
    stiffness: float
    smoothness: float
    freedom: float
    noise: float
    _factor: Tensor
    _scale: Tensor
    count: int = 0
    known: bool = True

    def doubt(self, misfits: Mapping[str, float]) -> float:
        """Bound what the space's failure to follow the model may shift a number by, squared, in variances.

        Args:
            misfits: M, chi squared and P of a solution.

        Returns:
            Lambda M in units of the noise; M alone where there are no data.
        """
        variance = 1.0 if not self.count else self.noise**2
        found = (self.stiffness if self.count else 1.0) * misfits["model"]
        return found / variance if variance > 0 else math.inf

    def disbelief(self, misfits: Mapping[str, float]) -> float:
        r"""Compare solutions in several spaces, with stiffnesses of their own: the less, the better.

        A soft model lets a function follow whatever the data are, so that their freedom f is to be paid for:
        :math:`\Lambda M + \chi^2 + 2 f`, of which the last two estimate the true squared error at the data without
        bias, or, where the noise is not known, :math:`n (\Lambda M + \chi^2) / (n - f)^2`.

        Args:
            misfits: M, chi squared and P of a solution.

        Returns:
            Mallows' criterion or the cross-validation, with the doubt; M alone where there are no data.

        Reference:
            Mallows 1973, doi:10.1080/00401706.1973.10489103.
        """
        n, data = max(self.count, 1), misfits.get("data", 0.0)
        if self.known or not self.count:
            return self.doubt(misfits) + data + 2 * self.freedom
        free = n - self.freedom
        return n * (data + self.stiffness * misfits["model"]) / free**2 if free > 0.5 else misfits["model"]

    def deviations(self, rows: Tensor) -> Tensor:
        """Give the standard deviation of linear functions of the columns, one a row of ``(m, n)``."""
        scaled = (rows / self._scale).mT
        return self.noise * torch.linalg.solve_triangular(self._factor.mT, scaled, upper=False).norm(dim=0)


@dataclass
class _Scan:
    """What depends on Lambda: Lambda M, chi squared, the freedom, and minus its slope in log Lambda."""

    model: Tensor
    data: Tensor
    freedom: Tensor
    slope: Tensor


class LinearisedInverse:
    """The rows of an inverse problem, linearised about a function, condensed by QR to triangles for each kind.

    Columns are the heads of trial functions, then the corrections of the trainable parameters.

    Args:
        weighing: the collocated problem.
        trials: whose columns are combined.
        about: the function to linearise about.
        onto: what the combination is added to; None for `about`.
    """

    triangles: dict[str, Tensor]

    def __init__(
        self,
        weighing: Weighing,
        trials: Sequence[Trial],
        about: Callable[[Any], Any],
        onto: Callable[[Any], Any] | None = None,
    ) -> None:
        """Assemble and condense; see the class."""
        self.weighing, self.triangles = weighing, {}
        systems = zip(*(weighing.collocation.systems(trial, about, onto) for trial in trials), strict=True)
        slopes = weighing.collocation.parameter_columns(about)
        for kind, parts, last in zip(weighing.kinds, systems, slopes, strict=True):
            matrices = [matrix for matrix, _ in parts]
            self._add(kind, torch.cat([*matrices, last.to(matrices[0]), parts[0][1][:, None]], 1))

    @classmethod
    def of_tangents(cls, weighing: Weighing, trial: Trial) -> LinearisedInverse:
        """Linearise about a trial function, for corrections by all of its trainable numbers in place of its head."""
        made = cls.__new__(cls)
        made.weighing, made.triangles = weighing, {}
        parameters = weighing.collocation.problem.trainable_parameters
        jacobian, residuals = residual_jacobian(weighing.collocation, trial, parameters)
        rows = torch.cat([jacobian, -residuals[:, None]], 1)
        sizes = [len(residual) for residual in weighing.collocation.residuals(trial)]
        for kind, part in zip(weighing.kinds, rows.split(sizes), strict=True):
            made._add(kind, part)
        return made

    def _add(self, kind: str, rows: Tensor) -> None:
        above = [self.triangles[kind]] if kind in self.triangles else []
        self.triangles[kind] = torch.linalg.qr(torch.cat([*above, rows]), mode="r").R

    @property
    def finite(self) -> bool:
        """Whether all numbers are."""
        return all(bool(torch.isfinite(triangle).all()) for triangle in self.triangles.values())

    def solve(self, stiffness: float, smoothness: float) -> Posterior:
        """Find the posterior for given Lambda and rho."""
        stacked, scale = self._stacked(stiffness, smoothness)
        r, n = torch.linalg.qr(stacked, mode="r").R, len(scale)
        mean = torch.linalg.solve_triangular(r[:n, :n], r[:n, n:], upper=True)[:, 0] / scale
        misfits = {k: (t[:, :n] @ mean - t[:, n]).square().sum().item() for k, t in self.triangles.items()}
        data = self.triangles.get("data", r[:0])[:, :n] / scale
        spread = torch.linalg.solve_triangular(r[:n, :n].mT, data.mT, upper=False)
        freedom = spread.square().sum().item()
        return Posterior(mean, misfits, stiffness, smoothness, freedom, 1.0, r[:n, :n], scale)

    def posterior(self, stiffest: float = math.inf, softest: float = 0.0) -> Posterior:
        r"""Find the posterior with the weights that the noise of the data asks for.

        An exact model is infinitely stiff, but a space of functions follows it up to a residual only, which a too
        large Lambda would make the parameters obey instead of the data; a too small one lets them follow the noise. In
        between, nothing depends on Lambda: :math:`d (\chi^2 + \Lambda M) / d \log \Lambda = \Lambda M` (in units of
        the noise) and the freedom's slope :math:`G = \sum_i f_i (1 - f_i)` are least there, for the shares
        :math:`f_i` that data have in what is known of independent directions. As nothing fits better than the exact
        model by more than that, what Lambda shifts a number by is at most :math:`(\Lambda M)^{1/2}` of its deviations,
        the posterior's doubt.
        From the largest Lambda for which :math:`\chi^2` does not exceed what n noisy numbers explain,
        :math:`n + 2 \sqrt{2 n}`, or, where the space cannot explain them, little more than its least misfit. Then rho
        is the largest with :math:`\chi^2 \le n` (Morozov's discrepancy principle). Where the noise is not known,
        generalised cross-validation takes the place of chi squared. (The choice of Lambda is our own.)

        Args:
            stiffest: a limit of Lambda.
            softest: a limit from below, whatever the other says.

        Returns:
            The posterior.

        Reference:
            Morozov 1966; Golub, Heath and Wahba 1979, doi:10.1080/00401706.1979.10489751.
        """
        unit, n = self.weighing.unit, max(self.weighing.count, 1)
        chosen = self._stiffness(self._scan([unit * k for k in STIFFNESS], unit * SMOOTHNESS[0]))
        stiffness = max(unit * k for k in STIFFNESS[: chosen + 1] if unit * k <= stiffest or k == STIFFNESS[0])
        stiffness = max(stiffness, softest)
        if "prior" not in self.triangles:
            found = self.solve(stiffness, 0.0)
        else:
            found = self._largest(lambda k: self.solve(stiffness, unit * k), SMOOTHNESS, n, 0.0)
        found.count, found.known = self.weighing.count, self.weighing.known
        if not self.weighing.count:
            found.noise = 0.0
        elif not self.weighing.known:
            free = n - found.freedom
            # As many unknowns as data leave nothing to tell the noise by.
            found.noise = math.sqrt(found.misfits.get("data", 0.0) / free) if free > 0.5 else math.inf
        return found

    def _stiffness(self, scan: _Scan) -> int:
        """Choose Lambda, by its number in `STIFFNESS`."""
        n = self.weighing.count
        free = n - scan.freedom
        if not n or (not self.weighing.known and not (free > 0.5).any()):
            # As many unknowns as data leave nothing to compare; model and data weigh alike.
            return STIFFNESS.index(1.0)
        slack = 2 * math.sqrt(2 / n)
        if self.weighing.known:
            variance = torch.ones_like(free)
            scores, limit = scan.data, max(n * (1 + slack), SLACK * scan.data.min().item())
        else:
            scores = torch.where(free > 0.5, n * scan.data / free**2, math.inf)
            limit, variance = (1 + slack) * scores.min().item(), scan.data / free
        chosen = int((scores <= limit).nonzero().max())
        steep = (scan.model / variance + scan.slope).tolist()
        # What is due to the space falls with Lambda, what is due to softness rises again.
        while chosen and steep[chosen] > NEGLIGIBLE and steep[chosen - 1] < steep[chosen] / 2:
            chosen -= 1
        return chosen

    def _scan(self, stiffness: Sequence[float], smoothness: float) -> _Scan:
        """Tell how the solution depends on Lambda, by one decomposition."""
        # With Q of all rows for Lambda = unit, its data rows U S V^T make both normal matrices diagonal, as their sum
        # is one (a generalised singular value decomposition).
        unit = self.weighing.unit
        stacked, _ = self._stacked(unit, smoothness)
        n = stacked.shape[1] - 1
        # Householder's Q, because the triangle of a dependent basis has no inverse to speak of.
        q = torch.linalg.qr(stacked[:, :n]).Q
        whole = q.mT @ stacked[:, n]
        kinds = [kind for kind, triangle in self.triangles.items() for _ in range(len(triangle))]
        kinds += ["ridge"] * (len(stacked) - len(kinds))
        measured = torch.tensor([kind == "data" for kind in kinds])
        exact = torch.tensor([kind == "model" for kind in kinds])[~measured]
        left, s, right = torch.linalg.svd(q[measured], full_matrices=False)
        rest = whole - right.mT @ (right @ whole)
        side = stacked[:, n] - q @ rest
        seen, soft = q[~measured] @ right.mT, s.square()
        ratio = torch.tensor(stiffness).to(s)[:, None] / unit
        total = ratio * seen.square().sum(0) + soft
        z = (ratio * (side[~measured] @ seen) + s * (side[measured] @ left)) / total
        parts = [(side[~measured], seen), (side[measured], left * s)]
        left_over = [(part[:, None] - matrix @ z.mT).square() for part, matrix in parts]
        misfits = left_over[0][exact].sum(0), left_over[1].sum(0)
        shares = soft / total
        slope = (shares * (1 - shares)).sum(1)
        return _Scan(ratio[:, 0] * misfits[0], misfits[1], shares.sum(1), slope)

    def _stacked(self, stiffness: float, smoothness: float) -> tuple[Tensor, Tensor]:
        """Give all weighted rows with scaled columns, and the columns' scale."""
        weights = {"model": math.sqrt(stiffness), "data": 1.0, "prior": math.sqrt(smoothness)}
        rows = torch.cat([weights[kind] * triangle for kind, triangle in self.triangles.items()])
        n = rows.shape[1] - 1
        scale = rows[:, :n].norm(dim=0)
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        # The ridge at the level of rounding takes the place of a rank decision, as in `solve_least_squares`.
        ridge = torch.finfo(rows.dtype).eps * math.sqrt(len(rows)) * torch.eye(n, n + 1).to(rows)
        return torch.cat([torch.cat([rows[:, :n] / scale, rows[:, n:]], 1), ridge]), scale

    def _largest(
        self, at: Callable[[float], Posterior], values: Sequence[float], limit: float, slack: float
    ) -> Posterior:
        """Give the posterior at the largest value that the data allow."""
        if not self.weighing.known:
            found = [at(value) for value in values]
            scores = [self._cross_validation(posterior) for posterior in found]
            allowed = [k for k, score in enumerate(scores) if score <= (1 + slack) * min(scores)]
            return found[allowed[-1]]
        best = at(values[0])
        limit = max(limit, SLACK * best.misfits.get("data", 0.0))
        low, high = 0, len(values)  # the misfit grows with the value
        while high - low > 1:
            middle = (low + high) // 2
            tried = at(values[middle])
            if tried.misfits.get("data", 0.0) <= limit:
                low, best = middle, tried
            else:
                high = middle
        return best

    def _cross_validation(self, posterior: Posterior) -> float:
        n, misfit = self.weighing.count, posterior.misfits.get("data", 0.0)
        free = n - posterior.freedom
        return n * misfit / free**2 if free > 0.5 else math.inf
