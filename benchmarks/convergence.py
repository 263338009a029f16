"""Measured convergence of every method: error against functions, points and time.

    python benchmarks/convergence.py            # writes docs/convergence.md and docs/figures/convergence-*.png
    python benchmarks/convergence.py methods    # one of functions, points, methods, marching; report: none
"""

import json
import math
import statistics
import sys
from itertools import pairwise
from pathlib import Path

import pinnkit as pk
from pinnkit.methods import Budget, Progress, Task, drive
from pinnkit.problem import reference_values

SEEDS = (0, 1, 2)
DOCS = Path(__file__).parent.parent / "docs"
DATA = Path(__file__).parent.parent / "runs" / "convergence.json"
SIZES = (25, 50, 100, 200, 400)
OVERSAMPLINGS = (1.0, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0)
INTERVAL = 0.3


def functions():
    """Least squares, Newton's method and Ritz with the default space, size by size."""
    studies = [
        ("poisson-hf, n = 4", "poisson-hf", {"n": 4}, pk.LeastSquares, {}),
        ("darcy", "darcy", {}, pk.LeastSquares, {}),
        ("poisson-lshape", "poisson-lshape", {}, pk.LeastSquares, {}),
        ("kovasznay (Newton)", "kovasznay", {}, pk.LeastSquares, {}),
        ("poisson-energy (Ritz), LRNN", "poisson-energy", {}, pk.Ritz, {"space": pk.LRNN()}),
        ("poisson-energy (Ritz), IAT-ReLU", "poisson-energy", {}, pk.Ritz, {}),
    ]
    return {
        title: [(size, _error(name, arguments, method(start_size=size, max_size=size), **options)) for size in SIZES]
        for title, name, arguments, method, options in studies
    }


def points():
    """Least squares with a fixed number of functions on more and more points."""
    return {
        f"{name}, {size} functions": [
            (o, _error(name, arguments, pk.LeastSquares(start_size=size, max_size=size, oversampling=o)))
            for o in OVERSAMPLINGS
        ]
        for name, arguments, size in [("poisson-hf", {"n": 4}, 300), ("poisson-hf", {"n": 4}, 150), ("darcy", {}, 300)]
    }


def _error(name, arguments, method, **options):
    """Give the median over the seeds of the true error, nothing having been stopped early."""
    problem = pk.load_problem(name, arguments)
    found = [
        pk.solve(problem, method=method, seed=s, tolerance=1e-300, budget="600s", **options).relative_l2 for s in SEEDS
    ]
    return statistics.median(found)


def methods():
    """Every method that trains, on one network, against least squares; true error against seconds."""
    trained = {
        "Adam": pk.Adam(),
        "SOAP": pk.SOAP(),
        "L-BFGS": pk.LBFGS(),
        "Adam, L-BFGS": pk.Sequence([pk.Adam(), pk.LBFGS()]),
        "Adam, SSBroyden": pk.Sequence([pk.Adam(), pk.SSBroyden()]),
        "Gauss-Newton": pk.GaussNewton(),
    }
    series = {}
    for title, method in trained.items():
        series[title] = _course("poisson-hf", {"n": 1}, pk.MLP(width=32, depth=3), method)
    series["least squares, LRNN"] = _course("poisson-hf", {"n": 1}, None, pk.LeastSquares())
    return series


def marching():
    """Rounds of time marching with ever smaller residuals; true error against seconds."""
    series = {}
    for name in ("burgers", "allen-cahn", "kdv"):
        course = _course(name, {}, None, pk.TimeMarching(), 45.0)
        # Between the ends of rounds the error stays as it is.
        series[name] = [point for before, point in pairwise([(0.0, math.inf), *course]) if point[1] != before[1]]
    return series


def _course(name, arguments, space, method, seconds=25.0):
    """Record the true error over the seconds of one run."""
    task = Task(pk.load_problem(name, arguments), space, tolerance=1e-14)
    points, values = reference_values(task.problem)
    run, course = method.start(task), []
    truth = next(iter(values.values()))

    def record(progress, budget):
        if not course or progress.seconds > course[-1][0] + INTERVAL or progress.stop is not None:
            found = run.trial(points.coordinates).detach()[:, 0]
            course.append((progress.seconds, ((found - truth).norm() / truth.norm()).item()))

    drive(run, task, Budget(seconds=seconds), Progress(), record)
    return course


def rate(curve, logarithmic):
    """Fit error = C exp(-r x) or, logarithmic, C x^(-r), where the error is above rounding."""
    used = [(math.log(x) if logarithmic else x, math.log(y)) for x, y in curve if y > 1e-12]
    if len(used) < 3:
        return math.nan
    middle = statistics.mean(x for x, _ in used)
    return -sum((x - middle) * y for x, y in used) / sum((x - middle) ** 2 for x, _ in used)


def plot(name, series, label, logarithmic):
    """Draw error curves into docs/figures."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for marker, (title, curve) in zip("osv^D*xP" * 4, series.items(), strict=False):
        axes.plot(*zip(*curve, strict=True), marker=marker if len(curve) < 30 else None, markersize=4, label=title)
    axes.set_yscale("log")
    if logarithmic:
        axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("relative L2 error")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(DOCS / "figures" / f"convergence-{name}.png", dpi=110)
    plt.close(figure)


STUDIES = {
    "functions": (functions, "basis functions", False,
                  "Error against the number of functions, medians of seeds 0, 1, 2. A straight line is spectral "
                  "convergence: smooth solutions in smooth spaces, and a singular corner with its chart."),
    "points": (points, "interior points for each coefficient", True,
               "Error against the number of collocation points, the number of functions being fixed: from about two "
               "points for each coefficient the space limits the error, not the points."),
    "methods": (methods, "seconds", True,
                "Error against time on poisson-hf, n = 1: methods that train all parameters of a tanh network "
                "(3 x 32, 2500 points), and least squares over a frozen space."),
    "marching": (marching, "seconds", True,
                 "Error against time of time marching: marks follow the first round on its way, then each is a round "
                 "with windows and spaces fit for a smaller residual."),
}


def main():
    chosen = [name for name in sys.argv[1:] or STUDIES if name != "report"]
    data = json.loads(DATA.read_text()) if DATA.exists() else {}
    for name in chosen:
        data[name] = STUDIES[name][0]()
        DATA.parent.mkdir(parents=True, exist_ok=True)
        DATA.write_text(json.dumps(data))
        print(name, "done", flush=True)
    lines = ["# Measured convergence", "", "Written by `python benchmarks/convergence.py`; relative L2 errors.", ""]
    for name, (_, label, logarithmic, text) in STUDIES.items():
        if name not in data:
            continue
        plot(name, data[name], label, logarithmic)
        lines += [f"## Error against {label}: {name}", "", text, "", f"![{name}](figures/convergence-{name}.png)", ""]
        for title, curve in data[name].items():
            few = curve if len(curve) <= 8 else curve[:: -(-len(curve) // 8)] + curve[-1:]
            listed = ", ".join(f"{x:.3g}: {y:.1e}" for x, y in few)
            if name == "functions":
                exponential, algebraic = rate(curve, False), rate(curve, True)
                listed += f" (fits exp(-{exponential:.3f} M), M^-{algebraic:.1f})"
            lines.append(f"- {title}: {listed}")
        lines.append("")
    (DOCS / "convergence.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
