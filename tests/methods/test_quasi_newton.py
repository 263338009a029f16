"""Quasi-Newton methods: updates against closed forms and scipy, line search, restarts and stops."""

import math
from functools import partial

import pytest
import torch
from scipy import optimize

import pinnkit as pk
from pinnkit.methods import Budget, Status
from pinnkit.methods.quasi_newton.broyden import broyden_update, self_scaling
from pinnkit.methods.quasi_newton.lbfgs import LBFGSRun
from pinnkit.methods.quasi_newton.line_search import CURVATURE, DECREASE, MOST, Point, strong_wolfe
from pinnkit.methods.quasi_newton.ssbroyden import SSBroydenRun
from pinnkit.methods.training import Training

from .small import inverse, linear, task

N = 9
SSBROYDEN, LBFGS = SSBroydenRun, partial(LBFGSRun, pk.LBFGS())
RUNS = pytest.mark.parametrize("make", [SSBROYDEN, LBFGS], ids=["ssbroyden", "lbfgs"])


def spd(generator, spread=1.0):
    """A random symmetric positive definite matrix with eigenvalues over `spread` decades each way."""
    q, _ = torch.linalg.qr(torch.randn(N, N, generator=generator, dtype=torch.float64))
    return q @ torch.diag(10 ** (spread * (2 * torch.rand(N, generator=generator, dtype=torch.float64) - 1))) @ q.T


def direct_form(b, s, y, tau, theta):
    """The scaled Broyden family as it updates the Hessian B."""
    bs = b @ s
    w = (s @ bs).sqrt() * (y / (y @ s) - bs / (s @ bs))
    return tau * (b - torch.outer(bs, bs) / (s @ bs) + theta * torch.outer(w, w)) + torch.outer(y, y) / (y @ s)


@pytest.mark.parametrize("seed", range(5))
def test_an_update_keeps_the_secant_equation_and_positive_definiteness(seed):
    """Against the direct form: its inverse, and the determinant."""
    generator = torch.Generator().manual_seed(seed)
    direct, s = spd(generator), torch.randn(N, generator=generator, dtype=torch.float64)
    y = spd(generator) @ s * 10 ** (3 * torch.randn(1, generator=generator, dtype=torch.float64))
    found = torch.linalg.inv(direct)
    b, h = ((s @ direct @ s) / (y @ s)).item(), ((y @ found @ y) / (y @ s)).item()
    a = b * h - 1
    tau, phi = self_scaling(b, h, N)
    theta = (1 - phi) / (1 + a * phi)
    assert 0 < tau <= 1 and 1 + a * theta > 0
    broyden_update(found, s, y, found @ y, tau, phi)
    assert (found @ y - s).norm() < 1e-12 * found.norm() * y.norm()
    assert (found - found.T).norm() < 1e-13 * found.norm()
    assert torch.linalg.eigvalsh(found).min() > 0
    expected = direct_form(direct, s, y, tau, theta)
    torch.testing.assert_close(found @ expected, torch.eye(N, dtype=torch.float64), rtol=0, atol=1e-9)
    grown = torch.linalg.slogdet(expected)[1] - torch.linalg.slogdet(direct)[1]
    assert grown.item() == pytest.approx(math.log(tau ** (N - 1) * (1 + a * theta) / b), abs=1e-9)


@pytest.mark.parametrize(("b", "h", "expected"), [
    (1.0, 1.0, (1.0, 1.0)),  # a perfect prediction: BFGS without scaling
    (4.0, 0.25, (0.25, 1.75)),  # parallel, B four times too large: tau = 1 / b, theta = (1 - b) / b
    (0.5, 2.0, (1.0, 0.0)),  # parallel, B half of what it should be: no scaling, theta = 1, which is DFP
])  # fmt: skip
def test_self_scaling_where_the_step_is_predicted_well(b, h, expected):
    tau, phi = self_scaling(b, h, N)
    assert tau == pytest.approx(expected[0], rel=1e-12)
    assert phi == pytest.approx(expected[1], rel=1e-12)


def quadratic(generator):
    matrix, side = spd(generator), torch.randn(N, generator=generator, dtype=torch.float64)
    return matrix, side, torch.linalg.solve(matrix, side)


@pytest.mark.parametrize("member", [0.0, 0.5, 1.0, "scaled"])
def test_exact_line_searches_on_a_quadratic_end_after_n_steps(member):
    """All of the family take conjugate directions; without scaling the inverse Hessian is found as well."""
    matrix, side, solution = quadratic(torch.Generator().manual_seed(1))
    found, x = torch.eye(N, dtype=torch.float64), torch.zeros(N, dtype=torch.float64)
    for _ in range(N):
        gradient = matrix @ x - side
        direction = -found @ gradient
        s = -(direction @ gradient) / (direction @ matrix @ direction) * direction
        y = matrix @ s
        step = (s @ gradient) / (direction @ gradient)
        b, h = (-step * (gradient @ s) / (y @ s)).item(), ((y @ found @ y) / (y @ s)).item()
        tau, phi = self_scaling(b, h, N) if member == "scaled" else (1.0, member)
        x = x + s
        broyden_update(found, s, y, found @ y, tau, phi)
    assert (x - solution).norm() < 1e-9 * solution.norm()
    if member != "scaled":
        assert (found @ matrix - torch.eye(N, dtype=torch.float64)).norm() < 1e-7


def test_tau_and_phi_one_are_the_bfgs_of_scipy():
    """Along the path of a run, against scipy's own updates."""
    work = SSBROYDEN(Function(rosenbrock, [1.3, 0.7, 0.8, 1.9]))
    reference = optimize.BFGS(init_scale=1.0)
    reference.initialize(4, "inv_hess")
    work.step(Budget())
    found = torch.eye(4, dtype=torch.float64)
    for _ in range(15):
        x, gradient = work.training.flat(work.parameters), work.gradient
        work.step(Budget())
        s, y = work.training.flat(work.parameters) - x, work.gradient - gradient
        broyden_update(found, s, y, found @ y, 1.0, 1.0)
        reference.update(s.numpy(), y.numpy())
        expected = torch.from_numpy(reference.get_matrix())
        assert (found - expected).norm() < 1e-8 * expected.norm()


def test_the_two_loops_are_dense_bfgs_updates():
    """Of a multiple of the identity, by the remembered steps."""
    generator = torch.Generator().manual_seed(2)
    matrix, vector = spd(generator), torch.randn(N, generator=generator, dtype=torch.float64)
    work = LBFGSRun(pk.LBFGS(history=4), Function(rosenbrock, [0.0] * N))
    assert torch.equal(work.newton(vector), vector)
    pairs = [(s, matrix @ s) for s in torch.randn(7, N, generator=generator, dtype=torch.float64)]
    for s, y in pairs:
        work.learn(s, y, 1.0)
    s, y = pairs[-1]
    dense = torch.eye(N, dtype=torch.float64) * (y @ s) / (y @ y)
    for s, y in pairs[-4:]:
        broyden_update(dense, s, y, dense @ y, 1.0, 1.0)
    torch.testing.assert_close(work.newton(vector), dense @ vector, rtol=1e-10, atol=1e-10)


LINES = {
    "quadratic": lambda t: (t - 3) ** 2,
    "far": lambda t: (t / 400 - 1) ** 2,
    "near": lambda t: (1e4 * t - 1) ** 2,
    "quartic": lambda t: t**4 - 3 * t**3 - t,
    "wavy": lambda t: (t - 2) ** 2 - 0.3 * torch.sin(20 * t),
    "barrier": lambda t: -torch.log(2 - t) - 5 * t,
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("first", [1e-3, 1.0, 30.0])
def test_a_line_search_meets_the_strong_wolfe_conditions(name, first):
    count = 0

    def evaluate(step):
        nonlocal count
        count += 1
        t = torch.tensor(step, dtype=torch.float64, requires_grad=True)
        value = LINES[name](t)
        (slope,) = torch.autograd.grad(value, t)
        return Point(step, value.item(), slope.item(), slope)

    start = evaluate(0.0)
    assert start.slope < 0
    found = strong_wolfe(evaluate, start, first)
    assert found.value <= start.value + DECREASE * found.step * start.slope
    assert abs(found.slope) <= CURVATURE * abs(start.slope)
    assert count <= 16


def test_a_line_search_without_a_smaller_value_ends():
    count = 0

    def evaluate(step):
        nonlocal count
        count += 1
        return Point(step, 1.0 + step, -1.0, torch.empty(0))

    assert strong_wolfe(evaluate, Point(0.0, 1.0, -1.0, torch.empty(0)), 1.0) is None
    assert count == MOST


def test_a_line_search_without_end_gives_the_best_point():
    found = strong_wolfe(lambda t: Point(t, -t, -1.0, torch.empty(0)), Point(0.0, 0.0, -1.0, torch.empty(0)), 1.0)
    assert found.value == -(4.0 ** (MOST - 1))


class Function(Training):
    """A function in the place of a loss."""

    trial = None

    def __init__(self, function, start):
        self.function = function
        self.x = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def parameters(self):
        return [self.x]

    def loss(self):
        return self.function(self.x)

    def refresh(self, step):
        return False

    def state_dict(self):
        return {"x": self.x.detach().clone()}

    def load_state_dict(self, state):
        with torch.no_grad():
            self.x.copy_(state["x"])


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def until_it_stops(work, most=500):
    notes, values = [], []
    for _ in range(most):
        step = work.step(Budget())
        values.append(step.loss)
        notes += [step.note] if step.note else []
        if step.stop:
            return step, notes, values
    return step, notes, values


@RUNS
def test_the_minimum_is_found_whatever_the_unit_of_the_loss(make):
    """PyTorch's L-BFGS takes y @ s < 1e-10 for no curvature, and learns nothing of small losses."""
    works = [make(Function(lambda x, c=c: c * rosenbrock(x), [1.3, 0.7, 0.8, 1.9])) for c in (1.0, 2.0**-90, 2.0**50)]
    (step, notes, values), *_ = [until_it_stops(work) for work in works]
    assert all(torch.equal(work.training.x, works[0].training.x) for work in works)
    assert step.stop.status is Status.STALLED and step.stop.reason.startswith("the line search finds no smaller loss")
    assert "largest gradient entry" in step.stop.reason
    assert len(values) < 200 and all(b <= a for a, b in zip(values, values[1:], strict=False))
    assert (works[0].training.x - 1).abs().max() < 1e-6
    assert len(notes) <= 1 and all(note.endswith("beginning anew from the gradient") for note in notes)


@RUNS
def test_a_spoilt_memory_is_forgotten(make):
    """What has been learnt points uphill; the run begins anew, once."""
    work = make(Function(rosenbrock, [-1.2, 1.0, 0.7]))
    for _ in range(8):
        work.step(Budget())
    spoilt = type(work).newton
    work.newton = lambda gradient: -gradient if work.updates else spoilt(work, gradient)
    before = work.value
    step = work.step(Budget())
    assert step.note.endswith("beginning anew from the gradient") and step.loss == before and step.stop is None
    assert work.restarted and not work.updates
    assert work.step(Budget()).loss < before
    step = work.step(Budget())  # one step later it is spoilt again
    assert step.stop.status is Status.STALLED
    work.newton = spoilt.__get__(work)
    for _ in range(12):
        work.step(Budget())
    assert not work.restarted


@RUNS
def test_a_minimum_is_no_reason_to_move(make):
    work = make(Function(rosenbrock, [1.0, 1.0]))
    step = work.step(Budget())
    assert (step.loss, step.stop.status) == (0.0, Status.STALLED) and work.training.x.tolist() == [1.0, 1.0]


@RUNS
def test_a_loss_that_is_not_finite(make):
    step = make(Function(lambda x: torch.log(x).sum(), [-1.0])).step(Budget())
    assert step.stop.status is Status.DIVERGED and step.stop.reason == "the loss became nan"
    # Beyond x = 1 the function is not defined; the line search turns back there.
    step, _, values = until_it_stops(make(Function(lambda x: (-(1 - x).sqrt() + 3 * x**2 - x).sum(), [0.9, -0.9])))
    assert step.stop.status is Status.STALLED and all(map(math.isfinite, values))


@RUNS
def test_a_gradient_that_is_not_finite(make):
    """The loss is zero there, and its gradient the root's: 0 times infinity."""
    step = make(Function(lambda x: torch.sqrt(x * 0.0).sum(), [1.0])).step(Budget())
    assert step.stop.status is Status.DIVERGED and step.stop.reason == "the gradient of the loss is not finite"


@RUNS
def test_calmer_after_divergence(make):
    """What was learnt is forgotten, and the first step, whose entries add up to one, is a hundredth as long."""
    work = make(Function(rosenbrock, [-1.2, 1.0, 0.7]))
    for _ in range(8):
        work.step(Budget())
    work.calm(2)
    assert not work.updates and torch.equal(work.newton(work.gradient), work.gradient)
    assert work.state_dict()["caution"] == pytest.approx(0.01)
    before, tried, move = work.training.x.detach().clone(), [], work.training.move
    work.training.move = lambda position: (tried.append(position), move(position))
    work.step(Budget())
    assert (tried[0] - before).abs().sum().item() == pytest.approx(0.01)


@RUNS
def test_a_state_is_not_changed_by_going_on(make):
    work = make(Function(rosenbrock, [-1.2, 1.0, 0.7]))
    for _ in range(5):
        work.step(Budget())
    other = make(Function(rosenbrock, [0.0, 0.0, 0.0]))
    state = work.state_dict()
    other.load_state_dict(state)
    expected = work.newton(work.gradient)
    for _ in range(5):
        other.step(Budget())
    assert torch.equal(work.newton(work.gradient), expected)
    ours, theirs = until_it_stops(work), until_it_stops(other)
    assert ours[2][5:] == theirs[2]


def test_too_many_parameters_for_a_matrix():
    with pytest.raises(pk.InputError, match=r"ssbroyden keeps n x n numbers .* are more than 10000; use lbfgs or soap"):
        pk.SSBroyden(points=10, boundary_points=2).start(task(linear(), space=pk.MLP(80, 3)))


@pytest.mark.parametrize("option", ["points", "boundary_points"])
@pytest.mark.parametrize("method", [pk.SSBroyden, pk.LBFGS])
def test_options(method, option):
    with pytest.raises(pk.InputError, match=f"{option} must be a positive whole number, got 0"):
        method(**{option: 0})


@pytest.mark.parametrize("method", [pk.SSBroyden, pk.LBFGS])
def test_a_mixed_inverse_problem_in_single_precision(method):
    """The network is float32, the parameter float64; what is learnt is float64."""
    problem = inverse()
    work = method(points=40, boundary_points=4).start(task(problem, dtype=torch.float32))
    first = work.step(Budget()).loss
    for _ in range(30):
        last = work.step(Budget()).loss
    assert last < first and problem.parameters[0].dtype == torch.float64 and problem.parameters[0].item() != 1.0
    assert work.gradient.dtype == torch.float64
    assert {p.dtype for p in work.trial.parameters()} == {torch.float32}
