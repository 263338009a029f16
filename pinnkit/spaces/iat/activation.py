"""The exact integral activation transform with the rectifier, with derivatives of every order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ...jets import Jet
from ...jets.calculus import contract
from .bases import Basis, Fourier, common_mesh
from .polynomials import antiderivatives, evaluate, linearly, parity_weights
from .roots import Roots, joined, positive
from .waves import LinearToFourier

BLOCK = 2**15
"""Cells of samples whose roots are found together: more leave the cache, fewer make every operation short."""

COEFFICIENTS = 2**18
"""Coefficients of samples that are integrated together: with more the system takes memory back after every block."""


class PositivePart(nn.Module):
    r"""Integrals over where a state is positive: :math:`B(x) v = \int_{s(z) > 0} q(z) \, p(z)^T v \, dz`.

    The state :math:`s = a^T x` may have a basis a of its own. All bases are written as polynomials on the cells of
    their common mesh (Fourier to machine precision), so that the integrals are closed formulas in the roots of s.

    Args:
        pattern: the basis a of the state, of d_a functions.
        input: the basis p of d_in functions.
        output: the basis q of d_out functions.
    """

    to_pattern: Tensor
    to_input: Tensor
    to_output: Tensor
    onto_input: Tensor
    onto_output: Tensor
    ends_input: Tensor
    ends_output: Tensor

    def __init__(self, pattern: Basis, input: Basis, output: Basis) -> None:
        """Write the bases as local polynomials; see the class."""
        super().__init__()
        edges = common_mesh((pattern, input, output))
        pairs = list(zip(edges[:-1], edges[1:], strict=True))
        radius = torch.tensor([float((b - a) / 2) for a, b in pairs], dtype=torch.float64)
        local = {"pattern": pattern, "input": input, "output": output}
        for name, basis in local.items():
            self.register_buffer(f"to_{name}", torch.from_numpy(basis.in_cells(edges)), persistent=False)
        self.samples = max(1, BLOCK // len(pairs))
        terms = self.to_input.shape[1] + self.to_output.shape[1]
        self.integrated = max(1, min(self.samples, COEFFICIENTS // (len(pairs) * terms)))
        for name in ("input", "output"):
            weighted = getattr(self, f"to_{name}") * radius
            self.register_buffer(f"onto_{name}", weighted.flatten(1).mT.contiguous(), persistent=False)
        self.register_buffer("ends_output", _between_ends(self.to_input, self.to_output * radius), persistent=False)
        self.register_buffer("ends_input", _between_ends(self.to_output, self.to_input * radius), persistent=False)
        self.waves = None
        if pattern is input and input.degree == 1 and isinstance(output, Fourier):
            self.waves = LinearToFourier(self.to_input, edges, output)

    def roots(self, x: Any) -> Roots:
        """Find the pattern of states x, shape ``(..., d_a)``, a tensor or a jet; differentiable."""
        return positive(_to_cells(x, self.to_pattern))

    def fixed_roots(self, x: Tensor) -> Roots:
        """Find the pattern of states x, shape ``(..., d_a)``, as constants, block by block."""
        with torch.no_grad():
            lead = x.shape[:-1]
            if lead.numel() <= self.samples:
                return self.roots(x.detach())
            return joined([self.roots(block) for block in x.detach().flatten(0, -2).split(self.samples)], lead)

    def apply_to(self, roots: Roots, v: Any) -> Any:
        """Compute B v for v of shape ``(..., d_in)``: shape ``(..., d_out)``."""
        return self._integrate(roots, _to_cells(v, self.to_input), self.ends_output, self.onto_output)

    def transposed(self, roots: Roots, g: Any) -> Any:
        """Compute B^T g for g of shape ``(..., d_out)``: shape ``(..., d_in)``."""
        return self._integrate(roots, _to_cells(g, self.to_output), self.ends_input, self.onto_input)

    def first_order(self, x: Tensor) -> PositivePart | LinearToFourier:
        """Return what computes B x and its transpose cheapest where the results are not differentiated again."""
        return self if self.waves is None or x.dtype != torch.float64 else self.waves

    def _integrate(self, roots: Roots, v: Any, ends: Tensor, onto: Tensor) -> Any:
        # A positive interval contributes the antiderivative at its right end less that at its left end, and both are
        # ends of cells or roots. Where the antiderivative is even it needs right - left, where odd right + left.
        left, rows = roots.left, onto.shape[0] // v.shape[-1]
        both = (roots.right + left)[..., None, :], (roots.right - left)[..., None, :]
        moments: Any = 0
        if roots.jump.shape[-1]:
            moments = roots.collect(antiderivatives(roots.jump[..., None, :] * roots.spread(v), roots.tau, rows))
        if v.shape[-2] > 3:
            for sign, weights in zip(both, parity_weights(rows, v.shape[-2], onto), strict=True):
                moments = moments + sign * linearly(v, functools.partial(torch.matmul, weights))
            return linearly(moments, lambda c: torch.matmul(c.flatten(-2), onto))
        # With few coefficients it is cheaper to go from them to the output at once.
        signed = torch.cat([sign * v for sign in both], -2)
        y = linearly(signed, lambda c: torch.matmul(c.flatten(-2), ends))
        if roots.jump.shape[-1]:
            y = y + linearly(moments, lambda c: torch.matmul(c.flatten(-2), onto))
        return y

    def curvature(self, x: Any, roots: Roots, v: Any, pairs: Any) -> Any:
        r"""Compute the coarea term, :math:`\sum_k q(z_k) (p(z_k)^T v_i) (a(z_k)^T v_j) / |s'(z_k)|`, for p = a.

        Args:
            x: states, shape ``(..., d_a)``.
            roots: their pattern.
            v: directions, stacked in front, shape ``(D, ..., d_a)``.
            pairs: which (i, j), as in a jet.

        Returns:
            The term, stacked in front, shape ``(len(pairs), ..., d_out)``.
        """
        over = roots.slope_inverse(roots.spread(_to_cells(x, self.to_pattern)))
        speed = evaluate(roots.spread(_to_cells(v, self.to_pattern)), roots.tau)
        rows = [over * contract(speed, speed, pairs)]
        while len(rows) < self.to_output.shape[1]:
            rows.append(rows[-1] * roots.tau)
        at_cells = roots.collect(torch.stack(rows, -2))
        return linearly(at_cells, lambda c: torch.matmul(c.flatten(-2), self.onto_output))


def _between_ends(local: Tensor, onto: Tensor) -> Tensor:
    """Integrate polynomials over halves of cells against a basis: first what is odd in the end, then what is even.

    Args:
        local: local coefficients of the basis that is integrated, shape ``(d, R, C)``; only R counts.
        onto: those of the other, times the cells' half widths, shape ``(d', rows, C)``.

    Returns:
        The matrix from coefficients, shape ``(2 R C, d')``.
    """
    pairs = parity_weights(onto.shape[1], local.shape[1], onto)
    return torch.cat([torch.einsum("ri,drc->icd", weights, onto) for weights in pairs]).flatten(0, 1).contiguous()


def _to_cells(x: Any, local: Tensor) -> Any:
    """Write coefficients of a basis ``(..., d)`` as those of polynomials on the cells ``(..., R, C)``."""
    return linearly(x, lambda v: torch.matmul(v, local.flatten(1)).unflatten(-1, local.shape[1:]))


class IATReLU(nn.Module):
    r"""The integral activation transform with the rectifier, exactly: value and derivatives of every order.

    .. math:: y = \int_{-1}^{1} q(z) \, \mathrm{ReLU}(s(z)) \, dz = A(x) x, \quad s(z) = p(z)^T x, \quad
              A(x) = \int_{s > 0} q \, p^T dz.

    The Jacobian is A(x). With the roots z_k of s the second derivative is
    :math:`\partial_i \partial_l y_j = \sum_k q_j(z_k) p_i(z_k) p_l(z_k) / |s'(z_k)|` (the coarea formula), and higher
    orders follow from :math:`dz_k = -p(z_k)^T dx / s'(z_k)`. Jets, reverse mode and `torch.func` give all of them. For
    a, b, c > 0 the transform is homogeneous: IAT(a x; b p, c q) = a b c IAT(x; p, q).

    Where the state touches zero without changing sign (a double root) value and Jacobian are continuous, but on one
    side the second derivative is unbounded, like the distance to the power -1/2: its square is not integrable, and
    methods that square strong residuals are fragile there. Energy and weak forms need the Jacobian only. *At* a
    double root rounding decides between the two sides: the second derivative returned is the finite limit from the
    side without roots, or a number above 1e6, but never infinite or NaN. Zero counts as not positive: where the state
    vanishes, throughout (x = 0, or x in the null space of the basis and no rounding) or on a cell, it adds nothing to y
    and A, and an edge of the positive set counts with the slope on the positive side. So does a root on a breakpoint,
    once. With a discontinuous input basis the state is constant in each cell, and derivatives above the first are zero.

    Memory: reverse mode keeps x and its roots. Without a graph, samples are worked on in blocks.

    Args:
        input: the basis p, of d_in functions.
        output: the basis q, of d_out functions.

    Reference:
        Zhang et al. 2023, arXiv:2312.12578. Derivatives above the first are our own.
    """

    def __init__(self, input: Basis, output: Basis) -> None:
        """Keep the bases; see the class."""
        super().__init__()
        self.input, self.output = input, output
        self.part = PositivePart(input, input, output)

    def extra_repr(self) -> str:
        """Show the bases."""
        return f"{self.input}, {self.output}"

    def forward(self, x: Any) -> Any:
        """Map x, shape ``(..., d_in)``, a tensor or a jet, to y, shape ``(..., d_out)``."""
        if not isinstance(x, Jet):
            return self._value(x, self.part.fixed_roots(x))
        if not torch.is_grad_enabled() and x.ndim > 1:
            step = max(1, self.part.samples // x.shape[1:-1].numel())
            if len(x) > step:
                return torch.cat([self(x[i : i + step]) for i in range(0, len(x), step)])
        roots = self.part.roots(x.value)
        value = self(x.value) if isinstance(x.value, Jet) else self._value(x.value, roots.fixed())
        second = None
        if x.second is not None:
            second = self.part.apply_to(roots, x.second) + self.part.curvature(x.value, roots, x.first, x.pairs)
        return Jet(value, self.part.apply_to(roots, x.first), second, x.pairs)

    def _value(self, x: Tensor, roots: Roots) -> Tensor:
        return _Value.apply(x, self.part, roots.tau, roots.jump, roots.right, roots.cell)

    def jacobian(self, x: Tensor) -> Tensor:
        """Compute A(x), shape ``(..., d_out, d_in)``, for x of shape ``(..., d_in)``."""
        roots = self.part.roots(x[..., None, :])
        return self.part.apply_to(roots, torch.eye(self.input.size, dtype=x.dtype, device=x.device)).mT


class _Value(torch.autograd.Function):
    """y = A(x) x from x and its roots as constants; the backward pass A(x)^T g is made of differentiable operations."""

    @staticmethod
    def forward(x: Tensor, part: PositivePart, *pattern: Any) -> Tensor:
        return _in_blocks(part, part.first_order(x).apply_to, x, pattern)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.part = inputs[1]
        ctx.save_for_backward(inputs[0], *inputs[2:])
        ctx.save_for_forward(inputs[0], *inputs[2:])

    @staticmethod
    def backward(ctx: Any, *grad: Any) -> tuple[Any, ...]:
        x, *pattern = ctx.saved_tensors
        if torch.is_grad_enabled():
            # This pass may be differentiated in turn: its roots must depend on x.
            g = ctx.part.transposed(ctx.part.roots(x), grad[0])
        else:
            g = _in_blocks(ctx.part, ctx.part.first_order(x).transposed, grad[0], tuple(pattern))
        return g, *[None] * 5

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        x = ctx.saved_tensors[0]
        return ctx.part.apply_to(ctx.part.roots(x), tangents[0])

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, part: PositivePart, *pattern: Any) -> tuple[Tensor, int]:
        dims = zip((x, *pattern), (in_dims[0], *in_dims[2:]), strict=True)
        moved = [v if dim is None else v.movedim(dim, 0) for v, dim in dims]
        return _Value.apply(moved[0], part, *moved[1:]), 0


def _in_blocks(part: PositivePart, function: Callable[..., Tensor], v: Tensor, pattern: tuple[Any, ...]) -> Tensor:
    """Apply a map that treats samples independently to blocks of samples, whose arrays stay in cache."""
    lead = v.shape[:-1]
    if lead.numel() <= part.integrated:
        return function(Roots(*pattern), v)
    columns = [None if p is None else p.flatten(0, -2).split(part.integrated) for p in pattern]
    blocks = v.flatten(0, -2).split(part.integrated)
    found = []
    for i, block in enumerate(blocks):
        own: list[Any] = [None if column is None else column[i] for column in columns]
        found.append(function(Roots(*own), block))
    return torch.cat(found).unflatten(0, lead)
