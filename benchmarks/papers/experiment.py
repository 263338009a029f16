"""What every experiment of a paper leaves behind: its setting, tables, and whether the paper's claims held.

An experiment is a file here that calls `main(run, __doc__)`: `run(full)` measures, in minutes on two cores or at the
paper's size, and returns an `Experiment`, which is printed and kept in runs/papers for document.py.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
RUNS, FIGURES = ROOT / "runs" / "papers", ROOT / "docs" / "figures" / "papers"
HELD, FAILED, UNKNOWN = "held", "did not hold", "cannot tell (not printed)"


@dataclass(frozen=True)
class Claim:
    """What a paper says beside what was found here.

    Attributes:
        statement: the claim, in our words.
        printed: the paper's number, or "not printed".
        ours: the number found here.
        verdict: HELD, FAILED or UNKNOWN.
    """

    statement: str
    printed: str
    ours: str
    verdict: str

    def __post_init__(self):
        if self.verdict not in (HELD, FAILED, UNKNOWN):
            raise ValueError(f"{self.verdict!r} is none of {HELD!r}, {FAILED!r}, {UNKNOWN!r}")


def grid(head, marks, rows):
    """Write a table in Markdown, its columns aligned as the marks say."""
    cells = [[str(cell).replace("|", r"\|") for cell in row] for row in (head, marks, *rows)]
    return [*(f"| {' | '.join(row)} |" for row in cells), ""]


@dataclass(frozen=True)
class Table:
    """Rows of texts under a head; the first column is text, the others are numbers."""

    caption: str
    head: list
    rows: list

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"{self.caption}: {len(row)} cells under {len(self.head)} heads, {row}")

    def markdown(self):
        return [f"{self.caption}:", "", *grid(self.head, ["---", *["---:"] * (len(self.head) - 1)], self.rows)]


@dataclass(frozen=True)
class Experiment:
    """One experiment, as it ended.

    Attributes:
        title: of its section.
        paper: short reference, with an arXiv id or DOI.
        setting: a paragraph: data, sizes, optimiser, seeds; what the paper does not print and was chosen here.
        tables: the numbers.
        claims: the paper's, with verdicts.
        remarks: sentences on what was seen.
        figures: names of pictures in docs/figures/papers.
    """

    title: str
    paper: str
    setting: str
    tables: list
    claims: list
    remarks: list = field(default_factory=list)
    figures: list = field(default_factory=list)

    def markdown(self):
        lines = [f"## {self.title}", "", self.paper, "", self.setting, ""]
        for table in self.tables:
            lines += table.markdown()
        for name in self.figures:
            lines += [f"![{self.title}](figures/papers/{name})", ""]
        if self.claims:
            rows = [[c.statement, c.printed, c.ours, f"**{c.verdict}**"] for c in self.claims]
            lines += grid(["claim", "paper", "here", "verdict"], ["---"] * 4, rows)
        return [*lines, *(f"{remark}\n" for remark in self.remarks)]


def verdict(held):
    """Turn a comparison with a printed number into a verdict."""
    return HELD if held else FAILED


def main(run, doc, **extra):
    """Run an experiment from its file's command line, print it and keep it.

    Further optional arguments of `run` may be given on the command line: `extra` has a help for each, by name.
    """
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="at the paper's full size")
    for option, text in extra.items():
        parser.add_argument(f"--{option}", help=text)
    options = {option: value for option, value in vars(parser.parse_args()).items() if value is not None}
    full, begin = options["full"], time.perf_counter()
    found = run(**options)
    seconds = time.perf_counter() - begin
    name = "-".join([Path(sys.argv[0]).stem, *(Path(options[option]).stem for option in extra if option in options)])
    print("\n".join(found.markdown()))
    print(f"{seconds:.0f} s")
    RUNS.mkdir(parents=True, exist_ok=True)
    machine = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"
    record = {**asdict(found), "seconds": seconds, "full": full, "machine": machine}
    (RUNS / f"{name}{'-full' if full else ''}.json").write_text(json.dumps(record, indent=1) + "\n")
