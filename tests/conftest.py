"""What holds for every test."""

import math

import pytest


@pytest.fixture(autouse=True)
def no_progress_lines(monkeypatch):
    """They would appear in what a command prints where a machine is slow."""
    monkeypatch.setattr("pinnkit.runs.progress_line.PLAIN_SECONDS", math.inf)
