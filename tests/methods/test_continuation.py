"""Continuation in a parameter: where Newton's method from zero fails, and what the method refuses."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.errors import NameNotFound
from pinnkit.methods import Task
from pinnkit.methods.frozen.newton import newton_head
from pinnkit.methods.frozen.rounds import SPREADS


def layer(nu=0.03, trainable=False, **more):
    """nu u'' + u u' = u, u(0) = -1, u(1) = 3/2, with an interior layer about x = 1/4 (Lagerstrom and Cole)."""
    line = pk.Interval(0, 1)
    k = pk.Parameter("nu", nu, trainable=trainable)
    return pk.Problem(
        domain=line, unknowns="u", equations={"e": lambda u: k * u.xx + u * u.x - u.value},
        conditions=[pk.Dirichlet(u=-1.0, on=line.boundary["left"]), pk.Dirichlet(u=1.5, on=line.boundary["right"])],
        parameters=[k, *more.get("parameters", [])],
    )  # fmt: skip


METHOD = pk.Continuation(first=0.5, size=150, start_size=150, max_size=300)


def test_it_solves_what_plain_newton_does_not():
    problem = layer()
    task = Task(problem)
    plain = [
        newton_head(task.trial(pk.LRNN(300), task.generator(0, 0), spread), task, task.points(0)) for spread in SPREADS
    ]
    followed = pk.solve(problem, method=METHOD)
    assert min(plain) > 1e-3
    assert followed.metrics["residual"] < 1e-8 and followed.metrics["method"] == "continuation"
    # Outside the layer the solution is that of u' = 1 through the boundary values.
    right = followed(torch.tensor([[0.7], [0.9]], dtype=torch.float64))
    assert right.tolist() == pytest.approx([1.2, 1.4], abs=1e-4)
    assert problem.parameters[0].item() == 0.03


def test_values_on_the_way_are_even_in_the_logarithm_or_else_evenly_spaced():
    run = METHOD.start(Task(layer(0.02)))
    assert run.value(0) == 0.5 and run.value(1) == 0.02
    assert run.value(0.5) == pytest.approx(math.sqrt(0.01))
    assert pk.Continuation(first=-1.0).start(Task(layer(1.0))).value(0.5) == 0.0
    assert pk.Continuation().start(Task(layer(1.0))).value(0) == pytest.approx(0.1)


@pytest.mark.parametrize("method", [METHOD, pk.Continuation(first=0.5, size=150, start_size=80)])
def test_it_resumes_bit_for_bit(method):
    task = Task(layer())
    budget = pk.Budget(steps=20)
    whole = method.start(task)
    for _ in range(5):
        whole.step(budget)
    for stop in (1, 3, 4, 5):
        first = method.start(task)
        for _ in range(stop):
            first.step(budget)
        again = method.start(task)
        again.load_state_dict(first.state_dict())
        for _ in range(5 - stop):
            again.step(budget)
        x = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
        assert torch.equal(again.trial(x), whole.trial(x))


def test_a_failed_step_is_halved():
    run = pk.Continuation(first=0.5, size=20).start(Task(layer(0.001)))
    lengths = []
    for _ in range(6):
        run.step(pk.Budget(steps=20))
        lengths.append(run.length)
    assert any(b == a / 2 for a, b in zip(lengths, lengths[1:], strict=False))


@pytest.mark.parametrize(
    ("method", "problem", "error", "message"),
    [
        (pk.Continuation("mu"), layer(), NameNotFound, "unknown parameter 'mu'"),
        (pk.Continuation(), layer(trainable=True), pk.InputError, "is to be found; continuation needs a fixed one"),
        (pk.Continuation(), layer(parameters=[pk.Parameter("a", 1.0, False)]), pk.InputError, "one of nu, a"),
        (pk.Continuation(), pk.load_problem("kovasznay"), pk.InputError, "continuation needs a parameter of the"),
        (pk.Continuation(), pk.load_problem("poisson-hf"), pk.InputError, "continuation is for nonlinear equations"),
    ],
)
def test_what_it_refuses(method, problem, error, message):
    with pytest.raises(error, match=message):
        method.start(Task(problem))


def test_options():
    with pytest.raises(pk.InputError, match="first must be a finite number"):
        pk.Continuation(first=math.nan)
    with pytest.raises(pk.InputError, match="size must be a positive whole number"):
        pk.Continuation(size=0)
