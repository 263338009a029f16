"""Values and functions that differ from region to region."""

from __future__ import annotations

from typing import Any

import torch

from ..domains import Points
from ..errors import InputError, NameNotFound


class ByRegion:
    """A coefficient, a source or an equation that is another one in each region of the domain.

    ``k = ByRegion(steel=45.0, copper=400.0)`` is called with points, ``k(p)``; where it is given functions, with
    whatever they take and the points last: ``k(T, p)``. In place of an equation it gives each region its own.

    Args:
        **values: for each region a number, or a function whose last argument is the points.

    Raises:
        InputError: a value is neither.
    """

    def __init__(self, **values: Any) -> None:
        """Keep them; see the class."""
        for name, value in values.items():
            if not callable(value) and not isinstance(value, (int, float, torch.Tensor)):
                raise InputError(f"ByRegion({name}=...) takes a number or a function, got {value!r}.")
        self.values = values

    def __repr__(self) -> str:
        return f"ByRegion({', '.join(f'{name}={value!r}' for name, value in self.values.items())})"

    def __call__(self, *arguments: Any) -> Any:
        """Give each point the value of its region.

        Args:
            *arguments: what the functions take; the points last.

        Returns:
            Values, shape ``(n,)``.

        Raises:
            NameNotFound: a value belongs to no region.
            InputError: a region of the domain has no value, or the points are not given.
        """
        if not arguments or not isinstance(points := arguments[-1], Points):
            raise InputError("call what is by region with the points last, such as k(p).")
        labels = points.region
        self.check([*points.regions])
        result = None
        for number, name in enumerate(points.regions):
            value = self.values[name]
            value = value(*arguments) if callable(value) else value
            value = points.coordinates[..., 0] * 0.0 + value
            result = value if result is None else torch.where(labels == number, value, result)
        return result

    def check(self, regions: list[str]) -> None:
        """Check that exactly the regions of a domain are named."""
        if unknown := [name for name in self.values if name not in regions]:
            raise NameNotFound("region", unknown[0], regions)
        if missing := [name for name in regions if name not in self.values]:
            raise InputError(f"{self!r} says nothing about the region {missing[0]!r}.")
