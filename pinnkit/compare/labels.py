"""What problems, spaces and methods are called, so that runs that differ in more than the seed are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .records import Record


def labelled(records: Sequence[Record]) -> list[Record]:
    """Name problems, spaces and methods; those of one name that differ in their options get the options that differ.

    Args:
        records: the runs.

    Returns:
        The same runs with names, in the order of problem, space, method and seed; of two that share them
        all, one that has ended comes first.
    """
    problems = _names([("", *_problem(r.description, r.metrics or {})) for r in records])
    spaces = _names([(p, *_part(r, "space")) for p, r in zip(problems, records, strict=True)])
    scopes = [f"{p}/{s}" for p, s in zip(problems, spaces, strict=True)]
    methods = _names([(scope, *_part(r, "method")) for scope, r in zip(scopes, records, strict=True)])
    rows = zip(records, problems, spaces, methods, strict=True)
    named = [replace(r, problem=p, space=s, method=m) for r, p, s, m in rows]
    return sorted(named, key=lambda r: (*r.key, -1 if r.seed is None else r.seed, not r.ended, str(r.folder)))


def _problem(description: Mapping[str, Any], metrics: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    name = str(description.get("name") or description.get("problem") or metrics.get("problem") or "unknown")
    arguments = dict(description.get("problem_arguments") or {})
    return (Path(name).stem, arguments | {"file": name}) if name.endswith(".py") else (name, arguments)


def _part(record: Record, part: str) -> tuple[str, dict[str, Any]]:
    """Give the name of the space or method, and all its settings that runs with other seeds share."""
    description = record.description
    # A run that Python made from objects says what they were in its metrics only.
    made = (record.metrics or {}).get(part) if description.get("problem") is None else None
    name = str((description.get("row") if part == "space" else None) or description.get(part) or made or "chosen")
    options = dict(description.get(f"{part}_options") or {})
    if part == "method":
        shared = ("budget", "tolerance", "dtype", "device")
        return name, options | {key: description[key] for key in shared if key in description}
    return name, dict(description.get("asked_space") or options)


def _names(settings: Sequence[tuple[str, str, Mapping[str, Any]]]) -> list[str]:
    """Write names, with those options in which runs of one scope and one name differ."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for scope, name, options in settings:
        groups.setdefault((scope, name), []).append(options)
    differing = {}
    for group, others in groups.items():
        every = dict.fromkeys(key for other in others for key in other)
        differing[group] = [key for key in every if any(o.get(key) != others[0].get(key) for o in others)]
    names = []
    for scope, name, options in settings:
        keys = differing[scope, name]
        shown = ", ".join(f"{key} = {options[key]}" for key in keys if key in options)
        names.append(f"{name} ({shown or 'default'})" if keys else name)
    return names
