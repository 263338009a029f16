"""Nonlinear problems that Newton's method from zero does not solve: guesses, starts, paths, several solutions."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.errors import NameNotFound
from pinnkit.methods import Status, Task
from pinnkit.methods.frozen.homotopy import Path
from pinnkit.methods.frozen.newton import fit, newton_head, points
from pinnkit.methods.frozen.several import another
from pinnkit.methods.frozen.starts import _smoothest, search
from pinnkit.problem import Collocation

LINE = pk.Interval(0, 1)
ENDS = LINE.boundary


def allen_cahn(eps):
    """eps u'' + u - u^3 = f, u = sin(pi x): nearly singular at zero for eps near 1 / pi^2."""
    exact = lambda p: torch.sin(math.pi * p.x)  # noqa: E731
    return pk.Problem(
        domain=LINE, unknowns="u", reference=exact,
        equations={"e": lambda u, p: eps * u.xx + u - u**3 - (1 - eps * math.pi**2) * exact(p) + exact(p) ** 3},
        conditions=[pk.Dirichlet(u=0.0, on=ENDS)],
    )  # fmt: skip


def bratu(strength=2.0, branch="lower", **more):
    """u'' + l e^u = 0: u = -2 log(cosh((x - 1/2) t / 2) / cosh(t / 4)) for either t = sqrt(2 l) cosh(t / 4)."""
    low, high = (0.0, 4.7987) if branch == "lower" else (4.7987, 40.0)
    excess = lambda t: (t - math.sqrt(2 * strength) * math.cosh(t / 4)) * (1 if branch == "lower" else -1)  # noqa: E731
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    return pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: u.xx + strength * torch.exp(u.value)},
        conditions=[pk.Dirichlet(u=0.0, on=ENDS)],
        reference=lambda p: -2 * torch.log(torch.cosh((p.x - 0.5) * low / 2) / math.cosh(low / 4)), **more,
    )  # fmt: skip


SMALL = pk.LeastSquares(start_size=150, max_size=300)


@pytest.mark.parametrize(
    ("eps", "seed"), [(e, s) for e in (0.05, 0.1) for s in (0, 1, 2)] + [(e, 0) for e in (0.07, 0.15, 0.2)]
)
def test_a_nearly_singular_first_linearisation_is_no_obstacle(eps, seed):
    solution = pk.solve(allen_cahn(eps), seed=seed, budget="60s")
    assert solution.status is Status.CONVERGED and solution.relative_l2 < 1e-12
    assert solution.metrics["method"] == "least-squares"


@pytest.mark.parametrize("wall", [1.5, 0.2])
def test_an_equation_that_degenerates_at_zero_starts_from_the_smoothest_function(wall):
    """(u^2)'' = -3: u = sqrt(wall^2 + 3 x (1 - x) / 2)."""
    problem = pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: 2 * u.x**2 + 2 * u * u.xx + 3},
        conditions=[pk.Dirichlet(u=wall, on=ENDS)], reference=lambda p: torch.sqrt(wall**2 + 1.5 * p.x * (1 - p.x)),
    )  # fmt: skip
    assert pk.solve(problem, budget="60s").relative_l2 < 1e-9


def test_what_has_no_solution_is_never_said_to_be_solved():
    """Bratu's problem has none beyond 3.5138: the residual gets stationary, but not small."""
    solution = pk.solve(
        pk.Problem(domain=LINE, unknowns="u", equations={"e": lambda u: u.xx + 5 * torch.exp(u.value)},
                   conditions=[pk.Dirichlet(u=0.0, on=ENDS)]),
        method=SMALL, budget="60s", tolerance=1e-2,
    )  # fmt: skip
    assert solution.status is Status.UNRESOLVED and solution.estimated_error > 0.05
    assert "stationary, as at no solution" in solution.reason and "guess=" in solution.reason


def exploding():
    """The solution is infinite at 1/4, and the condition makes up nearly all of the residual of zero."""
    return pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: u.x - torch.exp((u.value - 40) / 2) * 8},
        conditions=[pk.Dirichlet(u=40.0, on=ENDS["left"])],
    )  # fmt: skip


def test_residuals_are_measured_by_the_equations_where_conditions_dominate_them():
    solution = pk.solve(exploding(), method=SMALL, budget="60s", tolerance=1e-2)
    assert solution.status is not Status.CONVERGED and solution.estimated_error > 0.1


def test_a_guess_chooses_the_solution():
    for branch, guess in [("lower", 0.3), ("upper", lambda p: 14 * p.x * (1 - p.x))]:
        solution = pk.solve(bratu(2.0, branch, guess=guess), method=SMALL)
        assert solution.status is Status.CONVERGED and solution.relative_l2 < 1e-10, branch


def test_a_guess_is_where_continuation_starts():
    strength = pk.Parameter("strength", 2.0, trainable=False)
    problem = pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: u.xx + strength * torch.exp(u.value)},
        conditions=[pk.Dirichlet(u=0.0, on=ENDS)], parameters=[strength],
        reference=bratu(2.0, "upper").reference, guess={"u": lambda p: 22 * p.x * (1 - p.x)},
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.Continuation(first=1.0, size=150, start_size=150, max_size=300))
    assert solution.relative_l2 < 1e-9


def test_a_linear_problem_does_without_its_guess():
    def solved(**more):
        return pk.solve(
            pk.Problem(domain=LINE, unknowns="u", equations={"e": lambda u, p: u.xx - p.x},
                       conditions=[pk.Dirichlet(u=0.0, on=ENDS)], **more), method=SMALL,
        )  # fmt: skip

    x = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
    assert torch.equal(solved()(x), solved(guess=lambda p: 7 + p.x)(x))


@pytest.mark.parametrize(
    ("guess", "error", "message"),
    [
        (lambda p: p.x[:3], pk.InputError, r"guess of u: data must have shape \(n,\) = \(17,\), got \(3,\)"),
        (lambda p: p.x / 0, pk.InputError, "the guess is not finite at some points of the domain"),
        (math.nan, pk.InputError, "the guess is not finite at some points of the domain"),
        ({"v": 1.0}, NameNotFound, "unknown field in the guess 'v'.* Known: u"),
        ("sine", pk.InputError, "guess of u: data must be a number or a function that gives a tensor, got 'sine'"),
    ],
)
def test_guesses_that_do_not_fit(guess, error, message):
    with pytest.raises(error, match=message):
        bratu(guess=guess)


def test_a_guess_of_several_unknowns_is_a_dict_and_the_rest_is_zero():
    def problem(guess):
        return pk.Problem(domain=LINE, unknowns="u v", equations={"u": lambda u, v: u.x - v**2, "v": lambda v: v.x},
                          guess=guess)  # fmt: skip

    with pytest.raises(pk.InputError, match="the guess of several unknowns must return a dict"):
        problem(1.0)
    x = torch.tensor([[0.5], [1.0]], dtype=torch.float64)
    assert problem({"v": lambda p: 2 * p.x}).guess(x).tolist() == [[0, 1], [0, 2]]


def test_newton_starts_near_a_guess_whose_linearisation_leads_away():
    """exp(u - g) = 1 from g - 5: a full step would go to g + 142, from where Newton goes back by ones."""
    problem = pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u, p: torch.exp(u.value - 3 * p.x) - 1},
        guess=lambda p: 3 * p.x - 5,
    )  # fmt: skip
    task = Task(problem)
    trial = task.trial(pk.LRNN(40), task.generator(0, 0))
    assert newton_head(trial, task, task.points(0), guess=problem.guess) < 1e-6
    x = points(trial, task)
    torch.testing.assert_close(trial(x)[:, 0].detach(), 3 * x[:, 0], rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("hard", [False, True])
def test_the_smoothest_function_meets_the_conditions(hard):
    """That of an interval is a straight line, whatever the equation."""
    problem = pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: u * u.xx - torch.log(u.value)},
        conditions=[pk.Dirichlet(u=1.0, on=ENDS["left"], hard=hard), pk.Dirichlet(u=3.0, on=ENDS["right"], hard=hard)],
    )  # fmt: skip
    task = Task(problem)
    trial = task.trial(pk.LRNN(60), task.generator(0, 0), 2.0)
    trial.set_head(_smoothest(trial, task, task.collocation(300, 40, task.points(0))))
    x = points(trial, task)
    torch.testing.assert_close(trial(x)[:, 0].detach(), 1 + 2 * x[:, 0], rtol=0, atol=2e-2)


def path_of(problem, start):
    task = Task(problem)
    trial = task.trial(pk.LRNN(60), task.generator(0, 0), 2.0)
    collocation = task.collocation(300, 40, task.points(0))
    return trial, Path(trial, collocation, points(trial, task), fit(trial, task, start))


def test_a_path_turns_where_the_linearisation_is_singular():
    """u^2 - 4 = (1 - s) (1 - 4) from u = 1: one way to 2, and the other way through 0, where u' is infinite, to -2."""
    problem = pk.Problem(domain=LINE, unknowns="u", equations={"e": lambda u: u**2 - 4})
    for direction, expected in [(1.0, 2.0), (-1.0, -2.0)]:
        trial, path = path_of(problem, lambda x: torch.ones_like(x))
        residual, head = next(iter(path.roots(direction)))
        trial.set_head(head)
        x = torch.linspace(0, 1, 20, dtype=torch.float64)[:, None]
        assert residual < 1e-10
        torch.testing.assert_close(trial(x).detach(), torch.full_like(x, expected), rtol=0, atol=1e-8)


@torch.no_grad()
def test_points_of_a_path_are_on_it():
    """From zero, R(u) = (1 - s) R(0) of u'' + u^3 - 1 = 0 means u'' + u^3 = s."""
    problem = pk.Problem(domain=LINE, unknowns="u", equations={"e": lambda u: u.xx + u**3 - 1},
                         conditions=[pk.Dirichlet(u=0.0, on=ENDS)])  # fmt: skip
    trial, path = path_of(problem, lambda x: 0 * x)
    matrix, _ = path._linearised(path.head)
    tangent = path._tangent(matrix, (torch.zeros_like(path.head), 1.0), first=True)
    for length in (0.05, 0.2):
        head, s, _, _ = path._corrected(length * tangent[0], length * tangent[1], tangent, length)
        trial.set_head(head)
        rows = path.collocation.rows(trial)
        assert (rows - (1 - s) * path.start).norm() < 1e-6 * path.start.norm()


@torch.no_grad()
def test_a_path_leads_through_both_solutions_of_bratu():
    trial, path = path_of(bratu(), lambda x: 0 * x)
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    found = []
    for residual, head in path.roots(1.0):
        trial.set_head(head)
        found.append(trial(x)[:, 0])
        assert residual < 1e-5
    names = pk.domains.Points(x, ("x",))
    for values, branch in zip(found, ("lower", "upper"), strict=True):
        torch.testing.assert_close(values, bratu(2.0, branch).reference(names), rtol=1e-5, atol=1e-5)


def test_draws_that_find_two_solutions_agree_on_one_and_report_the_other():
    task = Task(bratu())
    run = SMALL.start(task)
    alone, starts = run._candidate, (lambda x: 14 * x * (1 - x), lambda x: 0.1 * x)
    run._candidate = lambda draw, *way, guess=None: alone(draw, *way, guess or starts[draw])
    run._again = lambda draw, guess: alone(draw, run.spread, run.grouped, guess)
    step = run.step(pk.Budget())
    assert step.stop.status is Status.CONVERGED and step.estimated_error < 1e-10
    assert "two solutions were found; u has the root mean square" in step.stop.reason
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    lower = task.problem.reference(pk.domains.Points(x, ("x",)))
    torch.testing.assert_close(run.trial(x)[:, 0].detach(), lower, rtol=0, atol=1e-9)


def test_a_second_solution_is_reported_only_where_both_spaces_lead_to_it():
    task = Task(bratu())
    run = SMALL.start(task)
    pair = run._pair([(1.0, True)], pk.Budget())
    trial, path = path_of(task.problem, lambda x: 0 * x)
    (_, lower), (_, upper) = path.roots(1.0)
    words = {}
    for name, head in [("lower", lower), ("upper", upper), ("neither", 0.5 * upper)]:
        trial.set_head(head)
        words[name] = another(pair, [trial], run._again, task)
    assert words["lower"] is None and "in this one and" in words["upper"]
    assert words["neither"] in (None, words["upper"])


def test_a_search_keeps_to_its_budget():
    budget = pk.Budget(steps=10)
    budget.steps_done = 9
    found, scale = search(Task(allen_cahn(0.05)), 4.0, None, budget)
    assert len(found) == 1 and scale == 1.0 and found[0][0] > 0.1


def test_a_run_that_searched_resumes_bit_for_bit():
    task = Task(exploding())
    method, budget = pk.LeastSquares(start_size=12, max_size=24), pk.Budget(steps=20)
    whole = method.start(task)
    whole.step(budget)
    again = method.start(task)
    again.load_state_dict(whole.state_dict())
    x = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
    assert torch.equal(again.trial(x), whole.trial(x))
    whole.step(budget)
    again.step(budget)
    assert torch.equal(again.trial(x), whole.trial(x)) and again.doubt == whole.doubt > 1


def test_rows_are_those_of_the_loss():
    problem = bratu()
    collocation = Collocation(problem, 30, 20, torch.Generator().manual_seed(0))
    trial = problem.trial(pk.LRNN(6), torch.Generator().manual_seed(1))
    rows = collocation.rows(trial)
    torch.testing.assert_close(rows.square().sum(), collocation.loss(trial), rtol=1e-13, atol=0)
    _, side = collocation.system(trial, trial)
    torch.testing.assert_close(rows, -side, rtol=1e-12, atol=1e-12)
