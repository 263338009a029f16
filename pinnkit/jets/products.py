"""Rules of products: pointwise, matrix, Einstein sums, quotients and powers."""

# A rule is documented by the torch function that it stands for.
# ruff: noqa: D103

from __future__ import annotations

import math
import string
from typing import Any

import torch
import torch.nn.functional as F

from .calculus import align, chain, contract_with, leibniz, rank_of
from .jet import Jet, MissingRule, plain
from .rules import named, rule_for
from .scalar_functions import power, tensor_power


@rule_for(*named("mul", "multiply"), several=True)
def mul(input: Any, other: Any) -> Jet:
    a, b = _aligned(input, other)
    return leibniz(torch.mul, a, b, torch.mul)


def _aligned(a: Any, b: Any) -> tuple[Any, Any]:
    rank = max(rank_of(a), rank_of(b))
    return (align(a, rank) if isinstance(a, Jet) else a), (align(b, rank) if isinstance(b, Jet) else b)


@rule_for(*named("div", "divide", "true_divide"), several=True)
def div(input: Any, other: Any) -> Jet:
    a, b = _aligned(input, other)
    if not isinstance(b, Jet):
        return leibniz(torch.div, a, b, torch.div)
    if not isinstance(a, Jet):
        return mul(a, b.reciprocal())
    # From a = q b: a' = q' b + q b', and once more.
    q = a.value / b.value
    first = (a.first - q * b.first) / b.value
    second = None
    if a.second is not None:
        twice = 2 * contract_with(torch.mul, first, b.first, a.pairs)
        second = (a.second - q * b.second - twice) / b.value
    return Jet(q, first, second, a.pairs)


@rule_for("__rdiv__", several=True)
def rdiv(input: Any, other: Any) -> Jet:
    return div(other, input)


@rule_for(*named("pow"), "pow", several=True)
def pow(input: Any, exponent: Any) -> Any:
    if isinstance(exponent, Jet):
        base: Any = input if isinstance(input, (Jet, torch.Tensor)) else torch.full_like(plain(exponent), input)
        return (exponent * torch.log(base)).exp()
    if isinstance(exponent, torch.Tensor):
        return chain(input, *tensor_power(input.value, exponent))
    return chain(input, *power(input.value, exponent))


@rule_for("__rpow__", several=True)
def rpow(input: Any, exponent: Any) -> Any:
    return pow(exponent, input)


@rule_for(torch.matmul, torch.linalg.matmul, *named("mm", "bmm", "mv"), several=True)
def matmul(input: Any, other: Any) -> Jet:
    if rank_of(input) == 1:
        return matmul(input[None, :], other).squeeze(-1 if rank_of(other) == 1 else -2)
    if rank_of(other) == 1:
        return matmul(input, other[:, None]).squeeze(-1)
    a, b = _aligned(input, other)
    return leibniz(torch.matmul, a, b, torch.matmul)


@rule_for(torch.Tensor.matmul, several=True)
def matmul_method(input: Any, other: Any) -> Jet:
    if torch.compiler.is_compiling() and not isinstance(input, Jet):
        # torch.compile makes this very call of ``jet @ tensor`` too, with the factors exchanged.
        raise MissingRule("@ of a jet and a tensor while compiling: write torch.matmul")
    return matmul(input, other)


@rule_for(F.linear, several=True)
def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    if isinstance(weight, Jet) or isinstance(bias, Jet):
        product = torch.matmul(input, weight.mT)
        return product if bias is None else product + bias
    return input.apply(F.linear(input.value, weight, bias), lambda c: F.linear(c, weight))


@rule_for(F.bilinear, several=True)
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    y = torch.einsum("...i,kij,...j->...k", input1, weight, input2)
    return y if bias is None else y + bias


@rule_for(*named("addmm"), several=True)
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    return beta * input + alpha * torch.matmul(mat1, mat2)


@rule_for(*named("addcmul"), several=True)
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    return input + value * (tensor1 * tensor2)


@rule_for(*named("outer", "ger"), several=True)
def outer(input: Any, vec2: Any) -> Any:
    return input[:, None] * vec2


@rule_for(*named("dot", "inner"), several=True)
def dot(input: Any, other: Any) -> Any:
    if rank_of(input) > 1 or rank_of(other) > 1:
        raise MissingRule("inner of matrices")
    return (input * other).sum(-1)


@rule_for(torch.linalg.vecdot, several=True)
def vecdot(input: Any, other: Any, *, dim: int = -1) -> Any:
    return (input * other).sum(dim)


@rule_for(*named("einsum"), several=True)
def einsum(equation: str, *operands: Any) -> Any:
    if not isinstance(equation, str):
        raise MissingRule("einsum with index lists")
    operands = tuple(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    equation = equation.replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    if not arrow:
        letters = sorted(set(inputs) - set(",."))
        output = ("..." if "..." in inputs else "") + "".join(c for c in letters if inputs.count(c) == 1)
    terms = inputs.split(",")
    stacking = next(c for c in string.ascii_letters if c not in equation)
    if not any(isinstance(x, Jet) for x in operands):
        return torch.einsum(equation, *operands)
    if len(terms) == 1:
        return operands[0].apply(
            torch.einsum(equation, operands[0].value),
            lambda c: torch.einsum(f"{stacking}{terms[0]}->{stacking}{output}", c),
        )
    if len(terms) > 2:
        # Contract the first two factors, keeping every letter that something later needs.
        later = set("".join(terms[2:]) + output)
        kept = "".join(dict.fromkeys(c for c in terms[0] + terms[1] if c != "." and c in later))
        kept = ("..." if "..." in terms[0] + terms[1] else "") + kept
        pair = einsum(f"{terms[0]},{terms[1]}->{kept}", *operands[:2])
        return einsum(f"{','.join([kept, *terms[2:]])}->{output}", pair, *operands[2:])

    ranks = [rank_of(x) for x in operands]

    def batched(a: Any, b: Any) -> Any:
        left = stacking if rank_of(a) > ranks[0] else ""
        right = stacking if rank_of(b) > ranks[1] else ""
        return torch.einsum(f"{left}{terms[0]},{right}{terms[1]}->{stacking}{output}", a, b)

    return leibniz(lambda a, b: torch.einsum(f"{inputs}->{output}", a, b), operands[0], operands[1], batched)


@rule_for(*named("prod"))
def prod(input: Any, dim: int | None = None, keepdim: bool = False, dtype: Any = None) -> Jet:
    """Multiply along a dimension as a binary tree, so that no factor is ever divided out."""
    input = input if dtype is None else input.each(lambda c: c.to(dtype))
    if dim is None:
        return prod(input.reshape(-1), 0)
    if input.ndim == 0:
        return input
    while input.shape[dim] > 1:
        n = input.shape[dim]
        halves = input.narrow(dim, 0, n // 2) * input.narrow(dim, n // 2, n // 2)
        input = torch.cat([halves, input.narrow(dim, n - 1, 1)], dim) if n % 2 else halves
    return input if keepdim else input.squeeze(dim)


@rule_for(*named("atan2", "arctan2"), several=True)
def atan2(input: Any, other: Any) -> Any:
    # Up to a constant, atan2 is atan of whichever quotient is at most 1.
    steep = plain(input).abs() > plain(other).abs()
    safe = torch.where(steep, input, other)
    quotient = torch.where(steep, -other, input) / safe
    angle = torch.atan(quotient)
    offset = torch.atan2(plain(input), plain(other)) - plain(angle)
    return angle + torch.round(offset / (math.pi / 2)) * (math.pi / 2)
