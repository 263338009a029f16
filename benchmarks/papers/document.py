"""All experiments of the papers, and docs/papers.md from what they found.

    python benchmarks/papers/document.py                # runs those that have not been run, at their small defaults
    python benchmarks/papers/document.py --report       # only writes docs/papers.md from what there is

What is in runs/papers is not run again, so that after a change of the code the folder must go.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from experiment import FAILED, HELD, ROOT, RUNS, UNKNOWN, Claim, Experiment, Table, grid

HERE, TARGET = Path(__file__).parent, ROOT / "docs" / "papers.md"
NAMES = (
    *("lrnn_images", "lrnn_audio", "lrnn_poisson", "lrnn_ct", "iat_bases", "lau_tabular", "acl_digits", "acl_kernels"),
    "transnet",
)
VERDICTS = HELD, FAILED, UNKNOWN


def read(file):
    """Read an experiment with its time and machine."""
    record = json.loads(file.read_text())
    extra = {key: record.pop(key) for key in ("seconds", "full", "machine")}
    record["tables"] = [Table(**table) for table in record["tables"]]
    record["claims"] = [Claim(**claim) for claim in record["claims"]]
    return Experiment(**record), extra


def anchor(title):
    """Give the fragment under which Markdown's readers find a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def summary(known):
    """Table the verdicts of each experiment, and all together."""
    counts = {name: Counter(claim.verdict for claim in found.claims) for name, (found, _) in known.items()}
    rows = [
        [f"[{found.title}](#{anchor(found.title)})", *(counts[name][verdict] for verdict in VERDICTS),
         f"{extra['seconds']:.0f}"]
        for name, (found, extra) in known.items()
    ]  # fmt: skip
    total = sum(counts.values(), Counter())
    seconds = sum(extra["seconds"] for _, extra in known.values())
    rows.append(["together", *(total[verdict] for verdict in VERDICTS), f"{seconds:.0f}"])
    return grid(["claims", *VERDICTS, "seconds"], ["---", *["---:"] * 4], rows)


def write():
    """Write docs/papers.md."""
    known = {name: read(file) for name in NAMES if (file := RUNS / f"{name}.json").exists()}
    if not known:
        sys.exit(f"there are no experiments in {RUNS}; run without --report first.")
    lines = [
        "# The papers' experiments", "",
        "Written by `python benchmarks/papers/document.py`. These are small versions of the experiments in the papers "
        "that pinnkit follows; each file's `--full` is the paper's size, or as near as our data come. A claim *held* "
        "if our numbers agree with the ordering or the size that the paper prints; where no number to compare with is "
        "printed, we cannot tell, and only give ours. Data, widths or optimisers that a paper does not print were "
        "chosen here, are equal for all rows unless stated, and are named. Seconds were taken while other programs "
        "may have run beside.", "",
        *summary(known),
    ]  # fmt: skip
    for name, (found, extra) in known.items():
        lines += found.markdown()
        lines += [f"`python benchmarks/papers/{name}.py`: {extra['seconds']:.0f} s ({extra['machine']}).", ""]
    missing = [name for name in NAMES if name not in known]
    if missing:
        lines += [f"Not run: {', '.join(missing)}."]
    TARGET.write_text("\n".join(lines).rstrip() + "\n")
    print(f"wrote {TARGET}: {', '.join(known)}" + (f"; not run: {', '.join(missing)}" if missing else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--report", action="store_true", help="only write docs/papers.md from what there is")
    failed = []
    if not parser.parse_args().report:
        for name in NAMES:
            if not (RUNS / f"{name}.json").exists():
                print(f"== {name}", flush=True)
                if subprocess.run([sys.executable, HERE / f"{name}.py"], cwd=ROOT, check=False).returncode:
                    failed.append(name)
    write()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
