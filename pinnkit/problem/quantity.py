"""Quantities: numbers read off a solution, such as a stress at a point, beside the values that they should have."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..domains import Domain, Points
from ..errors import InputError
from .conditions import check_place
from .residual import Coordinates, FixedPoints, Residual, bind


class Quantity:
    """What is read off a solution at some points, in the notation of equations.

    Args:
        function: of unknowns and, last, the point, such as ``lambda u, v: u.y - v.x``.
        at: where, shape ``(n, d)``.
        expected: what it should be, a number or shape ``(n,)``; None if that is not known.

    Raises:
        InputError: points or expected values are no finite numbers, or do not fit each other.
    """

    def __init__(self, function: Callable[..., Tensor], at: Any, expected: Any = None) -> None:
        """Keep and check; see the class."""
        self.function, self.points = function, torch.as_tensor(at, dtype=torch.float64)
        if self.points.ndim != 2 or not self.points.numel() or not torch.isfinite(self.points).all():
            raise InputError(f"Quantity: at= takes points of shape (n, d), such as [[0.0, 1.0]], got {at!r}.")
        self.expected = None
        if expected is not None:
            found = torch.as_tensor(expected, dtype=torch.float64)
            if found.shape not in ((), self.points.shape[:1]) or not torch.isfinite(found).all():
                raise InputError(
                    f"Quantity: expected= takes a finite number, or one for each of the {len(self.points)} points, "
                    f"got {expected!r}."
                )
            self.expected = found.expand(len(self.points))

    def state(self, name: str, unknowns: tuple[str, ...], domain: Domain, coordinates: Coordinates) -> StatedQuantity:
        """Give the quantity for a problem, traced.

        Args:
            name: its name.
            unknowns: of the problem.
            domain: of the problem.
            coordinates: of the problem.

        Returns:
            The quantity with the derivatives it needs.

        Raises:
            InputError: points are not in the domain.
        """
        d, title = len(coordinates.names), f"quantity {name!r}"
        if self.points.shape[1] != d:
            raise InputError(f"{title}: points must have shape (n, {d}), got {tuple(self.points.shape)}.")
        region = FixedPoints(Points(self.points, coordinates.names))
        check_place(title, region, region.points, domain)
        residual = Residual(title, bind(title, self.function, unknowns), region, coordinates)
        residual.trace(unknowns, region.points)
        return StatedQuantity(residual, self.expected)


class StatedQuantity:
    """A quantity of a problem; see `Quantity`.

    Args:
        residual: its function at its points.
        expected: what it should be, ``(n,)``, or None.
    """

    def __init__(self, residual: Residual, expected: Tensor | None) -> None:
        """Keep them; see the class."""
        self.residual, self.expected = residual, expected

    @torch.no_grad()
    def measure(self, trial: Callable[[Any], Any], like: Tensor) -> dict[str, Any]:
        """Measure it.

        Args:
            trial: maps points ``(n, d)`` to all unknowns ``(n, K)``.
            like: a tensor of the number type and device to use.

        Returns:
            ``value`` and ``expected`` (a number, or a list of them), ``error``, the largest difference, and
            ``relative_error``, that over the largest expected size; None where nothing is expected.
        """
        points = self.residual.sample(0, torch.Generator()).to(like.dtype, like.device)
        value = self.residual(self.residual.values(trial, points), points).to("cpu", torch.float64)
        result: dict[str, Any] = {"value": _plain(value), "expected": None, "error": None, "relative_error": None}
        if self.expected is not None:
            error, size = (value - self.expected).abs().max().item(), self.expected.abs().max().item()
            relative = error / size if size > 0 else error
            result |= {"expected": _plain(self.expected), "error": error, "relative_error": relative}
        return result


def _plain(values: Tensor) -> Any:
    """Give a single number as such; what is not finite as None."""
    numbers = [number if math.isfinite(number) else None for number in values.tolist()]
    return numbers[0] if len(numbers) == 1 else numbers


def state_quantities(
    quantities: Mapping[str, Any], unknowns: tuple[str, ...], domain: Domain, coordinates: Coordinates
) -> dict[str, StatedQuantity]:
    """State all quantities of a problem.

    Args:
        quantities: by name.
        unknowns: of the problem.
        domain: of the problem.
        coordinates: of the problem.

    Returns:
        The stated quantities by name.

    Raises:
        InputError: they are something else.
    """
    if not isinstance(quantities, Mapping) or not all(isinstance(q, Quantity) for q in quantities.values()):
        raise InputError(f"quantities must be a dict such as {{'peak': pk.Quantity(...)}}, got {quantities!r}.")
    return {name: quantity.state(name, unknowns, domain, coordinates) for name, quantity in quantities.items()}
