"""The command line, run in this process."""

from __future__ import annotations

import contextlib
import io
from typing import NamedTuple

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
