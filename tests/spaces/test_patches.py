"""Patches: a partition of unity by its definition, and elimination by patches against dense least squares."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.jets import evaluate
from pinnkit.methods import Task, solve_least_squares
from pinnkit.methods.frozen import patch_solve


def built(counts=3, d=2, size=90):
    space = pk.Patches(counts).resized(size)
    bounds = torch.tensor([[-1.0, 2.0, 0.0][:d], [1.0, 5.0, 1.0][:d]])
    return space.build(bounds, 1, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("counts", "d"), [(1, 2), (2, 1), (3, 2), (2, 3)])
def test_weights_sum_to_one_and_end(counts, d):
    space = built(counts, d)
    x = 2 * torch.rand(500, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    weights = torch.cat([space.weight(x, i) for i in range(counts**d)], 1)
    assert (weights.sum(1) - 1).abs().max() < 1e-12 and (weights >= 0).all()
    inside = torch.stack([space.covers(x * space.halfwidth + space.centre, i) for i in range(counts**d)], 1)
    assert torch.equal(inside, weights > 0)
    assert inside.sum(1).max() <= 2**d


def test_functions_are_smooth_across_the_ends_of_patches():
    space = built(2, 1)
    edge = torch.tensor([[-0.5 * 0.5 - 1e-7], [-0.25 + 1e-7]], dtype=torch.float64)
    x = torch.cat([edge, -edge])
    for key in [(0,), (0, 0), (0, 0, 0)]:
        jump = evaluate(space.basis, x, [key], (0,))[key]
        assert (jump[0] - jump[1]).abs().max() < 1e-2 * max(1.0, jump.abs().max().item())


def oscillating(k=6.0):
    square = pk.Box([-1, -1], [1, 1])
    exact = lambda p: torch.sin(k * p.x * p.y)  # noqa: E731
    return pk.Problem(
        domain=square, unknowns="u", reference=exact,
        equations={"e": lambda u, p: u.laplacian + k**2 * (p.x**2 + p.y**2) * exact(p)},
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
    )  # fmt: skip


def test_elimination_by_patches_is_least_squares():
    problem = oscillating()
    task = Task(problem)
    trial = task.trial(pk.Patches(3).resized(180), task.generator(0))
    collocation = task.collocation(900, 300, task.generator(1))
    assert patch_solve.divisible(trial, collocation)
    matrix, side = collocation.system(trial)
    dense, least = solve_least_squares(matrix[:, :-1], side)
    head, also_least = patch_solve.solve_patches(trial, collocation)
    assert also_least == pytest.approx(least, rel=1e-6)
    torch.testing.assert_close(matrix[:, :-1] @ head[0, :-1], matrix[:, :-1] @ dense, rtol=1e-6, atol=1e-8)
    assert head[0, -1] == 0


def test_several_unknowns():
    square = pk.Box([0, 0], [1, 1])
    problem = pk.Problem(
        domain=square, unknowns="u v", equations={"a": lambda u, v: u.x + v.y - 2, "b": lambda u, v: u.y - v.x},
        conditions=[pk.Dirichlet(u=lambda p: p.x, v=lambda p: p.y, on=square.boundary)],
        reference=lambda p: {"u": p.x, "v": p.y},
    )  # fmt: skip
    solution = pk.solve(problem, pk.Patches(2), pk.LeastSquares(start_size=120, max_size=120))
    assert solution.relative_l2 < 1e-3
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10


def test_they_solve():
    solution = pk.solve(oscillating(), pk.Patches(2), pk.LeastSquares(start_size=600, max_size=600))
    assert solution.relative_l2 < 1e-4
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10
    assert solution.metrics["space"] == "LRNN on 2 patches along each axis"


def test_options():
    with pytest.raises(pk.InputError, match="counts must be a positive whole number, got 0"):
        pk.Patches(0)
    with pytest.raises(pk.InputError, match="patches need a space that serves frozen; SIREN needs training"):
        pk.Patches(2, pk.SIREN(8, 2))
    assert math.isfinite(built().size)
