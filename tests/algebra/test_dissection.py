"""Nested dissection against dense least squares."""

import itertools

import pytest
import torch

from pinnkit.algebra import Joint, dissect, dissection


def grid(counts, seed=0, rows=3, wide=lambda i: 4 + i % 3):
    """Random cells on a grid, with random rows that join neighbours; the same as one dense system."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    places = list(itertools.product(*map(range, counts)))
    widths = [wide(i) for i in range(len(places))]
    cells = [(random(width + 2, width), random(width + 2)) for width in widths]
    joints = []
    for a, b in itertools.combinations(range(len(places)), 2):
        if sum(abs(p - q) for p, q in zip(places[a], places[b], strict=True)) == 1:
            pair = (a, b) if (a + b) % 2 else (b, a)
            joints.append(Joint(pair, (random(rows, widths[pair[0]]), random(rows, widths[pair[1]])), random(rows)))
    return cells, joints, torch.tensor(places, dtype=torch.float64)


def dense(cells, joints):
    widths = [matrix.shape[1] for matrix, _ in cells]
    starts = [sum(widths[:i]) for i in range(len(widths) + 1)]
    matrices, sides = [], []
    for i, (matrix, side) in enumerate(cells):
        matrices.append(matrix.new_zeros(len(matrix), starts[-1]))
        matrices[-1][:, starts[i] : starts[i + 1]] = matrix
        sides.append(side)
    for joint in joints:
        matrices.append(joint.side.new_zeros(len(joint.side), starts[-1]))
        for i, rows in zip(joint.cells, joint.rows, strict=True):
            matrices[-1][:, starts[i] : starts[i + 1]] = rows
        sides.append(joint.side)
    return torch.cat(matrices), torch.cat(sides)


@pytest.mark.parametrize("counts", [(1,), (2,), (7,), (4, 3), (5, 5), (2, 3, 2)])
def test_it_is_least_squares(counts):
    cells, joints, centres = grid(counts)
    solution, least = dissect(iter(cells), joints, centres)
    matrix, side = dense(cells, joints)
    found = torch.linalg.lstsq(matrix, side[:, None]).solution[:, 0]
    torch.testing.assert_close(torch.cat(solution), found, rtol=1e-10, atol=1e-12)
    assert least == pytest.approx((matrix @ found - side).norm().item(), rel=1e-12)


def test_cells_are_parted_between_planes():
    cells, joints, centres = grid((3, 5), rows=2, wide=lambda i: 12)
    leaves = [dissection._leaf(i, *cell, joints, [k for k, j in enumerate(joints) if i in j.cells])
              for i, cell in enumerate(cells)]  # fmt: skip
    root = dissection._merged(leaves, joints, centres, list(range(15)))
    # Three cells wide: the halves see each other by three joints of two rows.
    assert root.columns == 0 and [part.columns for part in root.inner] == [6, 6]


@pytest.mark.parametrize("rows", [1, 9])
def test_joints_may_see_less_than_a_cell_has_or_all_of_it(rows):
    cells, joints, centres = grid((3, 3), rows=rows)
    matrix, side = dense(cells, joints)
    found = torch.linalg.lstsq(matrix, side[:, None]).solution[:, 0]
    torch.testing.assert_close(torch.cat(dissect(cells, joints, centres)[0]), found, rtol=1e-10, atol=1e-12)


def test_columns_of_any_size_that_depend_on_each_other_leave_the_least_residual():
    cells, joints, centres = grid((3, 2))
    least = dissect(cells, joints, centres)[1]
    matrix, side = cells[2]
    cells[2] = torch.cat([matrix, 1e9 * matrix[:, :1], 0 * matrix[:, :1]], 1), side
    for number, joint in enumerate(joints):
        rows = tuple(
            torch.cat([part, 1e9 * part[:, :1], 0 * part[:, :1]], 1) if cell == 2 else part
            for cell, part in zip(joint.cells, joint.rows, strict=True)
        )
        joints[number] = Joint(joint.cells, rows, joint.side)
    solution, found = dissect(cells, joints, centres)
    assert found == pytest.approx(least, rel=1e-5)
    matrix, side = dense(cells, joints)
    assert (matrix @ torch.cat(solution) - side).norm().item() == pytest.approx(least, rel=1e-5)
