"""A uniform grid over a mesh, to find quickly whether points lie in a cell."""

import torch
from torch import Tensor

from .simplices import EPS, normals, opposite

# Points this many roundings of the coordinates in front of a facet count as inside, so that none falls between cells.
ROUNDINGS = 8


class CellGrid:
    """Lists, for every bin of a uniform grid, the simplices whose bounding boxes meet it."""

    def __init__(self, corners: Tensor) -> None:
        """Sort simplices into about as many bins as there are simplices.

        Args:
            corners: `(C, d + 1, d)`.
        """
        count, d = len(corners), corners.shape[2]
        # Each barycentric coordinate is the height above a facet, computed from that facet, because cells may be thin.
        facets = opposite(corners)
        self._anchors = torch.stack([facet[:, 0] for facet in facets], 1)
        gradients = torch.stack([normals(facet) for facet in facets], 1)
        self._gradients = gradients / ((corners - self._anchors) * gradients).sum(2, keepdim=True)
        size = corners.abs().amax((1, 2))[:, None]
        self._slack = ROUNDINGS * EPS * size * self._gradients.norm(dim=2)
        self._lower = corners.amin((0, 1))
        self._per_axis = max(1, round(count ** (1 / d)))
        self._width = (corners.amax((0, 1)) - self._lower) / self._per_axis
        self._strides = torch.tensor([self._per_axis**i for i in range(d)], device=corners.device)

        first, last = self._bin(corners.amin(1)), self._bin(corners.amax(1))
        extent = last - first + 1
        bins = extent.prod(1)
        cell = torch.repeat_interleave(torch.arange(count, device=corners.device), bins)
        # The number of each bin among those of its cell, written in the mixed radix of the cell's extent.
        rest = torch.arange(len(cell), device=corners.device) - (bins.cumsum(0) - bins)[cell]
        where = torch.zeros_like(cell)
        for axis in range(d):
            where += (first[cell, axis] + rest % extent[cell, axis]) * self._strides[axis]
            rest = rest // extent[cell, axis]
        order = where.argsort(stable=True)
        self._cells = cell[order]
        self._begin = torch.bincount(where, minlength=self._per_axis**d).cumsum(0)
        self._begin = torch.cat([self._begin.new_zeros(1), self._begin])

    def _bin(self, x: Tensor) -> Tensor:
        return ((x - self._lower) / self._width).floor().long().clamp(0, self._per_axis - 1)

    def contains(self, x: Tensor, surely: bool = False) -> Tensor:
        """Tell which points lie in a simplex; see `find`."""
        return self.find(x, surely) >= 0

    def find(self, x: Tensor, surely: bool = False) -> Tensor:
        """Find the simplices that points lie in.

        Args:
            x: `(n, d)`, float64.
            surely: count only those that rounding cannot have brought there.

        Returns:
            The number of one of them for each point, -1 where there is none, int64 `(n,)`.
        """
        least = self._slack if surely else -self._slack
        where = (self._bin(x) * self._strides).sum(1)
        candidate, end = self._begin[where], self._begin[where + 1]
        found = torch.full((len(x),), -1, device=x.device)
        open_ = (candidate < end).nonzero()[:, 0]
        # One round looks at one more simplex for every point that is still in question.
        while len(open_):
            cell = self._cells[candidate[open_]]
            share = ((x[open_][:, None] - self._anchors[cell]) * self._gradients[cell]).sum(2)
            inside = (share >= least[cell]).all(1)
            found[open_[inside]] = cell[inside]
            candidate[open_] += 1
            open_ = open_[~inside & (candidate[open_] < end[open_])]
        return found
