"""Points of a domain whose coordinates have names."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound

RESERVED = frozenset({"coordinates", "names", "normals", "normal", "rows", "to", "replace", "average"})


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
    """

    coordinates: Any
    names: tuple[str, ...]
    normals: Tensor | None = None
    rows: Tensor | None = None

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

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> "Points":
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
        return Points(self.coordinates.to(**change), self.names, normals, rows)

    def __len__(self) -> int:
        """Return the number of points."""
        return self.coordinates.shape[0]

    def __getitem__(self, index: Any) -> "Points":
        """Select points.

        Args:
            index: a boolean mask `(n,)`, a slice, or an index tensor.

        Returns:
            The selected points, with their normals.
        """
        normals = None if self.normals is None else self.normals[index]
        rows = None if self.rows is None else self.rows[index]
        return Points(self.coordinates[index], self.names, normals, rows)

    def replace(self, coordinates: Any) -> "Points":
        """Exchange the coordinates (by jets, say).

        Args:
            coordinates: `(n, d)`, the new coordinates.

        Returns:
            Points with the same names and normals.
        """
        return Points(coordinates, self.names, self.normals, self.rows)

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
