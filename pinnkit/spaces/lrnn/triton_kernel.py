"""The factors of product neurons on a GPU, in Triton: the same interface as `Factors`.

The matrix products stay with the vendor's library, over a block of rows at a time; what lies between them is fused.
A program owns some rows of some neurons, so that nothing is added atomically: sums over rows are left in one array for
each group of rows, and results do not change from run to run. Products of all others are prefix times suffix, without
a division. Triton is imported with this file, so import it only where it is installed.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..activation import Activation, spder

ACTIVATIONS: dict[Any, int] = {torch.sin: 0, spder: 1, torch.tanh: 2, torch.relu: 3}
ROWS, NEURONS = 32, 32


@triton.jit
def _sine_and_cosine(z, TERMS: tl.constexpr):  # type: ignore[no-untyped-def]
    # Series of half the angle after taking whole turns off; the GPU's own sine is coarse for large arguments, and the
    # accurate one of its library does not exist for the interpreter.
    turns = z * 0.15915494309189535
    x = (turns - tl.floor(turns + 0.5)) * 3.141592653589793
    square = x * x
    s = 1.0 + 0.0 * square
    c = s
    for i in tl.static_range(TERMS):
        k = 2 * (TERMS - i)
        s = 1.0 - square * s / (k * (k + 1))
        c = 1.0 - square * c / (k * (k - 1))
    s = s * x
    return 2.0 * s * c, 1.0 - 2.0 * s * s


@triton.jit
def _value_and_slope(z, ACTIVATION: tl.constexpr, TERMS: tl.constexpr):  # type: ignore[no-untyped-def]
    if ACTIVATION == 0:
        value, slope = _sine_and_cosine(z, TERMS)
    elif ACTIVATION == 1:
        sine, cosine = _sine_and_cosine(z, TERMS)
        size = tl.abs(z)
        root = tl.sqrt(size)
        away = size > 1e-18
        half = tl.where(away, 0.5 / tl.where(away, root, 1.0), 0.0)
        value = sine * root
        slope = cosine * root + sine * tl.where(z < 0, -half, half)
    elif ACTIVATION == 2:
        e = tl.exp(-2.0 * tl.abs(z))
        value = (1.0 - e) / (1.0 + e)
        slope = 1.0 - value * value
        value = tl.where(z < 0, -value, value)
    else:
        value = tl.where(z > 0, z, 0.0)
        slope = tl.where(z > 0, 1.0, 0.0)
    return value, slope


@triton.jit
def _factor(  # type: ignore[no-untyped-def]
    z, c, j, at, neuron, mask, rank, offset,
    HIDDEN: tl.constexpr, COMPONENTS: tl.constexpr, ACTIVATION: tl.constexpr, TERMS: tl.constexpr,
):  # fmt: skip
    total = tl.load(z + at, mask, 0.0) * 0.0 + offset
    for k in range(HIDDEN):
        column = (k * COMPONENTS + j) * rank
        value, _ = _value_and_slope(tl.load(z + at + column, mask, 0.0), ACTIVATION, TERMS)
        total += value * tl.load(c + column + neuron, neuron < rank, 0.0)[None, :]
    return total


@triton.jit
def _products(  # type: ignore[no-untyped-def]
    z, c, y, rows, rank, offset,
    HIDDEN: tl.constexpr, COMPONENTS: tl.constexpr, ACTIVATION: tl.constexpr, TERMS: tl.constexpr,
    ROWS: tl.constexpr, NEURONS: tl.constexpr,
):  # fmt: skip
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    neuron = tl.program_id(1) * NEURONS + tl.arange(0, NEURONS)
    mask = (row < rows)[:, None] & (neuron < rank)[None, :]
    at = row[:, None] * (HIDDEN * COMPONENTS * rank) + neuron[None, :]
    product = _factor(z, c, 0, at, neuron, mask, rank, offset, HIDDEN, COMPONENTS, ACTIVATION, TERMS)
    for j in range(1, COMPONENTS):
        product *= _factor(z, c, j, at, neuron, mask, rank, offset, HIDDEN, COMPONENTS, ACTIVATION, TERMS)
    tl.store(y + row[:, None] * rank + neuron[None, :], product, mask)


@triton.jit
def _pull_back(  # type: ignore[no-untyped-def]
    z, c, gradient, prefixes, sums, rows, rank, offset,
    HIDDEN: tl.constexpr, COMPONENTS: tl.constexpr, ACTIVATION: tl.constexpr, TERMS: tl.constexpr,
    ROWS: tl.constexpr, NEURONS: tl.constexpr,
):  # fmt: skip
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    neuron = tl.program_id(1) * NEURONS + tl.arange(0, NEURONS)
    mask = (row < rows)[:, None] & (neuron < rank)[None, :]
    at = row[:, None] * (HIDDEN * COMPONENTS * rank) + neuron[None, :]
    prefix = tl.load(gradient + row[:, None] * rank + neuron[None, :], mask, 0.0)
    suffix = prefix * 0.0 + 1.0
    place = prefixes + row[:, None] * (COMPONENTS * rank) + neuron[None, :]
    for j in range(COMPONENTS):
        tl.store(place + j * rank, prefix, mask)
        prefix *= _factor(z, c, j, at, neuron, mask, rank, offset, HIDDEN, COMPONENTS, ACTIVATION, TERMS)
    tl.debug_barrier()
    for i in range(COMPONENTS):
        j = COMPONENTS - 1 - i
        others = tl.load(place + j * rank, mask, 0.0) * suffix
        suffix *= _factor(z, c, j, at, neuron, mask, rank, offset, HIDDEN, COMPONENTS, ACTIVATION, TERMS)
        tl.debug_barrier()
        for k in range(HIDDEN):
            column = (k * COMPONENTS + j) * rank
            value, slope = _value_and_slope(tl.load(z + at + column, mask, 0.0), ACTIVATION, TERMS)
            total = tl.sum(tl.where(mask, value * others, 0.0), 0)
            tl.store(sums + tl.program_id(0) * (HIDDEN * COMPONENTS * rank) + column + neuron, total, neuron < rank)
            tl.store(z + at + column, slope * others, mask)


class TritonFactors:
    """The factors of product neurons and their products, on a GPU; see `Factors`.

    Args:
        amplitude: c, shape ``(h, D, r)``, float32 or float64.
        activation: the function sigma, one of `ACTIVATIONS`.
        offset: the "1 +".
        slopes: not used.
    """

    unit = 1.0

    def __init__(self, amplitude: Tensor, activation: Activation, offset: bool, slopes: bool) -> None:
        """Take the amplitudes; see the class."""
        self.amplitude, self.offset = amplitude.contiguous(), float(offset)
        # The series of sine and cosine up to x^13 and x^23: below rounding for |x| <= pi / 2.
        terms = 6 if amplitude.dtype == torch.float32 else 11
        hidden, components, self.rank = amplitude.shape
        self.constants = (hidden, components, ACTIVATIONS[activation], terms, ROWS, NEURONS)

    def _grid(self, rows: int) -> tuple[int, int]:
        return math.ceil(rows / ROWS), math.ceil(self.rank / NEURONS)

    def products(self, z: Tensor) -> Tensor:
        """Compute products, shape ``(n, r)``, from arguments ``(n, h D r)``."""
        y = z.new_empty(len(z), self.rank)
        _products[self._grid(len(z))](z, self.amplitude, y, len(z), self.rank, self.offset, *self.constants)
        return y

    def pull_back(self, z: Tensor, gradient: Tensor) -> Tensor:
        """Pull a gradient ``(n, r)`` back; see `Factors.pull_back`."""
        grid = self._grid(len(z))
        prefixes = z.new_empty(len(z), self.amplitude[0].numel())
        sums = z.new_empty(grid[0], self.amplitude.numel())
        gradient = gradient.to(z.dtype).contiguous()
        arrays = (z, self.amplitude, gradient, prefixes, sums)
        _pull_back[grid](*arrays, len(z), self.rank, self.offset, *self.constants)
        return sums.sum(0)
