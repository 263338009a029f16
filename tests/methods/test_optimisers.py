"""Adam, L-BFGS and sequences of them: they make the loss small and say honestly how they ended."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Auto, Progress, Sequence, Status, drive, solve_least_squares

from .small import ADAM, LBFGS, SOAP, SPACE, SSBROYDEN, inverse, linear, nonlinear, task


def run(method, problem, budget, **options):
    made = task(problem, **options)
    work = method.start(made)
    return work, drive(work, made, pk.Budget.parse(budget), Progress())


def losses(outcome):
    return [record["loss"] for record in outcome.progress.history]


def test_adam_decreases_the_loss_and_spends_its_budget():
    _, outcome = run(ADAM, nonlinear(), "1500steps")
    found = losses(outcome)
    assert found[-1] < 0.01 * found[0]
    assert outcome.stop.status is Status.BUDGET_SPENT
    assert outcome.stop.reason == "the budget of 1500steps is spent"
    assert outcome.progress.steps == len(found) == 1500


def test_the_learning_rate_of_adam_falls_as_a_half_cosine():
    work = ADAM.start(task(linear()))
    budget = pk.Budget.parse("100steps")
    rates = []
    for step in range(100):
        budget.steps_done = step
        work.step(budget)
        rates.append(work.optimizer.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(1e-2)
    assert rates[50] == pytest.approx(1e-2 * 0.505)
    assert rates[-1] == pytest.approx(1e-4, rel=0.03)
    assert all(a > b for a, b in zip(rates, rates[1:], strict=False))


QUASI_NEWTON = pytest.mark.parametrize("method", [LBFGS, SSBROYDEN], ids=lambda m: m.name)


@QUASI_NEWTON
def test_quasi_newton_never_increases_the_loss(method):
    _, outcome = run(method, nonlinear(), "200steps")
    found = losses(outcome)
    assert all(b <= a for a, b in zip(found, found[1:], strict=False))
    assert found[-1] < 1e-4 * found[0]


@QUASI_NEWTON
def test_quasi_newton_solves_to_rounding_and_says_why_it_stops(method):
    """Over a few frozen functions the loss is quadratic, and least squares gives its minimum."""
    work, outcome = run(method, linear(), "3000steps", space=pk.RandomFeatures(3, scale=4.0))
    assert outcome.stop.status is Status.STALLED
    assert "finds no smaller loss" in outcome.stop.reason and "largest gradient entry" in outcome.stop.reason
    assert outcome.progress.steps < 500
    training = work.training
    found = training.loss().item()
    coefficients, _ = solve_least_squares(*training.discretisation.system(training.trial))
    training.trial.set_head(coefficients.reshape(1, -1))
    assert found == pytest.approx(training.loss().item(), rel=1e-9)


@pytest.mark.parametrize("steps", [1, 23])
def test_lbfgs_keeps_to_a_budget_of_steps(steps):
    _, outcome = run(LBFGS, nonlinear(), f"{steps}steps")
    assert outcome.progress.steps == steps
    assert outcome.stop.status is Status.BUDGET_SPENT


def test_a_sequence_hands_over_the_weights_and_splits_the_budget():
    method = Sequence([ADAM, LBFGS])
    assert method.name == "adam+lbfgs"
    work = method.start(task(nonlinear()))
    budget = pk.Budget.parse("60steps")
    numbers, last = [], None
    while budget.steps_done < 60:
        before = {k: v.clone() for k, v in work.trial.state_dict().items()}
        step = work.step(budget)
        budget.steps_done += step.steps
        numbers += [work.number] * step.steps
        if last == 0 and work.number == 1:
            # The step that ends Adam's share has moved the weights once, from before, and L-BFGS starts there.
            moved = max((before[k] - v).abs().max() for k, v in work.trial.state_dict().items())
            assert 0 < moved <= 1.1e-2
            assert work.run.training.loss() < 1.2 * step.loss
        last = work.number
    assert budget.steps_done == 60
    # Adam has a fifth of the budget; its last step passes the work on.
    assert numbers.index(1) == 11
    assert numbers.count(1) == 49


@pytest.mark.parametrize(("methods", "ends"), [
    ([ADAM], [1.0]),
    ([ADAM, LBFGS], [0.2, 1.0]),
    ([ADAM, SOAP, SSBROYDEN], [1 / 6, 1 / 3, 1.0]),
    ([ADAM, SOAP], [0.5, 1.0]),
    ([LBFGS, ADAM], [0.5, 1.0]),
    ([LBFGS, SSBROYDEN, LBFGS], [1 / 3, 2 / 3, 1.0]),
])  # fmt: skip
def test_shares_of_a_sequence(methods, ends):
    assert Sequence(methods).ends == pytest.approx(ends)


def test_every_method_of_a_sequence_has_a_budget_of_its_own():
    """The second one's schedule begins at its begin, and what the first one leaves of its share is not lost."""
    work = Sequence([LBFGS, ADAM]).start(task(linear(), space=pk.RandomFeatures(3, scale=4.0)))
    budget = pk.Budget.parse("2000steps")
    notes, rates = [], []
    while budget.spent < 1:
        second = work.number == 1
        step = work.step(budget)
        budget.steps_done += step.steps
        notes += [(budget.steps_done, step.note)] if step.note and "passes" in step.note else []
        rates += [work.run.optimizer.param_groups[0]["lr"]] if second else []
    ((passed, note),) = notes
    assert passed < 500 and note.startswith("lbfgs passes on to adam: the line search finds no smaller loss than")
    assert len(rates) == 2000 - passed
    assert rates[0] == pytest.approx(1e-2) and rates[len(rates) // 2] == pytest.approx(0.505e-2, rel=1e-2)


def test_the_history_tells_of_parameters_and_of_passing_on():
    _, outcome = run(Sequence([ADAM, SSBROYDEN]), inverse(), "50steps")
    history = outcome.progress.history
    assert len({record["parameters"]["k"] for record in history}) == 50
    notes = {record["step"]: record["note"] for record in history if "note" in record}
    assert notes == {10: "adam passes on to ssbroyden: its share of the budget is spent"}
    _, outcome = run(ADAM, linear(), "2steps")
    assert all(record.keys() == {"step", "seconds", "loss", "estimated_error"} for record in outcome.progress.history)


def test_a_sequence_keeps_trainable_parameters():
    problem = inverse()
    work = Sequence([ADAM, LBFGS]).start(task(problem))
    budget = pk.Budget.parse("40steps")
    while work.number == 0:
        budget.steps_done += work.step(budget).steps
    k = problem.parameters[0]
    assert abs(k.item() - 1.0) > 1e-3


@pytest.mark.parametrize("methods", [[], [pk.LeastSquares()], [ADAM, pk.LeastSquares()]])
def test_what_cannot_be_in_a_sequence(methods):
    with pytest.raises(pk.InputError, match="needs at least one method|cannot be part of a sequence"):
        Sequence(methods).start(task(linear()))


def test_auto_asks_what_kind_of_problem_it_is():
    for space in (None, pk.LRNN(), pk.RandomFeatures(), pk.MLP(), pk.SIREN(depth=1), pk.KAN()):
        method, why = Auto().choose(task(linear(), space=space))
        assert method.name == "least-squares" and "linear" in why
    for space in (pk.MLP(width=30), pk.SIREN(depth=3), pk.LRNN(depth=2), pk.PositionalReLU(), pk.MLP(activation="relu"),
                  pk.LRNN(activation="relu"), pk.KAN(order=1)):
        method, why = Auto().choose(task(linear(), space=space))
        assert method.name == "gauss-newton" and "needs training" in why
    method, why = Auto().choose(task(nonlinear(), space=None))
    assert method.name == "least-squares" and why.startswith("equation 'e' is not linear: Newton's method")
    method, why = Auto().choose(task(pk.load_problem("burgers")))
    assert method.name == "gauss-newton" and why.startswith("equation 'mom")


def test_auto_solves_what_it_chooses():
    solution = pk.solve(linear(), budget="30s")
    assert solution.metrics["method"] == "least-squares" and solution.relative_l2 < 1e-9


def test_a_trainable_parameter_is_recovered():
    problem = inverse()
    solution = pk.solve(problem, SPACE, Sequence([ADAM, LBFGS]), budget="400steps", tolerance=1e-13)
    assert problem.parameters[0].item() == pytest.approx(0.7, rel=1e-3)
    assert solution.metrics["problem_parameters"]["k"] == problem.parameters[0].item()
    assert solution.relative_l2 < 1e-3


@pytest.mark.parametrize("method", [ADAM, SOAP, LBFGS, SSBROYDEN, Sequence([ADAM, LBFGS])], ids=lambda m: m.name)
@pytest.mark.parametrize("make", [inverse, nonlinear])
def test_the_same_problem_twice_gives_the_same_numbers(method, make):
    problem = make()
    one, two = (pk.solve(problem, SPACE, method, budget="30steps", seed=4) for _ in range(2))
    assert [r["loss"] for r in one.history] == [r["loss"] for r in two.history]
    assert one.metrics.get("problem_parameters") == two.metrics.get("problem_parameters")
    assert all(torch.equal(a, b) for a, b in zip(one.trial.parameters(), two.trial.parameters(), strict=True))
    other = pk.solve(problem, SPACE, method, budget="30steps", seed=5)
    assert other.history[0]["loss"] != one.history[0]["loss"]


def test_single_precision():
    solution = pk.solve(inverse(), SPACE, Sequence([ADAM, LBFGS]), budget="60steps", dtype=torch.float32)
    assert math.isfinite(solution.metrics["loss"])
    assert {p.dtype for p in solution.trial.parameters()} == {torch.float32}
