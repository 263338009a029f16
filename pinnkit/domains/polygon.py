"""Simple polygons."""

import math
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..jets import plain
from .approximate_distance import Distances, joined, segments
from .boundary import Piece
from .cells import Cells, triangulate
from .domain import Domain
from .points import Points
from .quadrature import gauss_legendre
from .segments import squared_distance, winding


class Polygon(Domain):
    """A simple polygon; its boundary is the pieces "edge0", "edge1", ...

    Edge i goes from vertex i to the next one, whatever the orientation of the polygon.
    """

    def __init__(self, vertices: Any, names: Sequence[str] | None = None) -> None:
        """Check and keep the vertices.

        Args:
            vertices: `(v, 2)`, in order, either way around; the first is not repeated at the end.
            names: the coordinate names.

        Raises:
            InputError: if there are fewer than three vertices, or the outline touches or crosses itself.
        """
        try:
            v = torch.as_tensor(vertices, dtype=torch.float64, device="cpu").detach().clone()
        except (TypeError, ValueError, RuntimeError):
            raise InputError(
                f"the vertices of a polygon must be pairs of numbers, got {vertices!r}"
            ) from None
        if v.ndim != 2 or v.shape[1] != 2 or len(v) < 3:
            raise InputError(
                "a polygon needs at least 3 vertices (x, y), an array of shape (v, 2); "
                f"got the shape {tuple(v.shape)}"
            )
        if not torch.isfinite(v).all():
            bad = int((~torch.isfinite(v)).any(1).sum())
            raise InputError(f"{bad} of {len(v)} vertices of the polygon are NaN or infinite: remove them")
        self.vertices = v
        self.edges = torch.stack([v, v.roll(-1, 0)], dim=1)
        _check_simple(self.edges)
        centered = self.edges - v.mean(0)
        twice = centered[:, 0, 0] * centered[:, 1, 1] - centered[:, 0, 1] * centered[:, 1, 0]
        self._area = twice.sum().item() / 2
        super().__init__(torch.stack([v.amin(0), v.amax(0)]), names)
        if abs(self._area) <= 1e-14 * (self.bounds[1] - self.bounds[0]).square().sum().item():
            raise InputError(
                f"the polygon encloses no area ({abs(self._area):g}): its vertices lie on a line; move one"
            )

    @property
    def measure(self) -> float:
        """Area by the shoelace formula."""
        return abs(self._area)

    def _quadrature(self, n: int) -> tuple[Points, Tensor]:
        return self._triangles.quadrature(n, self.names)

    @cached_property
    def _triangles(self) -> Cells:
        v = len(self.vertices)
        order = torch.arange(v) if self._area > 0 else torch.arange(v).flip(0)
        edges = {f"edge{i}": (torch.tensor([[i, (i + 1) % v]]), self._outward(i)[None]) for i in range(v)}
        return Cells(self.vertices, order[triangulate(self.vertices[order])], edges, True)

    def _cells(self, n: int, breaks: Sequence[Sequence[float]]) -> Cells:
        return self._triangles.with_nodes(n)

    def _distance(self, x: Tensor) -> Tensor:
        distance = squared_distance(x, self.edges.to(x)).sqrt()
        return torch.where(self._inside(x), -distance, distance)

    def _inside(self, x: Tensor) -> Tensor:
        return winding(x.detach(), self.edges.to(x)).abs() > 0.5

    def _straight(self) -> Tensor:
        return self.edges

    def _pieces(self) -> list[Piece]:
        return [self._edge(i) for i in range(len(self.edges))]

    def _outward(self, i: int) -> Tensor:
        along = self.edges[i, 1] - self.edges[i, 0]
        return torch.stack([along[1], -along[0]]) * math.copysign(1 / along.norm().item(), self._area)

    def _edge(self, i: int) -> Piece:
        begin, end = self.edges[i]
        along = end - begin
        length, outward = torch.linalg.vector_norm(along), self._outward(i)

        def place(unit: Tensor) -> tuple[Tensor, Tensor]:
            return begin + unit * along, outward.expand(len(unit), 2)

        rule = partial(gauss_legendre, dimension=1)
        return Piece(f"edge{i}", length.item(), 1, place, rule=rule, distances=self._to_edge(i))

    def _to_edge(self, i: int) -> Distances:
        inward, (begin, end) = -self._outward(i), self.edges[i]
        to_segment = segments(begin[None], end[None], inward[None])
        height = ((self.vertices - begin) * inward).sum(1)

        def everywhere(x: Any, side: float) -> Any:
            return to_segment(x, side)[:, 0]

        # A line that leaves the whole polygon on one side needs no trimming, and is smoother.
        if height.min() < -1e-12 * height.abs().max():
            return Distances(lambda x: everywhere(x, 1.0), everywhere, smooth=False)

        def to_line(x: Any) -> Any:
            return (x - begin.to(dtype=x.dtype, device=x.device)) @ inward.to(dtype=x.dtype, device=x.device)

        return Distances(to_line, everywhere)

    def implicit(self, x: Any) -> Any:
        """Evaluate a function that is positive inside; see Domain."""
        outward = torch.stack([self._outward(i) for i in range(len(self.edges))])
        distance = joined(segments(self.edges[:, 0], self.edges[:, 1], -outward)(x, 1.0))
        return torch.where(self._inside(plain(x)), distance, -distance)


def _check_simple(edges: Tensor) -> None:
    """Refuse outlines that cross or touch themselves.

    Two segments meet exactly where both have the other's ends on different sides; touching counts, except for
    the common vertex of neighbours, which must not fold back onto each other.

    Args:
        edges: `(v, 2, 2)`.

    Raises:
        InputError: naming the first offending edges.
    """
    n = len(edges)
    a, b = edges[:, 0], edges[:, 1]
    along = b - a
    if (along == 0).all(1).any():
        i = int((along == 0).all(1).nonzero()[0])
        raise InputError(
            f"vertices {i} and {(i + 1) % n} of the polygon are equal: {a[i].tolist()}; remove one (the "
            "first vertex is not repeated at the end)"
        )

    def cross(p: Tensor, q: Tensor) -> Tensor:
        return p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]

    following = along.roll(-1, 0)
    folds = (cross(along, following) == 0) & ((along * following).sum(1) < 0)
    if folds.any():
        i = int(folds.nonzero()[0])
        raise InputError(
            f"the polygon intersects itself: edge{i} and edge{(i + 1) % n} fold back onto each other; "
            "put the vertices in order around it"
        )
    for i in range(n - 2):
        # The last edge is the neighbour of the first one.
        others = torch.arange(i + 2, n - 1 if i == 0 else n, device=edges.device)
        if len(others) == 0:
            continue
        p, q, r, s = a[i], b[i], a[others], b[others]
        apart = cross(along[i], r - p) * cross(along[i], s - p) > 0
        apart |= cross(along[others], p - r) * cross(along[others], q - r) > 0
        # Segments on one line do not separate each other by sides; their bounding boxes do.
        apart |= (torch.maximum(p, q) < torch.minimum(r, s)).any(1)
        apart |= (torch.minimum(p, q) > torch.maximum(r, s)).any(1)
        if (~apart).any():
            j = int(others[~apart][0])
            raise InputError(
                f"the polygon intersects itself: edge{i} meets edge{j}; put the vertices in order around it"
            )
