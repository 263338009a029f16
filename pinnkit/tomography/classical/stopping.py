r"""When to stop an iteration that first fits the image and then the noise, without knowing the image.

The discrepancy principle: stop as soon as the whitened residual is as large as the noise,
:math:`\chi^2 = |W (A x - b)|^2 \le` number of rays. Where no iterate meets it, the normalised cumulative periodogram:
as long as the residual is redder than white noise along the detector, it still holds some of the image.

References: Hansen, Discrete Inverse Problems (2010), sections 5.2 and 5.5, doi:10.1137/1.9780898718836; Hansen, Kilmer
and Kjeldsen, BIT 46 (2006), 41-59, doi:10.1007/s10543-006-0042-7.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor

from .reconstruction import Reconstruction


def redness(residual: Tensor) -> float:
    r"""Measure how much of a residual lies at lower frequencies than white noise would.

    With the periodogram of the views, averaged over them and added up from the lowest frequency (without the zeroth) to
    the j-th of n and divided by its total, :math:`c_j`, it is :math:`\max_j (c_j - j / n)`. That only an excess of low
    frequencies counts is our choice: the error of the pixels themselves is left at high ones, and is no overfitting.

    Args:
        residual: shape ``(views, bins)``.

    Returns:
        0, as for white or blue noise, to 1.
    """
    power = torch.fft.rfft(residual.double()).abs().square()[:, 1:].mean(0)
    total = float(power.sum())
    if total == 0:
        return 0.0
    line = torch.arange(1, len(power) + 1, device=power.device) / len(power)
    return max(0.0, float((power.cumsum(0) / total - line).max()))


def stopped(iterates: Iterable[tuple[Tensor, Tensor]], limit: int) -> Reconstruction:
    """Choose an iterate: by the discrepancy principle if it can be met, else the one with the whitest residual.

    Args:
        iterates: images with their residuals in units of the standard deviation, the first one before any step.
        limit: steps to take at most.

    Returns:
        The image, with the number of its steps and the reason.
    """
    least = float("inf")
    for step, (image, residual) in enumerate(islice(iterates, limit + 1)):
        chi2 = float(residual.square().mean())
        if chi2 <= 1:
            return Reconstruction(image, step, f"discrepancy principle, chi^2 = {chi2:.3g} a ray")
        red = redness(residual)
        if red <= least:
            least = red
            reason = f"whitest residual, redness {red:.2g}, as chi^2 stays at {chi2:.3g} a ray"
            chosen = Reconstruction(image, step, reason)
    return chosen
