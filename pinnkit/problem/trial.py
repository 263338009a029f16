"""The trial function: a space, made periodic and fitted to the hard conditions of a problem."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..spaces import Space
from .hard import HardConditions


class PeriodicEmbedding(nn.Module):
    """Replace each periodic coordinate by its cosine and sine.

    Args:
        axes: the periodic coordinates.
        bounds: bounding box, shape ``(2, d)``.
    """

    def __init__(self, axes: tuple[int, ...], bounds: Tensor) -> None:
        """Keep axes and wave numbers; see the class."""
        super().__init__()
        self.axes = axes
        self.wave = [2 * math.pi / (bounds[1, axis] - bounds[0, axis]).item() for axis in axes]
        self.start = [bounds[0, axis].item() for axis in axes]

    def forward(self, x: Any) -> Any:
        """Map points ``(n, d)`` to ``(n, d + number of periodic axes)``."""
        columns = []
        for axis in range(x.shape[-1]):
            column = x[:, axis : axis + 1]
            if axis in self.axes:
                number = self.axes.index(axis)
                angle = (column - self.start[number]) * self.wave[number]
                columns += [torch.cos(angle), torch.sin(angle)]
            else:
                columns.append(column)
        return torch.cat(columns, -1)

    def bounds(self, bounds: Tensor) -> Tensor:
        """Map the bounding box of the domain to that of the embedded points, shape ``(2, d')``."""
        columns = []
        for axis in range(bounds.shape[1]):
            unit = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=bounds.dtype)
            columns.append(unit if axis in self.axes else bounds[:, axis : axis + 1])
        return torch.cat(columns, 1)


    def frequencies(self, frequencies: Tensor, generator: torch.Generator) -> Tensor:
        r"""Map angular frequencies of the coordinates to those of the embedded points.

        :math:`\sin(\kappa \cos(\theta - \psi) + b)` has the harmonics up to about :math:`\kappa`, so that a wave with
        kappa periods becomes the vector :math:`\kappa (\cos\psi, \sin\psi)` with random psi. (Our choice.)

        Args:
            frequencies: shape ``(m, d)``.
            generator: source of random numbers.

        Returns:
            Frequencies, shape ``(m, d')``.
        """
        columns = []
        for axis in range(frequencies.shape[1]):
            column = frequencies[:, axis]
            if axis in self.axes:
                periods = column / self.wave[self.axes.index(axis)]
                angle = 2 * math.pi * torch.rand(len(column), generator=generator, dtype=column.dtype)
                columns += [periods * torch.cos(angle), periods * torch.sin(angle)]
            else:
                columns.append(column)
        return torch.stack(columns, 1)


class Trial(nn.Module):
    r"""All unknowns as one module, :math:`u_k = L_k + \Phi_k \cdot (\text{space})_k`.

    L and Phi come from hard conditions; without them the trial function is the space itself.

    Args:
        space: the built space.
        embedding: the periodic embedding, or None.
        hard: the hard conditions.
    """

    def __init__(self, space: Space, embedding: PeriodicEmbedding | None, hard: HardConditions) -> None:
        """Join the pieces; see the class."""
        super().__init__()
        self.space = space
        self.embedding = embedding
        self.hard = hard

    def _embed(self, x: Any) -> Any:
        return x if self.embedding is None else self.embedding(x)

    def forward(self, x: Any) -> Any:
        """Evaluate the unknowns at points ``(n, d)``, shape ``(n, K)``."""
        return self.hard.fit(x, self.space(self._embed(x)))

    def columns(self, x: Any, unknown: int) -> Any:
        """Evaluate the functions whose combination the unknown is, besides its lift.

        Args:
            x: points ``(n, d)`` or a jet of them.
            unknown: which of the K unknowns.

        Returns:
            Basis functions and, last, the constant, times the unknown's distance factor; shape ``(n, M + 1)``.
        """
        basis = self.space.basis(self._embed(x))
        columns = torch.cat([basis, torch.ones_like(basis[:, :1])], -1)
        factor = self.hard.factor(x, unknown)
        return columns if factor is None else columns * factor[:, None]

    def lift(self, x: Any) -> Any:
        """Evaluate what the hard conditions prescribe, shape ``(n, K)``."""
        outputs = self.space.head.out_features
        return self.hard.fit(x, torch.zeros(x.shape[0], outputs, dtype=x.dtype, device=x.device))

    @torch.no_grad()
    def set_head(self, coefficients: Tensor) -> None:
        """Set the head from coefficients of `columns`, shape ``(K, M + 1)``."""
        self.space.head.weight.copy_(coefficients[:, :-1])
        self.space.head.bias.copy_(coefficients[:, -1])
