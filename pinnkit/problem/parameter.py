"""Named parameters of a problem, fixed or to be found."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..errors import InputError


class Parameter(nn.Parameter):
    """A number in the equations; trainable, it is found together with the solution (an inverse problem).

    It is a float64 scalar tensor, used in residuals like a number: ``nu * u.xx``.

    Args:
        name: its name in metrics and reports.
        value: its value, or the first guess.
        trainable: whether methods change it.

    Raises:
        InputError: the value is not finite.
    """

    name: str

    def __new__(cls, name: str, value: float, trainable: bool = True) -> Parameter:
        """Make the scalar; see the class."""
        if not math.isfinite(value):
            raise InputError(f"parameter {name!r} must be a finite number, got {value}.")
        made = super().__new__(cls, torch.tensor(float(value), dtype=torch.float64), trainable)
        made.name = name
        return made
