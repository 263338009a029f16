"""Named parameters of a problem, fixed or to be found."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ..errors import InputError


class Parameter(nn.Parameter):
    """A number in the equations; trainable, it is found together with the solution (an inverse problem).

    It is a float64 scalar tensor, used in residuals like a number: ``nu * u.xx``.

    Args:
        name: its name in metrics and reports.
        value: its value, or the first guess, from which every solve starts.
        trainable: whether methods change it.
        true: its true value where it is known, to report the error of what was found; no method sees it.

    Raises:
        InputError: a value is not finite.

    Attributes:
        first: the first guess.
        true: the true value, or None.
    """

    first: float
    true: float | None
    _name: str

    # Tensors have a `name` of their own, which cannot be set.
    @property
    def name(self) -> str:
        """Its name in metrics and reports."""
        return self._name

    def __new__(cls, name: str, value: float, trainable: bool = True, true: float | None = None) -> Parameter:
        """Make the scalar; see the class."""
        for number in (value, 0.0 if true is None else true):
            if not math.isfinite(number):
                raise InputError(f"parameter {name!r} must be a finite number, got {number}.")
        made = super().__new__(cls, torch.tensor(float(value), dtype=torch.float64), trainable)
        made._name, made.first, made.true = name, float(value), true
        return made

    @torch.no_grad()
    def reset(self) -> None:
        """Take the first guess again."""
        self.fill_(self.first)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        """Copy with name and first guess; torch's own copy would take the value for the name."""
        if id(self) not in memo:
            memo[id(self)] = _restored(self.name, self.first, self.item(), self.requires_grad, self.true)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as name, first guess and value."""
        return _restored, (self.name, self.first, self.item(), self.requires_grad, self.true)


def _restored(name: str, first: float, value: float, trainable: bool, true: float | None = None) -> Parameter:
    made = Parameter(name, first, trainable, true)
    with torch.no_grad():
        made.fill_(value)
    return made
