"""The jet: a value that carries its derivatives with it through unmodified torch code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Pairs = tuple[tuple[tuple[int, int], ...], ...]
"""Second-order components: each a sum of second derivatives along pairs of directions."""

RULES: dict[Any, Callable[..., Any]] = {}
"""The rule of every torch function that a jet passes through.

Operators that torch wraps in Python are found by name: torch.compile does not find the wrapper among the keys.
"""


_PLAIN_ATTRIBUTES = ("requires_grad", "is_cuda", "is_cpu", "layout", "itemsize", "is_sparse", "is_quantized")


class MissingRule(NotImplementedError):
    """A torch function was called on a jet and has no rule; the message is the function's name."""


class Jet:
    r"""A value with first derivatives along some directions and some second-order components.

    A second-order component is :math:`\sum_{(i,j)} \partial_i \partial_j u` over its pairs: ``((0, 0),)`` is a
    pure second derivative, ``((0, 1),)`` a mixed one, and ``((0, 0), (1, 1))`` the Laplacian in one component
    (the "forward Laplacian", Li et al. 2024, arXiv:2307.08214). Components may be jets themselves, which gives
    higher orders.

    Args:
        value: the value, shape ``(*s)``.
        first: derivatives along the directions, stacked in front, shape ``(d, *s)``.
        second: second-order components, stacked in front, shape ``(len(pairs), *s)``; None without pairs.
        pairs: which second-order components ``second`` holds.
    """

    __slots__ = ("first", "pairs", "second", "value")

    def __init__(self, value: Any, first: Any, second: Any, pairs: Pairs) -> None:
        """Hold the components; see the class."""
        self.value = value
        self.first = first
        self.second = second
        self.pairs = pairs

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Apply the rule of ``func``.

        Args:
            func: the torch function called on a jet.
            types: the types that asked to handle it.
            args: its arguments.
            kwargs: its arguments by name.

        Returns:
            What the rule gives, most often a jet.

        Raises:
            MissingRule: there is no rule for ``func``.
        """
        name = getattr(func, "__name__", str(func))
        rule = RULES.get(func) or RULES.get(name)
        if rule is None:
            raise MissingRule(name)
        return rule(*args, **(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        """Give the tensor method ``name``, bound to this jet."""
        if name.startswith("__") or not hasattr(torch.Tensor, name):
            raise AttributeError(f"a jet has no attribute {name!r}")
        if name in _PLAIN_ATTRIBUTES:
            return getattr(plain(self), name)
        rule = RULES.get(getattr(torch.Tensor, name))
        if rule is None:
            raise MissingRule(f"Tensor.{name}")
        return lambda *args, **kwargs: rule(self, *args, **kwargs)

    def __repr__(self) -> str:
        """Show the shape and the number of components."""
        return f"Jet(shape={tuple(self.shape)}, directions={self.first.shape[0]}, pairs={self.pairs})"

    @property
    def shape(self) -> torch.Size:
        """Shape of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions of the value."""
        return self.value.ndim

    @property
    def dtype(self) -> torch.dtype:
        """Number type of the value."""
        return self.value.dtype

    @property
    def device(self) -> torch.device:
        """Device of the value."""
        return self.value.device

    @property
    def T(self) -> Jet:
        """The transposed matrix."""
        return self.transpose(0, 1) if self.ndim == 2 else self

    @property
    def mT(self) -> Jet:
        """The last two dimensions swapped."""
        return self.transpose(-2, -1)

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the length of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """Return the number of elements of the value."""
        return self.shape.numel()

    def __len__(self) -> int:
        """Return the length of the leading dimension."""
        return self.shape[0]

    def __bool__(self) -> bool:
        """Return the truth of the value, so that branches see what they would see in a tensor."""
        return bool(plain(self))

    def __getitem__(self, index: Any) -> Jet:
        """Index every component."""
        return RULES[torch.Tensor.__getitem__](self, index)

    def __iter__(self) -> Any:
        """Iterate over the leading dimension."""
        return iter([self[i] for i in range(len(self))])

    def __neg__(self) -> Jet:
        return self.each(torch.neg)

    def __add__(self, other: Any) -> Jet:
        return RULES[torch.add](self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Jet:
        return RULES[torch.sub](self, other)

    def __rsub__(self, other: Any) -> Jet:
        return RULES[torch.sub](other, self)

    def __mul__(self, other: Any) -> Jet:
        return RULES[torch.mul](self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        return RULES[torch.div](self, other)

    def __rtruediv__(self, other: Any) -> Jet:
        return RULES[torch.div](other, self)

    def __pow__(self, other: Any) -> Jet:
        return RULES[torch.pow](self, other)

    def __rpow__(self, other: Any) -> Jet:
        return RULES[torch.pow](other, self)

    def __matmul__(self, other: Any) -> Jet:
        return RULES[torch.matmul](self, other)

    def __rmatmul__(self, other: Any) -> Jet:
        return RULES[torch.matmul](other, self)

    def __abs__(self) -> Jet:
        return RULES[torch.abs](self)

    def __rmod__(self, other: Any) -> Jet:
        raise MissingRule("remainder by a jet")

    def __mod__(self, other: Any) -> Jet:
        return RULES[torch.remainder](self, other)

    # A jet is hashed by identity, as a tensor is, although == compares values.
    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> Any:
        return plain(self) == plain(other)

    def __ne__(self, other: Any) -> Any:
        return plain(self) != plain(other)

    def __lt__(self, other: Any) -> Tensor:
        return plain(self) < plain(other)

    def __le__(self, other: Any) -> Tensor:
        return plain(self) <= plain(other)

    def __gt__(self, other: Any) -> Tensor:
        return plain(self) > plain(other)

    def __ge__(self, other: Any) -> Tensor:
        return plain(self) >= plain(other)

    def each(self, linear: Callable[..., Any], *args: Any) -> Jet:
        """Apply a map that is linear, and the same for every component, to all components."""
        second = None if self.second is None else linear(self.second, *args)
        return Jet(linear(self.value, *args), linear(self.first, *args), second, self.pairs)

    def apply(self, value: Any, linear: Callable[[Any], Any]) -> Jet:
        """Return the jet with this value and ``linear`` applied to the stacked derivative components."""
        second = None if self.second is None else linear(self.second)
        return Jet(value, linear(self.first), second, self.pairs)


def _refuse(name: str) -> Callable[..., Any]:
    def refused(self: Jet, *args: Any) -> Any:
        raise MissingRule(f"Tensor.{name}")

    return refused


# Rebinding instead of writing would miss the views and other names of the tensor that the write reaches.
for _name in "iadd isub imul itruediv ifloordiv imod ipow imatmul setitem".split():
    setattr(Jet, f"__{_name}__", _refuse(f"__{_name}__"))


def plain(x: Any) -> Any:
    """Strip all derivatives: the innermost value of a jet, anything else unchanged."""
    while isinstance(x, Jet):
        x = x.value
    return x
