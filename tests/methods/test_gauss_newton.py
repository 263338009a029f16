"""Gauss-Newton: Jacobians and steps against closed forms and autograd, and how it ends."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Progress, Sequence, Status, drive
from pinnkit.methods.gauss_newton import linear_model
from pinnkit.methods.gauss_newton import method as gauss_newton
from pinnkit.methods.gauss_newton.jacobian import metric_root, metric_values, residual_jacobian, scaled_residuals
from pinnkit.methods.gauss_newton.levenberg import DampedSystem, Damping, gram
from pinnkit.methods.gauss_newton.linear_model import FreeSystem
from pinnkit.methods.gauss_newton.method import GaussNewtonRun
from pinnkit.methods.gauss_newton.nystroem import NystroemPreconditioner, conjugate_gradients

from .small import ADAM, LINE, SPACE, inverse, linear, nonlinear, task
from .test_resume import continued, same

METHOD = pk.GaussNewton(points=40, boundary_points=4, resample=None)


def system():
    """Two unknowns on a square, periodic in x, with hard and soft conditions."""
    square = pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=square, unknowns="u v",
        equations={"a": lambda u, v: u.laplacian + u * v.x, "b": lambda u, v, p: v.y - u**2 + p.y},
        conditions=[pk.Periodic("x"), pk.Dirichlet(u=1.0, on=square.boundary["bottom"], hard=True),
                    pk.Dirichlet(v=0.5, on=square.boundary["bottom"])],
    )  # fmt: skip


def energy():
    return pk.Problem(
        domain=LINE, unknowns="u", energy=lambda u, p: (1 + p.x) * u.x**2 / 2 + u**2 - u * p.x,
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True)],
    )  # fmt: skip


def by_autograd(run):
    """The Jacobian by one backward pass for each row."""
    rows = scaled_residuals(run.training.discretisation, run.trial)
    found = [torch.autograd.grad(r, run.parameters, retain_graph=True, materialize_grads=True) for r in rows]
    return torch.stack([run.training.flat(parts) for parts in found]), rows.detach()


@pytest.mark.parametrize("make", [nonlinear, inverse, system])
@pytest.mark.parametrize("memory", [math.inf, 1.0])
def test_the_jacobian_is_that_of_autograd(make, memory):
    run = METHOD.start(task(make()))
    training = run.training
    training.collocation.factors[0] = torch.linspace(0.5, 2.0, len(training.blocks[0].points), dtype=torch.float64)
    jacobian, rows = residual_jacobian(training.collocation, run.trial, training.unknown_parameters, memory)
    expected, residuals = by_autograd(run)
    assert torch.allclose(jacobian, expected, rtol=1e-11, atol=1e-11 * expected.abs().max())
    assert torch.allclose(rows, residuals, rtol=1e-13, atol=1e-13)
    assert (rows @ rows).item() == pytest.approx(training.loss().item(), rel=1e-13)


def test_the_jacobian_is_that_of_jacrev():
    run = METHOD.start(task(nonlinear()))
    names = dict(run.trial.named_parameters())

    def residuals(tensors):
        return scaled_residuals(
            run.training.collocation, lambda x: torch.func.functional_call(run.trial, tensors, (x,))
        )

    blocks = torch.func.jacrev(residuals)({name: p.detach() for name, p in names.items()})
    expected = torch.cat([blocks[name].flatten(1) for name in names], 1)
    jacobian, _ = residual_jacobian(run.training.collocation, run.trial, [])
    assert torch.allclose(jacobian, expected, rtol=1e-11, atol=1e-11 * expected.abs().max())


def test_means_over_facets_have_rows_of_their_own():
    run = METHOD.start(task(nonlinear()))
    block = run.training.blocks[0]
    points = block.points
    block.points = pk.Points(points.coordinates, points.names, None, torch.arange(40) // 4)
    jacobian, rows = residual_jacobian(run.training.collocation, run.trial, [])
    expected, _ = by_autograd(run)
    assert len(rows) == 10 + 2
    assert torch.allclose(jacobian, expected, rtol=1e-11, atol=1e-11 * expected.abs().max())


@pytest.mark.parametrize("space", [pk.LRNN(rank=4), pk.KAN(width=3), pk.SIREN(width=6, depth=2), pk.IAT(),
                                   pk.LehmerNetwork(), pk.WIRE(width=4, depth=2)], ids=lambda s: s.title)  # fmt: skip
def test_spaces_map_over_points(space):
    made = task(system(), space=space)
    run = pk.GaussNewton(points=6, boundary_points=4, resample=None).start(made)
    jacobian, _ = residual_jacobian(run.training.collocation, run.trial, [])
    expected, _ = by_autograd(run)
    assert torch.allclose(jacobian, expected, rtol=1e-9, atol=1e-10 * expected.abs().max())


def test_the_metric_of_a_quadratic_energy_is_its_hessian_for_the_head():
    run = METHOD.start(task(energy()))
    integral, head = run.training.discretisation, run.trial.space.head.weight
    for p in run.parameters:
        p.requires_grad_(p is head)
    root = metric_root(integral, run.trial)

    def value(weight):
        return integral.loss(lambda x: torch.func.functional_call(run.trial, {"space.head.weight": weight}, (x,)))

    hessian = torch.autograd.functional.hessian(value, head.detach()).reshape(head.numel(), -1)
    assert torch.allclose(root.mT @ root, hessian, rtol=1e-10, atol=1e-10 * hessian.abs().max())
    values = metric_values(integral, run.trial)
    rows = torch.stack([torch.autograd.grad(v, head, retain_graph=True)[0].flatten() for v in values])
    assert torch.allclose(root, rows, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_damped_steps_solve_the_stacked_system(shape):
    generator = torch.Generator().manual_seed(0)
    jacobian = torch.randn(shape, generator=generator, dtype=torch.float64)
    side = torch.randn(shape[0], generator=generator, dtype=torch.float64)
    assert torch.allclose(gram(jacobian), jacobian.mT @ jacobian, atol=1e-13)
    rows, gradient = DampedSystem(jacobian), DampedSystem(jacobian, rows=False)
    assert rows.by_rows is (shape[0] < shape[1]) and not gradient.by_rows
    for damping in (1e-6, 1e-2, 10.0):
        stacked = torch.cat([jacobian, math.sqrt(damping) * torch.eye(shape[1], dtype=torch.float64)])
        right = torch.cat([-side, torch.zeros(shape[1], dtype=torch.float64)])
        expected = torch.linalg.lstsq(stacked, right[:, None]).solution[:, 0]
        assert rows.damp(damping) and gradient.damp(damping)
        assert torch.allclose(rows.solve(side), expected, rtol=1e-8, atol=1e-10)
        assert torch.allclose(gradient.solve(jacobian.mT @ side), expected, rtol=1e-6, atol=1e-7)


def test_refinement_makes_normal_equations_as_good_as_qr():
    """Columns whose condition is 1e6: its square leaves normal equations four digits."""
    generator = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(60, 20, generator=generator, dtype=torch.float64)).Q
    jacobian = basis * torch.logspace(0, -6, 20, dtype=torch.float64)
    jacobian = jacobian @ torch.linalg.qr(torch.randn(20, 20, generator=generator, dtype=torch.float64)).Q
    true = torch.ones(20, dtype=torch.float64)
    system = DampedSystem(jacobian)
    assert system.damp(1e-30)
    plain = -system._backward(jacobian.mT @ -(jacobian @ true))
    refined = system.solve(-(jacobian @ true))
    assert (refined - true).norm() < 1e-2 * (plain - true).norm()


def test_a_singular_system_says_so():
    assert not DampedSystem(torch.zeros(4, 3, dtype=torch.float64)).damp(0.0)
    assert DampedSystem(torch.zeros(4, 3, dtype=torch.float64)).damp(1e-3)


def test_the_gain_ratio_moves_the_damping():
    damping = Damping(1.0)
    damping.succeed(1.0)
    assert damping.value == pytest.approx(0.1)  # a perfect model: the least factor
    damping.succeed(0.5)
    assert damping.value == pytest.approx(0.1)  # half of what was promised: as it is
    damping.succeed(0.25)
    assert damping.value == pytest.approx(0.1 * 1.125)
    for factor in (2, 4, 8):
        before = damping.value
        damping.fail()
        assert damping.value == pytest.approx(before * factor)
    damping.succeed(1.0)
    assert damping.growth == 2


def free(run, **options):
    residuals = lambda: scaled_residuals(run.training.collocation, run.trial)  # noqa: E731
    flat, split = run.training.flat, run.training.split
    return FreeSystem(residuals, run.parameters, flat, split, torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize("make", [nonlinear, inverse, system])
def test_steps_without_matrices_are_those_with(make, monkeypatch):
    monkeypatch.setattr(linear_model, "TOLERANCE", 1e-11)
    run = METHOD.start(task(make()))
    jacobian, rows = residual_jacobian(run.training.collocation, run.trial, run.training.unknown_parameters)
    dense, matrixfree = DampedSystem(jacobian), free(run)
    vector = torch.linspace(-1, 1, jacobian.shape[1], dtype=torch.float64)
    assert torch.allclose(matrixfree.product(vector), jacobian @ vector, rtol=1e-10, atol=1e-10)
    assert torch.allclose(matrixfree.transposed(rows), jacobian.mT @ rows, rtol=1e-10, atol=1e-10)
    for damping in (1e-2, 1.0):
        assert dense.damp(damping) and matrixfree.damp(damping)
        expected, found = dense.solve(rows), matrixfree.solve(rows)
        assert (found - expected).norm() < 1e-6 * expected.norm()


def test_the_preconditioner_saves_iterations():
    """Rank 20 takes away the twenty large eigenvalues of a matrix; what is left is a multiple of one."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(200, 200, generator=generator, dtype=torch.float64)).Q
    values = torch.cat([torch.logspace(6, 2, 20, dtype=torch.float64), torch.full((180,), 1e-9, dtype=torch.float64)])
    matrix = basis * values @ basis.mT
    side = torch.ones(200, dtype=torch.float64)
    damped = lambda v: matrix @ v + 1e-3 * v  # noqa: E731
    made = NystroemPreconditioner(lambda v: v @ matrix, 200, 25, generator, side)
    assert torch.allclose(made.values[:20], values[:20], rtol=1e-6)
    _, plain = conjugate_gradients(damped, side, lambda v: v, 1e-8, 200)
    solution, iterations = conjugate_gradients(damped, side, lambda v: made(1e-3, v), 1e-8, 200)
    assert iterations <= 8 < plain
    assert (damped(solution) - side).norm() <= 1e-7 * side.norm()


def test_one_step_solves_a_linear_model():
    """Over a few frozen functions the residual is linear: an undamped step is the least-squares solution."""
    made = task(linear(), space=pk.RandomFeatures(3, scale=4.0))
    run = METHOD.start(made)
    coefficients, _ = pk.methods.solve_least_squares(*run.training.collocation.system(run.trial))
    jacobian, rows = residual_jacobian(run.training.collocation, run.trial, [])
    system = DampedSystem(jacobian)
    assert system.damp(0.0)
    run.training.move(run.training.flat(run.parameters) + system.solve(rows))
    head = run.trial.space.head
    assert torch.allclose(torch.cat([head.weight[0], head.bias]), coefficients, rtol=1e-6, atol=1e-8)


def test_it_converges_faster_than_linearly_where_the_residual_vanishes():
    """More parameters than residuals; as the damping goes to zero, the factors of the last steps do."""
    run = pk.GaussNewton(points=9, boundary_points=4, resample=None).start(task(nonlinear()))
    budget, sizes = pk.Budget.parse("100steps"), [1.0]
    while sizes[-1] > 1e-10 and len(sizes) < 80:
        sizes.append(run.step(budget).loss ** 0.5)
    first, second, third = (b / a for a, b in zip(sizes[-4:], sizes[-3:], strict=False))
    assert sizes[-1] <= 1e-10 and third < second < first < 0.5 and third < 0.02


def test_it_beats_what_first_order_methods_reach():
    solution = pk.solve(nonlinear(), SPACE, METHOD, budget="60steps", tolerance=1e-13)
    assert solution.relative_l2 < 1e-5
    found = [record["loss"] for record in solution.history]
    assert all(b <= a for a, b in zip(found, found[1:], strict=False))


def test_a_parameter_is_recovered_and_reported():
    problem = inverse()
    solution = pk.solve(problem, SPACE, pk.GaussNewton(points=200), budget="60steps", tolerance=1e-13)
    assert problem.parameters[0].item() == pytest.approx(0.7, rel=1e-4)
    assert solution.metrics["problem_parameters"]["k"] == problem.parameters[0].item()
    assert solution.history[-1]["parameters"]["k"] == problem.parameters[0].item()


def test_an_energy_is_made_least():
    exact = lambda p: torch.sin(math.pi * p.x)  # noqa: E731
    problem = pk.Problem(
        domain=LINE, unknowns="u", energy=lambda u, p: u.x**2 / 2 - math.pi**2 * exact(p) * u, reference=exact,
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True)],
    )  # fmt: skip
    solution = pk.solve(problem, SPACE, pk.GaussNewton(), budget="40steps", tolerance=1e-13)
    assert solution.relative_l2 < 1e-4 and solution.metrics["loss"] == pytest.approx(-math.pi**2 / 4, rel=1e-6)


@pytest.mark.parametrize("make", [nonlinear, energy])
def test_many_parameters_go_without_matrices(make, monkeypatch):
    monkeypatch.setattr(gauss_newton, "DENSE", 10)
    run = METHOD.start(task(make()))
    assert run.free
    budget = pk.Budget.parse("9steps")
    losses = [run.step(budget).loss for _ in range(8)]
    assert all(b < a for a, b in zip(losses, losses[1:], strict=False))


def test_too_little_memory_goes_without_matrices():
    run = pk.GaussNewton(points=2000, memory=1, resample=None).start(task(nonlinear()))
    assert isinstance(run._system()[0], FreeSystem)


def test_a_module_that_cannot_be_mapped_goes_without_matrices():
    class Sorted(torch.nn.Module):
        """Branches on its values, which `vmap` cannot."""

        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Linear(1, 6), torch.nn.Linear(6, 1)

        def forward(self, x):
            y = torch.tanh(self.first(x))
            return self.last(y if float(self.first.weight.sum()) < 1e9 else -y)

    run = METHOD.start(task(nonlinear(), space=pk.ModuleSpace(Sorted())))
    if not run.free:
        run.step(pk.Budget.parse("1steps"))
    values = [run.step(pk.Budget.parse("9steps")).loss for _ in range(5)]
    assert values[-1] < values[0]


def test_points_grow_as_they_become_too_few():
    method = pk.GaussNewton(points=320, boundary_points=16, resample=3)
    run = method.start(task(nonlinear()))
    assert isinstance(run, GaussNewtonRun) and run.training.numbers == (40, 2)
    drive(run, task(nonlinear()), pk.Budget.parse("12steps"), Progress())
    assert run.training.numbers[0] in (40, 80, 160, 320)
    run.loss = 0.0
    run.step(pk.Budget(steps=99, steps_done=15))
    assert run.training.numbers[0] >= 80
    while run._grow():
        pass
    assert run.training.numbers == (320, 16)


def test_the_end_is_explained():
    """Nothing can be better than zero."""
    problem = pk.Problem(domain=LINE, unknowns="u", equations={"e": lambda u: u.xx},
                         conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary)])  # fmt: skip
    run = METHOD.start(task(problem))
    with torch.no_grad():
        run.trial.space.head.weight.zero_()
    step = run.step(pk.Budget.parse("9steps"))
    assert step.stop.status is Status.STALLED
    assert "gives a smaller loss than 0.000e+00 (the gradient is zero)" in step.stop.reason


@pytest.mark.parametrize("method", [METHOD, pk.GaussNewton(points=80, boundary_points=16, resample=3)])
@pytest.mark.parametrize("make", [nonlinear, inverse])
def test_resume_is_exact(method, make, tmp_path):
    whole = continued(method, make, "12steps", [], tmp_path)
    same(whole, continued(method, make, "12steps", [1, 7], tmp_path))


def test_it_follows_adam_in_a_sequence():
    solution = pk.solve(nonlinear(), SPACE, Sequence([ADAM, METHOD]), budget="60steps")
    assert solution.metrics["method"] == "adam+gauss-newton" and solution.relative_l2 < 1e-4


@pytest.mark.parametrize(("options", "message"), [
    ({"points": 0}, "points must be a positive whole number"), ({"resample": 0}, "resample must be"),
    ({"memory": -1}, "memory must be"), ({"damping": 0.0}, "damping must be positive"),
])  # fmt: skip
def test_options_are_checked(options, message):
    with pytest.raises(pk.InputError, match=message):
        pk.GaussNewton(**options)


def test_parameters_of_energies_are_refused():
    k = pk.Parameter("k", 1.0)
    problem = pk.Problem(domain=LINE, unknowns="u", energy=lambda u: k * u.x**2 - u, parameters=[k],
                         conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True)])  # fmt: skip
    with pytest.raises(pk.InputError, match="finds no parameters of energies, but 'k'"):
        pk.GaussNewton().start(task(problem))
