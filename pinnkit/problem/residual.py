"""A residual: a named function of the unknowns and points that the solution makes zero in a region."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..domains import Between, Boundary, Corner, Domain, Points, Regions
from ..errors import InputError, NameNotFound
from ..jets import LAPLACIAN, Derivatives, Key, Unknown
from .parameter import trace_parameters

Function = Callable[[Mapping[str, Unknown], Points], Tensor]
Values = dict[str, dict[Key, Tensor]]
"""Derivatives of the unknowns at n points: for each unknown and key a tensor ``(n,)``."""


@dataclass(frozen=True)
class Coordinates:
    """Names of the coordinates, and which of them are space."""

    names: tuple[str, ...]
    space: tuple[int, ...]
    regions: Regions | None = None


@dataclass(frozen=True)
class FixedPoints:
    """Points given once and for all, such as those of measurements."""

    points: Points


@dataclass
class Residual:
    """One residual of a problem.

    Attributes:
        name: for messages and histories.
        function: maps the unknowns and points to a tensor ``(n,)``.
        region: where it shall vanish.
        coordinates: of the problem.
        keys: the derivatives it uses, by unknown; found by tracing.
        corners: where the derivatives of the solution are unbounded, so that the residual is multiplied by a power of
            the distance: 1 - p for each order of derivative, p the exponent of the corner. (Our choice.)
    """

    name: str
    function: Function
    region: Domain | Boundary | FixedPoints
    coordinates: Coordinates
    keys: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    corners: Sequence[Corner] = ()
    kind: str = "model"
    """What kind of knowledge it is: "model" (holds exactly), "data" (measured) or "prior" (probable)."""
    noise: float | None = None
    """Standard deviation of measured values, if known."""
    trainable: Sequence[Tensor] = ()
    """The trainable parameters that it uses; found by tracing."""
    breaks: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Coordinates at which cells of a quadrature must end, by name."""

    @property
    def outer(self) -> bool:
        """Whether it holds on the boundary of the domain, and not between its regions."""
        return isinstance(self.region, Boundary) and not isinstance(self.region, Between)

    def sample(self, n: int, generator: torch.Generator) -> Points:
        """Draw about n points of the region (all of them where they are fixed)."""
        if isinstance(self.region, FixedPoints):
            return self.region.points
        if isinstance(self.region, Domain):
            return self.region.collocate(n, generator, self.corners)
        return self.region.collocate(n, generator)

    @cached_property
    def derivatives(self) -> Derivatives:
        """The plan of the derivatives in `keys`."""
        return Derivatives(dict.fromkeys(itertools.chain(*self.keys.values())), self.coordinates.space)

    def values(self, function: Callable[[Any], Any], points: Points) -> Values:
        """Evaluate the unknowns that it uses, given as columns of a function of points ``(n, K)``."""
        return self.by_unknown(self.derivatives(function, points.coordinates) if any(self.keys.values()) else {})

    def by_unknown(self, found: Mapping[Key, Tensor]) -> Values:
        """Sort derivatives of all columns ``(n, K)`` by the unknowns."""
        return {u: {k: found[k][:, i] for k in keys} for i, (u, keys) in enumerate(self.keys.items())}

    def __call__(self, values: Values, points: Points) -> Tensor:
        """Evaluate at points.

        Args:
            values: the derivatives in `keys`.
            points: the n points.

        Returns:
            The residual, shape ``(n,)``.
        """
        unknowns = {name: self._unknown(found.__getitem__, points) for name, found in values.items()}
        return self._evaluate(unknowns, points)

    def _unknown(self, lookup: Callable[[Key], Tensor], points: Points) -> Unknown:
        return Unknown(lookup, self.coordinates.names, self.coordinates.space, points.normals)

    def _evaluate(self, unknowns: Mapping[str, Unknown], points: Points) -> Tensor:
        if points.normals is not None:
            # As gradients, normals have no time component here; space comes first.
            points = replace(points, normals=points.normals[:, : len(self.coordinates.space)])
        points = points if points.regions is not None else replace(points, regions=self.coordinates.regions)
        result: object = self.function(unknowns, points)
        if isinstance(result, Unknown):
            result = result.value
        n = len(points)
        if not isinstance(result, Tensor) or result.shape not in ((n,), ()):
            got = f"shape {tuple(result.shape)}" if isinstance(result, Tensor) else repr(result)
            raise InputError(f"{self.name}: the residual must be a tensor of shape (n,) = ({n},), got {got}.")
        if not result.is_floating_point():
            raise InputError(
                f"{self.name}: the residual must be real numbers, got {result.dtype}; write the difference of the two "
                "sides, not a comparison."
            )
        check_precision(self.name, result, points)
        for corner in self.corners:
            highest = max(order(keys) for keys in self.keys.values())
            result = result * corner.distance(points.coordinates) ** (highest * (1 - corner.exponent))
        return result.expand(n)

    def trace(self, unknowns: Sequence[str], points: Points, trainable: Sequence[Tensor] = ()) -> None:
        """Call once with made-up values, and note which derivatives are used.

        Args:
            unknowns: names of all unknowns.
            points: some points of the region.
            trainable: the trainable parameters of the problem.

        Raises:
            InputError: the residual's shape is wrong, it uses no unknown, it is not a number at some point, or it uses
                a trainable tensor that is not among the problem's parameters.
        """
        generator = torch.Generator().manual_seed(0)
        used: Values = {name: {} for name in unknowns}

        def made_up(name: str) -> Callable[[Key], Tensor]:
            def lookup(key: Key) -> Tensor:
                if key not in used[name]:
                    used[name][key] = _made_up(len(points), generator)
                return used[name][key]

            return lookup

        fields = {name: self._unknown(made_up(name), points) for name in unknowns}
        result, self.trainable = trace_parameters(self.name, lambda: self._evaluate(fields, points), trainable)
        self.keys = {name: tuple(keys) for name, keys in used.items()}
        if not any(used.values()):
            raise InputError(f"{self.name} uses no unknown, so that no solution can change it; check its function.")
        self._check_numbers(result.detach(), points)
        self._check_local(result.detach(), used, points)

    def _check_local(self, result: Tensor, used: Values, points: Points) -> None:
        """Change the unknowns at one point: no other row may change, for the linearisation is point by point."""
        elsewhere = {u: {k: torch.cat([v[:1] + 1, v[1:]]) for k, v in found.items()} for u, found in used.items()}
        with torch.no_grad():
            changed = self(elsewhere, points)
        if not torch.equal(changed[1:], result[1:]):
            names = ", ".join(f"{name}=[value]" for name in used)
            raise InputError(
                f"{self.name}: the residual at a point depends on the unknowns at other points (a mean, a sum or a "
                f"norm over points?); residuals are local. To fix a constant, use pk.Observations([[x, ...]], {names})."
            )

    def _check_numbers(self, result: Tensor, points: Points) -> None:
        bad = ~torch.isfinite(result)
        if bad.any():
            at = ", ".join(f"{v:.6g}" for v in points.coordinates[bad.nonzero()[0, 0]].tolist())
            raise InputError(
                f"{self.name}: the residual is {result[bad][0].item()} at {int(bad.sum())} of {len(points)} points, "
                f"first at ({at}); check the data and functions of the problem there."
            )

    def check(self, points: Points) -> None:
        """Raise InputError if the residual is not finite at some of these points, for made-up unknowns."""
        generator = torch.Generator().manual_seed(0)
        # Round numbers would hit the poles of residuals such as u.x / (1 - u).
        values: Values = {
            name: {key: _made_up(len(points), generator) for key in keys} for name, keys in self.keys.items()
        }
        with torch.no_grad():
            self._check_numbers(self(values, points), points)

    def zero(self, points: Points) -> Values:
        """Give the values of the zero function at points."""
        zeros = torch.zeros_like(points.coordinates[:, 0])
        return {name: {key: zeros for key in keys} for name, keys in self.keys.items()}

    def linearise(self, values: Values, points: Points) -> tuple[Tensor, Values]:
        """Differentiate by the unknowns' derivatives, point by point.

        Args:
            values: where to linearise, the derivatives in `keys`.
            points: the n points.

        Returns:
            The residual ``(n,)``, and for each unknown and key its coefficient ``(n,)``.
        """
        leaves = {u: {k: v.detach().clone().requires_grad_() for k, v in d.items()} for u, d in values.items()}
        with torch.enable_grad():
            result = self(leaves, points)
            total = result.sum()
        flat = [leaf for found in leaves.values() for leaf in found.values()]
        # Residuals are local, so the gradient of their sum holds every point's own derivative.
        slopes: Iterator[Tensor | None] = iter([None] * len(flat))
        if total.requires_grad:
            slopes = iter(torch.autograd.grad(total, flat, allow_unused=True))
        coefficients: Values = {}
        for name, found in leaves.items():
            coefficients[name] = {}
            for key, leaf in found.items():
                slope = next(slopes)
                coefficients[name][key] = torch.zeros_like(leaf) if slope is None else slope
        return result.detach(), coefficients


def order(keys: Iterable[Key]) -> int:
    """Give the highest order among derivatives; zero where there are none."""
    return max((2 if key == LAPLACIAN else len(key) for key in keys), default=0)


def check_precision(what: str, value: Any, points: Points) -> None:
    """Check that numbers, one a point, are as precise as the points.

    Args:
        what: for messages.
        value: a number, tensor or jet.
        points: where it was evaluated.

    Raises:
        InputError: they are less precise.
    """
    if not isinstance(value, Tensor) or not value.ndim or not value.is_floating_point():
        return
    wanted = points.coordinates.dtype
    if torch.finfo(value.dtype).eps > torch.finfo(wanted).eps:
        raise InputError(
            f"{what}: the numbers are {value.dtype}, the points {wanted}; make tensors with dtype=p.x.dtype, and "
            "numbers inside torch.where with p.x.new_tensor(...)."
        )


def _made_up(n: int, generator: torch.Generator) -> Tensor:
    return 0.5 + torch.rand(n, generator=generator, dtype=torch.float64)


def bind(name: str, function: Callable[..., Tensor], unknowns: Sequence[str]) -> Function:
    """Turn a user's function of unknowns and, last, the point ``p`` into a `Function`.

    Args:
        name: of the residual, for messages.
        function: such as ``lambda u, p: u.xx + p.x``.
        unknowns: the names it may take.

    Returns:
        The same function of all unknowns and points.

    Raises:
        NameNotFound: a parameter is no unknown.
        InputError: it is not callable, or a default value hides an unknown; when called, a derivative of something
            else than an unknown.
    """
    if not callable(function):
        raise InputError(f"{name}: expected a function such as lambda u: u.xx, got {function!r}.")
    parameters = inspect.signature(function).parameters.values()
    taken = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    for parameter in taken:
        if parameter not in unknowns and parameter != "p":
            raise NameNotFound(f"argument of {name}", parameter, [*unknowns, "p"])
    for hidden in {parameter.name for parameter in parameters}.difference(taken) & {*unknowns, "p"}:
        raise InputError(f"{name}: the default value of {hidden!r} would hide the one of the problem; leave it out.")

    def bound(fields: Mapping[str, Unknown], points: Points) -> Tensor:
        try:
            return function(*(points if parameter == "p" else fields[parameter] for parameter in taken))
        except AttributeError as error:
            if not isinstance(error.obj, Tensor):
                raise
            raise InputError(
                f"{name}: a tensor has no {error.name!r}; derivatives exist for unknowns only: expand the product, "
                "such as k*u.xx + k_x*u.x for the derivative of k*u.x."
            ) from None

    return bound

