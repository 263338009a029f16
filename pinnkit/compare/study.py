"""What all runs of a report say together: groups of seeds, and contests of the groups of a problem."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .records import Record, is_number
from .statistics import Paired, Spread, ladder, mean_ranks, paired, spread, time_below

NORMS = ("relative_l2", "relative_variation", "relative_h1", "max_error", "estimated_error")
COSTS = ("seconds", "peak_memory_bytes", "parameters", "steps")
TITLES = {
    "relative_l2": "relative L2 error",
    "relative_variation": "error relative to what varies",
    "relative_h1": "relative H1 error",
    "max_error": "largest error",
    "estimated_error": "estimated relative error",
}


@dataclass(frozen=True)
class Group:
    """The runs of one problem, space and method, one for each seed.

    Attributes:
        problem: name of the problem.
        space: name of the space.
        method: name of the method.
        measure: the metric that counts as the error.
        records: the runs that have ended, by seed.
        waiting: how many have not.
        spreads: of metrics over the seeds; those that no run knows are missing.
    """

    problem: str
    space: str
    method: str
    measure: str
    records: tuple[Record, ...]
    waiting: int
    spreads: Mapping[str, Spread]

    @property
    def name(self) -> str:
        """Space and method."""
        return f"{self.space} by {self.method}"

    @property
    def used(self) -> str:
        """The method, and what it was where the choice was left to it."""
        chosen = {str(r.description["chosen"]).partition(":")[0] for r in self.records if r.description.get("chosen")}
        return self.method + (f": {' or '.join(sorted(chosen))}" if chosen else "")

    def errors(self) -> dict[int, float]:
        """Give the error by seed, infinite where there is none."""
        found = {record.seed: record.number(self.measure) for record in self.records}
        return {seed: math.inf if e is None else e for seed, e in found.items() if seed is not None}

    @property
    def failed(self) -> int:
        """How many runs have no error to show."""
        return sum(record.number(self.measure) is None for record in self.records)

    @property
    def median(self) -> float:
        """Median error; infinite where half of the runs failed."""
        return self.spreads[self.measure].median if self.measure in self.spreads else math.inf

    @property
    def typical(self) -> Record | None:
        """The run in the middle of those that did not fail (of an even number, the better one of the two)."""
        known = [record for record in self.records if record.number(self.measure) is not None]
        known.sort(key=lambda record: record.number(self.measure) or 0.0)
        return known[(len(known) - 1) // 2] if known else None

    def times_below(self, level: float, entry: str) -> list[float]:
        """Give for each run the seconds from which its error stays below a level; infinite where it does not.

        Args:
            level: the level.
            entry: which error of the history: "estimated_error" or "relative_l2".

        Returns:
            The times, s.
        """
        times = []
        for record in self.records:
            seconds, errors = trace(record, entry)
            times.append(time_below(seconds, errors, level) if seconds else math.inf)
        return times


def trace(record: Record, entry: str) -> tuple[list[float], list[float]]:
    """Give the course of an error over time; its end is what metrics.json has.

    Args:
        record: the run.
        entry: "estimated_error", or "relative_l2" where the history has it.

    Returns:
        Seconds and errors.
    """
    known = [(line["seconds"], line[entry]) for line in record.history if is_number(line.get(entry))]
    known = [(float(t), float(e)) for t, e in known if is_number(t)]
    end, last = record.number("seconds"), record.number(entry)
    if end is not None and last is not None:
        # The time of the last line of a history is rounded, and may be that of the result.
        known = [(t, e) for t, e in known if t < end - 1e-3] + [(end, last)]
    return [t for t, _ in known], [e for _, e in known]


@dataclass(frozen=True)
class Contest:
    """The groups of one problem.

    Attributes:
        problem: its name.
        measure: the metric that counts: the relative L2 error, or the estimate where there is no reference.
        groups: by median error, the lowest first.
        differences: the first group compared with each other one.
    """

    problem: str
    measure: str
    groups: tuple[Group, ...]
    differences: tuple[tuple[Group, Paired], ...]

    @property
    def levels(self) -> list[float]:
        """Powers of ten that tell the last errors apart."""
        return ladder([error for group in self.groups for error in group.errors().values()])

    def label(self, group: Group) -> str:
        """Name a group as shortly as this contest allows."""
        spaces, methods = ({getattr(g, part) for g in self.groups} for part in ("space", "method"))
        if len(methods) == 1:
            return group.space
        return group.method if len(spaces) == 1 else group.name


@dataclass(frozen=True)
class Study:
    """All contests of a report.

    Attributes:
        contests: one for each problem.
    """

    contests: tuple[Contest, ...]

    @property
    def groups(self) -> list[Group]:
        """The groups of all contests."""
        return [group for contest in self.contests for group in contest.groups]

    @cached_property
    def ranks(self) -> dict[str, tuple[float, int, int]]:
        """Mean rank, first places and number of rankings by competitor, over problems and seeds."""
        blocks = []
        for contest in self.contests:
            errors = {group.name: group.errors() for group in contest.groups}
            for seed in sorted({seed for by_seed in errors.values() for seed in by_seed}):
                block = {name: by_seed[seed] for name, by_seed in errors.items() if seed in by_seed}
                if len(block) > 1:
                    blocks.append(block)
        return mean_ranks(blocks)


def study(records: Sequence[Record], seed: int = 0) -> Study:
    """Group runs and compare the groups.

    Args:
        records: the runs.
        seed: of the bootstrap.

    Returns:
        The study.
    """
    generator = np.random.default_rng(seed)
    return Study(tuple(_contest(name, records, generator) for name in dict.fromkeys(r.problem for r in records)))


def _contest(problem: str, records: Sequence[Record], generator: np.random.Generator) -> Contest:
    mine = [record for record in records if record.problem == problem]
    measure = "relative_l2" if any(r.number("relative_l2") is not None for r in mine) else "estimated_error"
    groups = [_group(key, measure, mine, generator) for key in dict.fromkeys(record.key for record in mine)]
    groups.sort(key=lambda group: group.median)
    first = groups[0].errors()
    others = [(group, paired(first, group.errors(), generator)) for group in groups[1:]]
    return Contest(problem, measure, tuple(groups), tuple(others))


def _group(
    key: tuple[str, str, str], measure: str, records: Sequence[Record], generator: np.random.Generator
) -> Group:
    mine = [record for record in records if record.key == key]
    ended = [record for record in mine if record.ended]
    spreads = {}
    for name in (*NORMS, *COSTS):
        numbers = [record.number(name) for record in ended]
        if name in COSTS:  # failures cost something, too, but nobody has measured how much
            numbers = [number for number in numbers if number is not None]
        if any(number is not None for number in numbers):
            spreads[name] = spread([math.inf if number is None else number for number in numbers], generator)
    return Group(*key, measure, tuple(ended), len(mine) - len(ended), spreads)
