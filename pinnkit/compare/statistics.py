"""What the runs of several seeds say, and what they cannot: medians, intervals, paired differences, times, ranks.

A run that failed counts as one with an infinite error, so that a method cannot gain by failing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
COVERAGE = 0.95
TESTED = 6
"""Pairs from which a signed-rank test can reach 5 per cent at all: the least p of n pairs is 2 / 2^n."""
ENOUGH = 5
"""Pairs from which an interval without zero counts: of five, chance alone has them all on one side once in 16 times.
(Our choice.)"""
SMALLEST = 1e-17
"""Errors below count as this in ratios; a double has no smaller relative error. (Our choice.)"""
FAR = 1e300
"""Stands for infinity where an interpolation would turn infinity into NaN."""


@dataclass(frozen=True)
class Spread:
    """Where the numbers of several seeds lie.

    Attributes:
        n: how many there are, failed ones too.
        failed: how many of them are infinite.
        median: the median.
        lower: the lower quartile.
        upper: the upper quartile.
        interval: bootstrap interval of the median.
    """

    n: int
    failed: int
    median: float
    lower: float
    upper: float
    interval: tuple[float, float]


def spread(values: Sequence[float], generator: np.random.Generator) -> Spread:
    """Give median, quartiles and the percentile bootstrap interval of the median.

    Args:
        values: one for each seed, infinite where it failed; at least one.
        generator: draws the resamples.

    Returns:
        The spread.

    Reference:
        B. Efron (1979), Bootstrap methods: another look at the jackknife, doi:10.1214/aos/1176344552.
    """
    x = np.asarray(values, dtype=float)
    x = np.where(np.isfinite(x), x, np.inf)
    lower, median, upper = _quantiles(x, (0.25, 0.5, 0.75))
    return Spread(len(x), int(np.isinf(x).sum()), median, lower, upper, bootstrap_interval(x, generator))


def bootstrap_interval(values: Sequence[float] | np.ndarray, generator: np.random.Generator) -> tuple[float, float]:
    """Give the percentile bootstrap interval of a median, at the level `COVERAGE`.

    Args:
        values: a sample, shape ``(n,)``.
        generator: draws the resamples.

    Returns:
        Its ends.
    """
    x = np.minimum(np.asarray(values, dtype=float), FAR)
    medians = np.median(x[generator.integers(0, len(x), (RESAMPLES, len(x)))], axis=1)
    low, high = _quantiles(medians, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return low, high


def _quantiles(x: np.ndarray, at: Sequence[float]) -> list[float]:
    found = np.quantile(np.minimum(x, FAR), at)
    return [math.inf if value > FAR * 1e-10 else float(value) for value in found]


@dataclass(frozen=True)
class Paired:
    """How two methods differ seed by seed.

    Attributes:
        n: seeds at which both have an error.
        ratio: median of log10(error of the one / error of the other); NaN where n is 0.
        interval: bootstrap interval of this median.
        wins: seeds at which the one is better, also because the other failed.
        losses: likewise for the other.
        p: of Wilcoxon's signed-rank test, two-sided; None where there are fewer than `TESTED` pairs.
    """

    n: int
    ratio: float
    interval: tuple[float, float]
    wins: int
    losses: int
    p: float | None

    @property
    def decided(self) -> bool:
        """Whether the interval excludes zero, and there are seeds enough for that to mean something."""
        return self.n >= ENOUGH and not self.interval[0] <= 0 <= self.interval[1]


def paired(one: Mapping[int, float], other: Mapping[int, float], generator: np.random.Generator) -> Paired:
    """Compare two methods at the seeds that both were run with.

    Args:
        one: error by seed, infinite where the run failed.
        other: likewise.
        generator: draws the resamples.

    Returns:
        The comparison; negative ratios say that the one is better.

    Reference:
        F. Wilcoxon (1945), Individual comparisons by ranking methods, doi:10.2307/3001968.
    """
    seeds = sorted(one.keys() & other.keys())
    a, b = (np.array([values[seed] for seed in seeds], dtype=float) for values in (one, other))
    both = np.isfinite(a) & np.isfinite(b)
    ratios = np.log10(np.maximum(a[both], SMALLEST) / np.maximum(b[both], SMALLEST))
    wins, losses = int((a < b).sum()), int((b < a).sum())
    if not len(ratios):
        return Paired(0, math.nan, (math.nan, math.nan), wins, losses, None)
    p = None
    if len(ratios) >= TESTED and ratios.any():
        from scipy.stats import wilcoxon

        p = float(wilcoxon(ratios).pvalue)
    interval = bootstrap_interval(ratios, generator)
    return Paired(len(ratios), float(np.median(ratios)), interval, wins, losses, p)


def time_below(seconds: Sequence[float], errors: Sequence[float], level: float) -> float:
    """Give the first time from which an error stays below a level to the end.

    Args:
        seconds: times, ascending.
        errors: at these times, not NaN.
        level: the level.

    Returns:
        The time in seconds; infinite where the last error is above the level.
    """
    above = [i for i, error in enumerate(errors) if not error <= level]
    first = above[-1] + 1 if above else 0
    return seconds[first] if first < len(seconds) else math.inf


def ladder(errors: Sequence[float], most: int = 4) -> list[float]:
    """Choose powers of ten that tell these errors apart, from the worst but one decade down to the best.

    Args:
        errors: the last ones of all runs.
        most: how many to choose at most, evenly from the ladder.

    Returns:
        The levels, descending; each is reached by one run at least.
    """
    finite = [max(error, SMALLEST) for error in errors if math.isfinite(error)]
    if not finite:
        return []
    lowest = math.ceil(math.log10(min(finite)))
    highest = max(lowest, math.floor(math.log10(max(finite))))
    if lowest == highest:
        return [10.0**lowest]
    count = min(most, highest - lowest + 1)
    steps = np.linspace(highest, lowest, count).round().astype(int)
    return [10.0 ** int(step) for step in steps]


def mean_ranks(blocks: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, int, int]]:
    """Rank competitors in each block and take means; equal errors share a rank, failures share the last ones.

    Args:
        blocks: for each problem and seed the error by competitor, infinite where it failed.

    Returns:
        For each competitor its mean rank (1 is best), how often it was first, and in how many blocks it took part;
        best first.
    """
    from scipy.stats import rankdata

    ranks: dict[str, list[float]] = {}
    for block in blocks:
        for name, rank in zip(block, rankdata([*block.values()]), strict=True):
            ranks.setdefault(name, []).append(float(rank))
    found = {name: (sum(r) / len(r), sum(rank < 1.5 for rank in r), len(r)) for name, r in ranks.items()}
    return dict(sorted(found.items(), key=lambda item: item[1][0]))
