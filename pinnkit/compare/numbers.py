"""The numbers of a report with every digit, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from .records import Record
from .study import COSTS, NORMS, Study


def results_csv(records: Sequence[Record]) -> str:
    """Write one line a run, with every digit."""
    names = (*NORMS, "residual", "loss", *COSTS, "trainable")
    lines: list[Sequence[object]] = [("problem", "space", "method", "seed", "state", "reason", *names, "folder")]
    lines += [(*r.key, r.seed, r.state, r.reason, *map(r.number, names), r.folder) for r in records]
    return _csv(lines)


def summary_csv(study: Study) -> str:
    """Write one line a group, with every digit; an infinite median says that half of the runs failed."""
    parts = ("median", "lower_quartile", "upper_quartile", "interval_low", "interval_high")
    titles = [f"{name}_{part}" for name in (*NORMS, *COSTS) for part in parts]
    lines: list[Sequence[object]] = [
        ("problem", "space", "method", "runs", "failed", "not_ended", "mean_rank", *titles),
    ]
    for g in study.groups:
        found = [g.spreads.get(name) for name in (*NORMS, *COSTS)]
        numbers = [x for s in found for x in ((s.median, s.lower, s.upper, *s.interval) if s else (None,) * 5)]
        rank = study.ranks.get(g.name, (None,))[0]
        lines.append((g.problem, g.space, g.method, len(g.records), g.failed, g.waiting, rank, *numbers))
    return _csv(lines)


def _csv(lines: Sequence[Sequence[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()
