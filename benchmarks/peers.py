"""Compare pinnkit with other libraries for physics-informed networks: error against time, on equal terms.

    python benchmarks/peers.py                         # everything; writes docs/peers.md and its picture
    python benchmarks/peers.py --report                # only writes these two again, from the results that are there

Every library runs in a virtual environment of its own, which this script makes with pip; so do all its runs in
processes of their own, on the same processor cores. What each library does is in peer_libraries/run_*.py, the
problems are in peer_libraries/cases.py. Finished runs are kept in the folder of --out and not repeated; failed ones
are tried again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peer_libraries.cases import CASES, POINTS

HERE = Path(__file__).parent
ROOT = HERE.parent

PINS = {
    "deepxde": ("deepxde==1.15.0", "torch==2.13.0"),
    "pina": ("pina-mathlab==0.3.2", "torch==2.13.0"),
    "jinns": ("jinns==1.10.2", "jax==0.10.2"),
    "scimba": ("scimba==1.4.1", "torch==2.13.0"),
}
OURS = "pinnkit"
TARGETS = {"poisson-4": 60, "poisson-10": 60, "helmholtz-10": 60, "burgers": 10}
"""How many times faster than the best peer pinnkit is to be."""


@dataclass(frozen=True)
class Row:
    """A library with a configuration, which its adapter knows by name."""

    library: str
    config: str
    title: str
    colour: str
    dashed: bool = False

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"{self.library}-{self.config}"


ROWS = (
    Row(OURS, "default", "pinnkit, default settings", "black"),
    Row("deepxde", "hard", "DeepXDE, Adam + L-BFGS", "tab:blue"),
    Row("deepxde", "fourier", "DeepXDE, Fourier features, Adam + L-BFGS", "tab:blue", dashed=True),
    Row("pina", "hard", "PINA, Adam + L-BFGS", "tab:green"),
    Row("jinns", "natural", "jinns, natural gradient", "tab:red"),
    Row("jinns", "broyden", "jinns, Adam + SSBroyden", "tab:red", dashed=True),
    Row("scimba", "weak", "Scimba, energy natural gradient, weak conditions", "tab:purple"),
    Row("scimba", "strong", "Scimba, energy natural gradient, strong conditions", "tab:purple", dashed=True),
)
Result = dict[str, Any]


def environment(library: str, folder: Path) -> Path:
    """Give the Python of a library's environment, which is made if it is not there as pinned."""
    if library == OURS:
        return Path(sys.executable)
    home, pins = folder / library, " ".join(PINS[library])
    python, ready = home / ("Scripts" if os.name == "nt" else "bin") / "python", home / "pins.txt"
    if not ready.exists() or ready.read_text() != pins:
        print(f"making the environment of {library}: {pins}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True, capture_output=True, text=True)
        install = [python, "-m", "pip", "install", "--quiet", *PINS[library]]
        subprocess.run(install, check=True, capture_output=True, text=True)
        ready.write_text(pins)
    return python


def last_line(text: str | bytes | None) -> str:
    """Give the last line that says something."""
    lines = [line for line in str(text or "").splitlines() if line.strip() and set(line.strip()) != {"-"}]
    return lines[-1].strip()[:300] if lines else "no message"


def facts(output: str) -> Result:
    """Read what an adapter printed, among whatever its library prints."""
    found: Result = {"curve": []}
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        said = json.loads(line)
        if "error" in said:
            found["curve"].append((said["seconds"], said["error"]))
        else:
            found.update(said)
    return found


def measure(row: Row, case: str, options: argparse.Namespace) -> Result:
    """Run one library on one problem."""
    base = {"library": row.library, "config": row.config, "case": case}
    try:
        python = environment(row.library, options.envs)
    except (subprocess.CalledProcessError, OSError) as error:
        said = last_line(getattr(error, "stderr", None) or str(error))
        return base | {"curve": [], "failure": f"its environment could not be made: {said}"}
    command = [python, HERE / "peer_libraries" / f"run_{row.library}.py", case, row.config]
    command += [str(options.budget), str(time.time())]
    settings = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(options.threads))
    settings |= {"DDE_BACKEND": "pytorch", "PYTHONPATH": str(ROOT) if row.library == OURS else ""}
    patience = 3 * options.budget + 600
    try:
        done = subprocess.run(
            command, env=os.environ | settings, capture_output=True, text=True, timeout=patience
        )
    except subprocess.TimeoutExpired:
        return base | {"curve": [], "failure": f"it did not end within {patience:.0f} s"}
    result = base | facts(done.stdout)
    if done.returncode or not result["curve"]:
        result["failure"] = last_line(done.stderr)
    return result


def shown(result: Result) -> str:
    """One line about a run."""
    got = f"{result['curve'][-1][1]:.1e} after {result['curve'][-1][0]:.1f} s" if result["curve"] else "no result"
    return got + (f", then FAILED: {result['failure']}" if "failure" in result else "")


def run_all(options: argparse.Namespace) -> None:
    """Run what has not been run, and write a file for every run."""
    options.out.mkdir(parents=True, exist_ok=True)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])  # children inherit it
    for case in options.cases:
        for row in ROWS:
            file = options.out / f"{case} {row.name}.json"
            if row.library not in options.libraries:
                continue
            if not file.exists() or "failure" in json.loads(file.read_text()):
                result = measure(row, case, options)
                file.with_suffix(".part").write_text(json.dumps(result))
                file.with_suffix(".part").replace(file)
            print(f"{case:13} {row.name:16} {shown(json.loads(file.read_text()))}", flush=True)


def reached(result: Result, error: float) -> float | None:
    """Give the seconds after which the error was no larger than this."""
    return next((seconds for seconds, e in result["curve"] if e <= error), None)


def number(value: float | None, form: str = ".2g") -> str:
    """Write a number, or a dash."""
    return "-" if value is None else format(value, form)


def tables(results: dict[str, dict[Row, Result]], options: argparse.Namespace) -> list[str]:
    """Write the table of ratios, and one table a problem."""
    ratios = ["| problem | best peer | its error | its seconds | pinnkit's seconds to that error | ratio | asked for |",
              "|---|---|---|---|---|---|---|"]
    details = []
    for case, of_case in results.items():
        finals = {row: r["curve"][-1][1] for row, r in of_case.items() if r["curve"] and "failure" not in r}
        peers = {row: error for row, error in finals.items() if row.library != OURS and error == error}
        best = min(peers, key=lambda row: peers[row], default=None)
        goal = None if best is None else peers[best]
        details += ["", f"### {case}: {CASES[case].title}", "",
                    "| library and configuration | error at the end | seconds | seconds to the best peer's error |",
                    "|---|---|---|---|"]
        for row, result in of_case.items():
            if "failure" in result:
                details.append(f"| {row.title} | {shown(result).replace('|', ' ')} | - | - |")
                continue
            seconds = None if goal is None else reached(result, goal)
            chosen = f" ({result['chosen']})" if "chosen" in result else ""
            details.append(f"| {row.title}{chosen} | {finals[row]:.1e} | {result['curve'][-1][0]:.1f} "
                           f"| {number(seconds)} |")
        if best is None or goal is None:
            continue
        theirs = reached(of_case[best], goal)
        ours = next((reached(r, goal) for row, r in of_case.items() if row.library == OURS), None)
        ratio = None if ours is None or theirs is None else theirs / ours
        target, verdict = TARGETS.get(case), ""
        if target is not None:
            verdict = f">= {target}: " + ("met" if ratio is not None and ratio >= target else "missed")
        ratios.append(f"| {case} | {best.title} | {goal:.1e} | {number(theirs, '.3g')} | {number(ours)} "
                      f"| {number(ratio, '.3g')} | {verdict} |")
    return [*ratios, "", "## Every run", *details]


def setups(results: dict[str, dict[Row, Result]]) -> list[str]:
    """Write what each library is and how long it takes before training begins."""
    lines = ["| library and configuration | version | parameters | numbers | setup, seconds |", "|---|---|---|---|---|"]
    for row in ROWS:
        runs = [of_case[row] for of_case in results.values() if "setup_seconds" in of_case.get(row, {})]
        if runs:
            times, sizes = ([run[key] for run in runs] for key in ("setup_seconds", "parameters"))
            size = str(sizes[0]) if len(set(sizes)) == 1 else f"{min(sizes)} to {max(sizes)}"
            lines.append(f"| {row.title} | {runs[0]['version']} | {size} | {runs[0]['dtype']} "
                         f"| {min(times):.1f} to {max(times):.1f} |")
    return lines


SHORT = """

**This budget is shorter than these libraries are made for**: natural gradients and SSBroyden need about a minute here.
A row that ends with an error near one or above says that its run had not converged, and nothing about the library."""


def picture(results: dict[str, dict[Row, Result]], path: Path) -> None:
    """Draw error against time, one panel a problem."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = min(3, len(results))
    lines = -(-len(results) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(3.6 * columns, 3 * lines + 0.7), squeeze=False)
    for panel in axes.flat[len(results):]:
        panel.set_axis_off()
    for panel, (case, of_case) in zip(axes.flat, results.items(), strict=False):
        for row, result in of_case.items():
            if result["curve"]:
                ours = row.library == OURS
                panel.loglog(*zip(*result["curve"], strict=True), "--" if row.dashed else "-", color=row.colour,
                             linewidth=2 if ours else 1.2, marker="o" if ours else None, markersize=3, label=row.title)
        panel.set_xlim(left=0.05)
        panel.set_ylim(top=min(panel.get_ylim()[1], 10))
        panel.set_title(case, fontsize=9)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    for panel in axes[-1]:
        panel.set_xlabel("seconds of training", fontsize=8)
    for panel in axes[:, 0]:
        panel.set_ylabel("relative L2 error", fontsize=8)
    legends = [panel.get_legend_handles_labels() for panel in axes.flat]
    entries = {label: line for legend in legends for line, label in zip(*legend, strict=True)}
    figure.legend(entries.values(), entries, loc="lower center", ncols=min(3, columns), fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.13 if lines == 2 else 0.25, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def report(options: argparse.Namespace) -> None:
    """Gather the results, and write the document and its picture."""
    files = {(case, row): options.out / f"{case} {row.name}.json" for case in CASES for row in ROWS}
    read = {key: json.loads(file.read_text()) for key, file in files.items() if file.exists()}
    if not read:
        raise SystemExit(f"{options.out} holds no results; run without --report.")
    results = {case: {row: read[case, row] for row in ROWS if (case, row) in read}
               for case in CASES if any(key[0] == case for key in read)}
    machine = {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    settings = {"budget": options.budget, "threads": options.threads, "points": POINTS}
    (options.out / "results.json").write_text(json.dumps(settings | machine | {"runs": list(read.values())}, indent=1))
    picture(results, options.docs / "figures" / "peers.png")
    short = SHORT if options.budget < 60 else ""
    text = f"""# pinnkit beside other libraries

Written by `python benchmarks/peers.py`: {options.budget:g} s of training a run, {options.threads} threads, seed 0, the
same 10,000 random test points for all. Imports, building and compilation count as setup; the clock stands still while
errors are measured. One run each on one machine: read ratios, not seconds.

Each library does what its documentation recommends, in double precision, with a tanh network of three hidden layers of
32 (Fourier features: 64 of them before it, scales 1 and 10), {POINTS} residual points and hard boundary and initial
conditions; Adam (rate 1e-3) has the first quarter of the time where another optimiser follows. Linear equations are
scaled so that their source is of order one: natural gradients with the libraries' own regularisations converge
much more slowly without. Scimba draws new points in every step; with weak conditions it has 1000 more on the
boundary, with strong ones a regularisation of 1e-5 instead of 1e-6. pinnkit runs with its default settings, so it
chooses its space, its method and the number of its points itself. It also reads frequencies off the sources, which are
single modes here: a favourable case for it.{short}

![Error against time](figures/peers.png)

## How much faster

The best peer is the one with the smallest error at the end; times are until that error was first reached.

"""
    lines = [*tables(results, options), "", "## The libraries", "", *setups(results), ""]
    (options.docs / "peers.md").write_text(text + "\n".join(lines))
    print(f"wrote {options.docs / 'peers.md'}")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of training a run (default 60)")
    parser.add_argument("--threads", type=int, default=2, help="processor cores (default 2)")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="only these problems")
    parser.add_argument("--libraries", nargs="+", choices=[OURS, *PINS], default=[OURS, *PINS], help="only these")
    parser.add_argument("--envs", type=Path, default=Path.home() / ".cache" / "pinnkit-peers", help="environments")
    parser.add_argument("--out", type=Path, help="results (default runs/peers-BUDGETs-THREADSt)")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where peers.md goes (default docs)")
    parser.add_argument("--report", action="store_true", help="run nothing")
    options = parser.parse_args()
    options.out = options.out or ROOT / "runs" / f"peers-{options.budget:g}s-{options.threads}t"
    if not options.report:
        run_all(options)
    report(options)


if __name__ == "__main__":
    main()
