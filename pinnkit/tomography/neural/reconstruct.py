r"""Reconstruction by a network, split from the data.

The image :math:`u_\theta` of a network minimises

.. math:: \min_{\theta,\, x \ge 0} \tfrac12 |W (A x - b)|^2 + \lambda \sum |\nabla x| + \tfrac{\rho}{2} |x - u_\theta|^2

in turns: primal-dual steps for x, which know of rays but not of networks, and Adam for theta, which fits u to x pixel
by pixel and never sees the ill-conditioned projector. Steps of the network may then take a batch of pixels. The penalty
:math:`\rho` pulls a pixel as hard as one ray through it would, of mean weight; the weight :math:`\lambda` is an eighth
of that which total variation alone would need by the discrepancy principle, for the network smoothes, too; where the
noise is only estimated, of the smaller of that and the one with the whitest residual, for the estimate holds the error
of the pixels, too, which a network can fit (all our choice).

The smoothness of the network may stand in place of the total variation of x: a term
:math:`\tfrac{\mu}{2} \sum h^2 |\nabla u_\theta|^2` for the network, over pixels of side h, by jets. For the image of
total variation alone, :math:`\mu` makes it as large as :math:`\lambda` times the total variation. The gradient rather
than the Laplacian, since its size can be compared with the total variation's, and it costs less (both our choice).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ...errors import InputError, NameNotFound
from ...methods import Budget, Status, Stop
from ..classical import TotalVariation
from ..classical.primal_dual import PrimalDual, differences, variation
from ..classical.reconstruction import Whitened
from ..classical.tv import RULES
from ..projector import Projector
from ..scan import Scan
from .fields import ConvolutionalField, PixelField, as_field, image_space
from .prior import DeepImagePrior

SHARE = 1 / 8
"""Weight of the total variation in that of total variation alone."""
PROJECTING = 15
"""Steps of the image x in a round."""
APART = 1009
"""Seeds of the members of an ensemble are so far apart."""
CHECKPOINTS = 50
"""How often in a run an observer is called."""
REGULARISERS = ("tv", "smoothness", "none")
Observer = Callable[[int, float, Tensor, dict[str, float]], None]


@dataclass(frozen=True)
class NeuralReconstruction:
    """An image by a network, and how it came about.

    Args:
        image: that of the last step, the mean over members, shape ``(rows, columns)``, 1/mm.
        uncertainty: standard deviation over members, likewise; None for a single one.
        networks: the trained networks; their outputs times `scale` are images.
        scale: 1/mm.
        status: how it ended.
        reason: why.
        steps: of all networks.
        seconds: that it took.
        parameters: of a network.
        weight: of the total variation, mm, or of the smoothness, mm^2; None without.
        history: step, seconds, loss, data_residual and chi_squared at each checkpoint.
    """

    image: Tensor
    uncertainty: Tensor | None
    networks: tuple[nn.Module, ...]
    scale: float
    status: Status
    reason: str
    steps: int
    seconds: float
    parameters: int
    weight: float | None
    history: list[dict[str, float]] = field(default_factory=list)


class Splitting:
    """One network and its image x at work.

    Args:
        field: the network.
        data: the image x with its equations, at the start; its copy is changed.
        weight: of the total variation; None without.
        penalty: rho.
    """

    def __init__(
        self, field: PixelField | ConvolutionalField, data: PrimalDual, weight: float | None, penalty: float
    ) -> None:
        """Start; see the class."""
        self.field, self.data, self.penalty = field, copy.copy(data), penalty
        self.data.weight, self.data.varies = weight or 1.0, weight is not None
        self.scale = float(data.x.square().mean().sqrt()) or 1.0
        self.optimiser = torch.optim.Adam(field.network.parameters(), field.rate)
        self.loss = math.nan

    def image(self) -> Tensor:
        """Give the network's image, nowhere negative, 1/mm."""
        return (self.field.image() * self.scale).clamp(min=0)

    def round(self, left: float, budget: Budget) -> bool:
        """Fit the network to x and take x nearer to the network.

        Args:
            left: share of the run that is left, which the rate follows in its second half.
            budget: whose steps are counted, and whose end ends the round.

        Returns:
            Whether the loss is finite.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.field.rate * min(1.0, 2 * left + 0.02)
        target = self.data.x / self.scale
        for _ in range(self.field.steps):
            self.optimiser.zero_grad()
            loss = self.field.misfit(target)
            loss.backward()
            self.optimiser.step()
            budget.steps_done += 1
            if budget.spent >= 1:
                break
        self.loss = float(loss.detach())
        if not math.isfinite(self.loss):
            return False
        self.data.pull = self.penalty, self.field.image() * self.scale
        for _ in range(PROJECTING):
            self.data.step()
        return True


def check_regulariser(regulariser: str, space: nn.Module | None) -> None:
    """Check that there is such a regulariser, and that it suits the space.

    Args:
        regulariser: its name.
        space: the network.

    Raises:
        NameNotFound: there is no such regulariser.
        InputError: a deep image prior, which has no derivatives, is to be smooth.
    """
    if regulariser not in REGULARISERS:
        raise NameNotFound("regulariser", str(regulariser), REGULARISERS)
    if regulariser == "smoothness" and isinstance(space, DeepImagePrior):
        raise InputError(
            "smoothness needs derivatives of the image by x and y, but a deep image prior only knows pixels; "
            "use the regulariser tv or none, or another space."
        )


def reconstruct(
    scan: Scan,
    space: nn.Module | None = None,
    regulariser: str = "tv",
    budget: str | float | Budget = "5min",
    seed: int = 0,
    members: int = 1,
    observer: Observer | None = None,
    device: torch.device | str = "cpu",
) -> NeuralReconstruction:
    """Reconstruct a scan with a network as the image; see the module for the method.

    With total variation the run ends with its budget, and noise is kept out by the weight, which the discrepancy
    principle sets. Without it the discrepancy principle ends the run: as soon as the network's residual is as large as
    the noise, known or estimated.

    Args:
        scan: what was measured.
        space: a trial space or a `DeepImagePrior`, not yet built; None takes an LRNN with 180,000 parameters.
        regulariser: "tv", "smoothness" of a trial space, or "none".
        budget: seconds, or steps of the network, such as "60s" or "2000steps"; members share it.
        seed: of all random numbers.
        members: networks of an ensemble, whose images differ by their seeds only.
        observer: called about 50 times with step, seconds, the image and the values of the history.
        device: of the projector, the networks and the image, which are in float32.

    Returns:
        The image of the last step, never that nearest to a truth.

    Raises:
        InputError: the regulariser does not suit the space.
        NameNotFound: there is no such regulariser.
    """
    check_regulariser(regulariser, space)
    budget = Budget.parse(budget)
    budget.start()
    projector = Projector(scan.geometry, scan.grid, device=device)
    equations = Whitened(scan, projector)
    data = PrimalDual(equations)
    weight = smoothness = None
    if regulariser != "none":
        rules = RULES if scan.variance is None else RULES[:1]
        alone = [TotalVariation(rule=rule).solve(scan, projector) for rule in rules]
        weight, data.x = SHARE * min(found.weight or 1.0 for found in alone), alone[0].image
        data.restart()
    if regulariser == "smoothness":
        squares = float(differences(data.x).square().sum())
        weight, smoothness = None, 2 * (weight or 0.0) * variation(data.x) / max(squares, 1e-30)
    # One ray of mean weight, as long as the pixel.
    penalty = float(equations.weights.square().mean()) * scan.grid.pixel**2
    history: list[dict[str, float]] = []

    def record(splitting: Splitting) -> float:
        """Note how far a member is, and give its chi^2."""
        image = splitting.image()
        residual = equations(image) - equations.right
        part = (residual / equations.weights).norm() / (equations.right / equations.weights).norm()
        chi2 = float(residual.square().mean())
        values = {"loss": splitting.loss, "data_residual": float(part), "chi_squared": chi2}
        history.append({"step": budget.steps_done, "seconds": budget.elapsed, **values})
        if observer is not None:
            observer(budget.steps_done, budget.elapsed, image, history[-1])
        return chi2

    splittings = []
    for member in range(members):
        generator = torch.Generator().manual_seed(seed + APART * member)
        field = as_field(space or image_space("lrnn"), scan.grid, generator, device, (smoothness or 0.0) / penalty)
        splittings.append(Splitting(field, data, weight, penalty))
        stop = _train(splittings[-1], budget, (member + 1) / members, record)
    images = torch.stack([splitting.image() for splitting in splittings])
    networks = tuple(splitting.field.network for splitting in splittings)
    return NeuralReconstruction(
        image=images.mean(0), uncertainty=images.std(0) if members > 1 else None, networks=networks,
        scale=splittings[0].scale, status=stop.status, reason=stop.reason, steps=budget.steps_done,
        seconds=budget.elapsed, parameters=sum(p.numel() for p in networks[0].parameters()),
        weight=weight if smoothness is None else smoothness, history=history,
    )  # fmt: skip


def _train(splitting: Splitting, budget: Budget, end: float, record: Callable[[Splitting], float]) -> Stop:
    """Take rounds until a share of the budget is spent, or the residual is as small as noise without variation."""
    begin = due = budget.spent
    while budget.spent < end:
        if not splitting.round((end - budget.spent) / (end - begin), budget):
            return Stop(Status.DIVERGED, f"the loss became {splitting.loss} in step {budget.steps_done}")
        if budget.spent >= min(due, end):
            due = budget.spent + 1 / CHECKPOINTS
            chi2 = record(splitting)
            if chi2 <= 1 and not splitting.data.varies:
                return Stop(Status.CONVERGED, f"discrepancy principle, chi^2 = {chi2:.3g} a ray")
    return Stop(Status.BUDGET_SPENT, f"the budget of {budget} is spent")
