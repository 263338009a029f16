"""The tables of a report, and how its numbers are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .records import Record
from .statistics import Spread
from .study import COSTS, NORMS, TITLES, Contest, Group, Study

NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Cell:
    """One entry of a table.

    Attributes:
        text: as people read it.
        order: what sorting goes by; text is sorted as text.
    """

    text: str
    order: float | None = None


@dataclass(frozen=True)
class Table:
    """A table with a line of titles.

    Attributes:
        title: what it shows.
        note: how to read it.
        columns: titles, with units.
        rows: of texts and numbers.
        numeric: for each column, whether it holds numbers.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers."""
        return [any(row[i].order is not None for row in self.rows) for i in range(len(self.columns))]

    def markdown(self) -> str:
        """Write the table in Markdown."""
        lines = [[*map(escaped, self.columns)], [" --: " if n else " --- " for n in self.numeric]]
        lines += [[escaped(cell.text) for cell in row] for row in self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def escaped(text: str) -> str:
    """Write a text so that Markdown shows it as it is, in a table, too."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + c if c in "|*_`[]\\$" else c for c in text)


def number(value: float | None, digits: int = 2) -> str:
    """Write a number as people do: 1.3e-9, 0.17, 4000."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "failed"
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if -3 < int(exponent) < 5:
        return f"{value:.{max(0, digits - 1 - int(exponent))}f}"
    return f"{mantissa}e{int(exponent)}"


def whole(value: float | None) -> str:
    """Write a count with thin spaces between thousands."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{round(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _number(value: float | None, digits: int = 2) -> Cell:
    known = value is not None and not math.isnan(value)
    return Cell(number(value, digits), value if known else math.inf)


def _range(low: float, high: float) -> Cell:
    text = "failed" if math.isinf(low) else f"{number(low)} to {number(high)}"
    return Cell(text, low)


def _text(value: str) -> Cell:
    return Cell(value)


def errors_table(contest: Contest) -> Table:
    """Show the errors of one problem in all norms, by median."""
    norms = [norm for norm in NORMS if any(norm in group.spreads for group in contest.groups)]
    rest = [norm for norm in norms if norm != contest.measure]
    title = TITLES[contest.measure]
    columns = (
        *("space", "method", "seeds", "parameters", f"{title}, median", "quartiles", "95 % interval of the median"),
        *(f"{TITLES[norm]}, median" for norm in rest),
    )
    rows = []
    for group in contest.groups:
        main = group.spreads.get(contest.measure)
        middle = [_number(math.inf if group.records else None)] * 3
        if main is not None:
            middle = [_number(main.median), _range(main.lower, main.upper), _range(*main.interval)]
        rows.append((
            *(_text(group.space), _text(group.used), _seeds(group), _count(group, "parameters")),
            *middle,
            *(_number(_median(group.spreads.get(norm))) for norm in rest),
        ))  # fmt: skip
    note = (
        "Medians over the seeds, of the last state of each run. A failed run counts as infinitely wrong. Intervals are "
        "percentile bootstrap intervals; those of fewer than six seeds are too narrow."
    )
    if contest.measure == "estimated_error":
        note += " There is no reference: the errors are estimates."
    return Table(f"{contest.problem}: errors", note, columns, tuple(rows))


def _median(found: Spread | None) -> float | None:
    return None if found is None else found.median


def _count(group: Group, name: str) -> Cell:
    value = _median(group.spreads.get(name))
    return Cell(whole(value), math.inf if value is None else value)


def _seeds(group: Group) -> Cell:
    n = len(group.records)
    text = str(n) + f", {group.failed} failed" * bool(group.failed) + f", {group.waiting} missing" * bool(group.waiting)
    return Cell(text, n - group.failed)


def differences_table(contest: Contest) -> Table:
    """Compare the group with the lowest median with each other one, seed by seed."""
    rows = []
    for group, d in contest.differences:
        ratio = Cell(number(10**-d.ratio), -d.ratio) if d.n else _number(None)
        interval = f"{number(10 ** -d.interval[1])} to {number(10 ** -d.interval[0])}" if d.n else NONE
        wins = Cell(f"{d.wins} : {d.losses}", d.wins - d.losses)
        verdict = "lower error" if d.decided and d.ratio < 0 else "cannot tell"
        label = contest.label(group)
        rows.append((_text(label), Cell(str(d.n), d.n), ratio, _text(interval), wins, _number(d.p), _text(verdict)))
    best = contest.label(contest.groups[0])
    columns = (
        *("against", "pairs", "error ratio, median", "95 % interval of the ratio"),
        *("seeds better : worse", "Wilcoxon p", f"{best} has"),
    )
    note = (
        f"{best} has the lowest median error. The ratio is the other's error divided by its error at the same "
        "seed, where both are finite; above 1 it is better. It cannot be told where the interval contains 1 or there "
        "are fewer than five pairs. Of five, chance alone has all on one side once in 16 times; the signed-rank test "
        "needs six to reach 5 % at all. Nothing is corrected for the number of comparisons, nor for this group having "
        "been chosen as the lowest."
    )
    return Table(f"{contest.problem}: paired differences", note, columns, tuple(rows))


def times_table(contest: Contest, entry: str) -> Table:
    """Show the seconds from which errors stay below powers of ten."""
    levels = contest.levels
    rows = []
    for group in contest.groups:
        cells = [_text(group.space), _text(group.method)]
        for level in levels:
            times = sorted(group.times_below(level, entry))
            reached = sum(map(math.isfinite, times))
            middle = times[(len(times) - 1) // 2] if times else math.inf
            share = f" ({reached} of {len(times)})" if 0 < reached < len(times) else ""
            cells.append(Cell((number(middle) if math.isfinite(middle) else NONE) + share, middle))
        rows.append(tuple(cells))
    kind = "estimated" if entry == "estimated_error" else "true"
    note = (
        f"Seconds from which the {kind} error stays below the level to the end, median over the seeds; {NONE} where "
        "half of them do not get there. Errors are known at some moments of a run only, so that times are upper bounds."
    )
    columns = ("space", "method", *(f"below {number(level, 1)}, s" for level in levels))
    return Table(f"{contest.problem}: time to tolerance, {kind} error", note, columns, tuple(rows))


def ranks_table(study: Study) -> Table:
    """Rank spaces with their methods over problems and seeds."""
    rows = [
        (_text(name), _number(mean), Cell(str(first), first), Cell(str(n), n))
        for name, (mean, first, n) in study.ranks.items()
    ]
    note = (
        "Ranks by the error among the runs of a problem and seed; 1 is best, equal errors share ranks, failures share "
        "the last. Where the numbers of rankings differ, so do the rivals."
    )
    columns = ("space and method", "mean rank", "times first", "rankings")
    return Table("Ranks over problems and seeds", note, columns, tuple(rows))


def costs_table(study: Study) -> Table:
    """Show what the runs cost."""
    rows = []
    for group in study.groups:
        seconds, memory = (_median(group.spreads.get(name)) for name in COSTS[:2])
        megabytes = None if memory is None else memory / 2**20
        rows.append((
            _text(group.problem), _text(group.space), _text(group.method), _number(seconds),
            Cell(whole(megabytes), megabytes or math.inf), _count(group, "parameters"), _count(group, "steps"),
        ))  # fmt: skip
    note = (
        "Medians over the seeds of the runs that have a result. Memory is the peak of the whole process, or on the GPU "
        "where that is the device."
    )
    columns = ("problem", "space", "method", "time, s", "peak memory, MiB", "parameters", "steps")
    return Table("Costs", note, columns, tuple(rows))


def failures_table(records: Sequence[Record]) -> Table:
    """List the runs that failed, diverged, were interrupted, or have not ended."""
    shown = [r for r in records if r.state in ("failed", "diverged") or not r.ended]
    rows = [(*map(_text, r.key), Cell(str(r.seed), r.seed), _text(r.state), _text(r.reason or NONE)) for r in shown]
    return Table("Failures", "", ("problem", "space", "method", "seed", "state", "reason"), tuple(rows))
