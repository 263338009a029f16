"""The report of many runs: one HTML file that needs nothing else, Markdown and CSV beside it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runs.checkpoint import write_atomically
from .figures import Figure, error_against_parameters, error_against_time, picture
from .numbers import results_csv, summary_csv
from .records import Record, Runs, read_runs
from .sentences import sentences
from .spectra import error_spectra
from .study import Contest, Study, study, trace
from .tables import (
    Table,
    costs_table,
    differences_table,
    errors_table,
    escaped,
    failures_table,
    ranks_table,
    times_table,
)

PAGE = Path(__file__).parent / "page"
ENTRIES = ("relative_l2", "estimated_error")
"""The errors that a history may hold, the true one first."""


@dataclass(frozen=True)
class Chapter:
    """What a report shows of one problem.

    Attributes:
        problem: its name.
        sentences: what came out.
        tables: errors, paired differences, times to tolerance.
        curves: error against time and parameters.
        pictures: of solutions and errors.
        spectra: of the errors; may be None.
        notes: what spectra are missing, and why.
    """

    problem: str
    sentences: Sequence[str]
    tables: Sequence[Table]
    curves: Sequence[Figure]
    pictures: Sequence[Figure]
    spectra: Figure | None
    notes: Sequence[str]


def report(folders: Iterable[str | Path], out: str | Path | None = None) -> tuple[Path, Runs]:
    """Write report.html, report.md, results.csv (one line a run) and summary.csv (one line a group of seeds).

    Args:
        folders: run folders, or folders that hold them at any depth.
        out: the folder to write to; the first of the folders if not given.

    Returns:
        The path of report.html, and the runs, which tell what was left out and why.

    Raises:
        InputError: there are no runs, a package is missing, or the folder cannot be written.
    """
    try:
        import jinja2
    except ImportError:
        raise InputError("reports need the package jinja2: python -m pip install jinja2.") from None
    folders = [*folders]
    if not folders:
        raise InputError("a report needs a folder with runs, such as runs/.")
    runs = read_runs(folders)
    target = Path(folders[0] if out is None else out).expanduser()
    found = study(runs.records)
    said = dict(sentences(found))
    chapters = [_chapter(contest, said[contest.problem], i) for i, contest in enumerate(found.contests)]
    content = {
        "title": "Comparison of " + ", ".join(contest.problem for contest in found.contests),
        "asked": _asked(runs),
        "machines": _machines(runs.records),
        "chapters": chapters,
        "overall": _overall(found),
        "costs": costs_table(found),
        "failures": failures_table(runs.records),
        "left_out": runs.left_out,
        "whole": [str(asked["command"]) for asked in runs.asked.values() if "command" in asked],
        "commands": [command for record in runs.records if (command := repeat(record)) is not None],
        "unrepeatable": sum(repeat(record) is None for record in runs.records),
        "counts": _counts(runs.records),
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=lambda name: name is not None and name.startswith("report.html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = escaped
    files = {
        "report.html": environment.get_template("report.html.jinja").render(content),
        "report.md": environment.get_template("report.md.jinja").render(content),
        "results.csv": results_csv(runs.records),
        "summary.csv": summary_csv(found),
    }
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_atomically(target / name, text)
    except OSError as error:
        raise InputError(f"cannot write to the folder {str(target)!r}: {error.strerror}.") from None
    return target / "report.html", runs


def _chapter(contest: Contest, said: Sequence[str], index: int) -> Chapter:
    tables = [errors_table(contest)]
    if contest.differences:
        tables.append(differences_table(contest))
    known = [entry for entry in ENTRIES if any(entry in group.spreads for group in contest.groups)]
    if contest.levels:
        tables += [times_table(contest, entry) for entry in known if _has_courses(contest, entry)]
    curves = [error_against_time(contest, entry, f"time{index}-{entry}") for entry in known]
    curves.append(error_against_parameters(contest, f"parameters{index}"))
    spectra, notes = error_spectra(contest, f"spectra{index}")
    pictures = map(picture, contest.groups)
    return Chapter(
        contest.problem, said, tables, [c for c in curves if c], [p for p in pictures if p], spectra, notes
    )  # fmt: skip


def _has_courses(contest: Contest, entry: str) -> bool:
    """Tell whether an error is known at other times than the end of a run."""
    return any(len(trace(record, entry)[0]) > 1 for group in contest.groups for record in group.records)


def _overall(found: Study) -> Table | None:
    return ranks_table(found) if len(found.ranks) > 1 else None


def _counts(records: Sequence[Record]) -> str:
    states = [record.state for record in records]
    found = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return f"{len(records)} run{'s' * (len(records) != 1)}: {found}"


def _asked(runs: Runs) -> list[tuple[str, list[tuple[str, str]]]]:
    """Say what each comparison was asked for, by the folder it lies in."""
    hidden = {"cells", "command"}
    return [
        (str(folder), [(key, _words(value)) for key, value in asked.items() if key not in hidden])
        for folder, asked in runs.asked.items()
    ] or [(str(folder), []) for folder in runs.folders]


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(item)}" for key, item in value.items() if item != {}) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_words, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _machines(records: Sequence[Record]) -> list[tuple[int, list[tuple[str, str]]]]:
    """Give each machine with its versions, and how many runs it made."""
    found: dict[tuple[tuple[str, str], ...], int] = {}
    for record in records:
        parts = [record.description.get(key) or {} for key in ("machine", "versions", "git")]
        known = [item for part in parts if isinstance(part, Mapping) for item in part.items()]
        entries = tuple((key, _words(value)) for key, value in known)
        if entries:
            found[entries] = found.get(entries, 0) + 1
    return [(n, [*entries]) for entries, n in found.items()]


def repeat(record: Record) -> str | None:
    """Write the command line that makes a run again, beside the one that there is.

    Args:
        record: the run.

    Returns:
        The command; None for a run that Python made from a problem in memory.
    """
    d = record.description
    if not d.get("problem") or "budget" not in d:
        return None
    words = ["python", "-m", "pinnkit", "solve", str(d["problem"])]
    words += ["--space", str(d["space"])] if d.get("space") else []
    words += ["--method", str(d.get("method", "auto"))]
    for part, key in (("problem", "problem_arguments"), ("space", "space_options"), ("method", "method_options")):
        words += [word for name, value in (d.get(key) or {}).items() for word in ("--set", f"{part}.{name}={value}")]
    names = {"budget": "budget", "tol": "tolerance", "seed": "seed", "dtype": "dtype", "device": "device"}
    words += [word for flag, key in names.items() if key in d for word in (f"--{flag}", str(d[key]))]
    return shlex.join([*words, "--out", f"{record.folder}-again"])
