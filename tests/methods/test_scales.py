"""By what errors are judged: an offset hides nothing, and an unknown that is zero has the size the problem gives it."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Status, Task, scales

SQUARE = pk.Box([0, 0], [1, 1])


def points(n=4000):
    return SQUARE.interior(n, torch.Generator().manual_seed(0)).coordinates


def laplace(offset, amplitude):
    def exact(p):
        return offset + amplitude * torch.sin(math.pi * p.x) * torch.exp(-math.pi * p.y)

    return pk.Problem(
        domain=SQUARE, unknowns="T", equations={"heat": lambda T: T.laplacian}, reference=exact,
        conditions=[pk.Dirichlet(T=exact, on=SQUARE.boundary)],
    )  # fmt: skip


def test_offsets_do_not_count():
    x = points()
    values = (293.0 + 2.0 * torch.sin(2 * math.pi * x[:, :1])).double()
    assert scales(values, Task(laplace(293.0, 2.0))).item() == pytest.approx(math.sqrt(2), rel=0.02)
    # A constant is judged by its size, and zero by one.
    assert scales(torch.full((100, 1), 5.0).double(), Task(laplace(0.0, 1.0))).item() == 5.0
    assert scales(torch.zeros(100, 1).double(), Task(laplace(0.0, 1.0))).item() == 1.0


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_the_estimate_is_of_what_varies(offset):
    method = pk.LeastSquares(start_size=60, max_size=60)
    solution = pk.solve(laplace(offset, 1.0), method=method)
    true = solution.metrics["relative_variation"]
    assert 0.1 < true / solution.estimated_error < 10
    if offset:
        assert solution.relative_l2 < 1e-2 * true


def test_an_unknown_that_is_zero_has_the_scale_of_the_others():
    channel = pk.Box([0, 0], [2, 1])
    b = channel.boundary

    def exact(p):
        return {"u": 4 * p.y * (1 - p.y), "v": 0 * p.x, "q": 8 * (2 - p.x)}

    problem = pk.Problem(
        domain=channel, unknowns="u v q", reference=exact,
        equations={
            "x": lambda u, q: q.x - u.laplacian,
            "y": lambda v, q: q.y - v.laplacian,
            "mass": lambda u, v: u.x + v.y,
        },
        conditions=[
            pk.Dirichlet(u=lambda p: 4 * p.y * (1 - p.y), v=0.0, on=b["left"]),
            pk.Dirichlet(u=0.0, v=0.0, on=b["top", "bottom"]),
            pk.Condition(lambda u, q: q - u.x, on=b["right"], name="outflow"),
            pk.Dirichlet(v=0.0, on=b["right"]),
        ],
    )  # fmt: skip
    x = channel.interior(2000, torch.Generator().manual_seed(0))
    values = torch.stack(list(exact(x).values()), 1)
    u, v, q = scales(values, Task(problem)).tolist()
    assert u == pytest.approx(0.298, rel=0.03) and q == pytest.approx(8 / math.sqrt(3), rel=0.03)
    assert 1e-5 < v / u < 1e-1
    solution = pk.solve(problem, tolerance=1e-8, budget="30s")
    assert solution.status is Status.CONVERGED
    assert max(e["relative_variation"] for e in solution.errors().values()) < 1e-7


def test_units_do_not_matter():
    """A pressure in pascals beside velocities in metres a second: each error is relative to its own."""
    def problem(unit):
        def exact(p):
            return {"u": torch.sin(p.x) * torch.cosh(p.y), "w": unit * torch.cos(p.x) * torch.cosh(p.y)}

        return pk.Problem(
            domain=SQUARE, unknowns="u w", reference=exact,
            equations={"a": lambda u: u.laplacian, "b": lambda u, w: w.x + unit * u},
            conditions=[
                pk.Dirichlet(u=lambda p: exact(p)["u"], on=SQUARE.boundary),
                pk.Dirichlet(w=lambda p: exact(p)["w"], on=SQUARE.boundary["left"]),
            ],
        )  # fmt: skip

    method = pk.LeastSquares(start_size=50, max_size=50)
    one, other = (pk.solve(problem(unit), method=method) for unit in (1.0, 1e5))
    assert 0.3 < one.estimated_error / other.estimated_error < 3
