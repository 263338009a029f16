"""Budgets: every way to write one, and what they refuse."""

import math
import time

import pytest

from pinnkit.errors import InputError
from pinnkit.methods import Budget, check_tolerance


@pytest.mark.parametrize(("text", "seconds", "steps"), [
    ("60s", 60, math.inf), ("60", 60, math.inf), (" 1.5 s ", 1.5, math.inf), ("30sec", 30, math.inf),
    ("2m", 120, math.inf), ("2min", 120, math.inf), ("0.5h", 1800, math.inf), ("1e2s", 100, math.inf),
    ("500steps", math.inf, 500), ("1 step", math.inf, 1), ("1e3 steps", math.inf, 1000),
    ("60s,500steps", 60, 500), ("500 steps, 2 min", 120, 500), (45, 45, math.inf), (0.5, 0.5, math.inf),
])  # fmt: skip
def test_forms(text, seconds, steps):
    budget = Budget.parse(text)
    assert (budget.seconds, budget.steps) == (seconds, steps)
    again = Budget.parse(str(budget))
    assert (again.seconds, again.steps) == (seconds, steps)


def test_a_budget_gives_a_fresh_one():
    spent = Budget(60, 1_234_567)
    spent.steps_done = 3
    fresh = Budget.parse(spent)
    assert (fresh.seconds, fresh.steps, fresh.steps_done) == (60, 1_234_567, 0)
    assert Budget.parse(str(spent)).steps == 1_234_567


@pytest.mark.parametrize(("text", "message"), [
    ("soon", "cannot read the budget 'soon'; write it like 60s, 2min or 500steps"),
    ("", "cannot read the budget ''"), ("60x", "cannot read"), ("1.2.3s", "cannot read"), ("60s,", "cannot read"),
    ("nan", "cannot read"), ("inf", "cannot read"), ("e", "cannot read"), ("60 500", "cannot read"),
    ("0s", "must be positive"), ("-5s", "must be positive"), ("0steps", "must be positive"), (0, "must be positive"),
    ("1.5steps", "whole"), ("1e999s", "finite|positive|cannot read"), ("1e999steps", "finite|whole|cannot read"),
    ("60s,30s", "twice"), ("5steps,6steps", "twice"), (math.nan, "cannot read"), (math.inf, "cannot read"),
])  # fmt: skip
def test_refusals(text, message):
    with pytest.raises(InputError, match=message):
        Budget.parse(text)


def test_what_is_spent():
    budget = Budget(seconds=100, steps=10)
    budget.start(seconds_before=30, steps_done=4)
    assert budget.remaining_steps == 6
    assert budget.spent == pytest.approx(0.4)
    assert budget.elapsed == pytest.approx(30, abs=0.5) and budget.remaining_seconds == pytest.approx(70, abs=0.5)
    budget.start(seconds_before=90, steps_done=4)
    assert budget.spent == pytest.approx(0.9, abs=0.01)
    before = budget.elapsed
    time.sleep(0.01)
    assert budget.elapsed - before >= 0.01


@pytest.mark.parametrize("tolerance", [0.0, -1e-3, math.nan, math.inf])
def test_tolerance(tolerance):
    assert check_tolerance(1e-6) == 1e-6
    with pytest.raises(InputError, match="the tolerance must be positive"):
        check_tolerance(tolerance)
