"""Networks as CT images at equal parameters and equal time, beside the classical reconstructions of the same scans.

    python benchmarks/tomography.py                          # 36 runs of two minutes; writes docs/ct.md and its figure
    python benchmarks/tomography.py --views 20 --spaces lrnn siren --seconds 300 --seeds 3
    python benchmarks/tomography.py --report                 # only writes, from the runs that there are

Each run is a command `python -m pinnkit solve ct-abdomen ...` with a folder under runs/tomography; what is there is not
repeated, so that after a change of the code the folder must go. Each takes as many threads as OMP_NUM_THREADS says;
--report takes all seeds that there are.
"""

import argparse
import itertools
import json
import math
import shutil
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pinnkit.gallery import load_problem
from pinnkit.tomography import SIRT, SPACES, TotalVariation

ROOT = Path(__file__).parent.parent
RUNS, TARGET, FIGURE = ROOT / "runs" / "tomography", ROOT / "docs" / "ct.md", ROOT / "docs" / "figures" / "ct.png"
VIEWS, COUNTS, SECONDS = (20, 40, 100), (0.0, 5e4), 120
LIMIT = 180_000
"""Parameters that a network may have."""
FIELDS = [name for name in SPACES if name != "deep-image-prior"]
"""Networks of coordinates, which are compared with each other."""
RIVALS = ("SIRT", "TV", "TV whitest")


@dataclass(frozen=True)
class Case:
    """A scan, and the time for each network."""

    views: int
    counts: float
    seconds: int

    @property
    def noise(self):
        return f"{self.counts:.0e} counts".replace("e+0", "e") if self.counts else "clean"

    @property
    def title(self):
        return f"{self.views} views, {self.noise}"

    @property
    def arguments(self):
        return {"views": self.views, "counts": self.counts}

    @property
    def home(self):
        return RUNS / f"{self.views}-views-{self.noise.replace(' ', '-')}-{self.seconds}s"


def folder(case, space, seed):
    return case.home / f"{space}-seed-{seed}"


def metrics(where):
    file = where / "metrics.json"
    return json.loads(file.read_text()) if file.exists() else None


def solve(case, space, seed):
    """Run the command, unless its folder holds the result."""
    where = folder(case, space, seed)
    if metrics(where) is None:
        shutil.rmtree(where, ignore_errors=True)  # of a run that was interrupted
        where.parent.mkdir(parents=True, exist_ok=True)
        settings = [part for key, value in case.arguments.items() for part in ("--set", f"problem.{key}={value}")]
        command = [sys.executable, "-m", "pinnkit", "solve", "ct-abdomen", *settings, "--space", space,
                   "--seed", str(seed), "--budget", f"{case.seconds}s", "--out", str(where)]  # fmt: skip
        with where.with_suffix(".txt").open("w") as output:
            subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False)
    found = metrics(where)
    good = found is not None and found["psnr"] is not None
    said = f"{found['psnr']:.2f} dB, SSIM {found['ssim']:.3f}" if good else f"failed; see {where}.txt"
    print(f"{case.title}, {space}, seed {seed}: {said}", flush=True)


def median(case, space):
    """Give the metrics of all seeds, and the medians of their numbers; None without any."""
    folders = [case.home / file.parent.name for file in sorted(case.home.glob(f"{space}-seed-*/metrics.json"))]
    runs = {int(where.name.rpartition("-")[2]): m for where in folders if (m := metrics(where)) and m["psnr"]}
    if not runs:
        return None
    row = dict(next(iter(runs.values())), runs=runs)
    for key in ("psnr", "ssim", "psnr_oracle", "data_residual", "chi_squared", "steps", "seconds"):
        row[key] = None if row[key] is None else statistics.median(m[key] for m in runs.values())
    for rival in ("FBP", "TV"):
        level = row["references"][rival]["psnr"]
        row[f"above {rival}"] = statistics.median(reached(case, space, seed, level) for seed in runs)
    return row


def reached(case, space, seed, level):
    """Give the seconds after which the PSNR stayed above a level until the end of the run; infinite if it did not."""
    lines = (folder(case, space, seed) / "history.jsonl").read_text().splitlines()
    records = [(record["seconds"], record["psnr"] > level) for record in map(json.loads, lines)]
    below = [place for place, (_, above) in enumerate(records) if not above]
    first = below[-1] + 1 if below else 0
    return records[first][0] if first < len(records) else math.inf


def table(case, found):
    """Write the lines of one scan: the classical methods, then the networks from the best to the worst."""
    references = next(iter(found.values()))["references"]
    rows = {**references, **dict(sorted(found.items(), key=lambda pair: -pair[1]["psnr"]))}
    best = {key: max(row[key] for row in rows.values()) for key in ("psnr", "ssim")}

    def bold(row, key, form):
        text = format(row[key], form)
        text = f"**{text}**" if row[key] == best[key] else text
        values = [m[key] for m in row.get("runs", {}).values()]
        return f"{text} ({min(values):{form}}, {max(values):{form}})" if len(values) > 1 else text

    lines = [
        f"### {case.title}", "",
        "| method | parameters | PSNR | SSIM | oracle PSNR | data residual | chi^2 | steps | seconds | above FBP after "
        "| above TV after |", "|" + "---|" * 11,
    ]
    for name, row in rows.items():
        chi = "" if row["chi_squared"] is None else f"{row['chi_squared']:.3g}"
        ours = name in found
        after = [f"{row[f'above {rival}']:.0f} s" if ours else "" for rival in ("FBP", "TV")]
        lines.append(
            f"| {name} | {row['parameters'] if ours else ''} | {bold(row, 'psnr', '.2f')} | {bold(row, 'ssim', '.3f')} "
            f"| {format(row['psnr_oracle'], '.2f') if ours else ''} | {row['data_residual']:.1e} | {chi} "
            f"| {row['steps' if ours else 'iterations']:.0f} | {row['seconds']:.1f} | {' | '.join(after)} |"
        )
    return [*(line.replace("inf s |", "- |") for line in lines), "", *verdicts(found, references), ""]


def verdicts(found, references):
    """Say whether a network earned its place, and LRNN the first one, by medians and seed by seed."""
    name, best = max(found.items(), key=lambda pair: pair[1]["psnr"])
    both = ("psnr", "ssim")
    lost = [f"{rival} in {key.upper()}" for rival in RIVALS for key in both if best[key] <= references[rival][key]]
    lines = [f"The best network, {name}, " + (f"does **not** beat {', '.join(lost)}." if lost
             else "beats SIRT and TV, by either rule, in PSNR and SSIM.")]  # fmt: skip
    fields = {key: row for key, row in found.items() if key in FIELDS}
    if "lrnn" in fields and len(fields) > 1:
        above = [
            f"{key} in {what.upper()}" for key, row in fields.items() for what in both
            if key != "lrnn" and row[what] >= fields["lrnn"][what]
        ]  # fmt: skip
        lines.append("Among networks of coordinates, LRNN " + (f"is **not** ahead of {', '.join(above)}." if above
                     else "is ahead in PSNR and SSIM."))  # fmt: skip
        ours = fields["lrnn"]["runs"]
        pairs = {key: [ours[k]["psnr"] - m["psnr"] for k, m in row["runs"].items() if k in ours]
                 for key, row in fields.items() if key != "lrnn"}  # fmt: skip
        if any(len(gains) > 1 for gains in pairs.values()):
            told = (f"{key} {', '.join(f'{gain:+.2f}' for gain in gains)}" for key, gains in pairs.items())
            lines.append(f"LRNN's PSNR minus that of others, seed by seed, in dB: {'; '.join(told)}.")
    if over := [key for key, row in found.items() if row["parameters"] > LIMIT]:
        lines.append(f"Over {LIMIT} parameters: {', '.join(over)}.")
    return lines


def picture(case, found):
    """Draw the truth, SIRT, TV and every network for one scan, cut to the body, in few greys."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    scan = load_problem("ct-abdomen", case.arguments)
    references = next(iter(found.values()))["references"]
    panels = {"truth": scan.truth}
    for method in (SIRT(), TotalVariation()):
        row = references[method.name]
        panels[f"{method.name}: {row['psnr']:.2f} dB, {row['ssim']:.3f}"] = method.reconstruct(scan).numpy()
    for name, row in sorted(found.items(), key=lambda pair: -pair[1]["psnr"]):
        seed, shown = next(iter(row["runs"].items()))
        panels[f"{name}: {shown['psnr']:.2f} dB, {shown['ssim']:.3f}"] = np.load(folder(case, name, seed) / "image.npy")
    body = np.argwhere(scan.truth > 0.5 * scan.water)
    top, left, bottom, right = *(body.min(0) - 4).clip(0), *(body.max(0) + 5)
    centre, width = scan.notes["window"]
    columns = 3
    rows = -(-len(panels) // columns)
    shape = (bottom - top) / (right - left)
    figure = Figure(figsize=(3.0 * columns, (3.0 * shape + 0.28) * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (title, image) in zip(axes, panels.items(), strict=False):
        shown = scan.hounsfield(image[top:bottom, left:right])
        axis.imshow(shown, "gray", vmin=centre - width / 2, vmax=centre + width / 2, interpolation="nearest")
        axis.set_title(title, fontsize=9)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, dpi=90)
    Image.open(FIGURE).convert("L").quantize(40, dither=Image.Dither.NONE).save(FIGURE, optimize=True)


def write(cases):
    """Write docs/ct.md from the runs that there are."""
    known = {case: {space: row for space in SPACES if (row := median(case, space))} for case in cases}
    known = {case: found for case, found in known.items() if found}
    if not known:
        sys.exit(f"there are no finished runs in {RUNS}; run without --report first.")
    first = next(iter(known))
    space, row = next(iter(known[first].items()))
    record = json.loads((folder(first, space, next(iter(row["runs"]))) / "run.json").read_text())
    seeds = sorted({seed for found in known.values() for row in found.values() for seed in row["runs"]})
    shown = next((case for case in known if case.counts), first)
    picture(shown, known[shown])
    lines = [
        "# Networks as CT images", "",
        "Written by `python benchmarks/tomography.py`: the abdomen slice of pydicom-data (NIH Pancreas-CT, "
        "doi:10.7937/K9/TCIA.2016.tNB1kqBU), scanned on its grid of 512 x 512 pixels and reconstructed on 256 x 256; "
        f"seeds {', '.join(map(str, seeds))} of the networks, the same noise, {first.seconds} s a network, at most "
        f"{LIMIT} parameters, {record['machine']['threads']} thread(s) of one machine; steps tell how much of it a run "
        "got. Networks have the same loss, projector, start and total variation; they differ in what stands for the "
        "image. Their names are those of `--space`, with their default options. The rates of all, LRNN's size and "
        "frequency, were chosen on this slice; the frequencies and widths of the others' functions are those of their "
        "papers.", "",
        "PSNR and SSIM (`data_range=1`) are of the last iterate, chosen without the truth. The **oracle** is the best "
        "PSNR of any checkpoint, chosen with the truth in hand: it is no result, and shown only to tell what a better "
        "stopping time would be worth. Numbers of networks are medians over seeds, with the least and the largest; "
        "bold: the best of all rows. The last two columns say when a network's PSNR was last below that of FBP and TV. "
        "[tomography.md](tomography.md) explains the other columns.", "",
        f"![{shown.title}](figures/ct.png)", "",
        f"Truth and reconstructions, {shown.title}, seed {seeds[0]}: PSNR and SSIM.", "",
    ]
    for case, found in known.items():
        lines += table(case, found)
    TARGET.write_text("\n".join(lines).rstrip() + "\n")
    print(f"wrote {TARGET} and {FIGURE} ({FIGURE.stat().st_size / 1000:.0f} kB)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--views", type=int, nargs="+", default=VIEWS)
    parser.add_argument("--counts", type=float, nargs="+", default=COUNTS, help="photons a ray; 0 for clean data")
    parser.add_argument("--spaces", nargs="+", default=[*SPACES], choices=[*SPACES])
    parser.add_argument("--seconds", type=int, default=SECONDS, help="for each network")
    parser.add_argument("--seeds", type=int, default=1, help="how many: 0, 1, ...")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--report", action="store_true", help="only write docs/ct.md from what there is")
    options = parser.parse_args()
    cases = [Case(views, counts, options.seconds) for views in options.views for counts in options.counts]
    if not options.report:
        runs = itertools.product(cases, options.spaces, range(options.seeds))
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(lambda run: solve(*run), runs))
    write(cases)


if __name__ == "__main__":
    main()
