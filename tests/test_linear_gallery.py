"""The linear entries of the gallery by their default method, with fewer functions than it would take."""

import pytest

import pinnkit as pk


@pytest.mark.parametrize(
    ("name", "size", "bound"),
    [
        ("darcy", 600, 1e-9),
        ("wave", 600, 1e-8),
        ("beam", 300, 1e-8),
        ("advection", 1200, 1e-7),
        ("heat-disk", 600, 3e-3),
        ("poisson-multiscale", 1200, 1e-3),
    ],
)
def test_least_squares_reaches(name, size, bound):
    solution = pk.solve(pk.load_problem(name), method=pk.LeastSquares(start_size=size, max_size=size))
    assert solution.relative_l2 < bound
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10
