import math

import numpy as np
import pytest
import torch

import pinnkit as pk


@pytest.fixture(scope="module")
def problem():
    square = pk.Box([0, 0], [1, 1])

    def exact(p):
        return torch.sin(math.pi * p.x) * torch.sin(math.pi * p.y)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"e": lambda u, p: u.laplacian + 2 * math.pi**2 * exact(p)},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=exact,
    )


@pytest.fixture(scope="module")
def solution(problem):
    return pk.solve(problem, space=pk.LRNN(), method=pk.LeastSquares(), budget="3steps", tolerance=1e-7, seed=0)


def test_it_says_how_it_ended_and_how_far_it_can_be_trusted(solution):
    assert solution.status is pk.Status.CONVERGED
    assert solution.reason.startswith("estimated error ")
    assert solution.relative_l2 < 1e-6
    assert 0.1 * solution.relative_l2 < solution.estimated_error < 1e-7
    assert solution.metrics["relative_l2"] == solution.relative_l2
    assert solution.errors()["u"]["relative_l2"] == solution.relative_l2


def test_its_residual_is_that_on_fresh_points(solution):
    task = solution.task
    elsewhere = task.collocation(3000, 500, task.generator(5, 5)).relative_residual(solution.trial)
    assert solution.metrics["residual"] == pytest.approx(elsewhere, rel=0.5)
    assert solution.metrics["residual"] != solution.metrics["loss"]  # that of the points it was solved on


def test_it_is_a_function_of_arrays_and_of_tensors(solution):
    x = np.random.default_rng(0).random((5000, 2))
    values = solution(x)
    assert isinstance(values, np.ndarray) and values.shape == (5000,) and values.dtype == np.float64
    assert np.allclose(values, np.sin(np.pi * x[:, 0]) * np.sin(np.pi * x[:, 1]), atol=1e-6)
    tensor = solution(torch.from_numpy(x))
    assert isinstance(tensor, torch.Tensor) and np.array_equal(tensor.numpy(), values)
    assert solution([[0.5, 0.5]]).shape == (1,)
    assert solution(np.zeros((0, 2))).shape == (0,)
    assert torch.equal(solution(solution.points(torch.from_numpy(x))), tensor)
    with pytest.raises(pk.InputError, match="points must have the coordinates x, y, got y, x"):
        solution(pk.Points(torch.from_numpy(x), ("y", "x")))


def test_derivatives_by_name(solution):
    x = np.random.default_rng(1).random((100, 2))
    sin, cos = np.sin(np.pi * x), np.cos(np.pi * x)
    assert np.allclose(solution.derivative(x, "x"), np.pi * cos[:, 0] * sin[:, 1], atol=1e-4)
    assert np.allclose(solution.derivative(x, "xy"), np.pi**2 * cos[:, 0] * cos[:, 1], atol=1e-3)
    assert np.allclose(solution.derivative(x, "laplacian"), -2 * np.pi**2 * sin[:, 0] * sin[:, 1], atol=1e-3)
    with pytest.raises(pk.InputError, match="unknown derivative 'z'. Known: x, y, xx, yy, laplacian.$"):
        solution.derivative(x, "z")


def test_points_of_a_wrong_shape(solution):
    with pytest.raises(pk.InputError, match=r"points must have shape \(n, 2\) for x, y, got \(3,\)"):
        solution([1.0, 2.0, 3.0])


def test_several_unknowns_are_columns():
    line = pk.Interval(0, 1)
    problem = pk.Problem(domain=line, unknowns="u v", equations={"a": lambda u: u - 1, "b": lambda v: v - 2})
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=5), budget="1steps")
    assert np.allclose(solution([[0.5], [0.7]]), [[1, 2], [1, 2]])
    assert solution.relative_l2 is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": "lrnn"}, "a space must be a torch module, got 'lrnn'"),
        ({"space": pk.LRNN}, "a space must be a torch module"),
        ({"method": "adam"}, r"method must be an object such as pk.Adam\(rate=1e-3\), got 'adam'"),
        ({"method": pk.Adam}, "method must be an object such as"),
        ({"budget": "0s"}, "the budget must be positive.*, got .0s."),
        ({"budget": "2.5steps"}, "the number of steps must be whole, got '2.5steps'"),
        ({"tolerance": math.nan}, "the tolerance must be positive and finite, got nan"),
        ({"dtype": torch.float16}, "dtype must be one of torch.float32, torch.float64, got torch.float16"),
        ({"device": "nowhere"}, "the device 'nowhere' does not work here"),
    ],
)
def test_bad_arguments_of_solve_leave_nothing_behind(problem, options, message, tmp_path):
    with pytest.raises(pk.InputError, match=message):
        pk.solve(problem, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_something_that_is_no_problem():
    with pytest.raises(pk.InputError, match=r"expected a pk.Problem, got 'burgers'; pk.load_problem\(name\)"):
        pk.solve("burgers")


def test_a_run_folder_of_the_library(problem, tmp_path):
    solution = pk.solve(problem, budget="1steps", out=tmp_path / "run")
    assert {f.name for f in (tmp_path / "run").iterdir()} == {
        "run.json", "metrics.json", "history.jsonl", "checkpoint", "weights.safetensors",
        "solution.vtu", "solution.png", "history.png",
    }  # fmt: skip
    assert solution.status is pk.Status.BUDGET_SPENT
    with pytest.raises(pk.InputError, match="made by the library from a problem in memory"):
        pk.load_solution(tmp_path / "run")


def test_solving_draws_no_global_random_numbers(problem):
    before = torch.get_rng_state()
    pk.solve(problem, method=pk.Adam(points=50, boundary_points=20), budget="2steps")
    assert torch.equal(torch.get_rng_state(), before)


def test_points_outside_the_domain_are_told(recwarn):
    problem = pk.load_problem("poisson-hf", {"n": 1})
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=20, max_size=20))
    solution(torch.tensor([[1.0, 1.0], [0.3, -1.0]], dtype=torch.float64))
    assert not recwarn
    message = r"1 of 2 points are outside the domain, first \(0, 1.5\); the values there mean nothing\."
    with pytest.warns(UserWarning, match=message):
        solution([[0.0, 0.5], [0.0, 1.5]])
