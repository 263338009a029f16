"""SPDER: sines damped by a square root."""

from __future__ import annotations

from typing import Any

from .activation import spder
from .siren import SIREN


class SPDER(SIREN):
    r"""A SIREN whose sines are damped by a square root.

    Each layer maps :math:`h \mapsto \sin(z) \sqrt{|z|}` with :math:`z = \omega_0 (W h + b)`; initialisation,
    omega0 = 30 and sizes (three hidden layers of 256) are SIREN's, as its authors recommend. The activation is once
    continuously differentiable: its second derivative grows like 1/sqrt|z| around 0 and its square is not integrable
    there, so that a strong-form residual of second order sees outliers along the lines z = 0 while a form of first
    order does not. A frozen basis avoids the functions whose lines cross the domain.

    Args:
        width: neurons in each hidden layer; None leaves it to the method (64 where the network is trained).
        depth: number of hidden layers; None leaves it to the method (3 where the network is trained, else 1).
        omega: the frequency factor omega0.

    Reference:
        Shah and Sitawarin 2023, arXiv:2306.15242.
    """

    formula = "phi_m(x) = sin(z_m) sqrt|z_m|, z = omega (W h + b), h = layers of such functions"
    references = ("shah2023spder",)

    @staticmethod
    def _activation(z: Any) -> Any:
        return spder(z)
