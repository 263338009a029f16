"""Hat functions on all levels: what a weak form is tested with."""

from __future__ import annotations

import itertools
import math
import warnings
from functools import cached_property

import torch
from torch import Tensor

from ..domains.cells import Cells, Rule
from ..jets import Key

DEGREE = 2
"""Highest degree of the polynomials that hat functions are multiplied by."""
NODES = 6
"""Nodes of the quadrature for each test function, about."""


class HatFunctions:
    r"""Hat functions times polynomials: :math:`v = \phi_i(x) ((x - x_i) / h_i)^\alpha`, with :math:`|\alpha| \le q`.

    As in the partition of unity method they are continuous, of local support, and vanish where their hat function does.
    To them come combinations of hat functions that follow the hats of ever coarser grids. Each is scaled to
    :math:`\int |\nabla v|^2 = 1`. As in a multilevel preconditioner the sum of squares over all levels is then
    equivalent to the square of the dual norm, which local functions alone would not be: they hardly see slow residuals,
    and a trial space that cannot follow a kink would be content with a wrong function. (Our choice, for boxes and
    simplices alike.)

    Args:
        cells: where.
        count: how many are wanted; the smallest q up to two that gives them is taken.

    Reference:
        Babuska and Melenk 1997, doi:10.1002/(SICI)1097-0207(19970228)40:4<727::AID-NME86>3.0.CO;2-N; Bramble, Pasciak
        and Xu 1990, doi:10.1090/S0025-5718-1990-1023042-6.
    """

    def __init__(self, cells: Cells, count: int) -> None:
        """Choose polynomials and scale; see the class."""
        self.cells = cells
        d = cells.nodes.shape[1]
        for degree in range(DEGREE + 1):
            exponents = [e for e in itertools.product(range(degree + 1), repeat=d) if sum(e) <= degree]
            if len(exponents) * len(cells.nodes) >= count:
                break
        self.exponents, self.degree = torch.tensor(exponents, dtype=torch.float64), degree
        self.size = len(exponents) * len(cells.nodes)
        per_cell = NODES * count / len(cells.corners)
        self.per_axis = max(degree + 2, math.ceil(per_cell ** (1 / d)))
        corners = cells.nodes[cells.corners]
        extent = (corners[:, :, None] - corners[:, None]).norm(dim=-1).amax(2)
        self.width = torch.zeros(len(cells.nodes), dtype=torch.float64).scatter_reduce(
            0, cells.corners.flatten(), extent.flatten(), "amax"
        )
        self.scale = torch.ones(self.size, dtype=torch.float64)
        rule = cells.rule(self.per_axis)
        tables, index = self.tables(rule, [(axis,) for axis in range(d)])
        # The tables hold the weights once already.
        energy = torch.stack([table.square() / rule.weights[..., None] for table in tables.values()]).sum((0, 2))
        self.scale = torch.zeros_like(self.scale).index_add(0, index.flatten(), energy.flatten()).rsqrt()

    def coarse(self, free: Tensor) -> Tensor:
        """Combine hat functions to those of coarser grids over the bounding box.

        Args:
            free: bool `(N,)`, the nodes whose hat functions may be used.

        Returns:
            Sparse `(m, N)`: coefficients of the scaled hat functions, that is of those with no polynomial factor.
        """
        nodes, (n, d) = self.cells.nodes, self.cells.nodes.shape
        low = nodes.amin(0)
        unit = (nodes - low) / (nodes.amax(0) - low)
        parts, offset, intervals = [], 0, 1
        while (intervals + 1) ** d < n / 2:
            at = (unit * intervals).clamp_max(intervals - 1e-9)
            cell, share = at.floor().long(), at - at.floor()
            for side in itertools.product((0, 1), repeat=d):
                upper = torch.tensor(side, dtype=torch.bool)
                value = torch.where(upper, share, 1 - share).prod(1) * free
                strides = (intervals + 1) ** torch.arange(d)
                row = offset + ((cell + upper) * strides).sum(1)
                parts.append((row, torch.arange(n), value))
            offset += (intervals + 1) ** d
            intervals *= 2
        if not parts:
            return torch.zeros(0, n, dtype=torch.float64).to_sparse_coo()
        rows, columns, values = (torch.cat(part) for part in zip(*parts, strict=True))
        combined = _sparse(torch.stack([rows, columns]), values, (offset, n))
        with warnings.catch_warnings():
            # torch's product of two sparse tensors announces once that a format it passes through is in beta state.
            warnings.filterwarnings("ignore", "Sparse CSR tensor support")
            energy = (torch.sparse.mm(combined, self.stiffness) * combined).sum(1).to_dense()
        used = energy > 0
        weight = torch.where(used, energy, torch.ones_like(energy)).rsqrt() * used
        rows, columns = combined.indices()
        values = combined.values() * weight[rows] / self.scale[:: len(self.exponents)][columns]
        return _sparse(combined.indices(), values, (offset, n))

    @cached_property
    def stiffness(self) -> Tensor:
        """Integrals of products of the hat functions' gradients, sparse `(N, N)`."""
        rule = self.cells.rule(2)
        local = torch.einsum("cq,cqad,cqbd->cab", rule.weights, rule.gradients, rule.gradients)
        count = rule.corners.shape[1]
        rows = rule.corners[:, :, None].expand(-1, -1, count)
        at = torch.stack([rows.flatten(), rows.mT.flatten()])
        n = len(self.cells.nodes)
        return _sparse(at, local.flatten(), (n, n))

    def tables(self, rule: Rule, keys: list[Key]) -> tuple[dict[Key, Tensor], Tensor]:
        """Evaluate test functions at the nodes of a rule.

        Args:
            rule: the rule.
            keys: derivatives, of order zero or one.

        Returns:
            For each key a table `(C, Q, T)` of the T functions of each cell, times the weights of the rule; and the
            numbers `(C, T)` of these functions.
        """
        width = self.width[rule.corners][:, None, :, None]
        y = (rule.x[:, :, None] - self.cells.nodes[rule.corners][:, None]) / width
        powers = self._monomials(y, None)
        index = rule.corners[:, :, None] * len(self.exponents) + torch.arange(len(self.exponents))
        index = index.flatten(1)
        found: dict[Key, Tensor] = {}
        for key in keys:
            if key:
                axis = int(key[0])
                assert rule.gradients is not None
                value = rule.gradients[..., axis, None] * powers
                value = value + rule.hats[:, :, None] * self._monomials(y, axis) / width
            else:
                value = rule.hats[:, :, None] * powers
            found[key] = value.flatten(2) * self.scale[index][:, None] * rule.weights[..., None]
        return found, index

    def _monomials(self, y: Tensor, axis: int | None) -> Tensor:
        """Evaluate all monomials, or their derivatives along an axis, `(..., P)`."""
        exponents, factor = self.exponents, torch.ones(len(self.exponents), dtype=y.dtype)
        if axis is not None:
            factor = exponents[:, axis]
            exponents = exponents.clone()
            exponents[:, axis] = (factor - 1).clamp_min(0)
        return factor * (y[..., None, :] ** exponents).prod(-1)


def _sparse(at: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    return torch.sparse_coo_tensor(at, values, shape, check_invariants=False).coalesce()
