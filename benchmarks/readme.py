"""Solve the README's examples and write their numbers and picture into it.

    python benchmarks/readme.py
"""

import shutil
import tempfile
from pathlib import Path

import pinnkit as pk

ROOT = Path(__file__).parent.parent
START, END = "<!-- results: written by benchmarks/readme.py -->\n", "<!-- end of results -->"
CASES = [
    ("poisson-hf", {"n": 4}, {}),
    ("poisson-hf", {"n": 32}, {}),
    ("helmholtz", {"k": 10.0}, {}),
    ("poisson-mesh", {}, {}),
    ("poisson-energy", {}, {}),
    ("poisson-multiscale", {}, {}),
    ("heat-disk", {}, {}),
    ("advection", {}, {}),
    ("kovasznay", {}, {}),
    ("poisson-hf", {"n": 4}, {"space": pk.SIREN(), "method": pk.Sequence([pk.Adam(), pk.LBFGS()])}),
    ("poisson-hf", {"n": 4}, {"space": pk.MLP(), "method": pk.Adam()}),
]


def main():
    head = "| problem | space and method | parameters | true error | estimated | seconds |"
    lines = [head, "|---|---|---|---|---|---|"]
    for name, arguments, options in CASES:
        with tempfile.TemporaryDirectory() as folder:
            solution = pk.solve(pk.load_problem(name, arguments), **options, budget="60s", out=folder)
            if name == "poisson-mesh":
                (ROOT / "docs/figures").mkdir(exist_ok=True)
                shutil.copy(Path(folder) / "solution.png", ROOT / "docs/figures/poisson-mesh.png")
        m = solution.metrics
        title = name + "".join(f", {key} = {value:g}" for key, value in arguments.items())
        lines.append(
            f"| {title} | {m['space']}, {m['method']} | {m['parameters']} | {m['relative_l2']:.1e} "
            f"| {m['estimated_error']:.1e} | {m['seconds']:.1f} |"
        )
        print(lines[-1], flush=True)
    text = (ROOT / "README.md").read_text()
    before, after = text.split(START)[0], text.split(END)[1]
    note = "Seed 0, default settings, a budget of 60 s, two CPU cores; errors are relative L2.\n\n"
    (ROOT / "README.md").write_text(before + START + note + "\n".join(lines) + "\n" + END + after)


if __name__ == "__main__":
    main()
