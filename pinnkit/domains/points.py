"""Points of a domain whose coordinates have names."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from ..jets import plain

RESERVED = frozenset(
    "coordinates names normals normal rows to replace average regions region sides plus minus".split()
)


@dataclass(frozen=True)
class OneRegion:
    """The regions of a domain, of which all points are taken to be in one.

    Attributes:
        regions: the regions.
        name: of the one.
    """

    regions: Any
    name: str

    def __iter__(self) -> Any:
        return iter(self.regions)

    def locate(self, x: Tensor) -> Tensor:
        """Give the number of the one region for each point ``(n, d)``."""
        return torch.full((len(x),), self.regions.number(self.name), device=x.device)


class NoNormals(InputError):
    """Normals were asked for where there are none."""


@dataclass(frozen=True, eq=False)
class Points:
    """A set of points; `p.x` is the coordinate named x of all of them.

    Attributes:
        coordinates: `(n, d)`, a tensor or anything else that supports `[..., i]` (such as a jet).
        names: the `d` coordinate names.
        normals: `(n, d)` outward unit normals of boundary points, None for interior points.
        rows: `(n,)`, which mean each point belongs to, where conditions hold in the mean over some points only
            (those of a facet that stands for a curved boundary); None where each point stands for itself.
        regions: the regions of their domain, if it has any.
        sides: the regions on both sides of the interface that the points are on, from which normals point and to which.
    """

    coordinates: Any
    names: tuple[str, ...]
    normals: Tensor | None = None
    rows: Tensor | None = None
    regions: Any = None
    sides: tuple[str, str] | None = None

    def __getattr__(self, name: str) -> Any:
        """Return the coordinate of that name.

        Args:
            name: a coordinate name.

        Returns:
            `coordinates[..., i]`, shape `(n,)`.

        Raises:
            AttributeError: for names that Python itself asks for, so that copying and pickling work.
            NameNotFound: if no coordinate has that name.
        """
        if name.startswith("__") or name in RESERVED:
            raise AttributeError(name)
        if name not in self.names:
            raise NameNotFound("coordinate", name, self.names)
        return self.coordinates[..., self.names.index(name)]

    @property
    def region(self) -> Tensor:
        """The number of the region of each point, in the order in which they were named, int64 `(n,)`.

        Raises:
            InputError: the domain has no regions.
        """
        if self.regions is None:
            raise InputError("the domain has no regions: name them by domain.regions(steel=..., copper=...).")
        if self.sides is not None:
            raise InputError(
                "on an interface points have two regions: ask for one side by p.minus or p.plus, such as k(p.minus)."
            )
        return self.regions.locate(plain(self.coordinates))

    @property
    def minus(self) -> Self:
        """The points of an interface, seen from the region that normals point away from."""
        return self._seen(0)

    @property
    def plus(self) -> Self:
        """The points of an interface, seen from the region that normals point into."""
        return self._seen(1)

    def _seen(self, side: int) -> Self:
        if self.sides is None:
            raise InputError("p.minus and p.plus are for conditions on an interface: pk.Interface.")
        return dataclasses.replace(self, regions=OneRegion(self.regions, self.sides[side]), sides=None)

    @property
    def normal(self) -> Tensor:
        """The outward unit normals, `(n, d)`.

        In residuals and data they have the space columns only, as `u.grad` has.

        Raises:
            NoNormals: if these are interior points.
        """
        if self.normals is None:
            # InputError is no AttributeError, so Python does not fall back to __getattr__ here.
            raise NoNormals(
                "these points have no normals: only boundary points have them; sample them with "
                "domain.boundary.sample(n, generator)"
            )
        return self.normals

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Self:
        """Convert coordinates and normals.

        Args:
            dtype: the new dtype; None keeps it.
            device: the new device; None keeps it.

        Returns:
            The converted points.
        """
        # Tensor.to takes no dtype=None next to no device, and a jet may take only what changes.
        change: dict[str, Any] = {k: v for k, v in (("dtype", dtype), ("device", device)) if v is not None}
        if not change:
            return self
        normals = None if self.normals is None else self.normals.to(**change)
        rows = None if self.rows is None else self.rows.to(self.rows.device if device is None else device)
        return dataclasses.replace(self, coordinates=self.coordinates.to(**change), normals=normals, rows=rows)

    def __len__(self) -> int:
        """Return the number of points."""
        return self.coordinates.shape[0]

    def __getitem__(self, index: Any) -> Self:
        """Select points.

        Args:
            index: a boolean mask `(n,)`, a slice, or an index tensor.

        Returns:
            The selected points, with their normals.
        """
        normals = None if self.normals is None else self.normals[index]
        rows = None if self.rows is None else self.rows[index]
        return dataclasses.replace(self, coordinates=self.coordinates[index], normals=normals, rows=rows)

    def replace(self, coordinates: Any) -> Self:
        """Exchange the coordinates (by jets, say).

        Args:
            coordinates: `(n, d)`, the new coordinates.

        Returns:
            Points with the same names and normals.
        """
        return dataclasses.replace(self, coordinates=coordinates)

    def average(self, values: Tensor) -> Tensor:
        """Take the means that `rows` asks for.

        Args:
            values: `(n, ...)`, one entry a point.

        Returns:
            `(m, ...)`, one entry a row; the values themselves where each point stands for itself.
        """
        if self.rows is None:
            return values
        sums = values.new_zeros(int(self.rows.max()) + 1, *values.shape[1:]).index_add(0, self.rows, values)
        counts = torch.bincount(self.rows).to(values.dtype)
        return sums / counts.reshape(-1, *[1] * (values.ndim - 1))
