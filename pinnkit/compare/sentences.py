"""What came out, in plain sentences."""

from __future__ import annotations

import math

from .statistics import ENOUGH, Paired
from .study import TITLES, Contest, Group, Study
from .tables import number


def sentences(study: Study) -> list[tuple[str, list[str]]]:
    """Say for each problem which group had the lowest median error, and what is certain about that.

    Args:
        study: all contests.

    Returns:
        Names of problems with their sentences.
    """
    return [(contest.problem, _about(contest)) for contest in study.contests]


def _about(contest: Contest) -> list[str]:
    best = contest.groups[0]
    if not any(group.records for group in contest.groups):
        return ["No run has ended yet."]
    if math.isinf(best.median):
        return ["No space and method solved this problem with more than half of the seeds.", *_missing(contest)]
    measured = f"a median {TITLES[contest.measure]} of {number(best.median)}"
    n = len(best.records)
    seeds = f"{n} seed{'s' * (n > 1)}"
    if len(contest.groups) == 1:
        return [f"{best.name} had {measured} over {seeds}.", *_missing(contest)]
    name = contest.label(best)
    said = [f"{name} had the lowest median {TITLES[contest.measure]}: {number(best.median)} over {seeds}."]
    sure = [(g, d) for g, d in contest.differences if d.decided and d.ratio < 0]
    hopeless = [g for g, _ in contest.differences if 0 < g.failed == len(g.records)]
    unsure = [g for g, d in contest.differences if not (d.decided and d.ratio < 0) and g not in hopeless]
    if sure:
        rivals = _list([_factor(contest, *pair) for pair in sure])
        intervals = "interval excludes" if len(sure) == 1 else "intervals exclude"
        said.append(f"Paired by seed its error is lower than that of {rivals}: the 95 % {intervals} equality.")
    if hopeless:
        said.append(f"Every run of {_list([contest.label(g) for g in hopeless])} failed.")
    if unsure:
        why = "" if n >= ENOUGH else f", because {seeds} {'is' if n == 1 else 'are'} too few"
        said.append(f"Against {_list([contest.label(g) for g in unsure])} these runs cannot tell{why}.")
    return [*said, *_missing(contest)]


def _factor(contest: Contest, group: Group, difference: Paired) -> str:
    ratio = 10**-difference.ratio
    return f"{contest.label(group)} (by a factor of {number(ratio)})"


def _missing(contest: Contest) -> list[str]:
    failed = sum(group.failed for group in contest.groups)
    waiting = sum(group.waiting for group in contest.groups)
    total = sum(len(group.records) for group in contest.groups) + waiting
    said = [f"{failed} of {total} runs failed."] if failed else []
    return said + ([f"{waiting} of {total} runs have not ended."] if waiting else [])


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
