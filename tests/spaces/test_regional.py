"""A space with functions of its own in each region."""

import pytest
import torch

import pinnkit as pk
from pinnkit.spaces import Regional

SQUARE = pk.Box([0, 0], [2, 1])
HALVES = SQUARE.regions(left=pk.Box([0, 0], [0.5, 1]), right=pk.Box([0.5, 0], [2, 1]))


def built(space, size=40, outputs=1):
    unbuilt = Regional([space, space], HALVES.regions).resized(size)
    return unbuilt.build(SQUARE.bounds, outputs, torch.Generator().manual_seed(0), 3 * torch.randn(64, 2).double())


@pytest.mark.parametrize("space", [pk.LRNN(), pk.RandomFeatures(), pk.Chebyshev()], ids=lambda s: s.title)
def test_functions_vanish_in_other_regions_and_are_those_of_the_part_in_their_own(space):
    made = built(space)
    x = SQUARE.interior(300, torch.Generator().manual_seed(1)).coordinates
    basis, first = made.basis(x), made.sizes[0]
    assert basis.shape == (300, sum(made.sizes)) and made.size == sum(made.sizes)
    left = x[:, 0] < 0.5
    assert not basis[left][:, first:].any() and not basis[~left][:, :first].any()
    assert torch.equal(basis[left][:, : first - 3], made.parts[0].basis(x[left]))
    assert torch.allclose(basis[~left][:, -3], (x[~left, 0] - 1.25) / 0.75)
    assert (basis[~left][:, -1] == 1).all()


def test_jets_pass_through_it():
    made = built(pk.LRNN())
    x = SQUARE.interior(50, torch.Generator().manual_seed(1)).coordinates
    found = pk.evaluate(made.basis, x, [(0,), (0, 1), (0, 0, 1)])

    def slow(y):
        return torch.autograd.functional.jacobian(lambda z: made.basis(z).sum(0), y, create_graph=True)

    first = slow(x)  # (M, n, 2)
    assert torch.allclose(found[0,], first[:, :, 0].T, atol=1e-10)
    second = torch.autograd.functional.jacobian(lambda z: slow(z)[:, :, 0].sum(1), x)
    assert torch.allclose(found[0, 1], second[:, :, 1].T, atol=1e-8)


def test_on_an_interface_it_is_seen_from_either_side():
    made = built(pk.LRNN())
    x = torch.tensor([[0.5, 0.2], [0.5, 0.9]], dtype=torch.float64)
    with HALVES.regions.within("left"):
        assert torch.equal(made.basis(x)[:, : made.sizes[0] - 3], made.parts[0].basis(x))
    with HALVES.regions.within("right"):
        assert not made.basis(x)[:, : made.sizes[0]].any()


def test_no_points_give_no_rows():
    made = built(pk.LRNN())
    assert made.basis(torch.zeros(0, 2).double()).shape == (0, made.size)


def test_a_problem_with_regions_gets_it_whatever_space_is_asked_for():
    problem = pk.Problem(
        domain=HALVES, unknowns="u", equations={"e": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=0.0, on=HALVES.boundary)],
    )  # fmt: skip
    trial = problem.trial(pk.MLP(width=5, depth=1), torch.Generator().manual_seed(0))
    assert trial.space.title == "MLP in 2 regions"
