"""Decoupled networks: the pattern of positive states comes from a donor, the rest is linear."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError
from ..space import linear
from .activation import PositivePart
from .bases import Basis
from .network import IAT, IATLayer


class DecoupledIAT(nn.Module):
    r"""The integral over where another state is positive, :math:`y = \int_{h > 0} q(z) \, p(z)^T v \, dz`.

    The other state is :math:`h = a^T x`. The map is linear in v, and continuous in x for every v if a is a continuous
    basis; with x = v and a = p it is `IATReLU`. The three bases may differ, in size too.

    Args:
        pattern: the donor's basis a, of d_a functions.
        input: the basis p, of d_in functions.
        output: the basis q, of d_out functions.

    Reference:
        Zhang et al. 2023, arXiv:2312.12578.
    """

    def __init__(self, pattern: Basis, input: Basis, output: Basis) -> None:
        """Keep the bases; see the class."""
        super().__init__()
        self.part = PositivePart(pattern, input, output)

    def forward(self, x: Any, v: Any) -> Any:
        """Map the donor's x ``(..., d_a)`` and v ``(..., d_in)`` to y ``(..., d_out)``; tensors or jets alike."""
        return self.part.apply_to(self.part.roots(x), v)


class DecoupledNetwork(nn.Module):
    r"""A network of IAT layers whose patterns come from a donor network of the same depth and any width.

    With the donor's states :math:`h_l(t; x)` the network is :math:`v_1 = W_0 x + b_0`,
    :math:`v_{l+1} = W_l \int_{h_l > 0} q \, p^T v_l \, dz + b_l`.

    It is linear in the parameters (W_l, b_l) of each layer
    while the others are held, so that `fit` finds any layer's by least squares. (LayerNorm between layers, which a deep
    donor has, would spoil that and is left out here.)

    Args:
        donor: a built `IAT` space with the rectifier; its blocks give the patterns of as many blocks here.
        input: the basis p of each block.
        output: the basis q of each block.
        outputs: number of outputs K.
        generator: source of random numbers for the parameters.
        frozen: keep the donor's parameters as they are; otherwise they can be trained along (a transferred pattern).

    Raises:
        InputError: the donor is not built, or has a smooth activation.
    """

    def __init__(
        self,
        donor: IAT,
        input: Basis,
        output: Basis,
        outputs: int,
        generator: torch.Generator,
        frozen: bool = True,
    ) -> None:
        """Draw the layers; see the class."""
        super().__init__()
        if not isinstance(donor, IAT) or not hasattr(donor, "layers"):
            raise InputError("the donor must be a built IAT space: IAT(...).build(bounds, outputs, generator).")
        if donor.activation != "relu":
            raise InputError(f"the donor's activation is {donor.activation!r}; it must be 'relu'.")
        self.donor = copy.deepcopy(donor).requires_grad_(False) if frozen else donor
        layers = [layer for layer in donor.layers if isinstance(layer, IATLayer)]
        sizes = [layers[0].weight.shape[1], *[layer.blocks * output.size for layer in layers]]
        widths = [*[layer.blocks * input.size for layer in layers], outputs]
        maps = [linear(a, b, generator, math.sqrt(3 / a)) for a, b in zip(sizes, widths, strict=True)]
        transforms = [DecoupledIAT(layer.transform.input, input, output) for layer in layers]
        self.affine: Any = nn.ModuleList(maps)
        self.transforms: Any = nn.ModuleList(transforms)

    def _states(self, x: Any) -> list[Any]:
        """Evaluate the donor's states at scaled points, one ``(n, blocks, d_a)`` for each layer."""
        found = []
        for layer in self.donor.layers:
            if isinstance(layer, IATLayer):
                found.append(layer.states(x))
            x = layer(x)
        return found

    def forward(self, x: Any) -> Any:
        """Map points ``(n, d)``, a tensor or a jet, to ``(n, K)``."""
        scaled = (x - self.donor.centre) / self.donor.halfwidth
        return self._finish(self.affine[0](scaled), self._states(scaled), 0)

    def _hidden(self, v: Any, states: list[Any], number: int) -> Any:
        blocks = v.reshape(len(v), states[number].shape[1], -1)
        return self.transforms[number](states[number], blocks).reshape(len(v), -1)

    def _finish(self, v: Any, states: list[Any], number: int) -> Any:
        """Continue from what affine map ``number`` gives."""
        for following in range(number, len(states)):
            v = self.affine[following + 1](self._hidden(v, states, following))
        return v

    def fit(self, x: Tensor, target: Tensor, layer: int = 0) -> None:
        """Find one layer's weights and biases by least squares, the others held.

        Args:
            x: points, shape ``(n, d)``.
            target: values there, shape ``(n, K)``.
            layer: number of the affine map, 0 for the first; negative numbers count from the head.

        Raises:
            InputError: there is no such layer, or the target's shape does not fit.
        """
        count, outputs = len(self.affine), self.affine[-1].out_features
        if not -count <= layer < count:
            raise InputError(f"there are {count} affine maps, numbered from 0; got layer = {layer}.")
        if target.shape != (len(x), outputs):
            raise InputError(f"the target must have shape {(len(x), outputs)}, got {tuple(target.shape)}.")
        number, chosen = layer % count, self.affine[layer]
        with torch.no_grad():
            scaled = (x - self.donor.centre) / self.donor.halfwidth
            states, y = self._states(scaled), scaled
            for before in range(number):
                y = self._hidden(self.affine[before](y), states, before)
            v = chosen(y)
        with torch.enable_grad():
            out = self._finish(v.requires_grad_(), states, number)
            slopes = [torch.autograd.grad(out[:, k].sum(), v, retain_graph=True)[0] for k in range(outputs)]
        with torch.no_grad():
            # The output is linear in v, and v in the parameters: its derivatives are exact coefficients.
            seen = torch.cat([y, torch.ones_like(y[:, :1])], 1)
            matrix = (torch.stack(slopes, 1)[..., None] * seen[:, None, None, :]).reshape(len(x) * outputs, -1)
            now = torch.cat([chosen.weight, chosen.bias[:, None]], 1).flatten()
            right = (target - out).reshape(-1) + matrix @ now
            found = torch.linalg.lstsq(matrix, right[:, None], driver="gelsd").solution.reshape(len(chosen.bias), -1)
            chosen.weight.copy_(found[:, :-1])
            chosen.bias.copy_(found[:, -1])
