"""How far the error estimate can be trusted: true over estimated error, over gallery problems, sizes and seeds.

    python benchmarks/effectivity.py            # prints the table and writes docs/effectivity.md; about five minutes

Least squares runs at every size of its enrichment, so that errors from 1e-1 to 1e-14 are in the sample; the trained
networks run for a fixed number of steps.
"""

from pathlib import Path

import pinnkit as pk

SEEDS = (0, 1, 2)
SIZES = (150, 300, 600, 1200)
LINEAR = [
    ("poisson-hf", {"n": 2}),
    ("poisson-hf", {"n": 4}),
    ("poisson-hf", {"n": 32}),
    ("helmholtz", {}),
    ("helmholtz", {"k": 10.0}),
    ("helmholtz", {"a1": 16, "a2": 16}),
    ("poisson-mesh", {}),
]
TRAINED = [
    ("poisson-hf", {}, pk.MLP(), pk.Adam(), "300steps"),
    ("poisson-hf", {}, pk.SIREN(), pk.Sequence([pk.Adam(), pk.LBFGS()]), "300steps"),
    ("burgers", {}, pk.MLP(), pk.Adam(), "300steps"),
    ("burgers", {}, pk.MLP(), pk.Sequence([pk.Adam(), pk.LBFGS()]), "600steps"),
]
TARGET = Path(__file__).parent.parent / "docs" / "effectivity.md"


def rows():
    for name, arguments in LINEAR:
        problem = pk.load_problem(name, arguments)
        for size in SIZES:
            method = pk.LeastSquares(start_size=size, max_size=size)
            solutions = [pk.solve(problem, method=method, seed=seed, tolerance=1e-300) for seed in SEEDS]
            yield _title(name, arguments), f"least squares, {size} functions", solutions
    for name, arguments, space, method, budget in TRAINED:
        problem = pk.load_problem(name, arguments)
        solutions = [pk.solve(problem, space, method, seed=seed, budget=budget) for seed in SEEDS]
        yield _title(name, arguments), f"{type(space).__name__}, {method.name}, {budget}", solutions


def _title(name, arguments):
    return name + "".join(f", {key} = {value:g}" for key, value in arguments.items())


def main():
    lines = ["| problem | method | true error | estimated error | true / estimated |", "|---|---|---|---|---|"]
    ratios = []
    for title, method, solutions in rows():
        found = [s.relative_l2 / s.estimated_error for s in solutions]
        ratios += found
        true = ", ".join(f"{s.relative_l2:.1e}" for s in solutions)
        estimated = ", ".join(f"{s.estimated_error:.1e}" for s in solutions)
        lines.append(f"| {title} | {method} | {true} | {estimated} | {', '.join(f'{r:.2g}' for r in found)} |")
        print(lines[-1], flush=True)
    inside = sum(0.1 <= r <= 10 for r in ratios)
    factors = sorted(max(r, 1 / r) for r in ratios)
    summary = (
        f"True over estimated error lies in [0.1, 10] in {inside} of {len(ratios)} runs; the median factor between "
        f"the two is {factors[len(factors) // 2]:.2f}, the largest {factors[-1]:.1f}."
    )
    print(summary)
    head = ["# How honest is the error estimate?", "", "Written by `python benchmarks/effectivity.py`; seeds 0, 1, 2."]
    TARGET.write_text("\n".join([*head, "", summary, "", *lines]) + "\n")


if __name__ == "__main__":
    main()
