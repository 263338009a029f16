"""Every trial space on one smooth problem, by its default method, in strong form and in energy form.

    python benchmarks/spaces.py                 # prints two tables and writes docs/spaces.md and its picture
    python benchmarks/spaces.py lrnn kan        # only these spaces; writes nothing
"""

import statistics
import sys
from pathlib import Path

import torch

import pinnkit as pk
from pinnkit.runs import SPACES, make_space

NAMES = [name for name in SPACES if name != "piecewise"]
"""Cells of a smooth function are polynomials in one; see benchmarks/scaling.py for what they are for."""
SEEDS = (0, 1, 2)
DOCS = Path(__file__).parent.parent / "docs"
HEAD = "| space | method | functions | parameters | true error (least, largest) | estimated | seconds |"
SECTIONS = (
    ("poisson-hf", "## Strong form: `solve poisson-hf --set problem.n=1 --space NAME --budget 60s`", 1e-6,
     "Spaces of smooth functions are to reach 1e-6. Second derivatives are unbounded at double roots of `iat` and at "
     "zeros of `spder`, which their draws avoid; those of `relu-positional` tell nothing of its kinks."),
    ("poisson-energy", "## Energy form: `solve poisson-energy --space NAME --budget 60s`", 1e-3,
     "The energy is minimised, never squared; first derivatives are enough. Its quadratic form has the square of the "
     "condition number, which limits smooth spaces to about 1e-8 in double precision."),
)


def row(problem, name):
    solutions = [pk.solve(problem, make_space(name, {}), budget="60s", seed=seed) for seed in SEEDS]
    metrics = [solution.metrics for solution in solutions]
    errors = sorted(m["relative_l2"] for m in metrics)
    middle = {key: statistics.median(m[key] for m in metrics) for key in ("estimated_error", "seconds")}
    shown = next(m for m in metrics if m["relative_l2"] == errors[1])
    return errors[1], (
        f"| {name} | {shown['method']} | {shown['basis_functions']} | {shown['parameters']} | {errors[1]:.1e} "
        f"({errors[0]:.1e}, {errors[2]:.1e}) | {middle['estimated_error']:.1e} | {middle['seconds']:.1f} |"
    )


def picture():
    """Draw one basis function of each space, as it is drawn for the unit frequency."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    n, columns = 161, 5
    axis = torch.linspace(-1, 1, n, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    rows = -(-len(NAMES) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.75 * columns, 1.95 * rows), layout="constrained")
    unit = torch.rand(64, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    frequencies = 2 * torch.pi * (2 * unit - 1)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, name in zip(axes.flat, NAMES, strict=False):
        space = make_space(name, {}).resized(100)
        bounds = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
        built = space.build(bounds, 1, torch.Generator().manual_seed(0), frequencies if space.spectral else None)
        with torch.no_grad():
            values = built.basis(x)
        # The function that varies most, so that no almost constant one stands for its space.
        best = values[:, (values.std(0) / (1e-12 + values.abs().amax(0))).argmax()]
        panel.imshow(best.reshape(n, n).T, origin="lower", cmap="viridis")
        panel.set_title(name, fontsize=8)
    (DOCS / "figures").mkdir(exist_ok=True)
    figure.savefig(DOCS / "figures" / "spaces.png", dpi=66)
    plt.close(figure)


def main(names):
    lines = [
        "# The trial spaces",
        "",
        "Written by `python benchmarks/spaces.py`: -Laplace u = f on [-1, 1]^2, u = 0 on the boundary,",
        "u = sin(pi x) sin(pi y); default options, two CPU cores, medians of seeds 0, 1, 2.",
        "",
        "![One basis function of each space](figures/spaces.png)",
    ]
    for problem_name, title, target, remark in SECTIONS:
        problem = pk.load_problem(problem_name, {"n": 1})
        lines += ["", title, "", remark, "", HEAD, "|---|---|---|---|---|---|---|"]
        print(title)
        met = []
        for name in names or NAMES:
            error, line = row(problem, name)
            lines.append(line)
            met += [name] * (error <= target)
            print(line, flush=True)
        missed = [name for name in names or NAMES if name not in met]
        verdict = f"At or below {target:g}: {', '.join(met) or 'none'}. Above: {', '.join(missed) or 'none'}."
        lines += ["", verdict]
        print(verdict)
    if names:
        return
    lines += ["", "## Formulas and sources", ""]
    lines += [f"- **{name}**: `{space.formula}`" for name, space in SPACES.items()]
    picture()
    (DOCS / "spaces.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
