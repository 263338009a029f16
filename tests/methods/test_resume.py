"""A run that is interrupted, saved, loaded into a new one and continued ends where the uninterrupted one ends.

Bit for bit: all weights, trainable parameters, losses and stops.
"""

from __future__ import annotations

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Progress, Sequence, drive
from pinnkit.runs.checkpoint import load_state, save_state

from .small import ADAM, LBFGS, SOAP, SPACE, SSBROYDEN, inverse, linear, nonlinear, task


class _Enough(Exception):
    """Raised where a process would die."""


def continued(method, make, budget, stops, folder, **options):
    """Run through the given interruptions, each time in a new process's place: problem, task and run made anew."""
    progress = Progress()
    records = []
    state = None
    for stop in [*stops, None]:
        problem = make()
        made = task(problem, **options)
        run = method.start(made)
        if state is not None:
            run.load_state_dict(load_state(folder))

        def on_step(progress, budget, stop=stop):
            if stop is not None and progress.steps >= stop:
                raise _Enough

        try:
            drive(run, made, pk.Budget.parse(budget), progress, on_step)
        except _Enough:
            state = run.state_dict()
            save_state(folder, state, str(progress.steps))
        records = progress.history
    return run, problem, records


def same(one, two):
    (run, problem, history), (other_run, other_problem, other_history) = one, two
    state, other_state = run.trial.state_dict(), other_run.trial.state_dict()
    assert state.keys() == other_state.keys()
    for name, value in state.items():
        assert torch.equal(value, other_state[name]), name
    for p, q in zip(problem.parameters, other_problem.parameters, strict=True):
        assert torch.equal(p, q)
    for key in ("step", "loss", "estimated_error"):
        assert [r[key] for r in history] == [r[key] for r in other_history]


BOTH = Sequence([ADAM, LBFGS])
DENSE = Sequence([SOAP, SSBROYDEN])


@pytest.mark.parametrize(("method", "stops"), [
    (ADAM, [1]), (ADAM, [13]), (ADAM, [7, 8, 39]),
    (LBFGS, [10]), (LBFGS, [20, 30]),
    (SOAP, [1, 14]), (SSBROYDEN, [1, 13]),
    (BOTH, [5]), (BOTH, [7]), (BOTH, [8]), (BOTH, [30]), (DENSE, [3, 20]),
], ids=lambda v: v.name if hasattr(v, "name") else "-".join(map(str, v)))  # fmt: skip
@pytest.mark.parametrize("make", [nonlinear, inverse], ids=["forward", "inverse"])
def test_training(method, stops, make, tmp_path):
    whole = continued(method, make, "40steps", [], tmp_path)
    parts = continued(method, make, "40steps", stops, tmp_path)
    assert whole[2][-1]["step"] == 40
    same(whole, parts)


@pytest.mark.parametrize("method", [ADAM, SOAP, LBFGS, SSBROYDEN, BOTH], ids=lambda m: m.name)
def test_training_in_single_precision_with_a_double_parameter(method, tmp_path):
    whole = continued(method, inverse, "40steps", [], tmp_path, dtype=torch.float32)
    same(whole, continued(method, inverse, "40steps", [20], tmp_path, dtype=torch.float32))


def test_a_stall_stays_a_stall(tmp_path):
    """L-BFGS on its way to a stall remembers that it has restarted already."""
    options = {"space": pk.RandomFeatures(6, scale=2.0)}
    whole = continued(LBFGS, linear, "1000steps", [], tmp_path, **options)
    steps = [record["step"] for record in whole[2]]
    assert steps[-1] < 1000
    for stop in steps[-4:-1]:
        same(whole, continued(LBFGS, linear, "1000steps", [stop], tmp_path, **options))


def wave_on_a_square():
    square = pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=square, unknowns="u", equations={"e": lambda u, p: u.laplacian + torch.sin(9 * p.x * p.y)},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
    )  # fmt: skip


@pytest.mark.parametrize("stops", [[1], [2], [1, 3]])
@pytest.mark.parametrize("space", [None, pk.RandomFeatures(), pk.LRNN(projection="free", components=3)],
                         ids=["default", "features", "free"])  # fmt: skip
def test_least_squares(stops, space, tmp_path):
    method = pk.LeastSquares(start_size=15, max_size=120)
    whole = continued(method, wave_on_a_square, "4steps", [], tmp_path, space=space)
    assert whole[2][-1]["step"] == 4
    same(whole, continued(method, wave_on_a_square, "4steps", stops, tmp_path, space=space))


@pytest.mark.parametrize("method", [ADAM, SOAP, LBFGS, SSBROYDEN, BOTH, pk.LeastSquares(start_size=15, max_size=30)],
                         ids=lambda m: m.name)  # fmt: skip
def test_a_loaded_run_is_the_saved_one(method, tmp_path):
    """Before any further step: the solution that is loaded is the one that was saved."""
    problem = linear()
    made = task(problem, space=SPACE if method.name != "least-squares" else None)
    run = method.start(made)
    drive(run, made, pk.Budget.parse("3steps"), Progress())
    save_state(tmp_path, run.state_dict(), "3")
    other = method.start(made)
    other.load_state_dict(load_state(tmp_path))
    assert all(torch.equal(a, b) for a, b in zip(run.trial.parameters(), other.trial.parameters(), strict=True))
    x = torch.ones(1, 1, dtype=torch.float64)
    assert torch.equal(run.trial(x), other.trial(x))
