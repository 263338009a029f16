"""The loop: budgets, tolerance, divergence, signals."""

import math
import os
import re
import signal
from importlib import import_module

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Progress, Sequence, Status, drive
from pinnkit.methods.diagnosis import first_not_finite
from pinnkit.methods.verification import Verdict

from .small import ADAM, LBFGS, SPACE, linear, nonlinear, task


def start(method, problem, **options):
    made = task(problem, **options)
    return method.start(made), made


def weights(run):
    return [p.detach().clone() for p in run.trial.parameters()]


@pytest.mark.parametrize("steps", [1, 2, 17])
def test_a_budget_of_steps_is_exact(steps):
    run, made = start(ADAM, linear())
    seen = []
    outcome = drive(run, made, pk.Budget.parse(f"{steps}steps"), Progress(), lambda p, b: seen.append(p.steps))
    assert seen == list(range(1, steps + 1)) == [r["step"] for r in outcome.progress.history]


def test_a_spent_budget_ends_a_run_whose_answer_is_doubted(monkeypatch):
    """It would otherwise go on, and a method that does nothing without a budget for ever."""
    module = import_module("pinnkit.methods.drive")
    monkeypatch.setattr(module, "examine", lambda *given: Verdict(None, "", 1.0))
    monkeypatch.setattr(module, "correction_size", lambda trial, task: 0.1)
    run, made = start(ADAM, linear(), tolerance=0.5)
    outcome = drive(run, made, pk.Budget.parse("3steps"), Progress())
    assert outcome.stop.status is Status.BUDGET_SPENT and outcome.progress.steps == 3
    assert outcome.progress.estimated_error == 1.0


def test_a_budget_of_seconds_ends_soon_after():
    run, made = start(ADAM, linear())
    outcome = drive(run, made, pk.Budget.parse("0.5s"), Progress())
    assert outcome.stop.status is Status.BUDGET_SPENT
    assert 0.5 <= outcome.progress.seconds < 3


def test_the_error_is_estimated_four_times_and_at_the_end():
    run, made = start(ADAM, linear())
    outcome = drive(run, made, pk.Budget.parse("40steps"), Progress())
    estimated = [r["step"] for r in outcome.progress.history if r["estimated_error"] is not None]
    assert estimated == [10, 20, 30, 40]


def test_the_tolerance_stops_a_run():
    run, made = start(LBFGS, linear(), tolerance=0.05)
    outcome = drive(run, made, pk.Budget.parse("2000steps"), Progress())
    assert outcome.stop.status is Status.CONVERGED
    assert "within 0.05" in outcome.stop.reason
    assert outcome.progress.estimated_error <= 0.05
    assert outcome.progress.steps < 2000


def test_divergence_keeps_the_last_good_state():
    saved = []
    run, made = start(pk.Adam(rate=1e6, points=40, boundary_points=4), linear())
    before = weights(run)
    outcome = drive(
        run, made, pk.Budget.parse("200steps"), Progress(), checkpoint=lambda state, p: saved.append((state, p.steps))
    )
    assert outcome.stop.status is Status.DIVERGED
    assert "the loss grew from" in outcome.stop.reason or "the loss became" in outcome.stop.reason
    assert all(torch.equal(a, b) for a, b in zip(before, weights(run), strict=True))
    assert len(saved) == 1 and saved[0][1] == outcome.progress.steps == 0
    assert all(torch.isfinite(v).all() for v in saved[0][0]["training"]["trial"].values())


def logarithm(start: float, end: float = -30.0) -> pk.Problem:
    """A problem whose residual is no number where u is below -start, which the condition asks for at the ends."""
    line = pk.Interval(0, 1)
    return pk.Problem(
        domain=line, unknowns="u", equations={"e": lambda u: torch.log(u + start) + u.x},
        conditions=[pk.Dirichlet(u=end, on=line.boundary)],
    )  # fmt: skip


def test_a_loss_that_is_not_a_number_is_divergence_and_names_where():
    run, made = start(pk.Adam(rate=1e6, points=40, boundary_points=4), logarithm(1.5))
    outcome = drive(run, made, pk.Budget.parse("500steps"), Progress())
    assert outcome.stop.status is Status.DIVERGED
    # Every try has its second step with a trial function far below -1.5.
    assert re.fullmatch(
        r"the loss became nan in step 2: equation 'e' is nan at \(x=0\.\d+\), after 3 more careful tries",
        outcome.stop.reason,
    )
    assert torch.isfinite(run.training.loss())


@pytest.mark.parametrize("method", [ADAM, LBFGS, pk.GaussNewton(40), Sequence([ADAM, LBFGS])], ids=lambda m: m.name)
def test_a_residual_that_is_no_number_from_the_start(method):
    run, made = start(method, logarithm(-0.4))
    before = weights(run)
    outcome = drive(run, made, pk.Budget.parse("5steps"), Progress())
    assert outcome.stop.status is Status.DIVERGED
    assert "in step 1: equation 'e' is nan at (x=0." in outcome.stop.reason
    assert all(torch.equal(a, b) for a, b in zip(before, weights(run), strict=True))


def test_weights_that_are_no_numbers_are_named_through_the_unknown():
    run, made = start(ADAM, linear())
    with torch.no_grad():
        run.trial.space.head.weight.fill_(math.nan)
    found = first_not_finite(run.training.discretisation, run.trial)
    assert found.startswith("equation 'poisson' is nan at (x=0.") and found.endswith(", where u.xx is nan")
    assert first_not_finite(run.training.discretisation, lambda x: x * 0.0) is None


def test_a_density_that_is_no_number_is_named():
    line = pk.Interval(0, 1)
    problem = pk.Problem(
        domain=line, unknowns="u", energy=lambda u, p: u.x**2 + torch.log(u - 0.4),
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary, hard=True)],
    )  # fmt: skip
    for method in (ADAM, pk.GaussNewton(points=40)):
        run, made = start(method, problem)
        outcome = drive(run, made, pk.Budget.parse("5steps"), Progress())
        assert outcome.stop.status is Status.DIVERGED and "in step 1: energy is nan at (x=0" in outcome.stop.reason


def test_a_run_that_diverges_goes_on_more_carefully():
    run, made = start(pk.Adam(rate=0.5, points=40, boundary_points=4), logarithm(1.5, -1.0))
    outcome = drive(run, made, pk.Budget.parse("100steps"), Progress())
    assert outcome.stop.status is Status.BUDGET_SPENT
    assert [record["step"] for record in outcome.progress.history] == list(range(1, 101))
    notes = [record["note"] for record in outcome.progress.history if "note" in record]
    assert len(notes) == 1 and notes[0].startswith("the loss became nan in step")
    assert notes[0].endswith("; going on from step 0, more carefully")
    assert "equation 'e' is nan at (x=" in notes[0]


def test_a_solve_that_diverged_still_gives_its_last_good_state():
    method = pk.Adam(rate=1e6, points=40, boundary_points=4)
    solution = pk.solve(linear(), SPACE, method, budget="50steps")
    assert solution.status is Status.DIVERGED
    assert torch.isfinite(solution(torch.tensor([[0.5]]))).all()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_work(number):
    def strike(progress, budget):
        if progress.steps == 5:
            os.kill(os.getpid(), number)

    saved = []
    before = signal.getsignal(number)
    run, made = start(ADAM, linear())
    keep = lambda state, p: saved.append((state, p.steps))  # noqa: E731
    outcome = drive(run, made, pk.Budget.parse("50steps"), Progress(), strike, keep, (number,))
    assert outcome.stop.status is Status.INTERRUPTED and outcome.signal == number
    assert signal.Signals(number).name in outcome.stop.reason and "the work is kept" in outcome.stop.reason
    assert saved[-1][1] == outcome.progress.steps in (5, 6)
    kept = saved[-1][0]["training"]["trial"]
    assert all(torch.equal(kept[k], v) for k, v in run.trial.state_dict().items())
    assert signal.getsignal(number) is before


def test_no_signal_no_trace():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    run, made = start(ADAM, linear())
    assert drive(run, made, pk.Budget.parse("2steps"), Progress()).signal is None
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_methods_work_in_any_thread():
    import threading

    found = []
    thread = threading.Thread(target=lambda: found.append(pk.solve(linear(), SPACE, ADAM, budget="3steps")))
    thread.start()
    thread.join()
    assert found[0].metrics["steps"] == 3


def test_nothing_outside_changes():
    state, dtype = torch.get_rng_state(), torch.get_default_dtype()
    for method in (Sequence([ADAM, LBFGS]), pk.LeastSquares()):
        problem = nonlinear() if method.name != "least-squares" else linear()
        pk.solve(problem, SPACE, method, budget="12steps")
    assert torch.equal(torch.get_rng_state(), state) and torch.get_default_dtype() is dtype
    assert torch.is_grad_enabled()
