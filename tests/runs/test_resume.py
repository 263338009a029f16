import json
import os
import signal
import sys

import pytest
from safetensors.torch import load_file

import pinnkit as pk
from pinnkit.methods.marching.time_marching import TimeMarchingRun
from pinnkit.runs import Specification, resume, solve_specification

SMALL = {"points": 60, "boundary_points": 20}
CASES = {
    "adam": ("burgers", "adam", SMALL, "mlp", {"width": 8, "depth": 1}, 12),
    "lbfgs": ("burgers", "lbfgs", SMALL, "mlp", {"width": 8, "depth": 1}, 60),
    "adam+lbfgs": ("burgers", "adam+lbfgs", SMALL, "siren", {"width": 8, "depth": 1}, 40),
    "least-squares": ("helmholtz", "least-squares", {"start_size": 20}, "lrnn", {}, 4),
    "auto": ("helmholtz", "auto", {}, None, {}, 2),
}


def specified(case):
    problem, method, method_options, space, space_options, steps = CASES[case]
    return Specification(
        problem, {}, space, space_options, method, method_options, f"{steps}steps", 1e-14, 3, "float64", "cpu"
    )


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    # Drawing is slow and has tests of its own; all else is written as ever.
    monkeypatch.setattr("pinnkit.figures.draw_solution", lambda solution, path: None)


class Killed(KeyboardInterrupt):
    pass


def killer(after):
    def observe(progress, budget):
        if progress.steps >= after:
            raise Killed

    return observe


def result(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    for name in ("seconds", "peak_memory_bytes"):
        del metrics[name]
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return metrics, [{k: v for k, v in record.items() if k != "seconds"} for record in history]


def assert_equal(one, other):
    assert result(one) == result(other)
    first, second = (load_file(folder / "weights.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert tensor.equal(second[name]), name


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_equals_an_uninterrupted_one(case, tmp_path, monkeypatch):
    steps = CASES[case][-1]
    solve_specification(specified(case), tmp_path / "whole")
    # By sys.modules, because the function drive hides the module of its name.
    monkeypatch.setattr(sys.modules["pinnkit.methods.drive"], "CHECKPOINT_SECONDS", 0.0)
    for number, after in enumerate((1, steps // 2, steps - 1)):
        with pytest.raises(Killed):
            if number == 0:
                solve_specification(specified(case), tmp_path / "parts", killer(after))
            else:
                resume(tmp_path / "parts", killer(after))
    resume(tmp_path / "parts")
    assert_equal(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_work_and_changes_no_number(number, tmp_path):
    solve_specification(specified("adam"), tmp_path / "whole")

    def send(progress, budget):
        if progress.steps == 5:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    solution, outcome = solve_specification(specified("adam"), tmp_path / "parts", send)
    assert signal.getsignal(number) is before
    assert (solution.status, outcome.signal) == (pk.Status.INTERRUPTED, number)
    assert solution.reason == f"{number.name} after 5 steps; the work is kept"
    assert solution.metrics["steps"] == 5
    resume(tmp_path / "parts")
    assert_equal(tmp_path / "whole", tmp_path / "parts")


def test_a_signal_in_the_last_step_interrupts_nothing(tmp_path):
    def send(progress, budget):
        if progress.steps == 12:
            os.kill(os.getpid(), signal.SIGTERM)

    solution, outcome = solve_specification(specified("adam"), tmp_path, send)
    assert (solution.status, outcome.signal) == (pk.Status.BUDGET_SPENT, None)


def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path):
    solve_specification(specified("adam"), tmp_path / "whole")
    with pytest.raises(Killed):
        solve_specification(specified("adam"), tmp_path / "parts", killer(3))
    with pytest.raises(pk.InputError, match="holds no checkpoint yet; continue it with: python -m pinnkit resume"):
        pk.load_solution(tmp_path / "parts")
    resume(tmp_path / "parts")
    assert_equal(tmp_path / "whole", tmp_path / "parts")


def test_a_kill_while_results_are_written_costs_only_the_writing(tmp_path, monkeypatch):
    solve_specification(specified("adam"), tmp_path / "whole")

    def fail(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("pinnkit.figures.draw_solution", fail)
        with pytest.raises(Killed):
            solve_specification(specified("adam"), tmp_path / "parts")
    assert not (tmp_path / "parts" / "metrics.json").exists()
    resume(tmp_path / "parts", killer(0))  # no step is left to be taken
    assert_equal(tmp_path / "whole", tmp_path / "parts")


def test_a_finished_run_is_left_as_it_is(tmp_path):
    first, _ = solve_specification(specified("adam"), tmp_path)
    before = {f: (f.stat().st_mtime_ns, f.read_bytes()) for f in tmp_path.rglob("*") if f.is_file()}
    again, outcome = resume(tmp_path, killer(0))
    assert outcome.signal is None
    assert (again.status, again.reason, again.metrics) == (first.status, first.reason, first.metrics)
    assert {f: (f.stat().st_mtime_ns, f.read_bytes()) for f in tmp_path.rglob("*") if f.is_file()} == before
    loaded = pk.load_solution(tmp_path)
    assert (loaded.status, loaded.reason, loaded.metrics) == (first.status, first.reason, first.metrics)


def test_a_larger_budget_continues_a_run_that_has_spent_its_own(tmp_path):
    solve_specification(specified("lbfgs"), tmp_path)
    with pytest.raises(pk.InputError, match="the run has spent 60 steps and .* s already; .* got 60steps"):
        resume(tmp_path, budget="60steps")
    solution, _ = resume(tmp_path, budget="80steps")
    assert solution.metrics["steps"] == 80
    assert solution.reason == "the budget of 80steps is spent"
    assert json.loads((tmp_path / "run.json").read_text())["budget"] == "80steps"
    assert [record["step"] for record in solution.history] == sorted({r["step"] for r in solution.history})


@pytest.mark.parametrize("accepted, status", [(True, pk.Status.UNRESOLVED), (False, pk.Status.DIVERGED)])
def test_a_larger_budget_continues_a_march_that_stands_still(accepted, status, tmp_path, monkeypatch):
    marching = Specification("burgers", {}, None, {}, "time-marching", {}, "1steps", 1e-14, 3, "float64", "cpu")
    with monkeypatch.context() as patch:
        if not accepted:
            patch.setattr(TimeMarchingRun, "_attempt", lambda self, course, generator: (1.0, None))
        first, _ = solve_specification(marching, tmp_path)
    assert first.status is status
    again, _ = resume(tmp_path, budget="2steps")
    assert again.metrics["steps"] == 2


def test_a_larger_budget_changes_nothing_of_a_converged_run(tmp_path):
    specification = specified("least-squares")
    specification.tolerance = 0.5
    first, _ = solve_specification(specification, tmp_path)
    assert first.status is pk.Status.CONVERGED
    again, _ = resume(tmp_path, killer(0), budget="100steps")
    assert again.metrics == first.metrics


def test_a_problem_that_changed_since_is_noticed(tmp_path):
    file = tmp_path / "mine.py"
    text = "import pinnkit as pk\n\ndef problem():\n    line = pk.Interval(0, 1)\n    return pk.Problem(domain=line, "
    text += "unknowns='u', equations={'e': lambda u: u - 1})\n"
    file.write_text(text)
    specification = Specification(str(file), method="adam", method_options=SMALL, budget="2steps")
    solve_specification(specification, tmp_path / "run")
    pk.load_solution(tmp_path / "run")
    file.write_text(text + "\n")
    with pytest.warns(UserWarning, match="mine.py has changed since the run"):
        pk.load_solution(tmp_path / "run")
