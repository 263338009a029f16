"""The scoreboard: every problem of the gallery with default settings, three seeds, against its target and record.

    python benchmarks/gallery.py                # writes docs/results.md, its pictures and the README's table; an hour
    python benchmarks/gallery.py burgers kdv    # solves only these again, where they are not solved yet
    python benchmarks/gallery.py --jobs 2       # two runs at a time, each on an equal share of the cores

Each run is a command `python -m pinnkit solve ...` with a folder under runs/gallery; what is there is not solved again,
so that after a change of the code the folder must go.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

SEEDS = (0, 1, 2)
ROOT = Path(__file__).parent.parent
RUNS, TARGET, FIGURES = ROOT / "runs" / "gallery", ROOT / "docs" / "results.md", ROOT / "docs" / "figures" / "gallery"
README = ROOT / "README.md"
START, END = "<!-- results: written by benchmarks/gallery.py -->\n", "<!-- end of results -->"
HONEST = 0.9


@dataclass(frozen=True)
class Entry:
    """A line of the scoreboard.

    Attributes:
        name: in the gallery.
        target: the error that counts as done.
        record: the error that is sought.
        seconds: the budget.
        arguments: of the problem.
        measure: which error, the largest one: "relative_l2" of the unknowns, "relative_error" or "error" of derived
            quantities, or that of the found "parameters".
    """

    name: str
    target: float
    record: float
    seconds: int
    arguments: dict = field(default_factory=dict, hash=False)
    measure: str = "relative_l2"

    @property
    def title(self):
        return self.name + "".join(f", {key} = {value:g}" for key, value in self.arguments.items())

    def folder(self, seed):
        return RUNS / self.title.replace(", ", "-").replace(" = ", "") / str(seed)


ENTRIES = (
    *(Entry("poisson-hf", 1e-9, 1e-12, 60, {"n": n}) for n in (2, 4, 8)),
    *(Entry("poisson-hf", 1e-7, 1e-10, 60, {"n": n}) for n in (16, 32)),
    Entry("poisson-multiscale", 1e-6, 1e-10, 60),
    Entry("poisson-mesh", 1e-3, 1e-5, 60),
    Entry("poisson-lshape", 1e-3, 1e-6, 120),
    Entry("poisson-10d", 1e-2, 1e-4, 180),
    Entry("helmholtz", 1e-9, 1e-12, 60),
    Entry("helmholtz", 1e-8, 1e-10, 60, {"k": 10.0}),
    Entry("helmholtz", 1e-7, 1e-10, 60, {"a1": 16, "a2": 16}),
    Entry("darcy", 1e-6, 1e-9, 60),
    Entry("heat-disk", 1e-6, 1e-9, 60),
    Entry("advection", 1e-7, 1e-9, 60),
    Entry("wave", 1e-7, 1e-10, 60),
    Entry("burgers", 1e-4, 1e-7, 180),
    Entry("allen-cahn", 1e-3, 1e-6, 300),
    Entry("kdv", 1e-3, 1e-6, 300),
    Entry("beam", 1e-7, 1e-10, 60),
    Entry("kovasznay", 1e-6, 1e-9, 120),
    Entry("cavity", 2e-2, 5e-3, 300, measure="error"),
    Entry("plate-hole", 2e-2, 1e-3, 120, measure="relative_error"),
    Entry("burgers-inverse", 1e-2, 1e-3, 180, measure="parameters"),
    Entry("poisson-energy", 1e-3, 1e-5, 120),
)


def solve(entry, seed, threads):
    """Run the command in a process of its own, unless its folder holds the result; return its metrics or None."""
    folder = entry.folder(seed)
    if not (folder / "metrics.json").exists():
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was interrupted
        folder.parent.mkdir(parents=True, exist_ok=True)
        settings = [part for k, v in entry.arguments.items() for part in ("--set", f"problem.{k}={v}")]
        command = [sys.executable, "-m", "pinnkit", "solve", entry.name, *settings, "--seed", str(seed),
                   "--budget", f"{entry.seconds}s", "--out", str(folder)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        with folder.with_suffix(".txt").open("w") as output:
            subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
    file = folder / "metrics.json"
    found = json.loads(file.read_text()) if file.exists() else None
    print(f"{entry.title}, seed {seed}: {_summary(entry, found)}", flush=True)
    return found


def _summary(entry, metrics):
    if metrics is None:
        return "failed; see " + str(RUNS)
    estimated = metrics["estimated_error"] or math.nan
    return f"{error(entry, metrics):.1e} (estimated {estimated:.1e}), {metrics['seconds']:.0f} s"


def error(entry, metrics):
    """Give the error that the entry is judged by."""
    if entry.measure == "relative_l2":
        found = [metrics["relative_l2"]]
    elif entry.measure == "parameters":
        found = [*metrics["problem_parameter_true_errors"].values()]
    else:
        found = [part[entry.measure] for part in metrics["quantities"].values()]
    return max(math.inf if value is None else value for value in found)


def row(entry, metrics):
    """Write a line of the table, and tell whether the target was met."""
    errors = sorted(math.inf if m is None else error(entry, m) for m in metrics)
    low, middle, high = statistics.quantiles(errors, n=4, method="inclusive")
    met = middle <= entry.target
    done = [m for m in metrics if m is not None]
    if not done:
        return met, f"| {entry.title} | {entry.target:g} | {entry.record:g} | failed | | | | | | | **missed** |"

    def median(key):
        values = [m[key] for m in done if m.get(key) is not None]
        return statistics.median(values) if values else math.nan

    verdict = "record" if middle <= entry.record else "met" if met else "**missed**"
    mark = "" if entry.measure == "relative_l2" else "*"
    return met, (
        f"| {entry.title}{mark} | {entry.target:g} | {entry.record:g} | {middle:.1e} | {low:.1e}, {high:.1e} "
        f"| {median('seconds'):.0f} of {entry.seconds} | {median('parameters'):.0f} | {median('estimated_error'):.1e} "
        f"| {', '.join(f'{r:.2g}' for r in ratios(metrics))} | {done[0]['space']}, {done[0]['method']} | {verdict} |"
    )


def ratios(metrics):
    """Give true over estimated error, where there are both."""
    both = [(m["relative_l2"], m["estimated_error"]) for m in metrics if m is not None]
    return [true / estimated for true, estimated in both if true is not None and estimated]


def picture(entry):
    """Keep the picture of the first seed, with fewer colours: the docs hold small files only."""
    from PIL import Image

    source = entry.folder(SEEDS[0]) / "solution.png"
    if source.exists():
        FIGURES.mkdir(parents=True, exist_ok=True)
        image = Image.open(source).convert("RGB")
        image.thumbnail((900, 900))
        image.quantize(256, Image.Quantize.MAXCOVERAGE).save(FIGURES / f"{entry.name}.png", optimize=True)


def short(entry, metrics):
    """Write a line of the README's table."""
    done = [m for m in metrics if m is not None]
    if not done:
        return f"| {entry.title} | failed | | | |"
    estimated, seconds = (statistics.median(m[key] or math.nan for m in done) for key in ("estimated_error", "seconds"))
    middle = statistics.median(error(entry, m) for m in done)
    mark = "" if entry.measure == "relative_l2" else "*"
    return f"| {entry.title}{mark} | {done[0]['method']} | {middle:.0e} | {estimated:.0e} | {seconds:.0f} |"


def write_readme(found):
    """Put the short table into the README."""
    text = README.read_text()
    before, after = text.split(START)[0], text.split(END)[1]
    note = (
        "Default settings, medians of three seeds, two CPU cores; relative L2 errors, with * of the numbers sought "
        "([docs/results.md](docs/results.md) has targets, quartiles and pictures):\n"
    )
    lines = [note, "| problem | method | true error | estimated | seconds |", "|---|---|---|---|---|"]
    lines += [short(entry, metrics) for entry, metrics in found.items()]
    README.write_text(before + START + "\n".join(lines) + "\n" + END + after)


def write(found):
    """Write docs/results.md from the metrics of all entries."""
    head = (
        "| problem | target | record | median error | quartiles | seconds | parameters | estimated "
        "| true / estimated | space, method | verdict |"
    )
    rows = [row(entry, metrics) for entry, metrics in found.items()]
    missed = [entry.title for entry, (met, _) in zip(found, rows, strict=True) if not met]
    every = [ratio for metrics in found.values() for ratio in ratios(metrics)]
    inside = sum(0.1 <= ratio <= 10 for ratio in every)
    lines = [
        "# Results", "",
        "Written by `python benchmarks/gallery.py`: every problem with default settings and seeds 0, 1, 2; medians. "
        "Errors are relative L2 against the reference, the largest of the unknowns, on points that were never trained "
        "on; with *, of derived quantities (plate-hole: relative; cavity: in lid speeds) or of recovered "
        "parameters (relative).", "",
        f"{len(rows) - len(missed)} of {len(rows)} targets are met"
        + (f"; missed: {', '.join(missed)}." if missed else "."),
        f"True over estimated error lies in [0.1, 10] in {inside} of {len(every)} runs"
        + (" (asked: nine tenths)." if inside >= HONEST * len(every) else ": **fewer than the nine tenths asked**."),
        "", head, "|" + "---|" * 11, *(line for _, line in rows), "", "## Pictures", "",
    ]
    for name in dict.fromkeys(entry.name for entry in found):
        lines += [f"### {name}", "", f"![{name}](figures/gallery/{name}.png)", ""]
    TARGET.write_text("\n".join(lines))
    print(lines[4], lines[5], sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="problems to solve; all by default")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    options = parser.parse_args()
    chosen = [e for e in ENTRIES if not options.names or e.name in options.names]
    if unknown := set(options.names) - {e.name for e in ENTRIES}:
        known = ", ".join(dict.fromkeys(e.name for e in ENTRIES))
        parser.error(f"no entry {', '.join(sorted(unknown))}; there are {known}")
    threads = max(1, (os.cpu_count() or 1) // options.jobs)
    with ThreadPoolExecutor(options.jobs) as pool:
        # Seed by seed, so that an interrupted benchmark has something of every problem.
        pending = {(e, seed): pool.submit(solve, e, seed, threads) for seed in SEEDS for e in chosen}
        for future in pending.values():
            future.result()
    files = {e: [e.folder(seed) / "metrics.json" for seed in SEEDS] for e in ENTRIES}
    found = {e: [json.loads(f.read_text()) if f.exists() else None for f in own] for e, own in files.items()}
    found = {e: metrics for e, metrics in found.items() if any(metrics) or e in chosen}
    for entry in reversed(found):
        picture(entry)  # of the first entry of each name
    write(found)
    write_readme(found)


if __name__ == "__main__":
    main()
