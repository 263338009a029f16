"""Weak forms: against closed forms, on every kind of cells, for coefficients that jump, and what cannot be stated."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.domains.cells import box_cells
from pinnkit.methods import Task
from pinnkit.methods.frozen.head import solve_head
from pinnkit.methods.training import Training
from pinnkit.problem.hat_functions import HatFunctions
from pinnkit.problem.weak_system import WeakBlock
from tests.domains.shapes import ARROW, mesh

SQUARE, LINE = pk.Box([-1, -1], [1, 1]), pk.Interval(0, 1)
CLAMPED = [pk.Dirichlet(u=0.0, on=SQUARE.boundary)]


def stiffness(u, v):
    return u.x * v.x + u.y * v.y


def stated(weak, unknowns="u", conditions=(), domain=SQUARE, **others):
    return pk.Problem(domain=domain, unknowns=unknowns, weak=weak, conditions=conditions, **others)


def cubic(x):
    """A polynomial with its gradient and Laplacian."""
    a, b = x[:, 0], x[:, 1]
    return a**3 - 2 * a * b**2 + b, torch.stack([3 * a**2 - 2 * b**2, 1 - 4 * a * b], 1), 6 * a - 4 * a


DOMAINS = {"box": SQUARE, "polygon": pk.Polygon(ARROW), "clockwise": pk.Polygon(ARROW[::-1]), "mesh": mesh("l")}


@pytest.mark.parametrize("name", DOMAINS)
def test_the_solution_satisfies_every_row_to_rounding(name):
    """-Laplace u + u = f with Dirichlet, Neumann and Robin parts, all integrands polynomials of low degree."""
    domain = DOMAINS[name]
    first, second, *rest = domain.boundary.names

    def robin(u, v, p):
        value, gradient, _ = cubic(p.coordinates)
        return (2 * u - (2 * value + (gradient * p.normal).sum(1))) * v

    def neumann(v, p):
        return -(cubic(p.coordinates)[1] * p.normal).sum(1) * v

    forms = [
        lambda u, v, p: stiffness(u, v) + u * v + (cubic(p.coordinates)[2] - cubic(p.coordinates)[0]) * v,
        pk.Weak(robin, on=domain.boundary[second]),
        *[pk.Weak(neumann, on=domain.boundary[name]) for name in rest],
    ]
    problem = stated(forms, domain=domain, conditions=[pk.Dirichlet(u=0.0, on=domain.boundary[first])])
    block = WeakBlock(problem, 60)
    rows = block.evaluate(lambda x: (x[:, 0] ** 3 - 2 * x[:, 0] * x[:, 1] ** 2 + x[:, 1])[:, None])
    assert len(rows) > 60 and rows.abs().max() < 1e-13
    assert block.evaluate(lambda x: x[:, :1] ** 3).abs().max() > 0.01
    # Without the natural terms it does not.
    lone = WeakBlock(stated(forms[0], domain=domain, conditions=problem.conditions), 60)
    assert lone.evaluate(lambda x: (x[:, 0] ** 3 - 2 * x[:, 0] * x[:, 1] ** 2 + x[:, 1])[:, None]).abs().max() > 0.01


def test_the_system_is_the_linearisation_of_the_rows():
    weak = lambda u, w, v, q, p: u.x * v.x + u.y * v.y + u * w * v + w.x * q.y + (w - p.x * u**2) * q - p.y * v  # noqa: E731
    problem = stated(weak, "u w", [pk.Dirichlet(u=lambda p: p.x, on=SQUARE.boundary["left"], hard=True)])
    assert problem.nonlinear == "weak form"
    block = WeakBlock(problem, 100)
    trial = problem.trial(pk.LRNN(5, omega=3.0), torch.Generator().manual_seed(0))
    rows = block.evaluate(trial).detach()
    matrix, side = block.system(trial, about=trial)
    torch.testing.assert_close(side, -rows, rtol=1e-12, atol=1e-14)
    head = torch.cat([trial.space.head.weight, trial.space.head.bias[:, None]], 1).detach()
    change = torch.randn(head.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moved = []
    for step in (1e-6, -1e-6):
        trial.set_head(head + step * change)
        moved.append(block.evaluate(trial).detach())
    trial.set_head(head)
    found = matrix @ change.flatten()
    torch.testing.assert_close((moved[0] - moved[1]) / 2e-6, found, rtol=1e-6, atol=1e-7 * found.abs().max().item())
    # Onto the lift it is the whole function that is solved for.
    whole, onto = block.system(trial, trial, trial.lift)
    torch.testing.assert_close(whole, matrix)
    torch.testing.assert_close(onto, side + matrix @ head.flatten(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dimension", [1, 2])
def test_the_sum_of_squares_is_a_dual_norm(dimension):
    """Of the residual sin k pi x it is about 1 / k pi whatever k; of local functions alone it would not depend on k."""
    domain = pk.Box([0] * dimension, [1] * dimension)
    sizes = []
    for k in (1, 2, 4, 8):
        def residual(u, v, p, k=k):
            return math.prod(torch.sin(k * math.pi * x) for x in p.coordinates.T) * v + 0 * u.value * v

        problem = stated(residual, domain=domain, conditions=[pk.Dirichlet(u=0.0, on=domain.boundary)])
        rows = WeakBlock(problem, 1500).evaluate(lambda x: x[:, :1])
        sizes.append(rows.norm().item() * k * math.pi)
    assert max(sizes) / min(sizes) < 2.5


def test_polynomials_are_taken_where_hats_are_too_few():
    cells = box_cells(SQUARE.bounds, 16, [[], []])
    assert [(HatFunctions(cells, n).degree, HatFunctions(cells, n).size) for n in (10, 40, 90)] == [
        (0, 16), (1, 48), (2, 96)
    ]  # fmt: skip


class Kinked(torch.nn.Module):
    """Random features of the point and its distance from an interface: what can have a kink there, and nowhere else."""

    def __init__(self, dimension, interface, size):
        super().__init__()
        g, self.interface = torch.Generator().manual_seed(0), interface
        self.weight = torch.randn(size, dimension + 1, generator=g, dtype=torch.float64)
        self.bias = torch.randn(size, generator=g, dtype=torch.float64)
        self.head = torch.nn.Linear(size, 1, dtype=torch.float64)

    def forward(self, x):
        inputs = torch.cat([x, (x[:, :1] - self.interface).abs()], 1)
        return self.head(torch.tanh(torch.nn.functional.linear(inputs, self.weight, self.bias)))


def layers(at=0.4, low=1.0, high=10.0, hard=True):
    """-(k u')' = 1 with k = 1 up to 0.4 and 10 beyond, u = 0 at both ends."""
    k = lambda p: torch.where(p.x < at, p.x.new_tensor(low), p.x.new_tensor(high))  # noqa: E731
    c = (at**2 / (2 * low) + (1 - at**2) / (2 * high)) / (at / low + (1 - at) / high)

    def exact(p):
        left = (c * p.x - p.x**2 / 2) / low
        return torch.where(p.x < at, left, (c * (p.x - 1) - (p.x**2 - 1) / 2) / high)

    return stated(
        pk.Weak(lambda u, v, p: k(p) * u.x * v.x - v, breaks={"x": [at]}), domain=LINE, reference=exact,
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary, hard=hard)],
    )  # fmt: skip


def plane_layers():
    """-div(k grad u) = 2 pi^2 sin pi x sin pi y, k = 1 for x < 0 and 10 beyond: u = sin pi x sin pi y / k."""
    wave = lambda p: torch.sin(math.pi * p.x) * torch.sin(math.pi * p.y)  # noqa: E731
    k = lambda p: torch.where(p.x < 0, p.x.new_tensor(1.0), p.x.new_tensor(10.0))  # noqa: E731
    return stated(
        pk.Weak(lambda u, v, p: k(p) * stiffness(u, v) - 2 * math.pi**2 * wave(p) * v, breaks={"x": [0.0]}),
        conditions=[pk.Dirichlet(u=0.0, on=SQUARE.boundary, hard=True)], reference=lambda p: wave(p) / k(p),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "space", "error"),
    [(layers(), Kinked(1, 0.4, 80), 1e-11), (layers(hard=False), Kinked(1, 0.4, 80), 1e-11),
     (plane_layers(), Kinked(2, 0.0, 300), 1e-6)],
    ids=["hard", "soft", "plane"],
)
def test_a_coefficient_may_jump(problem, space, error):
    task = Task(problem)
    trial = task.trial(pk.ModuleSpace(space), task.generator(0))
    residual = solve_head(trial, task, task.generator(1))
    points = problem.domain.interior(2000, task.generator(2))
    with torch.no_grad():
        wrong = trial(points.coordinates)[:, 0] - problem.reference(points)
    assert wrong.norm() / problem.reference(points).norm() < error
    # In the dual norm, the residual is an error estimate.
    assert residual < 10 * error


def test_a_space_without_kinks_comes_near_all_the_same():
    """Without the coarser levels it is content with an error of one third. The residual in the dual norm tells."""
    solution = pk.solve(layers(), method=pk.LeastSquares(start_size=150, max_size=150))
    assert solution.relative_l2 < 0.03
    assert 0.3 < solution.estimated_error / solution.relative_l2 < 10


def test_iat_with_smooth_bases_converges_spectrally():
    """Its states have no double roots and its bases are waves: the functions are analytic, whatever relu is."""
    exact = lambda p: torch.sin(math.pi * p.x)  # noqa: E731
    problem = stated(
        lambda u, v, p: u.x * v.x - math.pi**2 * exact(p) * v, domain=LINE, reference=exact,
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True)],
    )  # fmt: skip
    found = [pk.solve(problem, pk.IAT(), pk.LeastSquares(start_size=n, max_size=n)).relative_l2 for n in (10, 20, 40)]
    assert found[0] > 1e-8 and found[1] < 1e-2 * found[0] and found[2] < 1e-2 * found[1]


def test_iat_needs_first_derivatives_only():
    """With hats for inputs, second derivatives of the basis jump: the error falls, but by no more than a power."""
    exact = lambda p: torch.sin(math.pi * p.x)  # noqa: E731
    problem = stated(
        lambda u, v, p: u.x * v.x - math.pi**2 * exact(p) * v, domain=LINE, reference=exact,
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True)],
    )  # fmt: skip
    space = pk.IAT(input_basis="pwl", output_basis="pwl")
    found = [pk.solve(problem, space, pk.LeastSquares(start_size=n, max_size=n)).relative_l2 for n in (20, 80)]
    assert 1e-12 < found[1] < found[0] / 4


def test_newtons_method_takes_weak_forms():
    exact = lambda p: torch.sin(2 * p.x)  # noqa: E731
    problem = stated(
        lambda u, v, p: u.x * v.x + (u**3 - 4 * exact(p) - exact(p) ** 3) * v, domain=LINE, reference=exact,
        conditions=[pk.Dirichlet(u=exact, on=LINE.boundary)],
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=60, max_size=60))
    assert solution.relative_l2 < 1e-9


def test_two_unknowns_with_a_test_function_each():
    """-u'' + w = f, -w'' - u = g with u = sin pi x and w = x (1 - x) e^x; w is free at the right, where w' = -e."""
    u = lambda p: torch.sin(math.pi * p.x)  # noqa: E731
    w = lambda p: p.x * (1 - p.x) * torch.exp(p.x)  # noqa: E731
    source = lambda p: (p.x**2 + 3 * p.x) * torch.exp(p.x) - u(p)  # noqa: E731
    right = LINE.boundary["right"]
    problem = stated(
        [lambda u_, w_, a, b, p: u_.x * a.x + (w_ - math.pi**2 * u(p) - w(p)) * a + w_.x * b.x - (u_ + source(p)) * b,
         pk.Weak(lambda b, p: math.e * b, on=right)],
        "u_ w_", [pk.Dirichlet(u_=0.0, on=LINE.boundary), pk.Dirichlet(w_=0.0, on=LINE.boundary["left"])], LINE,
        reference=lambda p: {"u_": u(p), "w_": w(p)},
    )  # fmt: skip
    assert pk.solve(problem, method=pk.LeastSquares(start_size=60, max_size=60)).relative_l2 < 1e-9


@pytest.mark.parametrize("name", ["polygon", "mesh"])
def test_natural_conditions_on_triangles(name):
    domain = DOMAINS[name]
    exact = lambda p: torch.exp(p.x) * torch.sin(p.y)  # noqa: E731  harmonic
    first, *rest = domain.boundary.names

    def flux(v, p):
        gradient = torch.exp(p.x)[:, None] * torch.stack([torch.sin(p.y), torch.cos(p.y)], 1)
        return -(gradient * p.normal).sum(1) * v

    problem = stated(
        [stiffness, pk.Weak(flux, on=domain.boundary[tuple(rest)])], domain=domain, reference=exact,
        conditions=[pk.Dirichlet(u=exact, on=domain.boundary[first])],
    )  # fmt: skip
    assert pk.solve(problem, method=pk.LeastSquares(start_size=150, max_size=150)).relative_l2 < 1e-6


def test_periodic_and_in_time():
    """u_t + u_x = 0 around a circle."""
    domain = pk.Interval(0, 2 * math.pi) * pk.Time(0, 1)
    exact = lambda p: torch.sin(p.x - p.t)  # noqa: E731
    problem = stated(
        lambda u, v: (u.t + u.x) * v, domain=domain, reference=exact,
        conditions=[pk.Periodic("x"), pk.Initial(u=lambda p: torch.sin(p.x))],
    )  # fmt: skip
    assert pk.solve(problem, method=pk.LeastSquares(start_size=200, max_size=200)).relative_l2 < 1e-7


def test_it_is_a_loss_too():
    """With the gradient that differences give."""
    training = Training(Task(layers(hard=False), pk.MLP(8, 1)), 60, 4)
    training.loss().backward()
    parameter = training.trial.space.head.weight
    change = torch.ones_like(parameter)
    losses = []
    for step in (1e-5, -2e-5):
        with torch.no_grad():
            parameter += step * change
        losses.append(training.loss().item())
    assert (losses[0] - losses[1]) / 2e-5 == pytest.approx((parameter.grad * change).sum().item(), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weak": stiffness, "energy": lambda u: u.x**2}, "leave all but one of them out"),
        ({"weak": []}, "at least one equation, an energy or a weak form"),
        ({"weak": 3.0}, "must be a function such as"),
        ({"weak": lambda u: u.x}, "one test function for each unknown, here u, .* this one takes no test function"),
        ({"weak": lambda u, v, w: u.x * v.x + w},
         "here u, .* takes the test functions v, w. For several forms give a list"),
        ({"weak": lambda u, v: u.x * v.x * v}, r"must be linear in the test function v"),
        ({"weak": lambda u, v: u.x * v.x + u}, r"must be linear"),
        ({"weak": lambda u, v: u.x * v.xx}, "of the test function 'v' a form may use values and first derivatives"),
        ({"weak": [stiffness, pk.Weak(lambda u, v: u * v.x, on=SQUARE.boundary)]}, "values on the boundary only"),
        ({"weak": [stiffness, lambda u, w: u * w]}, "unknown argument of weak form 2 'w'"),
        ({"weak": [pk.Weak(lambda v: v.value, on=SQUARE.boundary)]}, "a part that is integrated over the domain"),
        ({"weak": (stiffness, pk.Weak(lambda v: v.value, on=pk.Box([0, 0], [1, 1])))},
         r"weak form 2: on= takes a part of the boundary, .* multiply by what is zero elsewhere"),
        ({"weak": pk.Weak(stiffness, breaks={"x": 0.5})}, r"breaks must be a dict of lists, .* got \{'x': 0.5\}"),
        ({"weak": pk.Weak(stiffness, breaks=[0.5])}, r"breaks must be a dict of lists, .* got \[0.5\]"),
        ({"weak": {"poisson": stiffness}}, "must be a function such as .*, a pk.Weak, or a list of them, got"),
        ({"weak": stiffness, "conditions": [pk.Robin(u=0.0, on=SQUARE.boundary)]},
         r"\(alpha \* u - g\(p\)\) / beta \* v"),
        ({"weak": stiffness, "conditions": [pk.Neumann(u=0.0, on=SQUARE.boundary)]}, "Neumann conditions are natural"),
        ({"weak": lambda u, v, w, q: u.x * w.x + v * 0 * q, "unknowns": "u v"}, None),
        ({"weak": lambda v: v.value}, "no equation uses the unknown 'u'"),
    ],
)
def test_what_can_be_stated_and_what_not(arguments, message):
    arguments = {"domain": SQUARE, "unknowns": "u", **arguments}
    if message is None:
        pk.Problem(**arguments)
    else:
        with pytest.raises(pk.InputError, match=message):
            pk.Problem(**arguments)


@pytest.mark.parametrize(
    ("domain", "breaks", "message"),
    [
        (pk.Disk([0, 0], 1), None, "a weak form needs cells, .* got Disk: mesh it"),
        (SQUARE, {"x": [2.0]}, r"breaks must lie inside \[-1, 1\], got 2.0"),
        (SQUARE, {"z": [0.0]}, "unknown coordinate in breaks 'z'"),
        (pk.Polygon(ARROW), {"x": [0.5]}, "breaks cut boxes only"),
    ],
)
def test_what_has_no_cells(domain, breaks, message):
    with pytest.raises(pk.InputError, match=message):
        stated(pk.Weak(stiffness, breaks=breaks), domain=domain)


def test_the_ritz_method_says_so_of_forms_that_are_no_energys():
    with pytest.raises(pk.InputError, match="needs an energy; this weak form is not the first variation"):
        pk.solve(stated(lambda u, v: u.x * v.x + u.y * v.y + u.x * v, conditions=CLAMPED), method=pk.Ritz())
