"""What the coverage benchmark makes of records, and that its problems are what their truths say."""

import importlib
import json
import math
import sys
from pathlib import Path

import pytest
import torch

from pinnkit.problem import Collocation

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
coverage = importlib.import_module("coverage")


def record(seed, found, deviation, **changes):
    parameters = {"k": {"found": found, "true": 2.0, "deviation": deviation}}
    made = {"problem": "fin", "seed": seed, "budget": coverage.BUDGET, "status": "converged", "parameters": parameters}
    return made | changes


def test_shares_count_what_was_found_and_say_what_was_refused():
    found = [record(0, 2.05, 0.1), record(1, 1.85, 0.1), record(2, 2.5, 0.1), record(3, 2.1, None), record(4, 0.1, 0.2)]
    (row,) = coverage.rows_of(found)
    assert (row.within(1), row.within(2), row.refused) == (1, 2, 2)
    lines = coverage.table([row])
    size = math.sqrt((0.5**2 + 1.5**2 + 5**2) / 3)
    assert lines[2] == f"| fin | k | 5 | 2 | 33% | 67% | {size:.2f} |"
    assert lines[-1].startswith("Within one stated standard deviation 33%, within two 67% of 3 numbers found")
    assert lines[-1].endswith("2 more were refused, by a deviation larger than the number.")


def test_a_report_reads_whole_lines_of_one_budget(tmp_path):
    cache = tmp_path / "runs.jsonl"
    assert coverage.report(cache) == []
    kept = [record(1, 2.1, 0.1, problem="lorenz"), record(0, 2.1, 0.1, problem="decay")]
    other = record(0, 9.0, 0.1, budget="1s")
    cache.write_text("\n".join(json.dumps(r) for r in [*kept, other]) + '\n{"problem": "fi')
    assert [line.split(" | ")[0] for line in coverage.report(cache)[2:4]] == ["| decay", "| lorenz"]
    assert len(coverage.report(cache)) == 6


def test_finished_draws_are_not_run_again(tmp_path, monkeypatch, capsys):
    ran, cache = [], tmp_path / "runs.jsonl"
    monkeypatch.setattr(coverage, "run", lambda *key: ran.append(key) or record(key[1], 2.0, 0.1, seconds=0.0))
    for draws in (2, 3):
        monkeypatch.setattr(sys, "argv", ["coverage.py", "--only", "fin", "--draws", str(draws), "--cache", str(cache)])
        coverage.main()
    assert ran == [("fin", 0), ("fin", 1), ("fin", 2)]
    assert "| fin | k | 3 | 0 | 100% | 100% | 0.00 |" in capsys.readouterr().out


def test_a_run_is_told_by_what_was_found():
    made = coverage.run("fin", 0)
    loss = made["parameters"]["loss"]
    assert loss["true"] == 4.0 and abs(loss["found"] - 4) < 4 * loss["deviation"]
    assert json.loads(json.dumps(made)) == made


PI = math.pi


def cooling(x, t):
    return sum(torch.exp(-0.07 * (n * PI) ** 2 * t) * torch.sin(n * PI * x) / w for n, w in ((1, 1), (3, 2)))


@pytest.mark.parametrize(
    "name, exact",
    [
        ("decay", lambda t: torch.cat([torch.exp(-1.7 * t), 17 / 11 * (torch.exp(-0.6 * t) - torch.exp(-1.7 * t))], 1)),
        ("transport", lambda x, t: torch.exp(-((x - 0.8 * t + 0.2) ** 2) / 0.08)),
        ("diffusion", cooling),
        ("fin", lambda x: (torch.cosh(1.5 - 1.5 * x) + 8 / 3 * torch.sinh(1.5 - 1.5 * x))
                          / (math.cosh(1.5) + 8 / 3 * math.sinh(1.5))),
    ],
)  # fmt: skip
def test_problems_are_solved_by_their_truths(name, exact):
    """Equations and conditions vanish there, and data scatter by the noise that is stated."""
    problem = coverage.PROBLEMS[name](3)
    for parameter in problem.parameters:
        with torch.no_grad():
            parameter.fill_(parameter.true)
    dimension = problem.domain.dimension
    collocation = Collocation(problem, 200, 50, torch.Generator().manual_seed(0))
    found = collocation.residuals(lambda x: exact(*(x[:, k : k + 1] for k in range(dimension))))
    for block, r in zip(collocation.blocks, found, strict=True):
        if block.residual.kind == "data":
            # Between the 0.1 % quantiles of chi squared, of seven numbers at least.
            assert 0.29 < r.square().mean().sqrt() / block.residual.noise < 1.87
        else:
            assert r.abs().max() < 1e-12
