"""The evolution problems of the gallery in their first round, and the references of those that have no closed form."""

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import TimeMarching


@pytest.mark.parametrize(("name", "most"), [("burgers", 1e-3), ("allen-cahn", 1e-2), ("kdv", 2e-3)])
def test_first_round(name: str, most: float) -> None:
    solution = pk.solve(pk.load_problem(name), method=TimeMarching(), budget="90steps", tolerance=most)
    assert solution.relative_l2 < most
    assert solution.relative_l2 < 10 * solution.estimated_error


@pytest.mark.parametrize("name", ["allen-cahn", "kdv"])
def test_reference_starts_from_the_data_and_is_periodic(name: str) -> None:
    problem = pk.load_problem(name)
    x = torch.linspace(-0.9, 0.9, 50, dtype=torch.float64)
    start = torch.cos(torch.pi * x) * (x**2 if name == "allen-cahn" else 1)
    found = problem.reference(pk.Points(torch.stack([x, 0 * x], 1), ("x", "t")))
    assert torch.allclose(found, start, atol=1e-9)
    t = torch.linspace(0, 1, 20, dtype=torch.float64)
    # The periodic kink of Allen-Cahn's data at x = 1 is there, too, and at small times.
    ends = [problem.reference(pk.Points(torch.stack([0 * t + end, t], 1), ("x", "t"))) for end in (-1.0, 1.0)]
    assert torch.allclose(*ends, atol=1e-12)
