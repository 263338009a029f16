r"""The measurement: photon counts, the line integrals that they stand for, their noise and their likelihood.

A ray with the line integral p lets :math:`N \sim \mathrm{Poisson}(I_0 e^{-p})` of :math:`I_0` photons through, so that
p is measured by :math:`-\log(N / I_0)` with a variance of about :math:`1 / N`.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor

from ..errors import InputError

HALF = 0.5
"""Of a count, added before the logarithm: ``E log(N + 1/2) = log(mean) + O(1 / mean^2)`` for Poisson counts N."""
FEWEST = 10.0
"""Counts of an open beam below which they are taken for fractions, not counts (our choice)."""
Array = TypeVar("Array", np.ndarray, Tensor)


def attenuation(
    counts: np.ndarray,
    flat: float | np.ndarray,
    dark: float | np.ndarray = 0.0,
    flat_frames: int | None = None,
    electronic: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Turn photon counts into line integrals with their variance.

    With :math:`c = \max(N - d, 0) + 1/2`, where N is the count and d the dark field, and with the flat field F,

    .. math:: p = -\log\frac{c}{F - d}, \qquad \sigma^2 = \frac{N + \sigma_e^2 + 1/2}{c^2}
        \left[+ \frac{F + \sigma_e^2}{m (F - d)^2}\right].

    The half count removes the first-order bias of the logarithm, and gives rays with no count left a finite value with
    a large variance (Anscombe 1956; that the correction is added after the dark field is our choice). The bracket is
    the flat field's own noise, if it was measured; its correlation between views is left out. Photons have to be
    counts: divide the numbers of an integrating detector by its gain first.

    Args:
        counts: photons, shape ``(views, bins)``.
        flat: what the open beam gives: a number, one for each bin ``(bins,)``, for each view ``(views, 1)`` or both.
        dark: what no beam gives; like flat.
        flat_frames: number m of exposures whose mean the flat field is; None if it is known exactly.
        electronic: standard deviation of the detector's electronic noise, counts.

    Returns:
        The sinogram and its variance, float64, each ``(views, bins)``.

    Raises:
        InputError: counts are not finite or negative, or the flat and dark fields do not fit them.

    Reference:
        Anscombe, Biometrika 43 (1956), 461-464, doi:10.1093/biomet/43.3-4.461.
    """
    counts = _rays(counts, "counts")
    _check(counts, counts >= 0, "counts must be finite and not negative")
    flat, dark = (_field(field, name, counts.shape) for field, name in ((flat, "flat"), (dark, "dark")))
    beam = flat - dark
    _check(beam, beam > 0, "the flat field must be greater than the dark field; interpolate dead bins first")
    if np.median(beam) < FEWEST:
        raise InputError(
            f"the flat field must be in photons, but half of it is below {FEWEST:g} (median {np.median(beam):.4g}); "
            "if it is a transmission already, give -log of it as the sinogram."
        )
    if flat_frames is not None and flat_frames < 1:
        raise InputError(f"flat_frames must be a whole number of at least 1, got {flat_frames!r}.")
    if not 0 <= electronic < np.inf:
        raise InputError(f"electronic must be a standard deviation in counts, got {electronic!r}.")
    through = np.maximum(counts - dark, 0) + HALF
    variance = (counts + electronic**2 + HALF) / through**2
    if flat_frames is not None:
        variance = variance + (flat + electronic**2) / (flat_frames * beam**2)
    return np.log(beam) - np.log(through), variance


def add_poisson_noise(
    sinogram: np.ndarray, counts: float | np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Measure line integrals with a limited number of photons.

    Args:
        sinogram: line integrals, shape ``(views, bins)``.
        counts: photons of the open beam for each ray: a number or an array like `attenuation`'s flat field.
        generator: source of randomness.

    Returns:
        The noisy sinogram and its variance, estimated from the noisy counts alone, each ``(views, bins)``.

    Raises:
        InputError: counts are below 10 somewhere, or the sinogram is not finite.
    """
    sinogram = _rays(sinogram, "the sinogram")
    _check(sinogram, np.isfinite(sinogram), "the sinogram must be finite")
    beam = _field(counts, "counts", sinogram.shape)
    _check(beam, beam >= FEWEST, f"counts must be at least {FEWEST:g} photons a ray")
    return attenuation(generator.poisson(beam * np.exp(-sinogram)), beam)


def add_gaussian_noise(
    sinogram: np.ndarray, deviation: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add white noise to line integrals.

    Args:
        sinogram: line integrals, shape ``(views, bins)``.
        deviation: standard deviation of the noise, dimensionless like the line integrals.
        generator: source of randomness.

    Returns:
        The noisy sinogram and its variance, each ``(views, bins)``.

    Raises:
        InputError: the deviation is not positive.
    """
    if not 0 < deviation < np.inf:
        raise InputError(f"deviation must be a positive number, got {deviation!r}.")
    noisy = sinogram + deviation * generator.standard_normal(np.shape(sinogram))
    return noisy, np.full(noisy.shape, deviation**2)


def whiten(residual: Array, variance: Array) -> Array:
    r"""Divide a residual by its standard deviation, so that least squares becomes maximum likelihood.

    :math:`\tfrac12 |W r|^2` with :math:`W = \mathrm{diag}(1 / \sigma)` is minus the logarithm of the likelihood of
    Gaussian noise, up to a constant, and its quadratic approximation for Poisson counts (Sauer and Bouman 1993).

    Args:
        residual: ``A x - b``, shape ``(..., views, bins)``, an array or a tensor.
        variance: of the data b, of a shape that broadcasts, of the same kind.

    Returns:
        The whitened residual, of the same kind.

    Reference:
        Sauer and Bouman, IEEE Transactions on Signal Processing 41 (1993), 534-548, doi:10.1109/78.193196.
    """
    return residual / variance**0.5


def chi_squared(residual: Array, variance: Array) -> Array:
    r"""Give :math:`\chi^2` a ray, the mean of :math:`r^2 / \sigma^2`, which is about 1 at the true image.

    Args:
        residual: ``A x - b``, shape ``(..., views, bins)``, an array or a tensor.
        variance: of the data b, of a shape that broadcasts, of the same kind.

    Returns:
        Shape ``(...)``, of the same kind; differentiable.
    """
    return (whiten(residual, variance) ** 2).mean((-2, -1))


def _rays(values: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 2:
        raise InputError(f"{name} must have two axes, views and detector bins, got shape {values.shape}.")
    return values


def _field(field: float | np.ndarray, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Give a flat or dark field for every ray."""
    try:
        values = np.broadcast_to(np.asarray(field, np.float64), shape)
    except ValueError:
        raise InputError(
            f"{name} must be a number or of a shape that fits {shape}, such as ({shape[-1]},) or ({shape[0]}, 1), got "
            f"{np.shape(field)}."
        ) from None
    _check(values, values >= 0, f"{name} must be finite and not negative")
    return values


def _check(values: np.ndarray, good: np.ndarray, demand: str) -> None:
    bad = ~(good & np.isfinite(values))
    if bad.any():
        view, at = np.argwhere(bad)[0]
        raise InputError(f"{demand}: view {view}, bin {at} is {values[view, at]:g} ({bad.sum()} such values).")
