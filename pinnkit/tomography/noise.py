r"""The variance of data whose noise nobody measured, from the sinogram alone.

Photon noise has the variance :math:`e^p / I_0` at the line integral p, and is all that differences of high order along
the detector leave of a smooth view: with fourth differences :math:`d = \sum_k c_k b_k`, the median of
:math:`|d| / (\sum_k c_k^2 e^{b_k})^{1/2}` is :math:`0.6745 / \sqrt{I_0}`, for it takes no notice of a few edges. Fine
texture all over the object would be taken for noise; it is not in rays through air or through little. So the median is
taken in groups of rays by their line integral, and the least of them counts (groups and their number are our choice).
Beside the noise there is the model's own error.

Reference: Donoho and Johnstone, Biometrika 81 (1994), 425-455, doi:10.1093/biomet/81.3.425, section 3.1, for the median
of differences as a measure of noise.
"""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np

from .discretisation import discretisation_variance
from .scan import Scan

ORDER = 4
"""Of the differences."""
GROUPS, MEMBERS = 8, 500
"""Groups of rays by line integral, and rays that each should have, lest the least be so by chance."""
NORMAL = 0.67449
"""Median of the size of a standard normal number."""
LEAST = 1e-6
"""Deviation of noise, relative to the largest line integral, of data without any."""


def photon_noise(sinogram: np.ndarray) -> np.ndarray:
    """Estimate the variance of photon noise.

    Args:
        sinogram: line integrals, shape ``(views, bins)``.

    Returns:
        Positive, same shape; negligible for fewer than 5 bins.
    """
    least = LEAST * (float(np.abs(sinogram).max()) or 1.0)
    variance = np.exp(sinogram)
    inverse = 0.0
    if sinogram.shape[1] > ORDER:
        c = np.array([(-1) ** k * comb(ORDER, k) for k in range(ORDER + 1)])
        windows = np.lib.stride_tricks.sliding_window_view(sinogram, ORDER + 1, axis=1)
        spread = np.lib.stride_tricks.sliding_window_view(variance, ORDER + 1, axis=1) @ c**2
        sizes = (np.abs(windows @ c) / np.sqrt(spread)).ravel()
        order = np.argsort(windows.mean(-1), axis=None, kind="stable")
        groups = np.array_split(order, max(1, min(GROUPS, order.size // MEMBERS)))
        inverse = min(float(np.median(sizes[group])) for group in groups) / NORMAL
    return variance * inverse**2 + least**2


def estimated_variance(scan: Scan, subrays: int = 1) -> np.ndarray:
    """Estimate the variance of the data about the projection of the true image's pixels: noise and the pixels' error.

    Args:
        scan: whose own variance is not looked at.
        subrays: of the projector.

    Returns:
        Positive, shape ``(views, bins)``.
    """
    noise = photon_noise(scan.sinogram)
    return noise + discretisation_variance(replace(scan, variance=noise), subrays)
