"""The gallery entry in energy form: an exact IAT-ReLU space to well below its target."""

import math

import pytest

import pinnkit as pk


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_iat_relu_minimises_the_energy(seed):
    solution = pk.solve(pk.load_problem("poisson-energy"), method=pk.Ritz(start_size=96, max_size=96), seed=seed)
    assert solution.metrics["space"] == "IAT"
    assert solution.relative_l2 < 1e-3
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10
    assert solution.metrics["loss"] == pytest.approx(-(math.pi**2), rel=1e-6)


def test_another_space_can_be_asked_for():
    solution = pk.solve(pk.load_problem("poisson-energy"), pk.LRNN(), pk.Ritz(start_size=300, max_size=300))
    assert solution.metrics["space"] == "LRNN"
    assert solution.relative_l2 < 1e-6
