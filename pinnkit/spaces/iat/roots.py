r"""Where a state is positive: the roots of piecewise polynomials, as differentiable functions of the coefficients.

In each cell the state is :math:`s(\tau) = \sum_i c_i \tau^i`, -1 <= tau <= 1. Up to degree two the roots are closed
formulas in stable form; above, they are isolated by certificates and refined to rounding. Only roots where s changes
its sign count: one without, where s = s' = 0, is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from ...jets import Jet, plain
from ...jets.calculus import contract
from .polynomials import evaluate
from .subdivision import isolated_roots

SNAP, NEAR = 16, 1e-3
"""A root this near to the end of a cell is moved onto it, if s is so many units of rounding there."""


@dataclass(frozen=True)
class Roots:
    """The sign pattern of piecewise polynomials over C cells, with K places for roots.

    Attributes:
        tau: roots in the coordinates of their cells, shape ``(..., K)``; a tensor or a jet.
        jump: the sign left of a root less the sign right of it, counted as 0 and 1; 0 in an unused place.
        right: 1 where s > 0 at the right end of a cell, else 0, shape ``(..., C)``.
        cell: which cell each root lies in, shape ``(..., K)``; None where root k lies in cell k modulo C.
    """

    tau: Any
    jump: Tensor
    right: Tensor
    cell: Tensor | None

    def spread(self, c: Any) -> Any:
        """Take coefficients from cells to roots, ``(..., R, C)`` to ``(..., R, K)``."""
        if isinstance(c, Jet):
            return c.each(self.spread)
        places, cells = self.jump.shape[-1], self.right.shape[-1]
        if self.cell is None:
            return torch.cat([c] * (places // cells), -1) if places > cells else c[..., :places]
        lead = torch.broadcast_shapes(c.shape[:-2], self.cell.shape[:-1])
        index = self.cell[..., None, :].expand(*lead, c.shape[-2], places)
        return torch.gather(c.expand(*lead, *c.shape[-2:]), -1, index)

    def collect(self, v: Any) -> Any:
        """Sum over the roots of each cell, ``(..., R, K)`` to ``(..., R, C)``: the transpose of `spread`."""
        if isinstance(v, Jet):
            return v.each(self.collect)
        places, cells = self.jump.shape[-1], self.right.shape[-1]
        if self.cell is None:
            return v if places == cells else v.unflatten(-1, (places // cells, cells)).sum(-2)
        zeros = v.new_zeros(()).expand(*v.shape[:-1], cells)
        return torch.scatter_add(zeros, -1, self.cell[..., None, :].expand(v.shape), v)

    @property
    def left(self) -> Tensor:
        """1 where s > 0 just right of the left end of a cell, else 0, shape ``(..., C)``."""
        return self.right + self.collect(self.jump[..., None, :])[..., 0, :]

    def fixed(self) -> Roots:
        """Return the same pattern, its roots as constants."""
        return Roots(self.tau.detach(), self.jump, self.right, self.cell)

    def slope_inverse(self, c: Any) -> Any:
        """Evaluate 1 / |s'| at the roots, from coefficients at the roots; 0 in unused places."""
        against = -self.jump * evaluate(c, self.tau, 1)
        # At multiple roots the slope is lost in rounding; raised to that, derivatives are huge there but finite.
        size = plain(c).detach().abs().sum(-2)
        floor = torch.finfo(size.dtype).eps * size + torch.finfo(size.dtype).tiny
        usable = (self.jump != 0) & (plain(against) > floor)
        steep = 1 / torch.where(usable, against, torch.where(self.jump == 0, torch.ones_like(floor), floor))
        return torch.where(self.jump == 0, torch.zeros_like(self.jump), steep)


def joined(parts: list[Roots], lead: torch.Size) -> Roots:
    """Join the patterns of blocks of samples, for samples of this shape."""
    most = max(part.jump.shape[-1] for part in parts)

    def column(name: str) -> Any:
        found = [getattr(part, name) for part in parts]
        if found[0] is None:
            return None
        if name != "right":
            found = [nn.functional.pad(v, (0, most - v.shape[-1])) for v in found]
        return torch.cat(found).unflatten(0, lead)

    return Roots(*[column(field.name) for field in fields(Roots)])


def positive(c: Any) -> Roots:
    """Find where piecewise polynomials are positive.

    Args:
        c: coefficients on each cell, shape ``(..., R, C)``, R = degree + 1; a tensor or a jet.

    Returns:
        The sign pattern, whose roots are differentiable to every order.
    """
    if isinstance(c, Jet):
        inner = positive(c.value)
        return Roots(_implicit(c, inner), inner.jump, inner.right, inner.cell)
    tau, jump, right, cell = _Root.apply(c)
    return Roots(tau, jump, right, None if c.shape[-2] <= 3 else cell)


def _implicit(c: Jet, inner: Roots) -> Jet:
    """Differentiate s(tau; c) = 0 twice."""
    at, tau = inner.spread(c), inner.tau
    # jump / |s'| is -1 / s' at every root.
    over = inner.jump * inner.slope_inverse(at.value)
    first = over * evaluate(at.first, tau)
    second = None
    if c.second is not None:
        mixed = contract(evaluate(at.first, tau, 1), first, c.pairs)
        bend = evaluate(at.value, tau, 2) * contract(first, first, c.pairs)
        second = over * (evaluate(at.second, tau) + 2 * mixed + bend)
    return Jet(tau, first, second, c.pairs)


class _Root(torch.autograd.Function):
    r"""The roots, found off the graph; their derivative is :math:`d\tau = -\sum_i \tau^i dc_i / s'(\tau)`.

    The backward pass is made of differentiable operations on the saved *output*, so that it can be differentiated
    again and again.
    """

    @staticmethod
    def forward(c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        cell = torch.zeros((), dtype=torch.long, device=c.device)
        degree = c.shape[-2] - 1
        if degree == 0:
            empty = c[..., 0, :0]
            return empty, empty.clone(), (c[..., 0, :] > 0).to(c.dtype), cell
        if degree <= 2:
            return *(_linear(c) if degree == 1 else _quadratic(c)), cell
        return isolated_roots(c)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*inputs, *output)
        ctx.save_for_forward(*inputs, *output)

    @staticmethod
    def backward(ctx: Any, *grad: Any) -> Tensor:
        c, tau, jump, right, cell = ctx.saved_tensors
        roots = Roots(tau, jump, right, None if c.shape[-2] <= 3 else cell)
        g = grad[0] * jump * roots.slope_inverse(roots.spread(c))
        powers = [g]
        for _ in range(c.shape[-2] - 1):
            powers.append(powers[-1] * tau)
        return roots.collect(torch.stack(powers, -2))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, None, None, None]:
        c, tau, jump, right, cell = ctx.saved_tensors
        roots = Roots(tau, jump, right, None if c.shape[-2] <= 3 else cell)
        over = jump * roots.slope_inverse(roots.spread(c))
        return over * evaluate(roots.spread(tangents[0]), tau), None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, c: Tensor) -> Any:
        return _Root.apply(c.movedim(in_dims[0], 0)), (0, 0, 0, None if c.shape[-2] <= 3 else 0)


def _linear(c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    c0, c1 = c[..., 0, :], c[..., 1, :]
    right = (c0 + c1 > 0).to(c.dtype)
    # The state is continuous: a cell begins with the sign that its neighbour ends with, whatever rounding says.
    jump = right.roll(1, -1) - right
    return torch.where((jump == 0) | (c1 == 0), -torch.ones_like(c0), -c0 / c1).clamp(-1, 1), jump, right


def _quadratic(c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    c0, c1, c2 = c.unbind(-2)
    discriminant = c1 * c1 - 4 * c0 * c2
    real = discriminant > 0
    # Both roots without cancellation: q / c2 and c0 / q. A root that is not there is put outside.
    q = -0.5 * (c1 + torch.copysign(torch.sqrt(discriminant.clamp(min=0)), c1))
    outside = torch.full_like(c0, 2.0)
    a = torch.where(real & (c2 != 0), q / c2, outside)
    b = torch.where(real & (q != 0), c0 / q, outside)
    tau = torch.stack([torch.minimum(a, b), torch.maximum(a, b)], -2)
    # Both cells at a breakpoint must agree that a root is on it: where s is rounding there, the nearest root is moved.
    at_end = (c0 + c2)[..., None, :] + c1[..., None, :] * tau.sign()
    noise = SNAP * torch.finfo(c.dtype).eps * c.abs().sum(-2, keepdim=True)
    tau = torch.where((at_end.abs() <= noise) & ((tau.abs() - 1).abs() < NEAR), tau.sign(), tau)
    # The sign left of both roots and right of both is that of c2; a straight line has its second root far right.
    leading = torch.where(real & (c2 == 0), -c1, torch.where(c2 == 0, c0, c2)) > 0
    low, high = tau.unbind(-2)
    right = leading ^ (real & (low <= 1) & (high > 1))
    # Roots on a breakpoint belong to the cell on their left.
    sign = (2 * leading.to(c.dtype) - 1)[..., None, :] * torch.tensor([[1.0], [-1.0]], dtype=c.dtype, device=c.device)
    jump = torch.where((tau > -1) & (tau <= 1), sign, torch.zeros_like(sign))
    return tau.clamp(-1, 1).flatten(-2), jump.flatten(-2), right.to(c.dtype)
