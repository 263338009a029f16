"""Rules of what only moves elements: every component is moved alike, past its stacking dimension."""

# A rule is documented by the torch function that it stands for.
# ruff: noqa: D103

from __future__ import annotations

from typing import Any

import torch

from .calculus import align
from .jet import Jet, MissingRule, plain
from .rules import named, on_component, rule_for


def shifted(dim: Any, rank: int) -> Any:
    """Translate dimensions of a value of ``rank`` dimensions to those of a stacked component."""
    if isinstance(dim, int):
        return dim % max(rank, 1) + 1
    return tuple(d % max(rank, 1) + 1 for d in dim)


def dims_of(dim: Any, rank: int) -> tuple[int, ...]:
    """Read the ``dim`` of a reduction as a tuple; None and the empty tuple are all dimensions, as in torch."""
    if isinstance(dim, int):
        return (dim,)
    return tuple(dim) if dim else tuple(range(rank))


def _gathered(sizes: Any) -> Any:
    """Accept sizes or dimensions one by one or as one sequence."""
    return tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes


def _reshaping(function: Any) -> Any:
    """Make the rule of a function that keeps the order of elements and changes only the shape."""

    def rule(input: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], torch.dtype):
            raise MissingRule("view of another dtype")
        args = tuple(map(plain, args))
        kwargs = {name: plain(x) for name, x in kwargs.items()}
        if not isinstance(input, Jet):
            return function(input, *args, **kwargs)
        value = on_component(function)(input.value, *args, **kwargs)
        return input.apply(value, lambda c: c.reshape(c.shape[0], *value.shape))

    return rule


for _name in "reshape view flatten unflatten squeeze unsqueeze ravel view_as reshape_as".split():
    for _function in named(_name):
        rule_for(_function, several=True)(_reshaping(_function))


@rule_for(*named("transpose", "swapaxes", "swapdims"))
def transpose(input: Jet, dim0: int, dim1: int) -> Jet:
    dims = shifted((dim0, dim1), input.ndim)
    return input.apply(torch.transpose(input.value, dim0, dim1), lambda c: torch.transpose(c, *dims))


@rule_for(*named("t"))
def t(input: Jet) -> Jet:
    return input.T


@rule_for(*named("permute"))
def permute(input: Jet, *sizes: Any, dims: Any = None) -> Jet:
    dims = _gathered(sizes) if dims is None else tuple(dims)
    moved = (0, *shifted(dims, input.ndim))
    return input.apply(torch.permute(input.value, dims), lambda c: torch.permute(c, moved))


@rule_for(*named("movedim", "moveaxis"))
def movedim(input: Jet, source: Any, destination: Any) -> Jet:
    a, b = shifted(source, input.ndim), shifted(destination, input.ndim)
    return input.apply(torch.movedim(input.value, source, destination), lambda c: torch.movedim(c, a, b))


@rule_for(torch.Tensor.expand, *named("broadcast_to"))
def expand(input: Jet, *sizes: Any, size: Any = None) -> Jet:
    size = _gathered(sizes) if size is None else tuple(size)
    value = input.value.expand(size)
    return align(input, value.ndim).apply(value, lambda c: c.expand(c.shape[0], *value.shape))


@rule_for(*named("expand_as"), several=True)
def expand_as(input: Any, other: Any) -> Any:
    return input.expand(other.shape)


@rule_for(*named("repeat"))
def repeat(input: Jet, *sizes: Any, repeats: Any = None) -> Jet:
    repeats = _gathered(sizes) if repeats is None else tuple(repeats)
    value = input.value.repeat(repeats)
    return align(input, value.ndim).apply(value, lambda c: c.repeat((1, *repeats)))


@rule_for(*named("tile"))
def tile(input: Jet, *sizes: Any, dims: Any = None) -> Jet:
    dims = _gathered(sizes) if dims is None else tuple(dims)
    return repeat(input, (*[1] * (input.ndim - len(dims)), *dims))


@rule_for(*named("flip"))
def flip(input: Jet, *sizes: Any, dims: Any = None) -> Jet:
    dims = _gathered(sizes) if dims is None else dims_of(dims, input.ndim)
    return input.apply(input.value.flip(dims), lambda c: c.flip(shifted(dims, input.ndim)))


@rule_for(*named("roll"))
def roll(input: Jet, shifts: Any, dims: Any = None) -> Jet:
    if dims is None or dims == ():
        return roll(input.reshape(-1), shifts, 0).reshape(input.shape)
    return input.apply(input.value.roll(shifts, dims), lambda c: c.roll(shifts, shifted(dims, input.ndim)))


@rule_for(torch.Tensor.__getitem__)
def getitem(input: Jet, index: Any) -> Jet:
    index = index if isinstance(index, tuple) else (index,)
    arrays = [i for i, entry in enumerate(index) if isinstance(entry, (torch.Tensor, list))]
    if arrays and arrays[-1] - arrays[0] >= len(arrays):
        # Index arrays apart from each other move to the front of the result, past the stacking dimension.
        raise MissingRule("indexing by arrays with a slice between them")
    return input.apply(input.value[index], lambda c: c[(slice(None), *index)])


@rule_for(*named("select"))
def select(input: Jet, dim: int, index: int) -> Jet:
    return input.apply(input.value.select(dim, index), lambda c: c.select(shifted(dim, input.ndim), index))


@rule_for(*named("narrow"))
def narrow(input: Jet, dim: int, start: int, length: int) -> Jet:
    moved = shifted(dim, input.ndim)
    return input.apply(input.value.narrow(dim, start, length), lambda c: c.narrow(moved, start, length))


@rule_for(*named("index_select"))
def index_select(input: Jet, dim: int, index: Any) -> Jet:
    moved = shifted(dim, input.ndim)
    return input.apply(input.value.index_select(dim, index), lambda c: c.index_select(moved, index))


@rule_for(*named("unbind"))
def unbind(input: Jet, dim: int = 0) -> tuple[Jet, ...]:
    return tuple(select(input, dim, i) for i in range(input.shape[dim]))


def _split(input: Jet, sizes: Any, dim: int) -> tuple[Jet, ...]:
    n = input.shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, n - start) for start in range(0, n, sizes)]
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + size)
    return tuple(narrow(input, dim, start, size) for start, size in zip(starts, sizes, strict=False))


@rule_for(torch.split)
def split(input: Jet, split_size_or_sections: Any, dim: int = 0) -> tuple[Jet, ...]:
    return _split(input, split_size_or_sections, dim)


@rule_for(torch.Tensor.split)
def split_method(input: Jet, split_size: Any, dim: int = 0) -> tuple[Jet, ...]:
    return _split(input, split_size, dim)


@rule_for(*named("chunk"))
def chunk(input: Jet, chunks: int, dim: int = 0) -> tuple[Jet, ...]:
    return _split(input, -(-input.shape[dim] // chunks), dim)
