"""Training time without evaluation, and what an adapter prints: one JSON line first, then one a checkpoint.

The command line of an adapter: the case, the configuration, the budget in seconds, and when its process was started.
"""

import json
import math
import sys
import time
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from cases import CASES, test_points

APART = 1.08
"""Checkpoints are this factor apart in time."""


def say(**facts):
    """Print facts about the run as one line of JSON."""
    print("\n" + json.dumps(facts), flush=True)


class Clock:
    """The clock of one run, which stands still while errors are measured."""

    def __init__(self):
        name, self.config, budget, launched = sys.argv[1:]
        self.case, self.budget, self.launched, self.due = CASES[name], float(budget), float(launched), 0.0
        self.points, self.exact = test_points(self.case)

    def start(self, package, parameters, dtype="float64"):
        """Start: everything is imported, built and compiled."""
        try:
            number = version(package)
        except PackageNotFoundError:
            number = "as in this repository"
        self.began = time.perf_counter()
        say(setup_seconds=time.time() - self.launched, version=number, parameters=parameters, dtype=dtype)

    @property
    def seconds(self):
        """Seconds of training."""
        return time.perf_counter() - self.began

    def is_due(self, seconds):
        """Whether a checkpoint is to be taken; one is when the budget is spent, none later."""
        if seconds < self.due:
            return False
        later = max(seconds * APART, seconds + 0.01)
        self.due = min(later, self.budget) if seconds < self.budget else math.inf
        return True

    def report(self, seconds, values):
        """Print the relative error of values at the test points."""
        error = np.linalg.norm(np.asarray(values).reshape(-1) - self.exact) / np.linalg.norm(self.exact)
        say(seconds=seconds, error=float(error))

    def spent(self, predict):
        """Measure the error when that is due, and tell whether the budget is spent."""
        seconds = self.seconds
        if self.is_due(seconds):
            self.report(seconds, predict())
            self.began += self.seconds - seconds
        return seconds >= self.budget
