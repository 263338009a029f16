"""Nodes of a mesh that are at one place and have several numbers."""

import numpy as np

# Nodes coincide within this share of the shortest edge at either (our choice: far below what a mesh resolves, far above
# what rounding leaves of it), or within so many roundings of their coordinates, but never beyond the third number.
SHARE, ROUNDINGS, MOST = 1e-8, 8, 1e-2


def coincident(nodes: np.ndarray, cells: np.ndarray, eps: float) -> np.ndarray:
    """Find which nodes are at one place.

    The tolerance is local, so that cells of any size stay as they are next to larger ones.

    Args:
        nodes: float64 `(N, d)`.
        cells: int64 `(C, d + 1)`, which use all nodes.
        eps: relative rounding error of the coordinates.

    Returns:
        int64 `(N,)`, for each node the first one at its place.
    """
    first = np.arange(len(nodes))
    tolerance = _tolerances(nodes, cells, eps)
    while True:
        left = np.unique(first)
        a, b = _pairs(nodes[left], tolerance[left])
        if not len(a):
            return first
        low, high = left[np.minimum(a, b)], left[np.maximum(a, b)]
        target = np.arange(len(nodes))
        np.minimum.at(target, high, low)
        first = target[first]


def _pairs(x: np.ndarray, tolerance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair equal points, or, where there are none, each point with its nearest one if that is within the tolerance."""
    # Adding zero makes -0.0 equal to 0.0 bit by bit, too.
    _, index, inverse = np.unique(x + 0.0, axis=0, return_index=True, return_inverse=True)
    own = index[inverse.reshape(-1)]
    if (equal := own != np.arange(len(x))).any():
        return own[equal], np.nonzero(equal)[0]
    # Imported here because only meshes need it.
    from scipy.spatial import cKDTree

    distance, other = cKDTree(x).query(x, k=2)
    distance, other = distance[:, 1], other[:, 1]
    near = np.nonzero(distance <= np.minimum(tolerance, tolerance[other]))[0]
    return near, other[near]


def _tolerances(nodes: np.ndarray, cells: np.ndarray, eps: float) -> np.ndarray:
    shortest = np.full(len(nodes), np.inf)
    for i in range(cells.shape[1]):
        for j in range(i):
            length = np.linalg.norm(nodes[cells[:, i]] - nodes[cells[:, j]], axis=1)
            np.minimum.at(shortest, cells[:, i], length)
            np.minimum.at(shortest, cells[:, j], length)
    rounding = ROUNDINGS * eps * np.abs(nodes).max(axis=1)
    return np.minimum(np.maximum(SHARE * shortest, rounding), MOST * shortest)
