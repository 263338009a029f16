"""What every domain can do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from .arguments import coordinate_names
from .boundary import Boundary, Piece
from .cells import Cells
from .corners import Corner, find_corners
from .points import Points
from .regions import Interfaces, Regions
from .sampling import draw


class Domain(ABC):
    """A bounded set of points in d dimensions, with a boundary.

    Attributes:
        names: the coordinate names.
        dimension: d.
        bounds: float64 `(2, d)`, lower and upper corner of the bounding box.
    """

    names: tuple[str, ...]
    dimension: int
    bounds: Tensor

    # The number k of unit coordinates that `place` takes; None where there is only rejection.
    unit_dimension: int | None = None

    def __init__(self, bounds: Tensor, names: Sequence[str] | None = None) -> None:
        """Keep bounding box and names.

        Args:
            bounds: `(2, d)`.
            names: the coordinate names; None gives x | x, y | x, y, z | x1 .. xd.
        """
        self.bounds = bounds.to(torch.float64)
        self.dimension = bounds.shape[1]
        self.names = coordinate_names(names, self.dimension)

    @property
    @abstractmethod
    def measure(self) -> float:
        """Length, area or volume."""

    @abstractmethod
    def _distance(self, x: Tensor) -> Tensor:
        """Signed distance of points `(n, d)` whose shape was checked."""

    @abstractmethod
    def _pieces(self) -> Sequence[Piece]:
        """The pieces of the boundary."""

    def place(self, unit: Tensor) -> Tensor:
        """Map the unit cube onto the domain so that uniform points stay uniform.

        Args:
            unit: `(n, k)` with k = `unit_dimension`.

        Returns:
            `(n, d)`.
        """
        return self.bounds[0] + unit * (self.bounds[1] - self.bounds[0])

    def proposal(self) -> tuple[int, Any]:
        """Say how to draw interior points.

        Returns:
            The number of unit coordinates that `place` takes, and the acceptance test of its points
            (None when all of them are in the domain).
        """
        if self.unit_dimension is None:
            return self.dimension, self.contains
        return self.unit_dimension, None

    @cached_property
    def boundary(self) -> Boundary:
        """The boundary, as named pieces."""
        return Boundary(self._pieces(), self.names)

    @cached_property
    def regions(self) -> Regions:
        """Its named parts, such as materials; ``domain.regions(steel=..., copper=...)`` gives the domain with such."""
        return Regions(self, {})

    @property
    def interfaces(self) -> Interfaces:
        """Where its regions touch, by two names of regions or by the name of a group of facets of a mesh."""
        return Interfaces(self.regions)

    def _checked(self, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != self.dimension:
            raise InputError(
                f"points must have the shape (n, {self.dimension}) for the coordinates "
                f"{', '.join(self.names)}, got {tuple(x.shape)}"
            )
        return x

    def signed_distance(self, x: Tensor) -> Tensor:
        """Distance to the boundary, negative inside.

        Exact for primitive shapes and meshes. For CSG and products with time it is a bound: the sign is right
        and the true distance is at least as large.

        Args:
            x: `(n, d)`.

        Returns:
            `(n,)`.
        """
        return self._distance(self._checked(x))

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points are in the domain; its boundary belongs to it.

        Args:
            x: `(n, d)`.

        Returns:
            bool `(n,)`.
        """
        return self.signed_distance(x) <= 0

    def interior(self, n: int, generator: torch.Generator, rule: str = "sobol") -> Points:
        """Draw points that fill the domain evenly.

        Args:
            n: how many.
            generator: the source of randomness; nothing else is used.
            rule: "sobol" (scrambled, low discrepancy) or "uniform" (independent).

        Returns:
            float64 points on the CPU.
        """
        k, keep = self.proposal()
        empty = "the domain is empty, or nearly so"
        (x,) = draw(n, k, generator, rule, lambda unit: (self.place(unit),), keep, empty)
        return Points(x, self.names, regions=self.regions or None)

    def quadrature(self, n: int) -> tuple[Points, Tensor]:
        """Give a Gauss rule.

        Args:
            n: how many nodes, about.

        Returns:
            Nodes, float64 on the CPU, and weights ``(m,)`` that sum to the domain's measure.

        Raises:
            InputError: if there is none for this kind of domain.
        """
        if (found := self._quadrature(n)) is None:
            raise InputError(
                "an energy needs Gauss quadrature, which boxes, polygons, meshes, annuli and balls up to three "
                f"dimensions have; got {type(self).__name__}: mesh it, or use equations instead."
            )
        return found

    def partition(self, n: int, breaks: Mapping[str, Sequence[float]] | None = None) -> Cells:
        """Cut the domain into boxes or simplices that fit together.

        Args:
            n: how many nodes they are to have, at least.
            breaks: coordinates at which a box is cut, whatever else, by name.

        Returns:
            The cells. The facets of a piece of the boundary have its face as key, or its name where it has none.

        Raises:
            InputError: if there are none for this kind of domain.
            NameNotFound: if there is no such coordinate.
        """
        if (found := self._cells(n, [(breaks or {}).get(name, ()) for name in self.names])) is None:
            raise InputError(
                "a weak form needs cells, which boxes (with or without time), polygons and meshes have; got "
                f"{type(self).__name__}: mesh it, or use equations instead."
            )
        if unknown := set(breaks or {}) - set(self.names):
            raise NameNotFound("coordinate in breaks", unknown.pop(), self.names)
        if breaks and found.simplices:
            raise InputError("breaks cut boxes only; a polygon or mesh needs cells that end where coefficients jump.")
        return found

    def _cells(self, n: int, breaks: Sequence[Sequence[float]]) -> Cells | None:
        return None

    def _quadrature(self, n: int) -> tuple[Points, Tensor] | None:
        return None

    def implicit(self, x: Any) -> Any:
        """Evaluate a function that is positive inside, negative outside, and smooth away from corners.

        Args:
            x: `(n, d)`, a tensor or a jet.

        Raises:
            InputError: if there is none for this kind of domain.
        """
        kind = f"{type(self).__name__} in {self.dimension} dimensions"
        raise InputError(f"there is no smooth implicit function of a {kind}: use the soft condition.")

    @property
    def cavities(self) -> list[tuple[Tensor, float]]:
        """Balls outside the domain that its boundary wraps around (holes, fillets): centre `(d,)` and radius.

        Solutions vary there on the scale of the radius, and their analytic continuations end in them.
        """
        return []

    def _straight(self) -> Tensor:
        """Segments `(m, 2, 2)` that hold the straight parts of the boundary of a plane domain."""
        return torch.zeros(0, 2, 2, dtype=torch.float64)

    @cached_property
    def corners(self) -> list[Corner]:
        """The corners of a plane domain between straight edges, flat and convex ones included."""
        edges = self._straight()
        return find_corners(edges, self.bounds, self.contains) if len(edges) else []

    @property
    def facet_offsets(self) -> tuple[Tensor, Tensor] | None:
        """Where flat facets stand for a curved boundary: points `(m, d)`, and mean distance times root share `(m,)`.

        The root-mean-square of a quantity q over the boundary, times the distance, is the norm of the product of the
        second tensor with q at the points.
        """
        return None

    def collocate(self, n: int, generator: torch.Generator, corners: Sequence[Corner] = ()) -> Points:
        """Draw points for the residual of an equation: evenly, and a quarter more around each cavity and corner.

        Around a cavity with centre c and radius R the density falls like |x - c|^(-2 d): the points are even in the
        inverted coordinates R (x - c) / |x - c|^2. Around a corner, see `Corner.place`.

        Args:
            n: how many evenly distributed points.
            generator: the source of randomness; nothing else is used.
            corners: those that are to have more points.

        Returns:
            float64 points on the CPU.
        """
        if self.regions:  # each has as many functions
            parts = [part.collocate(-(-n // len(self.regions)), generator, corners) for part in self.regions.values()]
            return Points(torch.cat([part.coordinates for part in parts]), self.names, regions=self.regions)
        x = [self.interior(n, generator).coordinates]
        for centre, radius in self.cavities:

            def place(unit: Tensor, centre: Tensor = centre, radius: float = radius) -> tuple[Tensor]:
                y = 2 * unit - 1
                size = y.square().sum(1, keepdim=True)
                # Points of the cube outside the ball go into the cavity, where they are turned down.
                return (centre + radius * y / size,)

            empty = "the domain is empty around one of its cavities"
            x += draw(max(1, n // 4), self.dimension, generator, "sobol", place, self.contains, empty)
        for corner in corners:
            empty = "the domain is empty around one of its corners"
            sector = partial(_place, corner)
            x += draw(max(1, n // 4), 2, generator, "sobol", sector, self.contains, empty)
        return Points(torch.cat(x), self.names)

    def around(self, feature: Any, n: int, generator: torch.Generator) -> Tensor:
        """Draw points around a feature; see `Feature.place`.

        Args:
            feature: the feature.
            n: how many.
            generator: the source of randomness; nothing else is used.

        Returns:
            float64 `(n, d)` on the CPU.
        """
        empty = "the domain is empty around one of its features"
        place = partial(_around, feature, self.bounds)
        return draw(n, 2 * self.dimension, generator, "sobol", place, self.contains, empty)[0]

    def __or__(self, other: "Domain") -> "Domain":
        """Return the union."""
        from .csg import Union

        return Union(self, other)

    def __and__(self, other: "Domain") -> "Domain":
        """Return the intersection."""
        from .csg import Intersection

        return Intersection(self, other)

    def __sub__(self, other: "Domain") -> "Domain":
        """Return the difference."""
        from .csg import Difference

        return Difference(self, other)

    def __mul__(self, other: Any) -> "Domain":
        """Return the product with a time interval.

        Args:
            other: a Time (a Box, if this is a Box too).

        Returns:
            The space-time domain.

        Raises:
            InputError: if there is no such product.
        """
        from .time import SpaceTime, Time

        if isinstance(other, Time):
            return SpaceTime(self, other)
        raise InputError(
            f"cannot multiply {type(self).__name__} by {type(other).__name__}: a Box can be multiplied by a "
            "Box, and every spatial domain by Time"
        )


def _place(corner: Corner, unit: Tensor) -> tuple[Tensor]:
    return (corner.place(unit),)


def _around(feature: Any, bounds: Tensor, unit: Tensor) -> tuple[Tensor]:
    return (feature.place(unit, bounds),)
