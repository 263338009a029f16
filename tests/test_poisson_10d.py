"""The gallery's problem in ten dimensions: its solution, and what its run folder shows of it."""

from __future__ import annotations

import json

import torch
from commandline import run

import pinnkit as pk
from pinnkit.figures import _place


def test_the_reference_solves_the_equation():
    problem = pk.load_problem("poisson-10d", {"d": 4})
    x = torch.rand(50, 4, dtype=torch.float64)
    values = pk.evaluate(lambda y: problem.reference(pk.Points(y, problem.domain.names))[:, None], x, ["laplacian"])
    source = problem.equations[0](problem.equations[0].zero(points := pk.Points(x, problem.domain.names)), points)
    torch.testing.assert_close(-values["laplacian"][:, 0], -source)


def test_least_squares_over_pairs_of_coordinates():
    solution = pk.solve(pk.load_problem("poisson-10d"), budget="3steps", seed=1)
    # 600 functions; the record is 1e-4, and 2400 functions reach 1e-11.
    assert solution.relative_l2 < 1e-4
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10


def test_command_line_and_run_folder(tmp_path):
    code, out, err = run("solve", "poisson-10d", "--set", "problem.d=5", "--budget", "2steps", "--out", tmp_path / "r")
    assert (code, err) == (0, "")
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["relative_l2"] < 1e-2
    assert (tmp_path / "r" / "solution.png").stat().st_size > 10_000


def test_the_picture_names_the_other_coordinates_in_short():
    assert _place(["x3", "x4", "x5", "x6"], [0.5] * 4) == "x3, ..., x6 = 0.5"
    assert _place(["z", "w", "t"], [0.5, 0.5, 1.0]) == "z = w = 0.5, t = 1"
    assert _place(["z"], [0.25]) == "z = 0.25"
