"""How good an image is, against the truth where there is one and against the data where there is none."""

from __future__ import annotations

import math
from importlib import import_module
from types import ModuleType

import numpy as np
from torch import Tensor

from ..errors import InputError

WINDOW = 7
"""Side of the windows of SSIM, pixels (scikit-image's default)."""


def psnr(image: np.ndarray | Tensor, truth: np.ndarray | Tensor) -> float:
    r"""Give the peak signal-to-noise ratio :math:`10 \log_{10}(1 / \mathrm{MSE})`.

    Both images are scaled and shifted alike so that the truth spans [0, 1]; nothing is clipped.

    Args:
        image: the reconstruction, shape ``(rows, columns)``.
        truth: the same shape.

    Returns:
        dB; infinite for equal images.

    Raises:
        InputError: shapes differ, or the truth is constant or not finite.
    """
    scaled, reference = _scaled(image, truth)
    with np.errstate(divide="ignore"):
        return float(_skimage("metrics").peak_signal_noise_ratio(reference, scaled, data_range=1))


def ssim(image: np.ndarray | Tensor, truth: np.ndarray | Tensor) -> float:
    """Give the mean structural similarity over windows of 7 x 7 pixels, data range 1, scaled like `psnr`.

    Args:
        image: the reconstruction, shape ``(rows, columns)``, both at least 7.
        truth: the same shape.

    Returns:
        At most 1.

    Raises:
        InputError: shapes differ or are too small, or the truth is constant or not finite.

    Reference:
        Wang, Bovik, Sheikh and Simoncelli, IEEE Transactions on Image Processing 13 (2004), 600-612,
        doi:10.1109/TIP.2003.819861.
    """
    scaled, reference = _scaled(image, truth)
    if min(reference.shape) < WINDOW:
        raise InputError(f"SSIM needs at least {WINDOW} x {WINDOW} pixels, got {reference.shape}.")
    return float(_skimage("metrics").structural_similarity(reference, scaled, data_range=1, win_size=WINDOW))


def data_residual(projection: np.ndarray | Tensor, sinogram: np.ndarray | Tensor) -> float:
    """Give ``|A x - b| / |b|``.

    Args:
        projection: ``A x``, shape ``(views, bins)``.
        sinogram: the data b, same shape.

    Returns:
        The relative residual.

    Raises:
        InputError: shapes differ, or the data are zero.
    """
    fitted, data = _alike(projection, sinogram)
    size = np.linalg.norm(data)
    if size == 0:
        raise InputError("the sinogram is zero everywhere, so that no residual can be relative to it.")
    return float(np.linalg.norm(fitted - data) / size)


def correlation(mask: np.ndarray | Tensor, reference: np.ndarray | Tensor) -> float:
    r"""Give the correlation coefficient of Matthews of two binary masks.

    .. math:: \frac{TP \cdot TN - FP \cdot FN}{\sqrt{(TP + FP)(TP + FN)(TN + FP)(TN + FN)}}

    Args:
        mask: true where the object is.
        reference: the same shape.

    Returns:
        -1 to 1; 0 if either mask is all true or all false.

    Raises:
        InputError: shapes differ.

    Reference:
        Matthews, Biochimica et Biophysica Acta 405 (1975), 442-451, doi:10.1016/0005-2795(75)90109-9.
    """
    a, b = (part != 0 for part in _alike(mask, reference))
    both = float((a & b).sum()), float((~a & ~b).sum())
    either = float((a & ~b).sum()), float((~a & b).sum())
    product = math.prod(yes + no for yes in both for no in either)
    return (both[0] * both[1] - either[0] * either[1]) / math.sqrt(product) if product else 0.0


def segment(image: np.ndarray | Tensor) -> np.ndarray:
    """Separate an object from its background by the threshold of Otsu.

    Args:
        image: shape ``(rows, columns)``.

    Returns:
        The mask of the brighter pixels, same shape; nowhere true for a constant image.

    Raises:
        InputError: the image is not finite.

    Reference:
        Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9 (1979), 62-66, doi:10.1109/TSMC.1979.4310076.
    """
    values = _numpy(image)
    if not np.isfinite(values).all():
        raise InputError(f"{(~np.isfinite(values)).sum()} of {values.size} values of the image are not finite.")
    return values > _skimage("filters").threshold_otsu(values)


def _skimage(module: str) -> ModuleType:
    try:
        return import_module(f"skimage.{module}")
    except ImportError:
        raise InputError("this metric needs the package scikit-image: pip install 'pinnkit[ct]'.") from None


def _numpy(values: np.ndarray | Tensor) -> np.ndarray:
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, np.float64)


def _alike(first: np.ndarray | Tensor, second: np.ndarray | Tensor) -> tuple[np.ndarray, np.ndarray]:
    a, b = _numpy(first), _numpy(second)
    if a.shape != b.shape:
        raise InputError(f"only arrays of one shape can be compared, got {a.shape} and {b.shape}.")
    return a, b


def _scaled(image: np.ndarray | Tensor, truth: np.ndarray | Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Give both so that the truth spans [0, 1]."""
    values, reference = _alike(image, truth)
    low, high = reference.min(), reference.max()
    if not 0 < high - low < np.inf:
        raise InputError(f"the true image must be finite and not constant; it goes from {low:g} to {high:g}.")
    return (values - low) / (high - low), (reference - low) / (high - low)
