"""What every space of the command line must do: exact jets, reproducible draws, sizes, a documented formula."""

import pytest
import torch

import pinnkit as pk
from pinnkit.jets import LAPLACIAN
from pinnkit.jets.derivatives import Derivatives, by_transforms
from pinnkit.references import entries
from pinnkit.runs import SPACES, make_space

BOUNDS = torch.tensor([[-1.0, 0.0], [2.0, 1.0]], dtype=torch.float64)
KEYS = [(), (0,), (1,), (0, 0), (0, 1), LAPLACIAN]
ROUGH = {"iat", "spder", "relu-positional"}
"""Spaces of functions whose second derivatives are unbounded or vanish: the energy form is theirs."""


def built(name, size=24, seed=0):
    space = make_space(name, {}).resized(size)
    frequencies = torch.randn(64, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * 4
    return space.build(BOUNDS, 2, torch.Generator().manual_seed(seed), frequencies if space.spectral else None)


def points(n, seed=0):
    return BOUNDS[0] + torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * (
        BOUNDS[1] - BOUNDS[0]
    )


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.filterwarnings("error:.*has no jet rule.*")
def test_jets_are_exact_to_second_order(name):
    space, x = built(name), points(7)
    found = Derivatives(KEYS, (0, 1))(space, x)
    expected = by_transforms(space, x, KEYS, (0, 1))
    for key in KEYS:
        size = 1 + expected[key].abs().max().item()
        torch.testing.assert_close(found[key], expected[key], rtol=1e-9, atol=1e-11 * size)


@pytest.mark.parametrize("name", SPACES)
def test_gradients_reach_every_trainable_parameter_through_a_residual(name):
    space, x = built(name), points(40)
    # A square, because the Laplacian of a piecewise linear function is zero.
    found = Derivatives([(), (0,), LAPLACIAN], (0, 1))(space, x)
    sum(v.square().mean() for v in found.values()).backward()
    for label, parameter in space.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), label
            assert parameter.grad.any(), label


@pytest.mark.parametrize("name", SPACES)
def test_draws_come_from_the_generator_alone(name):
    torch.manual_seed(1)
    one = built(name)
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    same, other = built(name), built(name, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    x = points(5)
    assert torch.equal(one(x), same(x))
    assert not torch.allclose(one(x), other(x))
    assert all(p.dtype == torch.float64 for p in one.parameters())


@pytest.mark.parametrize("name", SPACES)
def test_sizes_follow_the_method_unless_asked_for(name):
    for size in (24, 200):
        assert 0.5 * size <= built(name, size).size <= 2 * size
    assert built(name).basis(points(3)).shape == (3, built(name).size)


@pytest.mark.parametrize("name", SPACES)
def test_formula_and_references_are_there(name):
    space = make_space(name, {})
    assert space.formula.isascii() and "\n" not in space.formula and "phi" in space.formula
    assert space.references and set(space.references) <= set(entries())


@pytest.mark.parametrize("name", sorted(set(SPACES) - ROUGH))
def test_smooth_spaces_solve_a_smooth_problem(name):
    problem = pk.load_problem("poisson-hf", {"n": 1})
    solution = pk.solve(problem, make_space(name, {}), budget="60s", tolerance=1e-7)
    assert solution.relative_l2 < 1e-6
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10
