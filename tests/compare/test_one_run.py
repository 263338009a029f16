"""One run of a comparison: a run folder, or a failure that says why."""

import importlib
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import pinnkit as pk
from pinnkit.compare.one_run import FAILURE, Ending, failure_of, finished, run_one
from pinnkit.runs.solve import read_run

SMALL = {"problem": "poisson-hf", "space": "lrnn", "space_options": {"rank": 5}, "method": "adam", "budget": "2steps",
         "method_options": {"points": 30, "boundary_points": 9}, "device": "cpu"}  # fmt: skip


def test_a_run_is_an_ordinary_run_folder(tmp_path):
    threads = torch.get_num_threads()
    ending = run_one(SMALL | {"seed": 3}, str(tmp_path / "run"), threads + 1, None)
    assert (ending.failure, ending.signal, ending.notes) == (None, None, ())
    assert torch.get_num_threads() == threads
    assert finished(tmp_path / "run") and failure_of(tmp_path / "run") is None
    assert read_run(tmp_path / "run").seed == 3
    assert json.loads((tmp_path / "run" / "run.json").read_text())["machine"]["threads"] == threads + 1
    assert pk.load_solution(tmp_path / "run").metrics["parameters"] == 56


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({"method": "time-marching", "method_options": {}}, "InputError", "time marching needs"),
        ({"space": "sirren"}, "NameNotFound", "unknown space 'sirren'"),
        ({"space_options": {"rank": 0}}, "InputError", "rank must be a positive whole number"),
    ],
)
def test_whatever_is_raised_is_written_down(tmp_path, changes, kind, reason):
    where = tmp_path / "deep" / "run"
    ending = run_one(SMALL | changes, str(where), 1, None)
    written = json.loads((where / FAILURE).read_text())
    assert written["kind"] == kind and reason in written["reason"] and "\n" not in written["reason"]
    assert "Traceback" in written["traceback"]
    assert ending.failure == failure_of(where) == written["reason"]
    assert finished(where)


def test_errors_that_are_nobodys_input_go_by_their_type(tmp_path, monkeypatch):
    def broken(*unused):
        raise RuntimeError("no memory\nleft")

    monkeypatch.setattr(importlib.import_module("pinnkit.compare.one_run"), "solve_specification", broken)
    assert run_one(SMALL, str(tmp_path), 1, None).failure == "RuntimeError: no memory left"


def test_a_damaged_failure_is_still_one(tmp_path):
    (tmp_path / FAILURE).write_text("{")
    assert finished(tmp_path) and failure_of(tmp_path) == "unknown: its failure.json is damaged"


def test_damaged_metrics_are_none(tmp_path):
    for text in ("{", "[]"):
        (tmp_path / "metrics.json").write_text(text)
        assert not finished(tmp_path)


def test_an_unfinished_run_begins_anew(tmp_path):
    where = tmp_path / "run"
    run_one(SMALL, str(where), 1, None)
    metrics = json.loads((where / "metrics.json").read_text())
    (where / "metrics.json").write_text(json.dumps(metrics | {"status": "interrupted"}))
    assert not finished(where)
    (where / "metrics.json").unlink()
    (where / "run.json").rename(where / ".run.json.part")  # killed while it began
    assert not finished(where)
    run_one(SMALL, str(where), 1, None)
    again = json.loads((where / "metrics.json").read_text())
    assert finished(where) and not (where / ".run.json.part").exists()
    assert {k: again[k] for k in ("loss", "relative_l2")} == {k: metrics[k] for k in ("loss", "relative_l2")}


def test_a_signal_leaves_a_run_unfinished(tmp_path, monkeypatch):
    from pinnkit.methods.first_order import FirstOrderRun

    step = FirstOrderRun.step

    def interrupted(run, budget):
        signal.raise_signal(signal.SIGTERM)
        return step(run, budget)

    monkeypatch.setattr(FirstOrderRun, "step", interrupted)
    ending = run_one(SMALL, str(tmp_path / "run"), 1, None)
    assert ending.signal == signal.SIGTERM and ending.failure is None
    assert not finished(tmp_path / "run")


def test_warnings_are_handed_back(tmp_path):
    changes = {"problem": "burgers-inverse", "space_options": {"rank": 4}}
    ending = run_one(SMALL | changes, str(tmp_path / "run"), 1, None)
    assert len(ending.notes) == 1 and "the noise of" in ending.notes[0]


@pytest.mark.parametrize("result", [True, False])
def test_a_run_that_another_process_is_at_work_on_is_waited_for(tmp_path, result):
    """As a worker is that a killed comparison has left behind: it may end with a result, or without one."""
    where = tmp_path / "run"
    where.mkdir()
    hold = (
        "import fcntl, os, sys\nlock = os.open(sys.argv[1], os.O_RDONLY)\nfcntl.flock(lock, fcntl.LOCK_EX)\n"
        "print(flush=True)\ninput()"
    )
    other = subprocess.Popen([sys.executable, "-c", hold, where], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.readline()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(run_one, SMALL, str(where), 1, None)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=1)
        (where / "metrics.json" if result else where / "half").write_text('{"status": "converged"}')
        assert {file.name for file in where.iterdir()} == {"metrics.json" if result else "half"}
        other.kill()
        assert waiting.result() == Ending(str(where))
    assert finished(where) and (where / "run.json").exists() is not result and not (where / "half").exists()
