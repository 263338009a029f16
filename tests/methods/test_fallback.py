"""The method that takes over when the first one fails."""

import copy
import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Budget, FallbackRun, Progress, Status, Task, drive
from pinnkit.methods.adam import Adam
from pinnkit.methods.frozen.least_squares import LeastSquares


def wave(n):
    """-u'' = f on [-1, 1] with u = sin(n pi x)."""
    line = pk.Interval(-1, 1)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"poisson": lambda u, p: u.xx + (n * math.pi) ** 2 * torch.sin(n * math.pi * p.x)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
    )


def fallen(functions, n=1, rate=2e-3, steps=40):
    task = Task(wave(n), pk.RandomFeatures(features=functions), tolerance=1e-14)
    first, second = LeastSquares(), Adam(rate=rate, points=200, boundary_points=2)
    run = FallbackRun(first.start(task), first, second, task)
    progress = Progress()
    return run, task, drive(run, task, Budget(steps=steps), progress), progress


def test_a_method_that_fails_is_followed_by_another_and_the_better_solution_is_kept():
    run, task, outcome, progress = fallen(2, n=3)
    assert run.name == "least-squares, adam"
    assert outcome.stop.reason.startswith("least-squares failed (estimated error ")
    assert progress.steps == 40
    # Forty steps of Adam do not beat the minimum of the residuals over two functions.
    assert run.trial is run.first.trial and outcome.stop.status is Status.STALLED
    assert "and adam found nothing better (the budget of 40steps is spent)" in outcome.stop.reason
    assert progress.estimated_error == run.failure.estimated_error > 1e-2


def test_the_second_solution_is_kept_where_it_is_better():
    run, task, outcome, _ = fallen(2, n=3, rate=3e-2, steps=1500)
    if run._loss(run.second.trial) < run._loss(run.first.trial):
        assert run.trial is run.second.trial and outcome.stop.status is not Status.STALLED
    else:
        pytest.fail("training two functions for 1500 steps is no better than their heads alone")


def test_a_good_solution_is_left_alone():
    run, _, outcome, progress = fallen(60)
    assert run.second is None and run.name == "least-squares"
    assert progress.steps == 1 and progress.estimated_error < 1e-3


def test_a_resumed_fallback_goes_on_bit_for_bit():
    run, task, _, _ = fallen(2, n=3, steps=20)
    # Not at its end: a run that has ended is never resumed.
    first, second = LeastSquares(), Adam(points=200, boundary_points=2)
    other = FallbackRun(first.start(task), first, second, task)
    whole = FallbackRun(first.start(task), first, second, task)
    budget = Budget(steps=100)
    budget.start()
    for _ in range(6):
        whole.step(budget)
    other.load_state_dict(copy.deepcopy(whole.state_dict()))
    assert other.state_dict()["failure"] == whole.state_dict()["failure"]
    assert other.step(budget).loss == whole.step(budget).loss
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]
    assert torch.equal(other.trial(x), whole.trial(x)) and other.trial is other.second.trial


def test_without_time_left_nothing_takes_over():
    task = Task(wave(3), pk.RandomFeatures(features=2), tolerance=1e-14)
    method = LeastSquares()
    run = FallbackRun(method.start(task), method, Adam(), task)
    budget = Budget(steps=2)
    budget.start(0.0, 1)
    assert run.step(budget).stop.status is Status.STALLED and run.second is None
