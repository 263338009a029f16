"""What the classical methods share: from a scan to an image, with a record of what was chosen on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ..noise import estimated_variance
from ..projector import Projector
from ..scan import Scan


@dataclass(frozen=True)
class Reconstruction:
    """An image, and how it came about.

    Args:
        image: shape ``(rows, columns)``, 1/mm.
        iterations: that led to it.
        reason: why this stopping index or weight, in a few words.
        weight: of the regulariser, for methods that have one.
    """

    image: Tensor
    iterations: int
    reason: str
    weight: float | None = None


class Classical:
    """A classical reconstruction: the image from the sinogram, never from the truth."""

    name: str

    def solve(self, scan: Scan, projector: Projector | None = None) -> Reconstruction:
        """Reconstruct a scan, and say what was chosen.

        Args:
            scan: what was measured.
            projector: of the scan's geometry and grid; one in float32 is made if not given.

        Returns:
            The image, in the projector's dtype and on its device, with the choices.
        """
        raise NotImplementedError

    def reconstruct(self, scan: Scan, projector: Projector | None = None) -> Tensor:
        """Reconstruct a scan.

        Args:
            scan: what was measured.
            projector: of the scan's geometry and grid; one in float32 is made if not given.

        Returns:
            The image in the projector's dtype and on its device, shape ``(rows, columns)``, 1/mm.
        """
        return self.solve(scan, projector).image


def fitting(scan: Scan, projector: Projector | None) -> Projector:
    """Give the projector of a scan.

    Args:
        scan: what was measured.
        projector: to be checked; made if None.

    Returns:
        The projector.

    Raises:
        InputError: it belongs to another geometry or grid.
    """
    if projector is None:
        return Projector(scan.geometry, scan.grid)
    if projector.geometry != scan.geometry or projector.grid != scan.grid:
        part = "geometry" if projector.geometry != scan.geometry else "grid"
        raise InputError(f"the projector was made for another {part} than that of {scan.name}; make it of the scan's.")
    return projector


class Whitened:
    r"""The equations :math:`B x = r` of a scan, each divided by its standard deviation: known, or estimated.

    ``B(image)`` is :math:`W A x` and ``B.T(values)`` is :math:`A^T W y`, with the projector A and W = 1 / standard
    deviation, so that the squares of the residual should add up to the number of rays.

    Args:
        scan: what was measured.
        projector: of the scan's geometry and grid; one in float32 is made if None.

    Attributes:
        right: the right-hand side :math:`r = W b`, shape ``(views, bins)``.
        weights: W, shape ``(views, bins)``.
    """

    def __init__(self, scan: Scan, projector: Projector | None) -> None:
        """Whiten the sinogram; see the class."""
        self._projector = fitting(scan, projector)
        b = self._tensor(scan.sinogram)
        variance = estimated_variance(scan) if scan.variance is None else scan.variance
        self.weights = self._tensor(variance**-0.5)
        self.right = self.weights * b

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=self._projector.dtype, device=self._projector.device)

    def __call__(self, image: Tensor) -> Tensor:
        """Project an image, shape ``(rows, columns)``, and whiten."""
        return self.weights * self._projector(image)

    def T(self, values: Tensor) -> Tensor:
        """Apply the transpose to values of shape ``(views, bins)``."""
        return self._projector.T(self.weights * values)

    def zeros(self) -> Tensor:
        """Give the empty image."""
        return self.right.new_zeros(self._projector.grid.shape)

    def sums(self) -> tuple[Tensor, Tensor]:
        """Give the sums of B along its rows and columns, shapes ``(views, bins)`` and ``(rows, columns)``."""
        return self(self.zeros() + 1), self.T(torch.ones_like(self.right))


def positive(**values: float) -> None:
    """Check options.

    Args:
        values: by name.

    Raises:
        InputError: one is not a positive number, or a count of iterations is not whole.
    """
    for name, value in values.items():
        whole = name == "iterations"
        kinds = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < math.inf:
            wanted = "a whole number of at least 1" if whole else "a positive number"
            raise InputError(f"{name} must be {wanted}, got {value!r}.")
