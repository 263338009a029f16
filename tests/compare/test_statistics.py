import math
from itertools import product

import numpy as np
import pytest

from pinnkit.compare.statistics import (
    RESAMPLES,
    bootstrap_interval,
    ladder,
    mean_ranks,
    paired,
    spread,
    time_below,
)


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def test_medians_and_quartiles_are_numpys(generator):
    values = generator.lognormal(size=12)
    found = spread(values, generator)
    assert (found.lower, found.median, found.upper) == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]), rel=1e-14)
    assert (found.n, found.failed) == (12, 0)


def test_a_failed_run_counts_as_infinitely_wrong(generator):
    assert spread([1.0, math.inf, 2.0], generator).median == 2.0
    half = spread([1.0, math.nan, 2.0, math.inf], generator)
    assert half.failed == 2 and half.lower == pytest.approx(1.75) and math.isinf(half.median) and math.isinf(half.upper)
    assert spread([math.inf], generator).interval == (math.inf, math.inf)
    # A quartile that falls on a run is that run, although the next one is infinite.
    assert spread([1.0, 2.0, 3.0, 4.0, math.inf], generator).upper == 4.0


def test_the_bootstrap_interval_is_that_of_all_resamples(generator):
    values = [1.0, 3.0, 4.0, 9.0, 10.0]
    every = np.sort([np.median(sample) for sample in product(values, repeat=5)])
    exact = every[int(0.025 * len(every))], every[int(0.975 * len(every))]
    assert bootstrap_interval(values, generator) == exact
    assert RESAMPLES >= 2000


def test_the_bootstrap_interval_covers_the_median():
    generator = np.random.default_rng(0)
    intervals = np.array([bootstrap_interval(generator.normal(size=25), generator) for _ in range(200)])
    covered = np.mean((intervals[:, 0] <= 0) & (intervals[:, 1] >= 0))
    assert 0.88 < covered < 0.995


def test_the_same_generator_gives_the_same_interval():
    values = [0.3, 0.1, 0.7, 0.2]
    one, other = (spread(values, np.random.default_rng(3)) for _ in range(2))
    assert one == other


def test_pairs_are_compared_seed_by_seed(generator):
    from scipy.stats import wilcoxon

    one = {seed: 10.0**-seed for seed in range(8)}
    other = {seed: 10.0 ** -(seed - 0.5 - 0.01 * seed) for seed in range(9)}
    found = paired(one, other, generator)
    assert (found.n, found.wins, found.losses) == (8, 8, 0)
    assert found.ratio == pytest.approx(-0.535) and found.decided
    assert found.p == pytest.approx(2 / 2**8)
    mixed = paired({s: v for s, v in enumerate([1, 2, 3, 4, 5, 6])}, dict.fromkeys(range(6), 3.5), generator)
    assert mixed.p == pytest.approx(wilcoxon(np.log10([1, 2, 3, 4, 5, 6]) - np.log10(3.5)).pvalue)
    assert not mixed.decided


def test_few_pairs_decide_nothing(generator):
    four = paired(dict.fromkeys(range(4), 1e-6), dict.fromkeys(range(4), 1.0), generator)
    assert (four.n, four.p, four.decided) == (4, None, False) and four.interval == (-6.0, -6.0)
    five = paired(dict.fromkeys(range(5), 1e-6), dict.fromkeys(range(5), 1.0), generator)
    assert five.p is None and five.decided


def test_failures_count_as_losses_and_give_no_ratio(generator):
    found = paired({0: 1.0, 1: math.inf, 2: math.inf}, {0: 2.0, 1: 3.0, 2: math.inf}, generator)
    assert (found.n, found.wins, found.losses) == (1, 1, 1)
    assert paired({0: math.inf}, {0: 1.0}, generator).n == 0
    assert paired({0: 1.0}, {1: 1.0}, generator).n == 0
    assert paired(dict.fromkeys(range(6), 0.0), dict.fromkeys(range(6), 0.0), generator).ratio == 0.0


def test_the_time_is_that_from_which_the_error_stays_below():
    seconds, errors = [1, 2, 3, 4], [1e-1, 1e-3, 1e-1, 1e-4]
    assert time_below(seconds, errors, 1e-2) == 4
    assert time_below(seconds, errors, 0.5) == 1
    assert time_below(seconds, errors, 1e-5) == math.inf
    assert time_below([], [], 1.0) == math.inf


def test_levels_are_powers_of_ten_that_some_run_reaches():
    assert ladder([3e-2, 5e-4]) == [1e-2, 1e-3]
    assert ladder([1e-12, 1.0], most=4) == pytest.approx([1, 1e-4, 1e-8, 1e-12])
    assert ladder([0.2, 0.3]) == [1.0]
    assert ladder([math.inf]) == []
    assert ladder([0.0, 1e-3])[-1] == 1e-17


def test_ranks_share_ties_and_put_failures_last():
    blocks = [
        {"a": 1e-3, "b": 1e-2, "c": math.inf},
        {"a": 1.0, "b": 1.0, "c": 0.5},
        {"a": 2.0, "b": math.inf, "c": math.inf},
    ]
    assert mean_ranks(blocks) == {
        "a": pytest.approx(((1 + 2.5 + 1) / 3, 2, 3)),
        "c": pytest.approx(((3 + 1 + 2.5) / 3, 1, 3)),
        "b": pytest.approx(((2 + 2.5 + 2.5) / 3, 0, 3)),
    }
    assert [*mean_ranks(blocks)] == ["a", "c", "b"]
    assert mean_ranks([]) == {}
