"""Comparisons side by side: nothing is made twice, whatever dies."""

import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commandline import ENVIRONMENT, run
from joblib.externals.loky.process_executor import BrokenProcessPool

import pinnkit as pk
from pinnkit.compare.execution import Tally, check_backend

FAST = ["--methods", "adam", "--set", "adam.points=30", "--set", "adam.boundary_points=9", "--no-classical",
        "--jobs", "2"]  # fmt: skip
# What time and memory were needed says nothing about the numbers.
MEASURED = {"seconds", "peak_memory_bytes"}


def results(folder):
    found = {str(file.parent.relative_to(folder)): file for file in sorted(Path(folder).rglob("metrics.json"))}
    return {where: json.loads(file.read_text()) for where, file in found.items()}


def times(folder):
    return {where: os.stat(Path(folder) / where / "metrics.json").st_mtime_ns for where in results(folder)}


def numbers(folder):
    return {where: {k: v for k, v in m.items() if k not in MEASURED} for where, m in results(folder).items()}


def test_a_comparison_from_end_to_end(tmp_path):
    """One that fails beside others that do not; then the same again, more of it, and the same by Dask."""
    asked = ["compare", "poisson-hf", "--spaces", "lrnn,siren", *FAST, "--parameters", "100", "--budget", "5steps"]
    asked[asked.index("adam")] = "adam,time-marching"
    out = tmp_path / "out"
    code, text, _ = run(*asked, "--seeds", "1", "--out", out)
    assert code == 0
    assert "poisson-hf, lrnn, adam: rank 9: 100 parameters\n" in text
    assert "failed: poisson-hf/lrnn/time-marching/seed-0: " in text
    assert f"4 of 4 runs done, 2 failed; written to {out}\n" in text
    assert [*results(out)] == ["poisson-hf/lrnn/adam/seed-0", "poisson-hf/siren/adam/seed-0"]
    before = times(out)
    code, text, _ = run(*asked, "--seeds", "2", "--out", out)
    assert code == 0 and "8 of 8 runs done, 4 failed, 4 of them before" in text
    after = times(out)
    assert len(after) == 4 and before.items() < after.items()
    code, text, _ = run(*asked, "--seeds", "0,1", "--out", out)
    assert code == 0 and "8 of 8 runs done, 4 failed, 8 of them before" in text and times(out) == after

    code, text, _ = run(*asked, "--seeds", "2", "--backend", "dask", "--out", tmp_path / "dask")
    assert code == 0 and "8 of 8 runs done, 4 failed" in text
    assert numbers(tmp_path / "dask") == numbers(out)


def test_a_killed_comparison_continues(tmp_path):
    words = ["compare", "poisson-hf", "--spaces", "lrnn,siren", *FAST, "--seeds", "4", "--budget", "1s", "--out", "out"]

    def until(count, number):
        command = [sys.executable, "-m", "pinnkit", *words]
        # A file, because workers that outlive their parent for a moment would keep a pipe open.
        with (tmp_path / "err").open("w") as err:
            process = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stderr=err, stdout=err)
        while len(results(tmp_path / "out")) < count:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        code = process.wait()
        return code, (tmp_path / "err").read_text(), times(tmp_path / "out")

    code, err, first = until(1, signal.SIGTERM)
    assert code == 143
    assert (again := err.partition("continue with: ")[2].strip())
    code, _, second = until(len(first) + 1, signal.SIGKILL)
    assert code == -signal.SIGKILL
    code, text, _ = run(*shlex.split(again)[3:])
    assert code == 0 and "8 of 8 runs done, 0 failed" in text
    third = times(tmp_path / "out")
    assert len(third) == 8 and first.items() <= second.items() <= third.items()
    assert {m["status"] for m in results(tmp_path / "out").values()} == {"budget spent"}


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_a_run_whose_process_dies_has_failed_and_no_other(tmp_path, backend):
    file = tmp_path / "deadly.py"
    text = pk.gallery.gallery()["poisson-hf"].read_text()
    # Not in the process that asks; the workers trace the problem, too.
    deadly = f"import os\n\nif n == 13 and os.getpid() != {os.getpid()}:\n    os.kill(os.getpid(), 9)\n"
    body = "".join(f"    {line}\n" for line in deadly.split("\n"))
    file.write_text(text.replace("    square =", f"{body}    square ="))
    for n in (13, 1) if backend == "loky" else (13,):
        options = {"problem": {"n": n}, "adam": {"points": 30, "boundary_points": 9}}
        tally = pk.compare(str(file), "lrnn", "adam", seeds=2, budget="2steps", options=options, jobs=2,
                           classical=False, backend=backend, out=tmp_path / str(n))  # fmt: skip
        assert tally.done == 2 and len(tally.failed) == (2 if n == 13 else 0)
    for where in (tmp_path / "13" / "deadly-n=13" / "lrnn" / "adam").iterdir():
        failure = json.loads((where / "failure.json").read_text())
        assert failure["kind"] == "Killed" and "perhaps for want of memory" in failure["reason"]


def test_processes_that_die_before_they_begin(tmp_path, monkeypatch):
    def broken(*unused):
        raise BrokenProcessPool("too little memory")
        yield

    monkeypatch.setattr(importlib.import_module("pinnkit.compare.execution"), "_endings", broken)
    code, _, err = run("compare", "poisson-hf", "--spaces", "lrnn", *FAST, "--out", tmp_path / "out")
    assert code == 2 and "try fewer --jobs (too little memory)." in err


def test_a_comparison_of_which_nothing_came(tmp_path):
    asked = ["compare", "poisson-hf", "--spaces", "lrnn", "--methods", "time-marching", "--seeds", "1"]
    for before in ("", ", 1 of them before"):
        code, text, _ = run(*asked, "--no-classical", "--out", tmp_path / "out")
        assert code == 3 and f"1 of 1 runs done, 1 failed{before};" in text


def test_an_address_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("pinnkit.compare.cluster"), "PATIENCE", "0.2s")
    code, _, err = run("compare", "poisson-hf", "--spaces", "lrnn", *FAST, "--backend", "dask", "--address",
                       "127.0.0.1:9", "--out", tmp_path / "out")  # fmt: skip
    assert code == 2 and "no Dask scheduler answers at '127.0.0.1:9'" in err


@pytest.mark.parametrize(("package", "backend"), [("joblib", "loky"), ("dask.distributed", "dask")])
def test_a_missing_package_is_named(monkeypatch, package, backend):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(pk.InputError, match=f"pip install {package.rpartition('.')[2]}"):
        check_backend(backend, None)


def test_the_tally_tells_the_time_left():
    tally = Tally(10, before=4)
    assert tally.text() == "4 of 10 runs done, 0 failed, 4 of them before"
    tally.done, tally._started = 2, time.monotonic() - 30
    assert tally.text() == "6 of 10 runs done, 0 failed, 4 of them before, about 1 min 0 s left"
