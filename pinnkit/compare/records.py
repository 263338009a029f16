"""What a report reads: the run folders below some folders, as records that never change."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from ..errors import InputError
from .folder import DESCRIPTION
from .labels import labelled
from .one_run import FAILURE

BEGUN = "run.json"


@dataclass(frozen=True)
class Record:
    """One run.

    Attributes:
        folder: the run folder.
        description: the content of run.json, or what a comparison asks for where there is none; with ``row`` and
            ``asked_space`` (its options and the number of parameters asked for) where it belongs to a comparison.
        metrics: the content of metrics.json; None where the run has not ended, or has failed.
        history: one record a step.
        failure: the content of failure.json.
        problem: name of the problem, with arguments where runs differ in them.
        space: name of the space, likewise.
        method: name of the method, likewise.
    """

    folder: Path
    description: Mapping[str, Any]
    metrics: Mapping[str, Any] | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    failure: Mapping[str, Any] | None = None
    problem: str = ""
    space: str = ""
    method: str = ""

    @property
    def seed(self) -> int | None:
        """The seed."""
        return self.description.get("seed", (self.metrics or {}).get("seed"))

    @property
    def key(self) -> tuple[str, str, str]:
        """Problem, space and method: what all seeds share."""
        return self.problem, self.space, self.method

    @property
    def state(self) -> str:
        """How the run stands: "failed", "unfinished", "not started", or the status that it ended with."""
        if self.failure is not None:
            return "failed"
        if self.metrics is not None:
            return str(self.metrics.get("status", "ended"))
        return "unfinished" if (self.folder / BEGUN).exists() else "not started"

    @property
    def ended(self) -> bool:
        """Whether the run counts: it has a result or has failed. Interrupted ones have had part of their budget."""
        return self.state not in ("unfinished", "not started", "interrupted")

    @property
    def reason(self) -> str:
        """Why the run ended as it did, in words."""
        return str((self.failure or self.metrics or {}).get("reason", ""))

    def number(self, name: str) -> float | None:
        """Give a finite number from metrics.json; None where there is none."""
        value = (self.metrics or {}).get(name)
        return float(value) if is_number(value) else None


@dataclass(frozen=True)
class Runs:
    """All that a report is made of.

    Attributes:
        folders: that were searched.
        records: the runs, in the order of problem, space, method and seed.
        asked: the content of each comparison.json, by the folder it lies in.
        left_out: for each run that cannot be read or counted a line that names it and says why.
    """

    folders: tuple[Path, ...]
    records: tuple[Record, ...]
    asked: Mapping[Path, Mapping[str, Any]]
    left_out: tuple[str, ...]


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether an entry of a JSON file is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def read_runs(folders: Iterable[str | Path]) -> Runs:
    """Read all runs below some folders; a damaged one is named and left out.

    Args:
        folders: run folders, or folders that hold them at any depth.

    Returns:
        The runs.

    Raises:
        InputError: a folder does not exist, or there is no run in any.
    """
    roots = tuple(Path(folder).expanduser().resolve() for folder in folders)
    asked: dict[Path, dict[str, Any]] = {}
    planned: dict[Path, dict[str, Any]] = {}
    records: dict[Path, Record] = {}
    left_out: dict[Path, str] = {}
    for root in roots:
        if not root.is_dir():
            raise InputError(f"{str(root)!r} is no folder; give one that holds run folders, such as runs/.")
        above = {parent / DESCRIPTION for parent in root.parents if (parent / DESCRIPTION).is_file()}
        for file in sorted({*root.rglob(DESCRIPTION)} | above):
            try:
                comparison = _object(file)
                mine = dict(_planned(file.parent, comparison))
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                said = str(error) if isinstance(error, ValueError) else f"it is no comparison ({error!r})"
                left_out[file] = f"{file}: {said}"
                continue
            asked[file.parent] = comparison
            planned |= {folder: plan for folder, plan in mine.items() if folder.is_relative_to(root)}
        found = {file.parent for name in (BEGUN, FAILURE) for file in root.rglob(name)}
        for folder in sorted(found - records.keys()):
            try:
                records[folder] = _read(folder, planned.get(folder, {}))
            except (ValueError, OSError) as error:
                left_out[folder] = f"{folder}: {error}"
    if not records:
        where = ", ".join(repr(str(root)) for root in roots)
        more = f" but damaged ones ({next(iter(left_out.values()))})" if left_out else ""
        raise InputError(f"no runs in {where}{more}; python -m pinnkit compare or solve makes some.")
    records |= {folder: Record(folder, plan) for folder, plan in planned.items() if folder not in {*records, *left_out}}
    kept, repeated = _distinct(labelled([*records.values()]))
    return Runs(roots, kept, asked, (*left_out.values(), *repeated))


def _planned(folder: Path, comparison: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """List the run folders that a comparison asks for, with what each run is asked for."""
    for cell in comparison["cells"]:
        shared = {**cell["specification"], "row": cell["row"]}
        if comparison["parameters"] is not None:
            # The size that a comparison chose for a number of parameters is another one for each problem.
            options = (comparison.get("options") or {}).get(shared["space"], {})
            shared["asked_space"] = {**options, "parameters": comparison["parameters"]}
        for seed in comparison["seeds"]:
            yield folder / cell["folder"] / f"seed-{seed}", shared | {"seed": seed}


def _read(folder: Path, plan: Mapping[str, Any]) -> Record:
    def content(name: str) -> dict[str, Any] | None:
        return _object(folder / name) if (folder / name).exists() else None

    failure = content(FAILURE)
    description = {**_by_path(folder), **plan, **(content(BEGUN) or {})}
    if "regulariser" in description:
        raise ValueError("it holds an image; reports compare solutions of equations")
    for key in ("problem_arguments", "space_options", "method_options"):
        if not isinstance(description.get(key) or {}, dict):
            raise ValueError(f"{BEGUN} is damaged ({key} is wrong)")
    # Files of an earlier try say nothing of a run that has failed.
    metrics = content("metrics.json") if failure is None else None
    record = Record(folder, description, metrics, tuple(_lines(folder / "history.jsonl")), failure)
    if not isinstance(record.seed, int | None):
        raise ValueError(f"it is damaged (its seed is {record.seed!r})")
    return record


def _by_path(folder: Path) -> dict[str, Any]:
    """Tell what a run was where a failure has left nothing else: from its place PROBLEM/SPACE/METHOD/seed-K."""
    seed = folder.name.removeprefix("seed-")
    if (folder / BEGUN).exists() or not seed.isdigit() or len(folder.parts) < 5:
        return {}
    problem, space, method = folder.parts[-4:-1]
    found: dict[str, Any] = {"problem": problem, "space": space, "method": method}
    for sibling in sorted(folder.parent.glob(f"seed-*/{BEGUN}"))[:1]:
        with contextlib.suppress(ValueError):
            found = _object(sibling)
    return found | {"seed": int(seed)}


def _object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ValueError(f"{file.name} is damaged ({error})") from None
    if not isinstance(found, dict):
        raise ValueError(f"{file.name} is damaged (it holds no object)")
    return found


def _lines(file: Path) -> list[Mapping[str, Any]]:
    """Read a history; a last line that a kill has cut off is left out."""
    texts = file.read_text(errors="replace").splitlines() if file.exists() else []
    found: list[Mapping[str, Any]] = []
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            if number == len(texts):
                break
            raise ValueError(f"{file.name} is damaged (line {number})")
        found.append(line)
    return found


def _distinct(records: Sequence[Record]) -> tuple[tuple[Record, ...], list[str]]:
    """Keep one of the runs with the same settings and seed."""
    kept: dict[Any, Record] = {}
    repeated = []
    for record in records:
        first = kept.setdefault((*record.key, record.seed), record)
        if first is not record:
            repeated.append(f"{record.folder}: settings and seed are those of {first.folder}, which counts")
    return tuple(kept.values()), repeated
