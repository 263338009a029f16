"""The factors of product neurons: values, products, and products of all others, in buffers that stay in the cache."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..activation import Activation, value_and_slope

# For |y| <= 1/2 as polynomials in y^2, minimax fits of our own: sin(pi y) / y, and sin(2 pi y) / (y (1 - 4 y^2)). The
# sines are off by 3e-9 and 1e-7.
HALF_TURN: tuple[float, ...] = (3.14159258, -5.16770688, 2.55003138, -0.59804517, 0.07722013)
TURN: tuple[float, ...] = (6.2831826, -16.20867028, 16.7609745, -9.53079917, 3.05832525)
PIECE = 2**17
"""How many arguments are treated at a time, for each thread; an array of that size is half a megabyte in float32."""


class Factors:
    r"""The factors :math:`f_j = 1 + \sum_k c_{jk} \sigma(z_{jk})` and their products.

    Args:
        amplitude: c, shape ``(h, D, r)``, float32 or float64.
        activation: the function sigma.
        offset: the "1 +".
        slopes: whether `pull_back` will be called.

    Attributes:
        unit: unit of the arguments z: in float32 a sine counts turns, which polynomials serve at about half the price.
    """

    def __init__(self, amplitude: Tensor, activation: Activation, offset: bool, slopes: bool) -> None:
        """Take the amplitudes; see the class."""
        self.shape, self.amplitude, self.activation = amplitude.shape, amplitude.reshape(-1), activation
        self.offset, self.slopes = amplitude.new_tensor(float(offset)), slopes
        kind = (activation, len(amplitude), amplitude.dtype, amplitude.device.type)
        self.by_turns = kind == (torch.sin, 1, torch.float32, "cpu")
        self.unit = 2 * math.pi if self.by_turns else 1.0
        self.one = amplitude.new_ones(())
        self.constants = {c: [amplitude.new_tensor(value) for value in c[:-1]] for c in (HALF_TURN, TURN)}
        budget = PIECE * torch.get_num_threads() if amplitude.is_cpu else 2**40
        self.piece = power_of_two(budget // amplitude.numel())
        self.trees: dict[int, Tree] = {}

    def products(self, z: Tensor) -> Tensor:
        """Compute products, shape ``(n, r)``, from arguments ``(n, h D r)``, which are overwritten."""
        y = z.new_empty(len(z), self.shape[-1])
        for piece, place in zip(z.split(self.piece), y.split(self.piece), strict=True):
            if self.by_turns:
                self._sine_of_turns(piece)
            values = piece if self.by_turns else self.activation(piece)
            place.copy_(self._multiply(values).root)
        return y

    def pull_back(self, z: Tensor, gradient: Tensor) -> Tensor:
        """Pull a gradient back.

        Args:
            z: arguments ``(n, h D r)``, overwritten by the gradient by them, but for its factor c.
            gradient: by the products, shape ``(n, r)``.

        Returns:
            The gradient by the amplitudes, summed over rows, shape ``(h D r,)``.
        """
        by_amplitude = torch.zeros_like(self.amplitude)
        for piece, g in zip(z.split(self.piece), gradient.split(self.piece), strict=True):
            slope = self._evaluate(piece)
            tree = self._multiply(piece)
            others = tree.others(g)[:, None]
            value, slope = (a.view(len(piece), self.shape[0], -1) for a in (piece, slope))
            by_amplitude += value.mul_(others).sum(0).view(-1)
            torch.mul(slope, others, out=value)
        return by_amplitude

    def _tree(self, rows: int) -> Tree:
        if rows not in self.trees:
            _, components, rank = self.shape
            self.trees[rows] = Tree(rows, components, rank, self.amplitude, self.slopes)
        return self.trees[rows]

    def _multiply(self, values: Tensor) -> Tree:
        """Compute the factors and, up the tree, their products."""
        tree = self._tree(len(values))
        if self.shape[0] == 1:
            torch.addcmul(self.offset, values, self.amplitude, out=tree.leaves)
        else:
            terms = (values * self.amplitude).view(len(values), self.shape[0], -1)
            torch.sum(terms, 1, out=tree.leaves).add_(self.offset)
        for a, b, place in tree.up:
            torch.mul(a, b, out=place)
        return tree

    def _evaluate(self, z: Tensor) -> Tensor:
        """Turn arguments into values of the activation, and return its slopes."""
        if self.by_turns:
            return self._sine_of_turns(z)
        if self.activation is torch.sin:
            slope = torch.cos(z)
            z.sin_()
            return slope
        value, slope = value_and_slope(self.activation, z)
        z.copy_(value)
        return slope

    def _sine_of_turns(self, y: Tensor) -> Tensor:
        r"""Turn y into :math:`\sin(2 \pi y)`; return :math:`\cos(2 \pi y) = 1 - 2 \sin^2(\pi y)` where slopes count."""
        tree = self._tree(len(y))
        square = tree.leaves
        y.sub_(torch.round(y, out=square))
        torch.mul(y, y, out=square)
        if self.slopes:
            half = self._polynomial(HALF_TURN, square, tree.slope).mul_(y)
            torch.addcmul(self.one, half, half, value=-2, out=half)
        y.addcmul_(y, square, value=-4).mul_(self._polynomial(TURN, square, tree.scratch))
        return tree.slope

    def _polynomial(self, coefficients: tuple[float, ...], x: Tensor, place: Tensor) -> Tensor:
        """Evaluate a polynomial by Horner's scheme, one pass for each degree."""
        *low, constant = self.constants[coefficients]
        torch.add(constant, x, alpha=coefficients[-1], out=place)
        for constant in reversed(low):
            torch.addcmul(constant, place, x, out=place)
        return place


class Tree:
    """A binary tree of products of the factors of some rows; products of all others come down the same tree.

    No factor is ever divided out, so that factors may vanish.

    Args:
        rows: number of rows n.
        components: number of factors D.
        rank: number of neurons r.
        like: a tensor of the type to compute in.
        down: whether `others` will be called.
    """

    def __init__(self, rows: int, components: int, rank: int, like: Tensor, down: bool) -> None:
        """Make the nodes, and list the products as (factor, factor, place), upwards and downwards."""
        counts = [components]
        while counts[-1] > 1:
            counts.append((counts[-1] + 1) // 2)
        nodes = [like.new_empty(rows, count, rank) for count in counts]
        passed = [torch.empty_like(node) for node in nodes] if down else nodes
        one = like.new_ones(())
        self.up: list[tuple[Tensor, Tensor, Tensor]] = []
        self.down: list[tuple[Tensor, Tensor, Tensor]] = []
        for below, above, q, q_above in zip(nodes, nodes[1:], passed, passed[1:], strict=False):
            m, odd = divmod(below.shape[1], 2)
            left, right, last = below[:, :m], below[:, m : 2 * m], below[:, 2 * m :]
            self.up += [(left, right, above[:, :m]), (last, one, above[:, m:])][: 1 + odd]
            halves = [(q_above[:, :m], right, q[:, :m]), (q_above[:, :m], left, q[:, m : 2 * m])]
            self.down[:0] = [*halves, (q_above[:, m:], one, q[:, 2 * m :])][: 2 + odd]
        self.leaves, self.root = nodes[0].view(rows, -1), nodes[-1][:, 0]
        self.scratch = passed[0].view(rows, -1) if down else torch.empty_like(self.leaves)
        self.slope, self.top = torch.empty_like(self.leaves) if down else self.scratch, passed[-1][:, 0]

    def others(self, gradient: Tensor) -> Tensor:
        """Multiply a gradient ``(n, r)`` by all other factors, for each factor, shape ``(n, D r)``."""
        self.top.copy_(gradient)
        for a, b, place in self.down:
            torch.mul(a, b, out=place)
        return self.scratch


def power_of_two(n: int) -> int:
    """Give the largest power of two up to ``n``, but 16 at least."""
    return 1 << max(4, n.bit_length() - 1)
