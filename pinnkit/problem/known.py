"""Functions that a problem is given beside its equations: a known part of the solution, a first guess."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..domains import Points
from ..errors import InputError, NameNotFound
from .conditions import evaluate_datum
from .parameter import trace_parameters


class KnownPart:
    """A function of points with a value for each unknown: what is added to the trial function, or a first guess.

    Args:
        function: of points; it gives numbers ``(n,)`` where there is one unknown, else a dict of them by unknown.
        unknowns: names of the unknowns.
        names: of the coordinates.
        inside: some points of the domain, to try it at.
        trainable: the trainable parameters of the problem.
        title: what it is, for messages.

    Raises:
        InputError: it gives something else, or numbers that are not finite.

    Attributes:
        trainable: the trainable parameters that it uses.
    """

    def __init__(
        self,
        function: Callable[[Points], Any],
        unknowns: tuple[str, ...],
        names: tuple[str, ...],
        inside: Points,
        trainable: Sequence[Tensor] = (),
        title: str = "lift",
    ) -> None:
        """Keep and try it; see the class."""
        if not callable(function):
            raise InputError(f"{title} must be a function of points such as lambda p: p.x, got {function!r}.")
        self.function, self.unknowns, self.names, self.title = function, unknowns, names, title
        self.regions = inside.regions
        found, self.trainable = trace_parameters(f"the {title}", lambda: self(inside.coordinates), trainable)
        if not torch.isfinite(found).all():
            raise InputError(f"the {title} is not finite at some points of the domain; check its function there.")

    def __deepcopy__(self, memo: dict[int, Any]) -> KnownPart:
        """Stay one and the same for all trial functions, as hard conditions do."""
        return self

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
        points = Points(x, self.names, regions=self.regions)
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
