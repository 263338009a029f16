"""Functions that a problem is given beside its equations: a known part of the solution, a first guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..domains import Points
from ..errors import InputError, NameNotFound
from .conditions import evaluate_datum


class KnownPart:
    """A function of points with a value for each unknown: what is added to the trial function, or a first guess.

    Args:
        function: of points; it gives numbers ``(n,)`` where there is one unknown, else a dict of them by unknown.
        unknowns: names of the unknowns.
        names: of the coordinates.
        inside: some points of the domain, to try it at.
        title: what it is, for messages.

    Raises:
        InputError: it gives something else, or numbers that are not finite.
    """

    def __init__(
        self,
        function: Callable[[Points], Any],
        unknowns: tuple[str, ...],
        names: tuple[str, ...],
        inside: Points,
        title: str = "lift",
    ) -> None:
        """Keep and try it; see the class."""
        if not callable(function):
            raise InputError(f"{title} must be a function of points such as lambda p: p.x, got {function!r}.")
        self.function, self.unknowns, self.names, self.title = function, unknowns, names, title
        if not torch.isfinite(self(inside.coordinates)).all():
            raise InputError(f"the {title} is not finite at some points of the domain; check its function there.")

    def __call__(self, x: Any) -> Any:
        """Evaluate at points ``(n, d)`` or a jet of them, shape ``(n, K)``.

        Args:
            x: the points.

        Returns:
            The values.

        Raises:
            InputError: there are several unknowns, but no dict.
            NameNotFound: a name is none of the unknowns.
        """
        points = Points(x, self.names)
        found = self.function(points)
        if not isinstance(found, dict):
            if len(self.unknowns) > 1:
                raise InputError(f"the {self.title} of several unknowns must return a dict of tensors by unknown.")
            found = {self.unknowns[0]: found}
        for name in found:
            if name not in self.unknowns:
                raise NameNotFound(f"field in the {self.title}", name, self.unknowns)
        zero = x[:, 0] * 0.0
        data = ((found.get(name, 0.0), points, f"{self.title} of {name}") for name in self.unknowns)
        return torch.stack([zero + evaluate_datum(*datum) for datum in data], -1)
