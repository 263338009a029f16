"""Functions in cells: each vanishes outside its own, and all are seen from both sides of a face."""

import pytest
import torch

import pinnkit as pk
from pinnkit.jets import Derivatives


def built(cells=3, size=None, bounds=((0.0, -1.0), (2.0, 5.0)), space=None, unknowns=2, seed=0):
    made = pk.Piecewise(cells, space)
    made = made if size is None else made.resized(size)
    return made.build(torch.tensor(bounds), unknowns, torch.Generator().manual_seed(seed))


def points(n=200, seed=1):
    unit = torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.tensor([0.0, -1.0]) + unit * torch.tensor([2.0, 6.0])


def test_cells_fill_the_box_and_each_point_is_in_the_one_that_it_is_found_in():
    space, x = built(), points()
    boxes = space.centre + space.halfwidth * space.boxes
    assert (boxes[:, 1] - boxes[:, 0]).prod(1).sum().item() == pytest.approx(12.0)
    mine = boxes[space.locate(x)]
    assert ((mine[:, 0] <= x) & (x <= mine[:, 1])).all()
    corners = torch.tensor([[0.0, -1.0], [2.0, 5.0]], dtype=torch.float64)
    assert torch.equal(torch.stack([boxes[space.locate(corners)[i], i] for i in (0, 1)]), corners)


@pytest.mark.parametrize("local", [None, pk.LRNN(), pk.RandomFeatures()])
def test_a_value_is_a_combination_of_the_functions_of_its_own_cell(local):
    space, x = built(size=150, space=local), points()
    basis = space.basis(x)
    assert basis.shape == (200, space.size) and space.size == 9 * space.functions
    cells = basis.unflatten(1, (9, -1)).abs().sum(-1) > 0
    assert torch.equal(cells.long().argmax(1), space.locate(x)) and (cells.sum(1) == 1).all()
    torch.testing.assert_close(space(x), space.head(basis))
    torch.testing.assert_close(space.one().basis(x), basis.unflatten(1, (9, -1))[range(200), space.locate(x)][:, :-1])


def test_derivatives_are_those_of_the_cells():
    space, x = built(size=300), points()
    keys = [(), (0,), (1, 1), (0, 1), "laplacian"]
    found = Derivatives(keys, (0, 1))(space, x)
    for i in range(0, 200, 20):
        hessian = torch.func.hessian(lambda y: space(y[None])[0])(x[i])
        torch.testing.assert_close(found[0, 1][i], hessian[:, 0, 1])
        torch.testing.assert_close(found["laplacian"][i], hessian[:, 0, 0] + hessian[:, 1, 1])


def test_a_face_is_seen_from_both_sides():
    space = built(2)
    cut = (space.centre + space.halfwidth * space.boxes)[0, 1]
    face = torch.tensor([[cut[0].item(), 0.0]], dtype=torch.float64)
    step = torch.tensor([1e-6, 0.0], dtype=torch.float64)
    below, above = (space.seen(side * step).locate(face).item() for side in (-1, 1))
    assert below != above
    boxes = space.centre + space.halfwidth * space.boxes
    assert boxes[below, 1, 0] == boxes[above, 0, 0] == cut[0]


def test_two_draws_have_different_cells_and_no_cell_is_much_smaller_than_others():
    one, other = built(6, seed=0), built(6, seed=1)
    assert not torch.equal(one.boxes, other.boxes)
    widths = one.boxes[:, 1] - one.boxes[:, 0]
    assert widths.max() < 1.5 * widths.min()


def test_what_needs_training_is_refused():
    with pytest.raises(pk.InputError, match="cells need a space that serves frozen; SIREN needs training"):
        pk.Piecewise(2, pk.SIREN(8, 2))
    with pytest.raises(pk.InputError, match="cells"):
        pk.Piecewise(0)
