"""Rules of sums, reductions and conversions: maps that are linear in the jet."""

# A rule is documented by the torch function that it stands for.
# ruff: noqa: D103

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from .calculus import align, rank_of
from .jet import Jet, plain
from .rules import named, on_component, rule_for
from .shapes import dims_of, expand, shifted


@rule_for(*named("sum"))
def sum(input: Jet, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Jet:
    input = input if dtype is None else input.each(lambda c: c.to(dtype))
    if input.ndim == 0:
        return input
    dims = dims_of(dim, input.ndim)
    moved = shifted(dims, input.ndim)
    return input.apply(torch.sum(input.value, dims, keepdim), lambda c: torch.sum(c, moved, keepdim))


@rule_for(*named("mean"))
def mean(input: Jet, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Jet:
    total = sum(input, dim, keepdim, dtype)
    return total / (input.numel() // max(total.numel(), 1))


@rule_for(*named("cumsum"))
def cumsum(input: Jet, dim: int) -> Jet:
    return input.apply(input.value.cumsum(dim), lambda c: c.cumsum(shifted(dim, input.ndim)))


def _like(x: Any, model: Jet) -> Jet:
    """Turn a constant into a jet with zero derivatives."""
    if isinstance(x, Jet):
        return x
    if not isinstance(x, torch.Tensor):
        x = torch.full((), x, dtype=model.dtype, device=model.device)
    first = torch.zeros_like(x).expand(model.first.shape[0], *x.shape)
    second = None if model.second is None else torch.zeros_like(x).expand(model.second.shape[0], *x.shape)
    return Jet(x, first, second, model.pairs)


def _jointly(function: Any, parts: Any, shift: Any) -> Jet:
    """Apply a function that is linear in all its parts together, and ``shift`` to their stacked components."""
    model = next(part for part in parts if isinstance(part, Jet))
    jets = [_like(part, model) for part in parts]
    second = None if model.second is None else shift([jet.second for jet in jets])
    return Jet(function([jet.value for jet in jets]), shift([jet.first for jet in jets]), second, model.pairs)


@rule_for(*named("cat", "concat", "concatenate"), several=True)
def cat(tensors: Any, dim: int = 0) -> Jet:
    moved = shifted(dim, rank_of(tensors[0]))
    return _jointly(lambda parts: torch.cat(parts, dim), tensors, lambda parts: torch.cat(parts, moved))


@rule_for(*named("stack"), several=True)
def stack(tensors: Any, dim: int = 0) -> Jet:
    moved = shifted(dim, rank_of(tensors[0]) + 1)
    return _jointly(lambda parts: torch.stack(parts, dim), tensors, lambda parts: torch.stack(parts, moved))


@rule_for(*named("hstack"), several=True)
def hstack(tensors: Any) -> Jet:
    parts = [x.reshape(1) if x.ndim == 0 else x for x in tensors]
    return cat(parts, min(parts[0].ndim - 1, 1))


@rule_for(*named("column_stack"), several=True)
def column_stack(tensors: Any) -> Jet:
    return cat([x.reshape(x.numel(), 1) if x.ndim < 2 else x for x in tensors], 1)


@rule_for(*named("vstack", "row_stack"), several=True)
def vstack(tensors: Any) -> Jet:
    return cat([x.reshape(1, x.numel()) if x.ndim < 2 else x for x in tensors], 0)


@rule_for(torch.where, several=True)
def where(condition: Any, input: Any, other: Any) -> Jet:
    model = input if isinstance(input, Jet) else other
    rank = max(rank_of(condition), rank_of(input), rank_of(other))
    jets = [align(_like(part, model), rank) for part in (input, other)]
    return _jointly(lambda p: torch.where(condition, *p), jets, lambda p: torch.where(condition, *p))


@rule_for(torch.Tensor.where, several=True)
def where_method(input: Any, condition: Any, other: Any) -> Jet:
    return where(condition, input, other)


@rule_for(*named("masked_fill"), several=True)
def masked_fill(input: Any, mask: Any, value: Any) -> Jet:
    return where(mask, value, input)


@rule_for(*named("maximum"), several=True)
def maximum(input: Any, other: Any) -> Any:
    # At a tie the derivatives are those of the first argument; torch averages the two.
    return torch.where(plain(input) >= plain(other), input, other)


@rule_for(*named("minimum"), several=True)
def minimum(input: Any, other: Any) -> Any:
    return torch.where(plain(input) <= plain(other), input, other)


@rule_for(*named("add"), several=True)
def add(input: Any, other: Any, *, alpha: Any = 1) -> Jet:
    if alpha != 1:
        other = other * alpha
    if not isinstance(input, Jet):
        input, other = other, input
    value = input.value + (other.value if isinstance(other, Jet) else other)
    if isinstance(other, Jet):
        a, b = align(input, value.ndim), align(other, value.ndim)
        second = None if a.second is None else a.second + b.second
        return Jet(value, a.first + b.first, second, a.pairs)
    if value.shape != input.shape:
        input = expand(input, value.shape)
    if value.dtype != input.dtype:
        return input.apply(value, lambda c: c.to(value.dtype))
    return Jet(value, input.first, input.second, input.pairs)


@rule_for(*named("sub", "subtract"), several=True)
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Jet:
    return add(input, -other if alpha == 1 else other * -alpha)


@rule_for(torch.rsub, "__rsub__", several=True)
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Jet:
    return sub(other, input, alpha=alpha)


@rule_for(*named("lerp"), several=True)
def lerp(input: Any, end: Any, weight: Any) -> Any:
    return input + weight * (end - input)


@rule_for(*named("neg", "negative"))
def neg(input: Jet) -> Jet:
    return -input


@rule_for(*named("remainder"))
def remainder(input: Jet, other: Any) -> Jet:
    return input - torch.floor(plain(input) / other) * other


@rule_for("__rmod__", several=True)
def rmod(input: Any, other: Any) -> Any:
    return torch.remainder(other, input)


@rule_for(F.dropout)
def dropout(input: Jet, p: float = 0.5, training: bool = True, inplace: bool = False) -> Jet:
    return input * F.dropout(torch.ones_like(plain(input)), p) if training and p else input


def _every_component(function: Any) -> Any:
    convert = on_component(function)

    def rule(input: Jet, *args: Any, **kwargs: Any) -> Jet:
        return input.each(lambda c: convert(c, *args, **kwargs))

    return rule


for _name in ("clone", "contiguous", "type", "float", "double", "half", "bfloat16", "cpu", "cuda"):
    for _function in named(_name):
        rule_for(_function)(_every_component(_function))


@rule_for(torch.Tensor.type_as, torch.Tensor.to, several=True)
def to(input: Any, *args: Any, **kwargs: Any) -> Any:
    if args and isinstance(args[0], Jet):
        return input.to(plain(args[0]), *args[1:], **kwargs)
    return input.each(lambda c: c.to(*args, **kwargs))


def _of_the_value(function: Any) -> Any:
    def rule(*args: Any, **kwargs: Any) -> Any:
        return function(*map(plain, args), **{name: plain(x) for name, x in kwargs.items()})

    return rule


# What is constant almost everywhere, or about the shape alone: derivatives stop here.
for _name in (
    "detach zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty "
    "new_tensor gt ge lt le eq ne greater less isnan isinf isfinite isclose sign sgn floor ceil round trunc "
    "argmax argmin argsort is_floating_point is_complex is_same_size numel nelement"
).split():
    for _function in named(_name):
        rule_for(_function, several=True)(_of_the_value(_function))

rule_for("__eq__", several=True)(_of_the_value(torch.eq))
