"""Self-scaled Broyden updates of an inverse Hessian."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def broyden_update(inverse: Tensor, s: Tensor, y: Tensor, product: Tensor, tau: float, phi: float) -> None:
    r"""Update an approximation of the inverse Hessian in place, so that it maps y to s.

    .. math::
        H_+ = \frac{1}{\tau} \Bigl( H - \frac{H y \, (H y)^T}{y^T H y} + \varphi \, v v^T \Bigr)
            + \frac{s s^T}{y^T s}, \qquad
        v = \sqrt{y^T H y} \, \Bigl( \frac{s}{y^T s} - \frac{H y}{y^T H y} \Bigr).

    As :math:`v^T y = 0`, the secant equation :math:`H_+ y = s` holds for all tau and phi. With tau = 1 it is Broyden's
    family: BFGS for phi = 1 and DFP for phi = 0. All correction terms lie in the span of s and H y, so the update is
    one pass over the matrix.

    Args:
        inverse: the approximation H ``(n, n)``, symmetric and positive definite; changed.
        s: the step ``(n,)``.
        y: the change of the gradient over the step ``(n,)``; ``y @ s`` must be positive.
        product: ``H @ y``.
        tau: divides what is kept of H.
        phi: the member of the family.

    Reference:
        Al-Baali 1998, doi:10.1023/A:1018315205474; Urban, Stefanou and Pons 2025, arXiv:2405.04230.
    """
    ys, yhy = (y @ s).item(), (y @ product).item()
    span = torch.stack([s, product], 1)
    mixed = -phi / (tau * ys)
    core = span.new_tensor([[phi * yhy / (tau * ys**2) + 1 / ys, mixed], [mixed, (phi - 1) / (tau * yhy)]])
    inverse.addmm_(span, core @ span.T, beta=1 / tau)


def self_scaling(b: float, h: float, n: int) -> tuple[float, float]:
    r"""Choose scale and member of the Broyden family by how well the last approximation served the step.

    With B the inverse of H, let :math:`b = s^T B s / y^T s`, :math:`h = y^T H y / y^T s` and
    :math:`a = b h - 1 \geq 0`, which vanishes where H y and s are parallel. In the direct form of the family, of which
    theta is the member and :math:`\varphi = (1 - \theta) / (1 + a \theta)`, it is

    .. math::
        \rho = \min(1, h (1 - \sqrt{a / (1 + a)})), \qquad
        \theta = \max((\rho - 1) / a, \min(1 / \rho, (1 - b) / b)), \qquad \sigma = 1 + a \theta,

    .. math::
        \tau = \min(1, 1 / b) \min(\sigma^{-1/(n-1)}, 1 / \theta) \text{ if } \theta > 0, \text{ else }
        \min(\min(1, 1 / b) \, \sigma^{-1/(n-1)}, \sigma).

    The lower bound of theta keeps :math:`\sigma \geq \rho > 0`, hence H positive definite. The determinant of B is
    multiplied by :math:`\tau^{n-1} \sigma / b`; so the power of sigma undoes what the choice of theta does to it. Where
    b > 1, the last B was too large along the step, and is made smaller in all directions.

    Args:
        b: see above, positive.
        h: see above, positive.
        n: number of variables.

    Returns:
        tau and phi.

    Reference:
        Al-Baali 1998, doi:10.1023/A:1018315205474; Urban, Stefanou and Pons 2025, arXiv:2405.04230.
    """
    # By Cauchy and Schwarz a >= 0; rounding must not make it vanish or negative.
    a = max(b * h - 1, 1e-15)
    rho = min(1.0, h * (1 - math.sqrt(a / (1 + a))))
    theta = max((rho - 1) / a, min(1 / rho, (1 - b) / b))
    sigma = 1 + a * theta
    power = sigma ** (-1 / max(n - 1, 1))
    shrunk = min(1.0, 1 / b)
    tau = shrunk * min(power, 1 / theta) if theta > 0 else min(shrunk * power, sigma)
    return tau, (1 - theta) / sigma
