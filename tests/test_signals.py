"""Real signals sent to a real process: the work is kept, and resume finishes it."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from commandline import ENVIRONMENT, LONG, run

import pinnkit as pk

PROGRAM = """
import sys
import pinnkit.methods
from pinnkit.cli import main
sys.modules["pinnkit.methods.drive"].CHECKPOINT_SECONDS = 0.1
main()
"""


def start(*arguments):
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def wait_for_a_checkpoint(process):
    deadline = time.monotonic() + 60
    while not pathlib.Path("run/checkpoint/state.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_after_a_checkpoint_and_resume_finishes_it(number):
    process = start(*LONG, "--budget", "1000000steps")
    wait_for_a_checkpoint(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    steps = json.loads(pathlib.Path("run/metrics.json").read_text())["steps"]
    assert out.startswith(f"burgers: interrupted ({number.name} after {steps} steps; the work is kept)\n")
    assert err.endswith("  continue with: python -m pinnkit resume run\n")
    code, out, err = run("resume", "run", "--budget", f"{steps + 5}steps")
    assert (code, err) == (0, "")
    assert f"burgers: budget spent (the budget of {steps + 5}steps is spent)\n" in out
    assert len(pathlib.Path("run/history.jsonl").read_text().splitlines()) == steps + 5


def test_a_killed_run_goes_on_from_its_last_checkpoint():
    process = start(*LONG, "--budget", "1000000steps")
    wait_for_a_checkpoint(process)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not pathlib.Path("run/metrics.json").exists()
    steps = pk.load_solution("run").history[-1]["step"]
    code, out, err = run("resume", "run", "--budget", f"{steps + 5}steps")
    assert (code, err) == (0, "")
    assert json.loads(pathlib.Path("run/metrics.json").read_text())["steps"] == steps + 5
