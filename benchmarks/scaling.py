"""How errors, seconds and memory grow with the number of functions: one basis for the whole domain, and cells.

    python benchmarks/scaling.py            # writes docs/scaling.md and its figure; ten minutes

One solve of -Lap u = f on [-1, 1]^2 with u = exp(sin 4(3x + 2y)) for each size, in a process of its own, one thread.
"""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
SIZES = {
    "whole": (150, 300, 600, 1200, 2400, 4800),
    "cells": (1200, 2400, 4800, 9600, 19200, 38400, 76800, 153600, 200000),
    "fixed": tuple(100 * k**2 for k in (4, 6, 8, 11, 16, 22, 31, 44)),
}


def measure(kind, size):
    """Solve once; give size, error, seconds and the memory that the solve needed beside the libraries."""
    import resource
    import time

    import torch

    import pinnkit as pk
    from pinnkit.methods import Task
    from pinnkit.methods.frozen.head import solve_head

    torch.set_num_threads(1)
    square = pk.Box([-1, -1], [1, 1])

    def exact(p):
        return torch.exp(torch.sin(4 * (3 * p.x + 2 * p.y)))

    def source(p):
        angle = 4 * (3 * p.x + 2 * p.y)
        return 208 * (torch.cos(angle).square() - torch.sin(angle)) * exact(p)

    problem = pk.Problem(
        domain=square, unknowns="u", equations={"poisson": lambda u, p: u.laplacian - source(p)},
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
    )  # fmt: skip
    task = Task(problem)
    _ = task.typical  # what all sizes share is made before the clock starts
    spaces = {"whole": pk.LRNN(), "cells": pk.Piecewise(), "fixed": pk.Piecewise(cells=math.isqrt(size // 100))}
    trial = task.trial(spaces[kind].resized(size), task.generator(0, 0), 4.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    solve_head(trial, task, task.generator(1))
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    x = square.interior(20000, torch.Generator().manual_seed(1))
    true = exact(x)
    with torch.no_grad():
        error = ((trial(x.coordinates)[:, 0] - true).norm() / true.norm()).item()
    return {"kind": kind, "size": trial.space.size, "error": error, "seconds": seconds, "memory": memory / 1024}


def slope(rows, what):
    """Fit the exponent of growth over the largest half of the sizes."""
    rows = rows[len(rows) // 2 :]
    x, y = ([math.log(row[key]) for row in rows] for key in ("size", what))
    mx, my = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sum((a - mx) ** 2 for a in x)


def write(rows):
    """Write the page and its figure."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kinds = {"whole": "one basis (LRNN)", "cells": "cells", "fixed": "cells of 100 functions"}
    parts = {kind: [row for row in rows if row["kind"] == kind] for kind in kinds}
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    for axis, (what, label) in zip(
        axes, {"error": "relative L2 error", "seconds": "seconds", "memory": "memory (MiB)"}.items(), strict=True
    ):
        for kind, name in kinds.items():
            axis.loglog([r["size"] for r in parts[kind]], [r[what] for r in parts[kind]], "o-", label=name)
        axis.set(xlabel="functions", ylabel=label)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(DOCS / "figures" / "scaling.png", dpi=80)
    lines = [
        "# How cost and accuracy grow",
        "",
        "Written by `python benchmarks/scaling.py`: -Lap u = f on a square with u = exp(sin 4(3x + 2y)), one solve for "
        "each number of functions, one thread. Memory is what the solve needed beside the libraries.",
        "",
        "![error, seconds and memory against the number of functions](figures/scaling.png)",
        "",
        "| space | functions | relative L2 error | seconds | MiB |",
        "|---|---|---|---|---|",
    ]
    for kind, name in kinds.items():
        lines += [
            f"| {name} | {r['size']} | {r['error']:.1e} | {r['seconds']:.2f} | {r['memory']:.0f} |" for r in parts[kind]
        ]
    lines += ["", "Exponents of growth, over the larger half of the sizes:", ""]
    lines += [
        f"- {name}: seconds {slope(parts[kind], 'seconds'):.2f}, memory {slope(parts[kind], 'memory'):.2f}"
        for kind, name in kinds.items()
    ]
    (DOCS / "scaling.md").write_text("\n".join(lines) + "\n")


def main():
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=2, metavar=("KIND", "SIZE"), help="measure one size, and print it")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one[0], int(arguments.one[1]))))
        return
    rows = []
    for kind, sizes in SIZES.items():
        for size in sizes:
            command = [sys.executable, "-W", "ignore", __file__, "--one", kind, str(size)]
            rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
            print(rows[-1], flush=True)
    write(rows)


if __name__ == "__main__":
    main()
