"""The mosaic notation: what it means, and each error."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pinnkit.convolution.mosaic import NAMES, parse_mosaic, spread, write_mosaic
from pinnkit.errors import InputError


def test_the_papers_example():
    counts = parse_mosaic("G30 Lg15 Lt15 Tf30 Ts6 P96", 3 * 64)
    assert counts == {"G": 30, "Lg": 15, "Lt": 15, "Tf": 30, "Ts": 6, "P": 96}
    assert write_mosaic(counts) == "G30 Lg15 Lt15 Tf30 Ts6 P96"


def test_names_without_counts_share_the_rest():
    assert parse_mosaic("G P96", 192) == {"G": 96, "P": 96}
    assert parse_mosaic("P2 Ts G Lg", 10) == {"G": 3, "Lg": 2, "Ts": 3, "P": 2}
    assert parse_mosaic("G Lg Lt", 2) == {"G": 1, "Lg": 1}
    assert parse_mosaic("G0 P", 4) == {"P": 4}


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 9), min_size=1))
def test_writing_and_reading_are_inverse(counts):
    ordered = {name: counts[name] for name in NAMES if name in counts}
    assert parse_mosaic(write_mosaic(counts), sum(counts.values())) == ordered


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_places_are_spread_evenly(counts):
    """Every kernel has one place, and any stretch of places holds each family in proportion, up to one or so."""
    order = spread(counts)
    assert sorted(order.tolist()) == list(range(sum(counts)))
    family = torch.repeat_interleave(torch.tensor(counts))[order]
    for number, count in enumerate(counts):
        so_far = (family == number).cumsum(0)
        expected = count * torch.arange(1, len(family) + 1) / len(family)
        assert (so_far - expected).abs().max() <= len(counts)


@pytest.mark.parametrize(("text", "message"), [
    ("G30 Lg15", "counts 45 kernels, but the layer has 192"),
    ("G200", "counts 200 kernels, but the layer has 192"),
    ("G200 P", "counts 200 kernels, but the layer has 192"),
    ("G-3 P", "'G-3' in 'G-3 P' is no family with a count; write entries such as 'G30' or 'G'"),
    ("G3.5 P", "'G3.5' in"),
    ("30G P", "'30G' in"),
    ("G,P", "'G,P' in"),
    ("Q3 P", "unknown family of kernels 'Q'. Known: G, Lg, Lt, Tf, Ts, P"),
    ("g3 P", "unknown family of kernels 'g'"),
    ("G3 P G", "G occurs twice in 'G3 P G'; write one entry for each family"),
    ("  ", "a mosaic names one family at least"),
    (192, "a mosaic is text such as 'G30 Lg15 P', got 192"),
])  # fmt: skip
def test_wrong_mosaics(text, message):
    with pytest.raises(InputError) as caught:
        parse_mosaic(text, 192)
    assert message in str(caught.value)
