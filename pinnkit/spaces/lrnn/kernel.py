r"""Product neurons :math:`\prod_j (1 + \sum_k c_{jk} \sigma(w_{jk} \cdot x + b_{jk}))` in little memory.

Plain autograd keeps several arrays of size rows x factors. Here the layer's input is all that is saved: blocks of rows
that stay in the cache are computed again in the backward pass. Parameters come folded together (`ProductLayer`
folds the frequency factor, the inner scale and gamma in), with hidden units and factors as slow dimensions, so that a
block is one matrix product and a binary tree of contiguous products.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from ...jets import Jet
from ..activation import ACTIVATIONS, Activation
from .factors import Factors, power_of_two
from .rows import Blocked, Recomputed, RowFunction, Tensors

BLOCK = {"cpu": 2**19, "cuda": 2**21}
"""How many arguments of activations one matrix product computes; in float32, 2 MB, and 8 MB of the cache of a GPU."""


def product_neurons(
    x: Any, weight: Tensor, bias: Tensor, amplitude: Tensor, *, activation: Activation, offset: bool = True
) -> Any:
    r"""Evaluate product neurons, :math:`\prod_j (1 + \sum_k c_{jk} \sigma(w_{jk} \cdot x + b_{jk}))`.

    Large inputs take the memory-lean way, with equal numbers and derivatives of every order, if the activation is a
    named one; others might have parameters of their own, whose gradients it would lose.

    Args:
        x: points ``(n, d)`` or a jet of them.
        weight: w for h hidden units, D factors and r neurons, shape ``(h D r, d)``.
        bias: b, shape ``(h D r,)``.
        amplitude: c, shape ``(h, D, r)``.
        activation: the elementwise function sigma.
        offset: the "1 +".

    Returns:
        The products, shape ``(n, r)``.
    """
    parameters = (weight, bias, amplitude)
    block = rows_of_a_block(x, len(weight))
    known = activation in ACTIVATIONS.values()
    if x.ndim != 2 or len(x) <= block or not known or torch.compiler.is_compiling():
        return plain_product(x, *parameters, activation=activation, offset=offset)
    if not isinstance(x, Jet):
        return Recomputed.apply(Product(activation, offset, block), x, *parameters)[0]
    leaves, rebuild = taken_apart(x)
    with torch.no_grad():  # one row tells what the result consists of
        result, rebuild_result = taken_apart(plain_product(x[:1], *parameters, activation=activation, offset=offset))

    def of_leaves(*tensors: Tensor) -> Tensors:
        jet, shared = rebuild(iter(tensors[: len(leaves)])), tensors[len(leaves) :]
        return tuple(taken_apart(plain_product(jet, *shared, activation=activation, offset=offset))[0])

    by_rows = (True,) * len(leaves) + (False,) * len(parameters)
    function = RowFunction(of_leaves, by_rows, (False,) * len(result), block)
    return rebuild_result(iter(Recomputed.apply(function, *leaves, *parameters)))


def rows_of_a_block(x: Any, columns: int) -> int:
    """Choose how many rows to compute at a time so that their arguments fit `BLOCK`."""
    return power_of_two(BLOCK["cuda" if x.is_cuda else "cpu"] // columns)


def taken_apart(x: Any) -> tuple[list[Tensor], Callable[[Iterator[Tensor]], Any]]:
    """List the tensors that a jet consists of, and give the way to put others in their places."""
    if not isinstance(x, Jet):
        return [x], next
    parts = [taken_apart(c) for c in (x.value, x.first, x.second) if c is not None]
    pairs = x.pairs

    def rebuild(tensors: Iterator[Tensor]) -> Jet:
        components = [build(tensors) for _, build in parts]
        return Jet(components[0], components[1], components[2] if len(components) > 2 else None, pairs)

    return [leaf for leaves, _ in parts for leaf in leaves], rebuild


def plain_product(
    x: Any, weight: Tensor, bias: Tensor, amplitude: Tensor, *, activation: Activation, offset: bool = True
) -> Any:
    """Evaluate `product_neurons` by differentiable operations."""
    hidden, components, rank = amplitude.shape
    z = linear(x, weight, bias)
    g = amplitude * activation(z).reshape(*z.shape[:-1], hidden, components, rank)
    g = g[..., 0, :, :] if hidden == 1 else g.sum(-3)
    factors = 1 + g if offset else g
    while (count := factors.shape[-2]) > 1:
        left, right, *rest = torch.split(factors, [count // 2] * 2 + [1] * (count % 2), -2)
        factors = torch.cat([left * right, *rest], -2) if rest else left * right
    return factors[..., 0, :]


@dataclass(frozen=True)
class Product:
    """Product neurons, as a function of ``(x, weight, bias, amplitude)`` that is evaluated in blocks."""

    activation: Activation
    offset: bool
    block: int

    def __call__(self, *arguments: Tensor) -> Tensors:
        """Evaluate by differentiable operations."""
        return (plain_product(*arguments, activation=self.activation, offset=self.offset),)

    @torch.no_grad()
    def evaluate(self, *arguments: Tensor) -> Tensors:
        """Evaluate without a graph, block by block."""
        x, *parameters = arguments
        affine, amplitude = in_full(*parameters)
        factors = factors_for(x, self.activation)(amplitude, self.activation, self.offset, slopes=False)
        y = x.new_empty(len(x), amplitude.shape[-1])
        for part, _, z in in_blocks(x, affine / factors.unit, self.block):
            y[part] = factors.products(z)
        return (y,)

    def pulled_back(self, needed: Sequence[bool]) -> Blocked:
        """Give the map from output gradients and arguments to gradients."""
        return ProductGradient(self, needed[0])


@dataclass(frozen=True)
class ProductGradient:
    """Gradients of product neurons, as a function of ``(gradient, x, weight, bias, amplitude)``."""

    product: Product
    by_x: bool

    def __call__(self, *arguments: Tensor) -> Tensors:
        """Evaluate by differentiable operations."""
        gradient, *inputs = arguments
        return torch.func.vjp(self.product, *inputs)[1]((gradient,))

    @torch.no_grad()
    def evaluate(self, *arguments: Tensor) -> Tensors:
        """Evaluate without a graph, block by block."""
        gradient, x, weight, bias, amplitude = arguments
        affine, c = in_full(weight, bias, amplitude)
        factors = factors_for(x, self.product.activation)(c, self.product.activation, self.product.offset, slopes=True)
        # Slopes come without the amplitude: it is a factor of the weights here, and of the sums at the end.
        back = (c.reshape(-1, 1) * affine[:, :-1]).mT.contiguous()
        by_affine, by_amplitude = affine.new_zeros(affine.mT.shape), affine.new_zeros(c.numel())
        by_x = torch.empty_like(x)
        for part, x_one, z in in_blocks(x, affine / factors.unit, self.product.block):
            by_amplitude += factors.pull_back(z, gradient[part])
            # Transposed, these two products are a fifth faster on the CPU.
            by_affine.addmm_(x_one.mT, z)
            if self.by_x:
                by_x[part] = torch.mm(back, z.mT).mT
        by_affine *= c.reshape(-1)
        found = (by_affine[:-1].mT, by_affine[-1], by_amplitude.view_as(amplitude))
        return (by_x, *(g.to(p.dtype) for g, p in zip(found, (weight, bias, amplitude), strict=True)))

    def pulled_back(self, needed: Sequence[bool]) -> Blocked:
        """Give second derivatives, which go through the differentiable operations of each block."""
        whole = RowFunction(self, (True, True, False, False, False), (False, True, True, True), self.product.block)
        return whole.pulled_back(needed)


def in_full(weight: Tensor, bias: Tensor, amplitude: Tensor) -> tuple[Tensor, Tensor]:
    """Append the bias to the weight, as the column of an input that is one; half precision becomes float32."""
    dtype = torch.promote_types(weight.dtype, torch.float32)
    return torch.cat([weight, bias[:, None]], 1).to(dtype), amplitude.to(dtype)


def in_blocks(x: Tensor, affine: Tensor, block: int) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Compute the arguments of the activations block by block, in buffers that the next block uses again.

    Yields:
        The rows; their inputs with a one behind, shape ``(block, d + 1)``; the arguments, shape ``(block, h D r)``.
    """
    block = min(block, len(x))
    inputs, arguments = affine.new_ones(block, affine.shape[1]), affine.new_empty(block, len(affine))
    for start in range(0, len(x), block):
        part = slice(start, min(start + block, len(x)))
        x_one, z = inputs[: part.stop - start], arguments[: part.stop - start]
        x_one[:, :-1] = x[part]
        torch.mm(x_one, affine.mT, out=z)
        yield part, x_one, z


def factors_for(x: Tensor, activation: Activation) -> Any:
    """Choose who computes the factors: Triton on a GPU if it is installed and has the activation, else torch."""
    if x.is_cuda and importlib.util.find_spec("triton"):
        from . import triton_kernel

        if activation in triton_kernel.ACTIVATIONS:
            return triton_kernel.TritonFactors
    return Factors
