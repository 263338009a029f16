"""The folder of a comparison: what was asked for, and agreement with what is there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runs.checkpoint import write_atomically
from ..runs.folder import dump, read_object
from .comparison import Cell, Comparison

DESCRIPTION = "comparison.json"


def prepare(folder: Path, comparison: Comparison, cells: Sequence[Cell], threads: int, command: str) -> None:
    """Write down what was asked for; a comparison that is there already may be extended, not changed.

    Args:
        folder: of the comparison.
        comparison: what was asked for.
        cells: what it consists of.
        threads: of each run.
        command: that asks for the same again.

    Raises:
        InputError: the folder cannot be written, holds something else, or another comparison.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"cannot write to the folder {str(folder)!r}: {error.strerror}.") from None
    description = {**asdict(comparison), "threads": threads, "command": command, "cells": [*map(asdict, cells)]}
    # Through JSON, so that what is compared is what is written.
    description = json.loads(dump(description))
    if (folder / DESCRIPTION).exists():
        _check_extends(folder, read_description(folder), description)
    elif any(folder.iterdir()):
        raise InputError(f"the folder {str(folder)!r} holds files that are no comparison; choose another with --out.")
    write_atomically(folder / DESCRIPTION, dump(description))


def read_description(folder: Path) -> dict[str, Any]:
    """Read comparison.json.

    Args:
        folder: of the comparison.

    Returns:
        Its content.

    Raises:
        InputError: there is none, or it is damaged.
    """
    file = folder / DESCRIPTION
    found = read_object(file, f"{str(folder)!r} holds no comparison: it has no {DESCRIPTION}.")
    cells = found.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise InputError(f"{file} is damaged: it lists no cells.")
    return found


def _check_extends(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Check that a description says all that an older one says."""
    there = f"{str(folder)!r} holds another comparison"
    mend = "ask for that one, with more of everything if you like, or choose another folder with --out."
    if missing := [seed for seed in old.get("seeds", []) if seed not in new["seeds"]]:
        raise InputError(f"{there}: it has the seed {missing[0]}, too; {mend}")
    for key in ("threads", "parameters"):
        if old.get(key) != new[key]:
            raise InputError(f"{there}: its runs have {old.get(key)} {key} each, not {new[key]}; {mend}")
    cells = {cell["folder"]: cell for cell in new["cells"]}
    for cell in old["cells"]:
        if (same := cells.get(cell.get("folder"))) is None:
            raise InputError(f"{there}: it has {cell.get('folder')}, too; {mend}")
        if same["problem_sha256"] != cell.get("problem_sha256"):
            raise InputError(f"the file of problem {same['problem']} has changed since {str(folder)!r} began; {mend}")
        for key, value in (same | same["specification"]).items():
            earlier = (cell | cell.get("specification", {})).get(key)
            if key != "specification" and earlier != value:
                what = key.replace("_", " ")
                raise InputError(f"{there}: {cell['folder']} has {what} {earlier!r} there, not {value!r}; {mend}")
