"""Adam and SOAP: schedules of learning rates, options, and what is said where a package is missing."""

import sys

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Budget, Status

from .small import ADAM, SOAP, inverse, nonlinear, task


def rates(method, steps=400):
    return [method.rate_at(step, step / steps) for step in range(steps)]


def test_schedules():
    """The step decay is that of the deep low-rank separated networks: times 0.9 every 100 steps."""
    step = rates(pk.Adam(rate=1e-3, schedule="step"))
    assert step[:100] == [1e-3] * 100 and step[399] == pytest.approx(1e-3 * 0.9**3)
    even = rates(pk.Adam(rate=1e-3, schedule="exponential", decay=0.5, every=200))
    assert even[200] == pytest.approx(5e-4) and even[100] == pytest.approx(1e-3 / 2**0.5)
    assert rates(pk.Adam(rate=1e-3, schedule="constant")) == [1e-3] * 400
    cosine = pk.Adam(rate=1e-3)
    assert [cosine.rate_at(9, spent) for spent in (0, 0.5, 1, 1.2)] == pytest.approx([1e-3, 5.05e-4, 1e-5, 1e-5])


def test_warm_up():
    found = rates(pk.SOAP(rate=1.0, schedule="constant", warm_up=3))
    assert found[:5] == pytest.approx([0.25, 0.5, 0.75, 1, 1])


@pytest.mark.parametrize("method", [pk.Adam, pk.SOAP])
def test_the_optimiser_takes_the_scheduled_rates(method):
    work = method(rate=1e-2, schedule="step", every=5, decay=0.5, points=40, boundary_points=4).start(task(nonlinear()))
    found = []
    for _ in range(11):
        work.step(Budget())
        found.append(work.optimizer.param_groups[0]["lr"])
    assert found == [1e-2] * 5 + [5e-3] * 5 + [2.5e-3]


@pytest.mark.parametrize(("options", "text"), [
    ({"schedule": "cosin"}, "unknown schedule 'cosin'. Did you mean 'cosine'?"),
    ({"rate": 0.0}, "rate must be positive, got 0.0"),
    ({"decay": 1.5}, "decay must be above 0 and at most 1, got 1.5"),
    ({"every": 0}, "every must be a positive whole number, got 0"),
    ({"warm_up": -1}, "warm_up must be a whole number of steps, or 0, got -1"),
    ({"warm_up": 0.5}, "warm_up must be a whole number of steps, or 0, got 0.5"),
    ({"points": 0}, "points must be a positive whole number, got 0"),
])  # fmt: skip
@pytest.mark.parametrize("method", [pk.Adam, pk.SOAP])
def test_bad_options(method, options, text):
    with pytest.raises(pk.InputError) as error:
        method(**options)
    assert text in str(error.value)


def test_bad_frequency():
    with pytest.raises(pk.InputError, match="frequency must be a positive whole number, got 0"):
        pk.SOAP(frequency=0)


def test_soap_learns_faster_than_adam():
    """Step by step, at the same learning rate."""
    last = {}
    for method in (ADAM, SOAP):
        work = method.start(task(nonlinear()))
        budget = Budget(steps=300)
        for _ in range(300):
            last[method.name] = work.step(budget).loss
            budget.steps_done += 1
    assert last["soap"] < 0.3 * last["adam"]


def test_soap_trains_parameters():
    problem = inverse()
    work = SOAP.start(task(problem, dtype=torch.float32))
    for _ in range(50):
        work.step(Budget(steps=1000))
    assert 0.5 < problem.parameters[0].item() < 0.99


def test_soap_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(pk.InputError, match=r"soap needs the package pytorch-optimizer: python -m pip install pytorch"):
        SOAP.start(task(nonlinear()))


def test_a_loss_that_is_not_finite():
    work = ADAM.start(task(nonlinear()))
    with torch.no_grad():
        next(work.trial.parameters()).fill_(torch.nan)
    step = work.step(Budget(steps=10))
    assert step.stop.status is Status.DIVERGED and step.stop.reason == "the loss became nan"


def test_a_gradient_that_is_not_finite_reaches_no_state():
    line = pk.Interval(0, 1)
    problem = pk.Problem(domain=line, unknowns="u", equations={"e": lambda u: torch.sqrt(u * 0.0)})
    work = ADAM.start(task(problem))
    before = [p.detach().clone() for p in work.trial.parameters()]
    step = work.step(Budget(steps=10))
    assert step.stop.status is Status.DIVERGED and step.stop.reason == "the gradient of the loss is not finite"
    assert all(torch.equal(a, b) for a, b in zip(before, work.trial.parameters(), strict=True))
