"""Entries of the gallery with numbers of their own: the stress at a hole, the velocities in a cavity."""

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Task
from pinnkit.methods.frozen.newton import newton_head


def test_kirsch_satisfies_the_stated_problem():
    """The reference has no residual: equations, tractions and symmetry hold for Kirsch's displacements."""
    problem = pk.load_problem("plate-hole", {"poisson": 0.2})
    task = Task(problem)
    columns = [problem.reference(pk.Points(x, ("x", "y"))) for x in [torch.tensor([[1.5, 0.5], [0.0, 1.0]])]]
    assert set(columns[0]) == {"u", "v"}

    class Exact(torch.nn.Module):
        def forward(self, x):
            r2 = x[:, 0] ** 2 + x[:, 1] ** 2
            # cos t, sin t, cos 3t, sin 3t without atan2, which jets do not know.
            c, s = x[:, 0] / torch.sqrt(r2), x[:, 1] / torch.sqrt(r2)
            c3, s3, r = 4 * c**3 - 3 * c, 3 * s - 4 * s**3, torch.sqrt(r2)
            kappa, factor = (3 - 0.2) / 1.2, 2 * 1.2 / 8
            u = (r + 2 / r) * (kappa + 1) * c + 2 * (1 / r - 1 / r**3) * c3
            v = (r * (kappa - 3) + 2 / r * (1 - kappa)) * s + 2 * (1 / r - 1 / r**3) * s3
            return torch.stack([u * factor, v * factor], -1)

    x = problem.domain.interior(50, torch.Generator().manual_seed(0)).coordinates
    found = problem.reference(pk.Points(x, ("x", "y")))
    torch.testing.assert_close(Exact()(x), torch.stack([found["u"], found["v"]], 1))
    residuals = task.collocation(200, 200, task.generator(5)).residuals(Exact())
    assert max(residual.abs().max().item() for residual in residuals) < 1e-10


def test_stress_concentration():
    solution = pk.solve(pk.load_problem("plate-hole"), method=pk.LeastSquares(max_size=300))
    found = solution.metrics["quantities"]["stress concentration"]
    assert found["relative_error"] < 1e-4
    assert solution.relative_l2 < 1e-5
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10


def test_cavity_agrees_with_the_table_and_with_finite_differences():
    """Ghia's table is off by 0.9 % itself; the extremes of the centrelines are those of finer computations."""
    problem = pk.load_problem("cavity")
    task = Task(problem)
    generator = task.generator(0)
    trial = task.trial(problem.space.resized(300), generator, 1.0)
    assert newton_head(trial, task, generator) < 1e-3
    like = torch.zeros((), dtype=torch.float64)
    errors = {name: quantity.measure(trial, like)["error"] for name, quantity in problem.quantities.items()}
    assert errors["u along x = 1/2"] < 0.015 and errors["v along y = 1/2"] < 0.015
    y = torch.linspace(0, 1, 201, dtype=torch.float64)
    line = torch.stack([torch.full_like(y, 0.5), y], 1)
    with torch.no_grad():
        u, v = pk.evaluate(trial, line, [(1,)])[1,], -pk.evaluate(trial, line.flip(1), [(0,)])[0,]
    # Marchi, Suero and Araki 2009: -0.2140417, 0.1795728 and -0.2538030.
    found = [u.min().item(), v.max().item(), v.min().item()]
    assert found == pytest.approx([-0.2140417, 0.1795728, -0.2538030], abs=1e-3)


def test_the_lift_of_the_cavity_is_a_stokes_flow_with_the_jump():
    """Taylor's flow is biharmonic, and near each upper corner has the velocity of lid and wall."""
    problem = pk.load_problem("cavity")
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.8 + 0.1
    found = pk.evaluate(problem.known, x, [(0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1)])
    biharmonic = found[0, 0, 0, 0] + 2 * found[0, 0, 1, 1] + found[1, 1, 1, 1]
    assert biharmonic.abs().max() < 1e-9 * found[1, 1, 1, 1].abs().max()
    r = 1e-3
    corner = torch.tensor([[r, 1.0], [1e-12, 1 - r], [1 - r, 1.0], [1 - 1e-12, 1 - r]], dtype=torch.float64)
    u = pk.evaluate(problem.known, corner, [(1,)])[1,][:, 0]
    # The other corner's flow is smooth here, with the lid's velocity 1; what jumps is 1 on the lid and 0 on the wall.
    assert u.tolist() == pytest.approx([2, 1, 2, 1], abs=0.01)
    assert torch.isfinite(problem.known(torch.tensor([[0.0, 1.0]], dtype=torch.float64))).all()
