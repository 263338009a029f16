"""The trial function: a space, made periodic and fitted to the hard conditions of a problem."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..spaces import Space
from .hard import HardConditions
from .known import KnownPart
from .parameter import parameter_slopes


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
    r"""All unknowns as one module, :math:`u_k = L_k + A_k (\text{space})_k`.

    The lift L and the linear operator A (most often a product) come from hard conditions; without them the trial
    function is the space itself.

    Args:
        space: the built space.
        embedding: the periodic embedding, or None.
        hard: the hard conditions.
        known: a part of the solution that is added; None without one.
    """

    def __init__(
        self, space: Space, embedding: PeriodicEmbedding | None, hard: HardConditions, known: KnownPart | None = None
    ) -> None:
        """Join the pieces; see the class."""
        super().__init__()
        self.space = space
        self.embedding = embedding
        self.hard = hard
        self.known = known

    def embedded(self, x: Any) -> Any:
        """Map points ``(n, d)`` to what the space sees."""
        return x if self.embedding is None else self.embedding(x)

    def forward(self, x: Any) -> Any:
        """Evaluate the unknowns at points ``(n, d)``, shape ``(n, K)``."""
        return self._whole(x, self.hard.meet(x, lambda y: self.space(self.embedded(y))))

    def _whole(self, x: Any, found: Any) -> Any:
        return found if self.known is None else found + self.known(x)

    def held(self, x: Any) -> Any:
        """Evaluate the unknowns as functions of the problem's parameters alone, with all own numbers held."""
        return functional_call(self, {name: own.detach() for name, own in self.named_parameters()}, (x,))

    def parameter_columns(self, x: Tensor, unknown: int, parameters: Sequence[Tensor]) -> Tensor:
        """Differentiate an unknown by parameters that hard conditions or the known part depend on.

        Args:
            x: points ``(n, d)``.
            unknown: which of the K unknowns.
            parameters: scalars that require gradients.

        Returns:
            The derivatives, shape ``(n, number of parameters)``.
        """
        with torch.enable_grad():
            values = self.held(x)[:, unknown]
        return parameter_slopes(values, parameters)

    def columns(self, x: Any, unknown: int) -> Any:
        """Evaluate the functions whose combination the unknown is, besides its lift.

        Args:
            x: points ``(n, d)`` or a jet of them.
            unknown: which of the K unknowns.

        Returns:
            Basis functions and, last, the constant, under the operator of the hard conditions; shape ``(n, M + 1)``.
        """
        return self.hard.columns(x, unknown, self._free_columns)

    def _free_columns(self, x: Any) -> Any:
        basis = self.space.basis(self.embedded(x))
        return torch.cat([basis, torch.ones_like(basis[:, :1])], -1)

    def lift(self, x: Any) -> Any:
        """Evaluate what is known beforehand, by hard conditions or otherwise, shape ``(n, K)``."""
        return self._whole(x, self.hard.lift(x))

    @property
    def coefficients(self) -> Tensor:
        """A copy of the head as coefficients of `columns`, shape ``(K, M + 1)``."""
        return torch.cat([self.space.head.weight, self.space.head.bias[:, None]], 1).detach()

    @torch.no_grad()
    def set_head(self, coefficients: Tensor) -> None:
        """Set the head from coefficients of `columns`, shape ``(K, M + 1)``."""
        self.space.head.weight.copy_(coefficients[:, :-1])
        self.space.head.bias.copy_(coefficients[:, -1])
