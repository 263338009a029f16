"""Variable projection in Gauss-Newton: its steps and its functional against the whole problem's."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.algebra import solve_least_squares
from pinnkit.methods.gauss_newton.levenberg import DampedSystem
from pinnkit.methods.gauss_newton.projection import ProjectedSystem
from pinnkit.methods.stopping import Status

from .small import LINE, SPACE, inverse, linear, nonlinear, task
from .test_gauss_newton import energy
from .test_resume import continued, same

METHOD = pk.GaussNewton(points=40, boundary_points=4, resample=None)
EPS = torch.finfo(torch.float64).eps


def pair():
    """A linear problem of two unknowns."""
    return pk.Problem(
        domain=LINE, unknowns="u v", conditions=[pk.Dirichlet(u=0.0, v=1.0, on=LINE.boundary)],
        equations={"a": lambda u, v, p: u.xx + v + torch.sin(3 * p.x), "b": lambda u, v: v.xx - 2 * u + 1},
    )  # fmt: skip


def projected(make):
    run = METHOD.start(task(make(), space=pk.LRNN(rank=5)))
    system, *rest = run._linearise()
    assert isinstance(system, ProjectedSystem)
    return run, *rest


@pytest.mark.parametrize("shape", [(40, 12), (12, 20)])
def test_steps_are_those_of_the_whole_system_undamped_in_the_head(shape):
    generator = torch.Generator().manual_seed(0)
    jacobian = torch.randn(shape, generator=generator, dtype=torch.float64)
    head = torch.zeros(shape[1], dtype=torch.bool)
    head[[1, 4, 5]] = True
    side = torch.randn(shape[0], generator=generator, dtype=torch.float64)
    system = ProjectedSystem(jacobian.clone(), head, EPS)
    for damping in (1e-4, 1.0):
        assert system.damp(damping)
        step = system.solve(side)
        assert (step[head] == 0).all()
        stacked = torch.cat([jacobian, math.sqrt(damping) * torch.diag((~head).double())])
        right = torch.cat([-side, torch.zeros(shape[1], dtype=torch.float64)])
        expected = torch.linalg.lstsq(stacked, right[:, None], driver="gelsd").solution[:, 0]
        assert torch.allclose(step[~head], expected[~head], rtol=1e-7, atol=1e-9)
        # What the head adds, it adds to a residual that is the best already.
        best = side - jacobian[:, head] @ torch.linalg.pinv(jacobian[:, head]) @ side
        assert torch.allclose(best + jacobian @ system.follow(step), side + jacobian @ expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("make", [linear, pair])
def test_the_gradient_is_that_of_the_functional_whose_head_is_the_best(make):
    run, _, gradient, _ = projected(make)
    whole = run.training.flat(torch.autograd.grad(run.training.loss(), run.parameters))
    assert whole[run.head].abs().max() < 1e-8 * whole.abs().max()
    assert torch.allclose(2 * gradient[~run.head], whole[~run.head], rtol=1e-6, atol=1e-9 * whole.abs().max())
    origin, values = run.training.flat(run.parameters), []
    direction = whole.masked_fill(run.head, 0) / whole.norm()
    for length in (1e-6, -1e-6):
        run.training.move(origin + length * direction)
        run._solve_head()
        values.append(run._loss())
    assert (values[0] - values[1]) / 2e-6 == pytest.approx((whole @ direction).item(), rel=1e-5)


def test_one_step_solves_a_linear_model():
    run = METHOD.start(task(linear(), space=pk.RandomFeatures(6, scale=4.0)))
    coefficients, least = solve_least_squares(*run.training.collocation.system(run.trial))
    step = run.step(pk.Budget.parse("9steps"))
    assert isinstance(run._system()[0], ProjectedSystem) and step.stop.status is Status.STALLED
    head = run.trial.space.head
    assert torch.allclose(torch.cat([head.weight[0], head.bias]), coefficients, rtol=1e-12)
    assert math.sqrt(step.loss) == pytest.approx(least * run.training.collocation.system(run.trial)[1].norm().item())


def test_it_gains_decades():
    def solve(projection):
        method = pk.GaussNewton(points=80, boundary_points=4, resample=None, projection=projection)
        return pk.solve(linear(), pk.LRNN(rank=12), method, budget="12steps", tolerance=1e-15).relative_l2

    assert solve(True) < 1e-13 and solve(False) > 1e-7


def test_it_waits_until_functions_serve():
    """Eight smooth functions cannot be ten periods, whatever their head; forty points could be met by forty."""
    wave = pk.Problem(domain=LINE, unknowns="u", conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary)],
                      equations={"e": lambda u, p: u.xx + torch.sin(20 * math.pi * p.x)})  # fmt: skip
    for space in (SPACE, pk.RandomFeatures(40, scale=60.0)):
        run = METHOD.start(task(wave, space=space))
        before = run.trial.space.head.weight.clone()
        assert type(run._system()[0]) is DampedSystem
        assert torch.equal(run.trial.space.head.weight, before)


@pytest.mark.parametrize("make", [nonlinear, inverse, energy])
def test_only_linear_problems_are_projected(make):
    assert not METHOD.start(task(make())).linear


def test_a_head_that_is_not_trained_is_not_projected():
    class Kept(pk.MLP):
        def build(self, *arguments):
            built = super().build(*arguments)
            built.head.weight.requires_grad_(False)
            return built

    run = METHOD.start(task(linear(), space=Kept(8, 2)))
    before = run.trial.space.head.weight.clone()
    run.step(pk.Budget.parse("9steps"))
    assert not run.linear and torch.equal(run.trial.space.head.weight, before)


@pytest.mark.parametrize("method", [METHOD, pk.GaussNewton(points=80, boundary_points=16, resample=3)])
def test_resume_is_exact(method, tmp_path):
    whole = continued(method, linear, "12steps", [], tmp_path)
    assert isinstance(whole[0]._system()[0], ProjectedSystem)
    same(whole, continued(method, linear, "12steps", [1, 7], tmp_path))


@pytest.mark.parametrize("projection", [False, True])
def test_duplicated_neurons_do_no_harm(projection):
    """Equal columns make the matrix singular; steps stay finite and lower the loss."""
    method = pk.GaussNewton(points=80, boundary_points=4, resample=None, projection=projection)
    run = method.start(task(linear(), space=pk.MLP(16, 1)))
    with torch.no_grad():
        run.trial.space.hidden[0].bias.copy_(torch.linspace(-1, 1, 16))
        for p in run.trial.space.hidden.parameters():
            p[8:] = p[:8]
    found = [run.step(pk.Budget.parse("99steps")).loss for _ in range(15)]
    assert isinstance(run._system()[0], ProjectedSystem) is projection
    assert all(b < a for a, b in zip(found, found[1:], strict=False)) and found[-1] < 1e-3


def test_a_jacobian_of_zeros_ends_the_run():
    """No parameter changes the second derivative of a network whose weights are zero."""
    problem = pk.Problem(domain=LINE, unknowns="u", equations={"e": lambda u: u.xx - 1})
    run = METHOD.start(task(problem))
    with torch.no_grad():
        for p in run.parameters:
            p.zero_()
    step = run.step(pk.Budget.parse("9steps"))
    assert step.stop.status is Status.STALLED and "the gradient is zero" in step.stop.reason and step.loss == 1.0
    assert all((p == 0).all() for p in run.parameters)
