"""Time marching against closed forms, and its order in the length of a window."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.jets import evaluate
from pinnkit.methods import Budget, Task, TimeMarching
from pinnkit.methods.marching.evolution import Evolution
from pinnkit.methods.marching.time_polynomials import TimePolynomials, radau_points

PI = math.pi
LINE = pk.Interval(0, 1) * pk.Time(0, 0.5)


def march(problem: pk.Problem, steps: int = 60, tolerance: float = 5e-6, **options: object) -> pk.Solution:
    """Solve, for a few rounds."""
    return pk.solve(problem, method=TimeMarching(), budget=f"{steps}steps", tolerance=tolerance, **options)


def heat(*conditions: object, exact=lambda p: torch.sin(PI * p.x) * torch.exp(-p.t)) -> pk.Problem:
    """u_t = u_xx + f."""
    return pk.Problem(
        domain=LINE, unknowns="u", reference=exact, conditions=conditions,
        equations={"heat": lambda u, p: u.t - u.xx - (PI**2 - 1) * exact(p)},
    )  # fmt: skip


START = pk.Initial(u=lambda p: torch.sin(PI * p.x))


@pytest.mark.parametrize(
    "conditions",
    [
        [START, pk.Dirichlet(u=0.0, on=LINE.boundary)],
        [pk.Initial(u=lambda p: torch.sin(PI * p.x), hard=True), pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True)],
        [START, pk.Neumann(u=lambda p: -PI * torch.exp(-p.t), on=LINE.boundary)],
        [START, pk.Dirichlet(u=0.0, on=LINE.boundary["left"], hard=True),
         pk.Robin(u=lambda p: -PI * torch.exp(-p.t), on=LINE.boundary["right"])],
    ],
    ids=["soft", "hard", "neumann", "mixed"],
)  # fmt: skip
def test_heat_with_every_kind_of_condition(conditions: list[object]) -> None:
    solution = march(heat(*conditions))
    assert solution.relative_l2 < 1e-5
    assert solution.relative_l2 < 10 * solution.estimated_error


def test_lateral_data_that_change_in_time_are_met_exactly_where_hard() -> None:
    exact = lambda p: torch.cos(PI * p.x) * torch.exp(-p.t)  # noqa: E731
    problem = heat(
        pk.Initial(u=exact), pk.Dirichlet(u=exact, on=LINE.boundary, hard=True), exact=exact
    )
    solution = march(problem)
    assert solution.relative_l2 < 1e-5
    t = torch.linspace(0, 0.5, 30, dtype=torch.float64)
    left = solution(torch.stack([0 * t, t], 1))
    assert torch.allclose(left, torch.exp(-t), atol=1e-13)


def test_wave_equation_of_second_order_in_time() -> None:
    exact = lambda p: torch.sin(PI * p.x) * torch.cos(2 * PI * p.t)  # noqa: E731
    solution = march(pk.Problem(
        domain=LINE, unknowns="u", equations={"wave": lambda u: u.tt - 4 * u.xx}, reference=exact,
        conditions=[START, pk.Initial(u_t=0.0), pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True)],
    ))  # fmt: skip
    assert solution.relative_l2 < 1e-5


def test_system_of_two_unknowns_on_a_periodic_line() -> None:
    line = pk.Interval(0, 2) * pk.Time(0, 1)
    exact = lambda p: {"u": torch.sin(PI * (p.x - p.t)), "v": -torch.sin(PI * (p.x - p.t))}  # noqa: E731
    solution = march(pk.Problem(
        domain=line, unknowns="u v", equations={"a": lambda u, v: u.t - v.x, "b": lambda u, v: v.t - u.x},
        conditions=[pk.Initial(u=lambda p: torch.sin(PI * p.x), v=lambda p: -torch.sin(PI * p.x)), pk.Periodic("x")],
        reference=exact,
    ))  # fmt: skip
    assert solution.relative_l2 < 1e-5


def test_an_unknown_without_time_derivative_needs_no_start() -> None:
    exact = lambda p: torch.sin(PI * p.x) * torch.exp(-p.t)  # noqa: E731
    solution = march(pk.Problem(
        domain=LINE, unknowns="u v",
        equations={"u": lambda u, v: u.t + v, "v": lambda u, v: v - u},
        conditions=[START], reference=lambda p: {"u": exact(p), "v": exact(p)},
    ))  # fmt: skip
    assert solution.relative_l2 < 1e-5


def test_nonlinear_growth_at_every_place() -> None:
    start = lambda p: 0.2 + 0.1 * torch.cos(PI * p.x)  # noqa: E731
    exact = lambda p: 1 / (1 + (1 / start(p) - 1) * torch.exp(-8 * p.t))  # noqa: E731
    solution = march(pk.Problem(
        domain=LINE, unknowns="u", equations={"logistic": lambda u: u.t - 8 * u * (1 - u)}, reference=exact,
        conditions=[pk.Initial(u=start)],
    ))  # fmt: skip
    assert solution.relative_l2 < 1e-5
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10


def test_heat_in_a_square() -> None:
    square = pk.Box([0, 0], [1, 1]) * pk.Time(0, 0.1)
    exact = lambda p: torch.exp(-p.t) * torch.sin(PI * p.x) * torch.sin(PI * p.y)  # noqa: E731
    solution = pk.solve(pk.Problem(
        domain=square, unknowns="u", reference=exact, conditions=[pk.Initial(u=exact), pk.Dirichlet(u=0.0, hard=True,
                                                                                               on=square.boundary)],
        equations={"heat": lambda u, p: u.t - u.laplacian - (2 * PI**2 - 1) * exact(p)},
    ), method=TimeMarching(stages=2, max_size=120), budget="40steps", tolerance=1e-2)  # fmt: skip
    assert solution.relative_l2 < 1e-3 and solution.relative_l2 < solution.estimated_error < 1e-2


def logistic(length: float = 1.0) -> pk.Problem:
    """u_t = 4 u (1 - u), the same at every place."""
    return pk.Problem(
        domain=pk.Interval(0, 1) * pk.Time(0, length), unknowns="u", conditions=[pk.Initial(u=0.2)],
        equations={"logistic": lambda u: u.t - 4 * u * (1 - u)},
        reference=lambda p: 1 / (1 + 4 * torch.exp(-4 * p.t)),
    )  # fmt: skip


@pytest.mark.parametrize(("stages", "lengths"), [(2, (0.1, 0.05, 0.025)), (3, (0.2, 0.1, 0.05))])
def test_order_of_a_window_is_that_of_radau_iia(stages: int, lengths: tuple[float, ...]) -> None:
    """u_t = -u: the end of a window is the Pade approximation of exp(-h), and in error by O(h^(2 s))."""
    pade = {2: ([1, -1 / 3], [1, 2 / 3, 1 / 6]), 3: ([1, -2 / 5, 1 / 20], [1, 3 / 5, 3 / 20, 1 / 60])}[stages]
    above, below = (np.polynomial.Polynomial(series) for series in pade)
    errors = []
    for length in lengths:
        decay = pk.Problem(
            domain=pk.Interval(0, 1) * pk.Time(0, length), unknowns="u", conditions=[pk.Initial(u=1.0)],
            equations={"decay": lambda u: u.t + u},
        )  # fmt: skip
        run = TimeMarching(stages=stages).start(Task(decay))
        course = run.pair[0]
        course.length = length
        slices, coefficients = run._begin(course, run._state(course), torch.Generator().manual_seed(0))
        assert slices.newton(coefficients, 1e-14, linear=True)
        slices.finish(coefficients)
        end = slices.window(torch.tensor([[0.5, length]], dtype=torch.float64)).item()
        assert end == pytest.approx(above(length) / below(length), rel=1e-12)
        errors.append(abs(end - math.exp(-length)))
    slope = np.polyfit(np.log(lengths), np.log(errors), 1)[0]
    assert slope == pytest.approx(2 * stages, abs=0.2)


def test_radau_points_integrate_as_they_should() -> None:
    nodes = radau_points(3)
    assert np.allclose(nodes, [(-1 - math.sqrt(6)) / 5, (-1 + math.sqrt(6)) / 5, 1])


@pytest.mark.parametrize("order", [0, 1, 2])
def test_polynomials_carry_the_state_and_their_derivatives_are_right(order: int) -> None:
    polynomials = TimePolynomials(order, 3, order + 2, length=0.5)
    start = torch.cat([polynomials.values(np.array([-1.0]), q) * 0.5**q for q in range(max(order, 1))])
    if order:
        assert torch.allclose(start, torch.eye(order, order + 3, dtype=torch.float64), atol=1e-12)
    step = 1e-5
    s = np.array([0.3 - step, 0.3 + step])
    slope = (polynomials.values(s, 0)[1] - polynomials.values(s, 0)[0]) / (2 * step) * (2 / 0.5)
    assert torch.allclose(polynomials.values(np.array([0.3]), 1)[0], slope, atol=1e-7)


def test_the_space_of_the_user_is_used() -> None:
    exact = lambda p: torch.sin(PI * p.x) * torch.exp(-p.t)  # noqa: E731
    problem = heat(START, pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True), exact=exact)
    solution = march(problem, steps=4, space=pk.LRNN(rank=20))
    assert isinstance(solution.trial.space, pk.LRNN)
    assert solution.trial.space.size == 20


@pytest.mark.parametrize("space", [None, pk.RandomFeatures(12, "tanh")])
def test_resumed_equals_uninterrupted(space: pk.RandomFeatures | None) -> None:
    task = Task(logistic(), space=space)
    whole, first, second = (TimeMarching().start(task) for _ in range(3))
    for _ in range(7):
        whole.step(Budget())
    for _ in range(4):
        first.step(Budget())
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        second.step(Budget())
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(whole.trial(x), second.trial(x))
    assert [c.length for c in whole.pair] == [c.length for c in second.pair]


def test_derivatives_across_windows() -> None:
    """They meet the equation to about the residual that the last round allows, 1e-5."""
    solution = march(logistic(), steps=200, tolerance=1e-6)
    points = torch.rand(100, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u = solution(points)
    assert torch.allclose(solution.derivative(points, "t"), 4 * u * (1 - u), rtol=0, atol=1e-5)
    # The two marches agree far better where both have left Newton's method too early.
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10
    assert len(solution.trial.windows) > 1


def test_a_march_that_has_not_come_to_its_end_stands_still() -> None:
    run = TimeMarching().start(Task(logistic()))
    for _ in range(6):
        run.step(Budget())
    trial = run.trial
    end = trial.windows[-1].end
    assert not run.done and 0.05 < end < 0.95
    points = torch.tensor([[0.3, end], [0.3, end + 1e-12], [0.3, (end + 1) / 2], [0.3, 1.0]], dtype=torch.float64)
    values = trial(points)[:, 0]
    assert torch.allclose(values, 1 / (1 + 4 * torch.exp(-4 * points[:1, 1])), rtol=1e-2)
    assert torch.equal(values[2:], values[:1].expand(2))
    slopes = evaluate(trial, points, [(1,)])[1,][:, 0]
    assert torch.allclose(slopes[:2], 4 * values[:2] * (1 - values[:2]), rtol=0.1) and not slopes[2:].any()


def test_looking_at_the_solution_in_single_precision_changes_nothing_of_the_march() -> None:
    work, other = (TimeMarching().start(Task(logistic(), dtype=torch.float32)) for _ in range(2))
    for _ in range(6):
        assert work.trial(torch.rand(3, 2)).dtype == torch.float32
        assert work.step(Budget()).loss == other.step(Budget()).loss


def test_every_number_of_every_window_is_counted() -> None:
    solution = march(logistic(), steps=30, space=pk.LRNN(rank=20))
    windows, metrics = solution.trial.windows, solution.metrics
    degrees = [window.space.head.out_features for window in windows]
    assert len(windows) > 1 and metrics["basis_functions"] == 20 * sum(degrees)
    assert metrics["trainable"] == 21 * sum(degrees)
    assert metrics["parameters"] == sum(p.numel() for window in windows for p in window.parameters())


def test_a_residual_that_is_no_number_is_no_small_one() -> None:
    """Between the points, where it was not looked at: the root of a negative number."""
    problem = pk.Problem(
        domain=LINE, unknowns="u", conditions=[pk.Initial(u=1.0)], equations={"e": lambda u: u.t + torch.sqrt(u.value)}
    )
    run = TimeMarching().start(Task(problem))
    slices, coefficients = run._begin(run.pair[0], run._state(run.pair[0]), torch.Generator().manual_seed(0))
    assert slices.defect(coefficients, slices.points, slices.weights, radau_points(3)) < 10
    below = [-c for c in coefficients]
    assert slices.defect(below, slices.points, slices.weights, radau_points(3)) == math.inf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"domain": pk.Interval(0, 1), "conditions": []}, "needs a domain with time"),
        ({"conditions": []}, r"add pk.Initial\(u=...\)"),
        ({"equations": {"e": lambda u: u.tt - u.xx}}, r"add pk.Initial\(u_t=...\)"),
        ({"equations": {"e": lambda u: u.xx}, "conditions": []}, "no equation has a derivative in time"),
        ({"conditions": [pk.Initial(u=0.2), pk.Initial(u_t=0.0)]}, "is no state of an equation of order 1"),
        ({"conditions": [pk.Initial(u=0.2), pk.Dirichlet(u=0.0, on=LINE.final)]}, "cannot meet Dirichlet u on final"),
        ({"conditions": [pk.Initial(u=0.2), pk.Observations([[0.5, 0.1]], u=[0.2])]}, "cannot meet Observ"),
        ({"conditions": [pk.Initial(u=0.2), pk.Periodic("t")]}, "cannot make time periodic"),
        ({"unknowns": "u v", "equations": {"e": lambda u, v: u.t + v}}, "needs an equation for each unknown"),
        ({"lift": lambda p: p.x}, "adds no known part"),
        ({"equations": None, "weak": lambda u, v: u.t * v.value}, "is an energy or a weak form"),
    ],
)  # fmt: skip
def test_what_cannot_be_marched_is_refused(change: dict[str, object], message: str) -> None:
    steady = {"e": lambda u: u.xx}
    equations = steady if "domain" in change else {"e": lambda u: u.t + u}
    parts = {"domain": LINE, "unknowns": "u", "equations": equations, "conditions": [pk.Initial(u=0.2)]}
    with pytest.raises(pk.InputError, match=message):
        Evolution(pk.Problem(**(parts | change)))


def test_options_are_checked() -> None:
    with pytest.raises(pk.InputError, match="stages must be at least 2"):
        TimeMarching(stages=1)
    with pytest.raises(pk.InputError, match="max_size"):
        TimeMarching(max_size=0)
