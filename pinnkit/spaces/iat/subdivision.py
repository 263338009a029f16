r"""All sign changes of many polynomials on [-1, 1], found with certificates.

The coefficients of :math:`s(\tau) = \sum_i c_i \tau^i` bound it on |tau| <= 1. If :math:`|c_0| > \sum_{i>0} |c_i|`
there is no root; if :math:`|c_1| > \sum_{i>1} i |c_i|` s is monotone; if :math:`2 |c_2| > \sum_{i>2} i (i-1) |c_i|`
s' is monotone and its one root splits [-1, 1] into two monotone pieces. What has no certificate is halved. So every
sign change is found, down to pairs of roots closer than 2^-40 of a cell or than rounding can tell apart.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .polynomials import evaluate, halves

DEPTH = 40
STEPS = 100


def isolated_roots(c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Find where polynomials on cells change sign.

    Args:
        c: coefficients, shape ``(..., R, C)``.

    Returns:
        The roots ``(..., K)`` with K the most of any sample, their jumps, the signs at the right ends ``(..., C)``, and
        the cells of the roots, as `roots.Roots` describes them.
    """
    lead, (size, cells) = c.shape[:-2], c.shape[-2:]
    # One column for each cell of each sample.
    flat = c.reshape(-1, size, cells).movedim(1, 0).reshape(size, -1)
    # The state is continuous: a cell begins with the sign that its neighbour ends with, whatever rounding says.
    ends = evaluate(flat, torch.ones_like(flat[0])) > 0
    starts = ends.reshape(-1, cells).roll(1, -1).flatten()
    column, left, right = _monotone_pieces(flat, starts != ends)
    own = flat[:, column]

    def sign(tau: Tensor) -> Tensor:
        # Each point has one sign, so that the changes in a cell add up to that between its ends.
        inside = evaluate(own, tau) > 0
        return torch.where(tau == -1, starts[column], torch.where(tau == 1, ends[column], inside))

    before = sign(left)
    change = (before != sign(right)).nonzero()[:, 0]
    column, before = column[change], before[change]
    tau = bracketed(own[:, change], left[change], right[change], before)
    jump = 2 * before.to(c.dtype) - 1

    sample, order = torch.sort(column // cells, stable=True)
    counts = torch.bincount(sample, minlength=flat.shape[1] // cells)
    place = torch.arange(len(sample), device=c.device) - (counts.cumsum(0) - counts)[sample]
    most = int(counts.max()) if len(counts) else 0
    found = [torch.zeros(len(counts), most, dtype=c.dtype, device=c.device) for _ in range(2)]
    where = torch.zeros(len(counts), most, dtype=torch.long, device=c.device)
    found[0][sample, place], found[1][sample, place] = tau[order], jump[order]
    where[sample, place] = column[order] % cells
    return *(v.reshape(*lead, most) for v in found), ends.to(c.dtype).reshape(*lead, cells), where.reshape(*lead, most)


def _monotone_pieces(flat: Tensor, changing: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cut [-1, 1] into pieces with at most one sign change each, where there may be one.

    Args:
        flat: coefficients, shape ``(R, N)``.
        changing: columns that must have one, whatever the certificates say, shape ``(N,)``.

    Returns:
        The column, the left end and the right end of each piece, in the coordinate of its cell.
    """
    size = flat.shape[0]
    index = torch.arange(size, dtype=flat.dtype, device=flat.device)
    once, twice = index, index * (index - 1)
    to_left, to_right = halves(size, flat)
    column = torch.arange(flat.shape[1], device=flat.device)
    centre, radius, c = torch.zeros_like(flat[0]), 1.0, flat
    pieces = []
    for depth in range(DEPTH + 1):
        magnitude = c.abs()
        total = magnitude.sum(0)
        # Strictly: identically zero cells have no root either.
        rootless = (2 * magnitude[0] > total) | (total == 0)
        monotone = 2 * magnitude[1] > once @ magnitude
        bent = ~rootless & ~monotone & (4 * magnitude[2] > twice @ magnitude)
        rest = ~rootless & ~monotone & ~bent
        # Parts without a root are kept, for rounding may see a sign change at their ends; whole cells seldom.
        kept = rootless & changing if depth == 0 else rootless
        monotone = kept | ~rootless & (monotone | rest if depth == DEPTH else monotone)
        whole, bent, rest = (mask.nonzero()[:, 0] for mask in (monotone, bent, rest))
        pieces.append((column[whole], centre[whole] - radius, centre[whole] + radius))
        cuts = _critical(c[:, bent]) * radius + centre[bent]
        pieces.append((column[bent], centre[bent] - radius, cuts))
        pieces.append((column[bent], cuts, centre[bent] + radius))
        if not len(rest) or depth == DEPTH:
            break
        radius /= 2
        column = column[rest].repeat(2)
        centre = torch.cat([centre[rest] - radius, centre[rest] + radius])
        rest_c = c[:, rest]
        c = torch.cat([to_left @ rest_c, to_right @ rest_c], 1)
    joined = [torch.cat(parts) for parts in zip(*pieces, strict=True)]
    return joined[0], joined[1], joined[2]


def _critical(c: Tensor) -> Tensor:
    """Find the root of s' where s' is monotone; an end of [-1, 1] if it has none there."""
    index = torch.arange(1, c.shape[0], dtype=c.dtype, device=c.device)
    slope = c[1:] * index[:, None]
    ends = torch.ones_like(c[0])
    low, high = evaluate(slope, -ends), evaluate(slope, ends)
    out = ends.clone()
    inside = (low > 0) != (high > 0)
    out[inside] = bracketed(slope[:, inside], -ends[inside], ends[inside], low[inside] > 0)
    return out


def bracketed(c: Tensor, left: Tensor, right: Tensor, falling: Tensor) -> Tensor:
    """Refine roots between points of different sign, to rounding, by Newton steps that bisection safeguards.

    Args:
        c: coefficients, shape ``(R, N)``.
        left: left ends, shape ``(N,)``.
        right: right ends, shape ``(N,)``.
        falling: whether the sign left of the root is positive, shape ``(N,)``.

    Returns:
        The roots, shape ``(N,)``.
    """
    low, high, active = left, right, torch.arange(len(left), device=c.device)
    ends = evaluate(c, left), evaluate(c, right)
    # The chord's root; where rounding spoils it the middle.
    tau = left - ends[0] * (right - left) / (ends[1] - ends[0])
    tau = torch.where((tau >= left) & (tau <= right), tau, (left + right) / 2)
    root, accuracy = tau.clone(), 4 * torch.finfo(c.dtype).eps
    noise = accuracy * c.abs().sum(0)
    for _ in range(STEPS):
        s, slope = _with_slope(c, tau)
        beyond = (s > 0) != falling
        low, high = torch.where(beyond, low, tau), torch.where(beyond, tau, high)
        step = tau - s / slope
        step = torch.where((step >= low) & (step <= high), step, (low + high) / 2)
        # Where s is noise, so may be its slope, and the step.
        found = s.abs() <= noise
        step = torch.where(found, tau, step)
        root[active] = step
        going = ((step - tau).abs() > accuracy) & (high - low > accuracy) & ~found
        tau, left_over = step, int(going.sum())
        if not left_over:
            break
        if left_over < len(tau) / 2:
            active, c = active[going], c[:, going]
            falling, low, high, tau, noise = (v[going] for v in (falling, low, high, tau, noise))
    return root


def _with_slope(c: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
    value, slope = c[-1], torch.zeros_like(c[-1])
    for i in range(len(c) - 2, -1, -1):
        slope = slope * tau + value
        value = value * tau + c[i]
    return value, slope
