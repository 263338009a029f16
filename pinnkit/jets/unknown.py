"""The accessors u.x, u.xx, u.laplacian: an unknown of a problem at some points, as residuals see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from .derivatives import LAPLACIAN, Key, MultiIndex

HIGHEST_ORDER = 4
COLLECTIONS = ("grad", "laplacian", "hessian", "normal")


def parse_derivative(name: str, coordinates: tuple[str, ...], others: tuple[str, ...] = ()) -> MultiIndex:
    """Read a derivative's name as a sorted multi-index: "xxy" is (0, 0, 1).

    Args:
        name: coordinate names, written one after the other.
        coordinates: the names of the coordinates.
        others: further names that the caller knows, for messages.

    Returns:
        The axes, sorted.

    Raises:
        NameNotFound: the name is not made of coordinate names.
        InputError: the order is above the highest supported.
    """
    index, rest = [], name
    while rest:
        matching = [c for c in coordinates if rest.startswith(c)]
        if not matching:
            raise NameNotFound("derivative", name, [*coordinates, *(2 * c for c in coordinates), *others])
        longest = max(matching, key=len)
        index.append(coordinates.index(longest))
        rest = rest[len(longest) :]
    if len(index) > HIGHEST_ORDER:
        raise InputError(f"derivative {name!r} has order {len(index)}; the highest supported is {HIGHEST_ORDER}.")
    return tuple(sorted(index))


class Unknown:
    """An unknown at n points: used as a number it is its value, and its attributes are its derivatives.

    ``u.x``, ``u.xx``, ``u.xy``, ``u.t`` have shape ``(n,)``; ``u.grad`` ``(n, s)``, ``u.hessian`` ``(n, s, s)`` and
    ``u.laplacian`` ``(n,)`` run over the s space coordinates; ``u.normal`` ``(n,)`` is the derivative along the
    outward normal.

    Args:
        lookup: gives the tensor ``(n,)`` of a derivative by its key.
        coordinates: names of all coordinates.
        space_axes: which of them are space.
        normals: outward normals ``(n, d)`` on a boundary.
    """

    def __init__(
        self,
        lookup: Callable[[Key], Tensor],
        coordinates: tuple[str, ...],
        space_axes: tuple[int, ...],
        normals: Tensor | None = None,
    ) -> None:
        """Keep where derivatives come from; see the class."""
        self._lookup = lookup
        self._coordinates = coordinates
        self._space_axes = space_axes
        self._normals = normals

    @property
    def value(self) -> Tensor:
        """The value itself, shape ``(n,)``."""
        return self._lookup(())

    @property
    def laplacian(self) -> Tensor:
        """Sum of the pure second derivatives in space, shape ``(n,)``."""
        return self._lookup(LAPLACIAN)

    @property
    def grad(self) -> Tensor:
        """First derivatives in space, shape ``(n, s)``."""
        return torch.stack([self._lookup((i,)) for i in self._space_axes], -1)

    @property
    def hessian(self) -> Tensor:
        """Second derivatives in space, shape ``(n, s, s)``."""
        axes = self._space_axes
        rows = [torch.stack([self._lookup((min(i, j), max(i, j))) for j in axes], -1) for i in axes]
        return torch.stack(rows, -2)

    @property
    def normal(self) -> Tensor:
        """Derivative along the outward normal, shape ``(n,)``."""
        if self._normals is None:
            raise InputError("the normal derivative exists on boundaries only; this condition is inside the domain.")
        components = [self._lookup((i,)) * self._normals[..., i] for i in self._space_axes]
        return torch.stack(components).sum(0)

    def __getattr__(self, name: str) -> Tensor:
        """Give the derivative of this name; names of tensor methods act on the value."""
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            index = parse_derivative(name, self._coordinates, COLLECTIONS)
        except NameNotFound:
            # Short names are slips in derivatives, u.t without time, rather than Tensor.t.
            if len(name) > 2 and callable(getattr(Tensor, name, None)) or name in ("shape", "dtype", "device", "ndim"):
                return getattr(self.value, name)
            raise
        return self._lookup(index)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Act as the value in every torch function."""
        return func(*_values(args), **_values(kwargs or {}))

    # Hashed by identity, as a tensor is, although == compares values.
    __hash__ = object.__hash__

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Tensor:
        return self.value[index]


def _values(x: Any) -> Any:
    if isinstance(x, Unknown):
        return x.value
    if isinstance(x, (tuple, list)):
        return type(x)(_values(item) for item in x)
    if isinstance(x, Mapping):
        return {key: _values(item) for key, item in x.items()}
    return x


def _operator(name: str) -> Callable[..., Any]:
    method = getattr(Tensor, name)

    def apply(self: Unknown, *others: Any) -> Any:
        return method(self.value, *_values(others))

    return apply


for (
    _name
) in "add radd sub rsub mul rmul truediv rtruediv mod pow rpow matmul rmatmul neg pos abs lt le gt ge eq ne".split():
    setattr(Unknown, f"__{_name}__", _operator(f"__{_name}__"))
