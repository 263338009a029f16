"""Residuals relative to those of constants, so that an offset hides nothing."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods.frozen.head import collocation_sizes, solve_head
from pinnkit.methods.task import Task

SQUARE = pk.Box([0, 0], [1, 1])


def plate(base):
    variation = lambda p: torch.sin(math.pi * p.x) * torch.sin(math.pi * p.y)  # noqa: E731
    return pk.Problem(
        domain=SQUARE, unknowns="T", conditions=[pk.Dirichlet(T=base, on=SQUARE.boundary)],
        equations={"e": lambda T, p: -T.laplacian - 2 * math.pi**2 * variation(p)},
    )  # fmt: skip


def solved(problem, space=None):
    task = Task(problem)
    trial = task.trial(task.suited(space or pk.LRNN()).resized(40), task.generator(0, 0), 1.0)
    return trial, task, solve_head(trial, task, task.points(0))


@pytest.mark.parametrize("base", [0.0, 300.0, 1e5])
@pytest.mark.parametrize("space", [pk.LRNN(), pk.Patches(2)])
def test_an_offset_hides_no_residual(base, space):
    trial, task, least = solved(plate(base), space)
    made = task.collocation(*collocation_sizes(trial, task, 4.0), task.points(0))
    # Of the right temperature of the edge only the source is left, and its root mean square.
    size = made.size(lambda x: base + torch.sin(math.pi * x).prod(1, keepdim=True))
    assert size == pytest.approx(math.pi**2, rel=0.1)
    assert made.relative_residual(trial) == pytest.approx(least, rel=0.1)


def test_where_nothing_varies_sizes_are_those_of_zero():
    constant = pk.Problem(
        domain=SQUARE, unknowns="T", equations={"e": lambda T: T.laplacian},
        conditions=[pk.Dirichlet(T=5.0, on=SQUARE.boundary)],
    )  # fmt: skip
    trial, task, least = solved(constant)
    assert least < 1e-12
    made = task.collocation(100, 100, task.generator(3))
    assert made.size(trial) == pytest.approx(5 * made.blocks[1].weight, rel=1e-9)
