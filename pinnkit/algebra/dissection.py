"""Least squares over cells: each has rows of its own, and rows join those that touch; nested dissection by QR."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

RIDGE = 16
"""Times rounding; with less, columns that depend on each other fit what no column can. (Our choice.)"""


@dataclass(frozen=True)
class Joint:
    r"""Rows that join two cells: :math:`J_a c_a + J_b c_b \approx g`.

    Attributes:
        cells: the numbers a, b of the cells.
        rows: J_a and J_b, shapes ``(m, n_a)`` and ``(m, n_b)``.
        side: g, shape ``(m,)``.
    """

    cells: tuple[int, int]
    rows: tuple[Tensor, Tensor]
    side: Tensor


@dataclass
class _Part:
    """What is left of one or more cells: the combinations that joints to other cells still see.

    Attributes:
        matrix, side: their rows, of which there are no more than one more than combinations.
        joints: what each open joint sees of them, by its number.
        back: how to go back from them to what was eliminated; see `_eliminate`.
        inner: the two parts that it was merged from; none for a cell.
        cell: the number of the cell.
    """

    matrix: Tensor
    side: Tensor
    joints: dict[int, Tensor]
    back: tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
    inner: tuple[_Part, _Part] | None = None
    cell: int = -1
    scale: Tensor | None = field(default=None)

    @property
    def columns(self) -> int:
        return self.matrix.shape[1]


def dissect(
    cells: Iterable[tuple[Tensor, Tensor]], joints: Sequence[Joint], centres: Tensor
) -> tuple[list[Tensor], float]:
    r"""Minimise :math:`\sum_i \|A_i c_i - b_i\|^2 + \sum \|J_a c_a + J_b c_b - g\|^2` with a ridge at rounding level.

    The cells are halved again and again by planes. From the smallest parts up, an orthogonal change of variables
    separates the few combinations that the joints to other parts see from the many that they do not; those are
    eliminated by QR. For cells with n functions each, m of which a joint sees, in a grid of N, that takes
    :math:`O(N n^3 + N^{3/2} m^3)` operations in two dimensions and :math:`O(N n^3 + N^2 m^3)` in three, against
    :math:`O(N^3 n^3)` of one dense factorisation, and is as stable as that. (Nested dissection: George 1973,
    doi:10.1137/0710032; by orthogonal transformations: our choice.)

    Args:
        cells: the A_i ``(rows, n_i)`` and b_i ``(rows,)``, one after the other.
        joints: the J_a, J_b and g.
        centres: where the cells are, shape ``(N, d)``.

    Returns:
        The c_i, and the root of the minimum.
    """
    touching: list[list[int]] = [[] for _ in centres]
    for number, joint in enumerate(joints):
        for cell in joint.cells:
            touching[cell].append(number)
    leaves = [_leaf(i, matrix, side, joints, touching[i]) for i, (matrix, side) in enumerate(cells)]
    root = _merged(leaves, joints, centres, list(range(len(leaves))))
    solution: list[Tensor] = [root.side] * len(leaves)
    stack = [(root, root.side.new_zeros(0))]
    while stack:
        part, seen = stack.pop()
        found = _back(part, seen)
        if part.inner is None:
            assert part.scale is not None
            solution[part.cell] = found / part.scale
        else:
            first, second = part.inner
            stack += [(first, found[: first.columns]), (second, found[first.columns :])]
    return solution, root.side.norm().item()


def _leaf(cell: int, matrix: Tensor, side: Tensor, joints: Sequence[Joint], numbers: list[int]) -> _Part:
    """Eliminate what no joint sees of a cell; its columns, with what joints see of them, have norm one."""
    seen = {k: joints[k].rows[joints[k].cells.index(cell)] for k in numbers}
    scale = torch.cat([matrix, *seen.values()]).norm(dim=0)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    part = _eliminate(matrix / scale, side, {k: rows / scale for k, rows in seen.items()})
    part.cell, part.scale = cell, scale
    return part


def _merged(leaves: list[_Part], joints: Sequence[Joint], centres: Tensor, cells: list[int]) -> _Part:
    """Halve cells across their longest side, and join what is left of the halves."""
    if len(cells) == 1:
        return leaves[cells[0]]
    at = centres[cells]
    along = at[:, (at.amax(0) - at.amin(0)).argmax()]
    ordered = [cells[k] for k in along.argsort(stable=True).tolist()]
    # Between two planes of cells where there are planes, so that few joints are cut.
    steps = along.sort().values.diff()
    middle = torch.arange(1, len(cells), device=steps.device) - len(cells) / 2
    between = (steps > 0.5 * steps.max()).nonzero()[:, 0]
    half = int(between[middle[between].abs().argmin()]) + 1
    first, second = (_merged(leaves, joints, centres, part) for part in (ordered[:half], ordered[half:]))
    return _joined(first, second, joints)


def _joined(first: _Part, second: _Part, joints: Sequence[Joint]) -> _Part:
    """Join two parts by the rows that both see."""
    width = (first.columns, second.columns)
    between = [number for number in first.joints if number in second.joints]
    rows = [_beside(first.matrix, width, 0), _beside(second.matrix, width, 1)]
    rows += [torch.cat([first.joints[k], second.joints[k]], 1) for k in between]
    sides = [first.side, second.side, *(joints[k].side for k in between)]
    left = {
        k: _beside(seen, width, place)
        for place, part in enumerate((first, second)) for k, seen in part.joints.items() if k not in between
    }  # fmt: skip
    part = _eliminate(torch.cat(rows), torch.cat(sides), left)
    part.inner = (first, second)
    for inner in part.inner:  # only the way back is needed of them
        inner.joints = {}
    return part


def _beside(rows: Tensor, width: tuple[int, int], place: int) -> Tensor:
    """Put zeros beside rows that see one of two parts only."""
    zeros = rows.new_zeros(len(rows), width[1 - place])
    return torch.cat([rows, zeros] if place == 0 else [zeros, rows], 1)


def _eliminate(matrix: Tensor, side: Tensor, seen: dict[int, Tensor]) -> _Part:
    """Eliminate all combinations of columns that no joint sees."""
    n = matrix.shape[1]
    joints = torch.cat([*seen.values(), matrix.new_zeros(0, n)])
    # joints = L Q^T: after the change of variables c = Q z they see the first ones only.
    reflectors, tau = torch.geqrf(joints.mT)
    kept = min(joints.shape)
    turned = torch.ormqr(reflectors, tau, matrix, left=False, transpose=False) if kept else matrix
    free = n - kept
    ridge = matrix.new_zeros(free, n + 1)
    ridge.fill_diagonal_(RIDGE * torch.finfo(matrix.dtype).eps * math.sqrt(len(matrix)))
    stacked = torch.cat([torch.cat([turned[:, kept:], turned[:, :kept], side[:, None]], 1), ridge])
    r = torch.linalg.qr(stacked, mode="r").R
    back = (reflectors, tau, r[:free, :free].clone(), r[:free, free:n].clone(), r[:free, n].clone())
    lower = reflectors[:kept].triu().mT
    left = dict(zip(seen, lower.split([len(rows) for rows in seen.values()]), strict=True))
    return _Part(r[free : n + 1, free:n].clone(), r[free : n + 1, n].clone(), left, back)


def _back(part: _Part, seen: Tensor) -> Tensor:
    """Give all coefficients of a part from those that joints see."""
    reflectors, tau, own, coupling, side = part.back
    free = torch.linalg.solve_triangular(own, (side - coupling @ seen)[:, None], upper=True)[:, 0]
    turned = torch.cat([seen, free])[:, None]
    return (torch.ormqr(reflectors, tau, turned, left=True, transpose=False) if len(seen) else turned)[:, 0]
