"""The command line, run in this process."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
from typing import NamedTuple

import pinnkit as pk
from pinnkit import cli


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def run(*arguments: object) -> Ended:
    """Runs a command and returns its exit code, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as ended:
            return Ended(int(ended.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("main never returns")


# The package under test, wherever the command is run.
HOME = str(pathlib.Path(pk.__file__).parents[1])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": HOME}
LONG = ["solve", "burgers", "--method", "adam", "--space", "mlp", "--set", "space.width=8", "--set", "space.depth=1",
        "--set", "method.points=50", "--set", "method.boundary_points=20", "--out", "run"]  # fmt: skip
