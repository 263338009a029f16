"""Fitting given kernels by analytic ones: multi-start Gauss-Newton with the amplitude in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import jacfwd, vmap

from ..errors import InputError
from .families import FAMILIES, Family
from .mosaic import NAMES, PLAIN, parse_names

STARTS, FIRST_STEPS = 10, 10
KEPT, LAST_STEPS = 2, 60
BLOCK = 1024
LARGEST_STEP = 1.0


@dataclass(frozen=True)
class Fit:
    """Best approximations of kernels within a family.

    Attributes:
        raw: raw parameters, shape ``(n, p)``.
        amplitude: shape ``(n,)``.
        square: squared error, shape ``(n,)``.
    """

    raw: Tensor
    amplitude: Tensor
    square: Tensor


def fit(family: Family, kernels: Tensor) -> Fit:
    r"""Fit kernels K by a family: minimise :math:`|K - a\, k(\alpha)|^2` over a and the parameters alpha.

    With k of unit norm the best amplitude is :math:`a = k \cdot K` (variable projection). Candidates spread over all
    parameters are compared; Levenberg-Marquardt starts from the best ten for each kernel and ends with the best two.
    All kernels and starts run at once.

    Args:
        family: the family.
        kernels: shape ``(n, h, w)``, float64.

    Returns:
        The fits.
    """
    blocks = [_fit_block(family, block) for block in kernels.split(BLOCK)]
    return Fit(*(torch.cat([getattr(block, name) for block in blocks]) for name in ("raw", "amplitude", "square")))


def _fit_block(family: Family, kernels: Tensor) -> Fit:
    n, shape = len(kernels), (kernels.shape[1], kernels.shape[2])
    size = kernels.flatten(1).norm(dim=1)
    target = kernels.flatten(1) / torch.where(size > 0, size, 1.0)[:, None]
    count = 32 * 4 ** (len(family.parameters) - 1)
    candidates = family.draw(count, torch.Generator().manual_seed(0)).to(kernels)
    alike = (target @ family.kernels(candidates, shape).flatten(1).T).square()
    raw = candidates[alike.topk(STARTS, dim=1).indices]
    raw, square = _levenberg_marquardt(family, target, raw, shape, FIRST_STEPS)
    kept = square.topk(KEPT, dim=1, largest=False).indices
    raw = raw.gather(1, kept[..., None].expand(-1, -1, raw.shape[2]))
    raw, square = _levenberg_marquardt(family, target, raw, shape, LAST_STEPS)
    best = square.argmin(1)
    raw = raw[torch.arange(n, device=raw.device), best]
    amplitude = size * (target * family.kernels(raw, shape).flatten(1)).sum(1)
    return Fit(raw, amplitude, size**2 * square.amin(1))


def _levenberg_marquardt(
    family: Family, target: Tensor, raw: Tensor, shape: tuple[int, int], steps: int
) -> tuple[Tensor, Tensor]:
    """Improve raw parameters ``(n, starts, p)`` for targets of unit norm ``(n, h w)``; also return squared errors."""
    starts = raw.shape[:2]
    target, raw = target.repeat_interleave(starts[1], 0), raw.flatten(0, 1)

    def profile(one: Tensor) -> Tensor:
        return family.kernels(one[None], shape).flatten()

    def squared_error(raw: Tensor) -> Tensor:
        k = family.kernels(raw, shape).flatten(1)
        return (target - (k * target).sum(1, keepdim=True) * k).square().sum(1)

    slopes = vmap(jacfwd(profile))
    square = squared_error(raw)
    damping = torch.full_like(square, 1e-2)
    for _ in range(steps):
        k, d = family.kernels(raw, shape).flatten(1), slopes(raw)
        a = (k * target).sum(1)[:, None]
        # Slopes of the residual K - a k, without the part along k (Kaufman's simplification): -a d, orthogonal to k.
        normal = a[..., None] ** 2 * d.mT @ d
        diagonal = normal.diagonal(dim1=1, dim2=2)
        ridge = damping[:, None] * (diagonal + 1e-12 * diagonal.amax(1, keepdim=True) + 1e-30)
        step = torch.linalg.solve(normal + torch.diag_embed(ridge), a * torch.einsum("nk,nkp->np", target, d))
        moved = raw + step.clamp(-LARGEST_STEP, LARGEST_STEP)
        moved_square = squared_error(moved)
        better = moved_square < square
        raw = torch.where(better[:, None], moved, raw)
        square = torch.where(better, moved_square, square)
        damping = (damping * torch.where(better, 0.2, 5.0)).clamp(1e-12, 1e8)
    return raw.unflatten(0, starts), square.unflatten(0, starts)


@dataclass(frozen=True)
class Choice:
    """A family for each of n kernels, with its parameters: what an `AnalyticConv2d` holds, and relative errors."""

    counts: dict[str, int]
    raw: dict[str, Tensor]
    amplitude: Tensor
    plain: Tensor
    order: Tensor
    errors: Tensor
    relative_error: float


def choose(kernels: Tensor, families: str, tolerance: float, counts: dict[str, int] | None = None) -> Choice:
    """Choose a family for each kernel; see `AnalyticConv2d.from_conv2d`.

    Args:
        kernels: shape ``(n, h, w)``, float64.
        families: names of the families to try.
        tolerance: largest error, relative to the root mean square norm of the kernels.
        counts: of each family, to be kept instead.

    Returns:
        The choice.

    Raises:
        InputError: an option is out of range.
    """
    if not (isinstance(tolerance, (int, float)) and tolerance >= 0):
        raise InputError(f"tolerance must be zero or more, got {tolerance!r}.")
    wanted = parse_names(families, tuple(FAMILIES))
    if any(count is not None for count in wanted.values()):
        raise InputError(f"families are names without counts, such as 'G Lg', got {families!r}; give counts as mosaic.")
    names = [name for name in NAMES if name in (wanted if counts is None else counts)]
    fits = {name: fit(FAMILIES[name], kernels) for name in names if name != PLAIN}
    norms = kernels.flatten(1).square().sum(1)
    squares = torch.stack([fits[name].square if name in fits else torch.zeros_like(norms) for name in names])
    if counts is None:
        names.append(PLAIN)
        square, family = squares.min(0)
        family = torch.where(square <= tolerance**2 * norms.mean(), family, len(names) - 1)
        squares = torch.cat([squares, torch.zeros_like(squares[:1])])
    else:
        family = _assign(squares, [counts[name] for name in names])
    members = {name: torch.nonzero(family == number)[:, 0] for number, name in enumerate(names)}
    members = {name: chosen for name, chosen in members.items() if len(chosen)}
    plain = members.get(PLAIN, norms.new_zeros(0, dtype=torch.long))
    analytic = {name: chosen for name, chosen in members.items() if name != PLAIN}
    square = squares.gather(0, family[None])[0]
    return Choice(
        counts={name: len(chosen) for name, chosen in members.items()},
        raw={name: fits[name].raw[chosen] for name, chosen in analytic.items()},
        amplitude=torch.cat([norms[:0], *(fits[name].amplitude[chosen] for name, chosen in analytic.items())]),
        plain=kernels[plain],
        order=torch.cat(list(members.values())).argsort(),
        errors=torch.sqrt(square / torch.where(norms > 0, norms, 1.0)),
        relative_error=(square.sum() / norms.sum()).sqrt().item() if norms.any() else 0.0,
    )


def _assign(squares: Tensor, counts: list[int]) -> Tensor:
    """Assign families to kernels in given numbers, for the least sum of squared errors."""
    from scipy.optimize import linear_sum_assignment

    slots = torch.repeat_interleave(torch.tensor(counts))
    _, places = linear_sum_assignment(squares.T[:, slots.to(squares.device)].cpu().numpy())
    return slots[torch.from_numpy(places)].to(squares.device)
