"""Derivatives of a module's outputs by its inputs, as many as asked for and no more."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .jet import Jet, MissingRule, Pairs

MultiIndex = tuple[int, ...]
"""Axes to differentiate by, sorted: ``()`` is the value, ``(0, 0, 1)`` is u_xxy."""

LAPLACIAN = "laplacian"
"""Key of the collapsed sum of the pure second derivatives along the space axes."""

Key = MultiIndex | str


@dataclass(frozen=True)
class _Level:
    """What one level of jets carries: directions, and second-order components as pairs of positions in them."""

    directions: tuple[int, ...]
    pairs: Pairs

    @classmethod
    def carrying(cls, indices: Iterable[MultiIndex], laplacian: tuple[int, ...] = ()) -> _Level:
        """Choose the components that give all these multi-indices of order at most two."""
        indices = sorted(set(indices))
        directions = tuple(sorted({axis for index in indices for axis in index} | set(laplacian)))
        pairs: Pairs = tuple(((directions.index(i[0]), directions.index(i[1])),) for i in indices if len(i) == 2)
        if laplacian:
            pairs = (*pairs, tuple((directions.index(axis),) * 2 for axis in laplacian))
        return cls(directions, pairs)

    def seed(self, x: Any) -> Any:
        """Start a jet at points x, shape ``(n, d)``, whose derivatives are those of the identity."""
        if not self.directions:
            return x
        shape = (len(self.directions), *x.shape)
        # Rows picked by integers: a list of them would be copied to the device each time, and wait for it.
        identity = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
        unit = torch.stack([identity[axis] for axis in self.directions])
        second = torch.zeros((), dtype=x.dtype, device=x.device).expand(len(self.pairs), *x.shape)
        return Jet(x, unit[:, None, :].expand(shape), second if self.pairs else None, self.pairs)

    def pick(self, y: Any, index: MultiIndex) -> Any:
        """Take one derivative, of order at most two, out of a result; zero where nothing depends on x."""
        if not index:
            return y.value if isinstance(y, Jet) and self.directions else y
        if not isinstance(y, Jet):
            return torch.zeros_like(y)
        if len(index) == 1:
            return y.first[self.directions.index(index[0])]
        positions = (self.directions.index(index[0]), self.directions.index(index[1]))
        return y.second[self.pairs.index((positions,))]


class Derivatives:
    """A plan to evaluate a module with the derivatives asked for, in one forward pass of jets.

    Orders above two run on jets of jets. A torch function without a rule sends the whole module through nested
    `torch.func` transforms instead, with the same numbers and one notice that names the function.

    Args:
        keys: multi-indices of axes, and `LAPLACIAN` for the collapsed Laplacian.
        space_axes: the axes of the Laplacian.
    """

    def __init__(self, keys: Iterable[Key], space_axes: tuple[int, ...]) -> None:
        """Plan the levels of jets; see the class."""
        self.keys = tuple(dict.fromkeys(keys))
        self.space_axes = space_axes
        self._laplacian = LAPLACIAN in self.keys
        indices = {tuple(sorted(key)) for key in self.keys if not isinstance(key, str)}
        pure = {(axis, axis) for axis in space_axes}
        # Above second order, or next to all its terms, the Laplacian is their sum; else it is collapsed.
        self._summed = self._laplacian and (_order(indices) > 2 or pure <= indices)
        if self._summed:
            indices |= pure
        self._indices = sorted(indices)
        self._levels = _levels(indices, space_axes if self._laplacian and not self._summed else ())

    def __call__(self, module: Callable[[Any], Any], x: Any) -> dict[Key, Any]:
        """Evaluate.

        Args:
            module: a map from points ``(n, d)`` to outputs ``(n, k)`` that treats points independently.
            x: points, shape ``(n, d)``, floating point; within other derivatives a jet of them.

        Returns:
            For each key a tensor of the shape of the module's output.

        Raises:
            MissingRule: a torch function has no rule, and x is a jet: the outermost derivatives fall back.
        """
        try:
            return self._by_jets(module, x)
        except MissingRule as missing:
            if isinstance(x, Jet):
                raise
            _notice(_kind(module), str(missing))
            return by_transforms(module, x, self.keys, self.space_axes)

    def _by_jets(self, module: Callable[[Any], Any], x: Tensor) -> dict[Key, Tensor]:
        seeded: Any = x
        for level in self._levels:
            seeded = level.seed(seeded)
        y = module(seeded)
        out: dict[Key, Any] = {index: self._pick(y, index) for index in self._indices}
        if self._summed:
            out[LAPLACIAN] = torch.stack([out[axis, axis] for axis in self.space_axes]).sum(0)
        elif self._laplacian:
            out[LAPLACIAN] = y.second[-1] if isinstance(y, Jet) else torch.zeros_like(y)
        return {key: out[key if isinstance(key, str) else tuple(sorted(key))] for key in self.keys}

    def _pick(self, y: Any, index: MultiIndex) -> Any:
        # The last level seeded is the outermost jet of the result.
        for depth in range(len(self._levels) - 1, -1, -1):
            y = self._levels[depth].pick(y, index[2 * depth : 2 * depth + 2])
        return y


def evaluate(
    module: Callable[[Any], Any], x: Tensor, keys: Iterable[Key], space_axes: tuple[int, ...] | None = None
) -> dict[Key, Tensor]:
    """Evaluate a module and the derivatives asked for once; `Derivatives` keeps the plan for many times.

    Args:
        module: a map from points ``(n, d)`` to outputs ``(n, k)`` that treats points independently.
        x: points, shape ``(n, d)``, floating point.
        keys: multi-indices of axes, and `LAPLACIAN` for the collapsed Laplacian.
        space_axes: the axes of the Laplacian; all of them by default.

    Returns:
        For each key a tensor of the shape of the module's output.
    """
    return Derivatives(keys, tuple(range(x.shape[-1])) if space_axes is None else space_axes)(module, x)


def _order(indices: Iterable[MultiIndex]) -> int:
    return max([0, *[len(index) for index in indices]])


def _levels(indices: set[MultiIndex], laplacian: tuple[int, ...]) -> list[_Level]:
    """Split multi-indices into pairs of axes from the front, one level of jets for each pair."""
    if _order(indices) <= 2:
        return [_Level.carrying(indices, laplacian)]
    return [_Level.carrying({i[:2] for i in indices}), *_levels({i[2:] for i in indices}, ())]


def by_transforms(
    module: Callable[[Any], Any], x: Tensor, keys: Iterable[Key], space_axes: tuple[int, ...]
) -> dict[Key, Tensor]:
    """Evaluate derivatives by nested reverse-mode transforms of `torch.func`: the fall-back, and an oracle.

    Reverse mode, output by output, because nested forward mode gives wrong second derivatives for some fused
    functions (``layer_norm`` in torch 2.13).

    Args:
        module: a map from points ``(n, d)`` to outputs ``(n, k)`` that treats points independently.
        x: points, shape ``(n, d)``.
        keys: multi-indices of axes, and `LAPLACIAN`.
        space_axes: the axes of the Laplacian.

    Returns:
        For each key a tensor of the shape of the module's output.
    """

    def along(function: Callable[[Any], Any], axis: int) -> Callable[[Any], Any]:
        def derivative(points: Any) -> Any:
            y, pull = torch.func.vjp(function, points)[:2]
            unit = torch.eye(y.shape[-1], dtype=y.dtype, device=y.device)
            by_output = torch.func.vmap(lambda e: pull(e.expand(y.shape))[0][..., axis], chunk_size=16)
            return by_output(unit).mT

        return derivative

    def differentiate(index: MultiIndex) -> Tensor:
        function = module
        for axis in index:
            function = along(function, axis)
        return function(x)

    def one(key: Key) -> Tensor:
        if not isinstance(key, str):
            return differentiate(key)
        return torch.stack([differentiate((axis, axis)) for axis in space_axes]).sum(0)

    return {key: one(key) for key in keys}


def _kind(module: Callable[[Any], Any]) -> str:
    return type(module).__name__ if isinstance(module, torch.nn.Module) else getattr(module, "__name__", "module")


@functools.cache  # once per kind of module and function: a training loop calls this at every step
def _notice(kind: str, function: str) -> None:
    warnings.warn(
        f"{kind}: torch function {function!r} has no jet rule; its derivatives come from torch.func, slower but equal.",
        stacklevel=4,
    )
