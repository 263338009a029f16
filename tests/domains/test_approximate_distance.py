"""Approximate distances: zero on their piece with a unit slope, positive elsewhere, with the right signs of domains."""

from functools import partial

import pytest
import torch

import pinnkit as pk
from pinnkit.domains.approximate_distance import conjunction, disjunction, joined, trimmed

from .shapes import COMPOSED, PRIMITIVES

SHAPES = {name: domain for name, (domain, _) in (PRIMITIVES | COMPOSED).items() if name != "mesh3"}


def away(domain):
    low, high = domain.bounds
    unit = torch.rand(400, domain.dimension, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = low - 0.2 + unit * (high - low + 0.4)
    return x[domain.signed_distance(x).abs() > 1e-3]


def seen(everywhere, side, x):
    return everywhere(x, side)


@pytest.mark.parametrize("name", SHAPES)
def test_distances_to_pieces(name):
    domain = SHAPES[name]
    x, inside = away(domain), domain.interior(200, torch.Generator().manual_seed(1)).coordinates
    for piece in domain.boundary.pieces:
        on, normal = piece.sample(100, torch.Generator().manual_seed(2))
        distances = piece.distances
        assert distances.within(on).abs().max() < 1e-13
        assert (distances.within(inside) > 0).all()
        for side in (1.0, -1.0):
            assert distances.everywhere(on, side).abs().max() < 1e-13
            assert (distances.everywhere(x, side) > 0).all()
        if name == "overlapping":
            continue
        inner, outer = (partial(seen, distances.everywhere, side) for side in (1.0, -1.0))
        for distance, sign in [(distances.within, -1), (inner, -1), (outer, 1)]:
            slopes = pk.evaluate(lambda y, f=distance: f(y)[:, None], on, [(i,) for i in range(domain.dimension)])
            along = sum(slopes[(i,)][:, 0] * normal[:, i] for i in range(domain.dimension))
            assert (along - sign).abs().median() < 1e-13


@pytest.mark.parametrize("name", SHAPES)
def test_implicit_functions_tell_inside_from_outside(name):
    x = away(SHAPES[name])
    assert torch.equal(SHAPES[name].implicit(x) > 0, SHAPES[name].contains(x))


def test_what_has_no_implicit_function_says_so():
    with pytest.raises(pk.InputError, match="no smooth implicit function of a Mesh in 3 dimensions"):
        PRIMITIVES["mesh3"][0].implicit(torch.zeros(1, 3, dtype=torch.float64))


def test_set_operations_of_numbers():
    a, b = torch.tensor([1.0, 1, -1, -1]), torch.tensor([2.0, -2, 2, -2])
    assert ((conjunction(a, b) > 0) == ((a > 0) & (b > 0))).all()
    assert ((disjunction(a, b) > 0) == ((a > 0) | (b > 0))).all()


def test_trimming_agrees_with_its_formula_on_both_branches():
    f, t = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    formula = (f**2 + ((t**2 + f**4).sqrt() - t) ** 2 / 4).sqrt()
    torch.testing.assert_close(trimmed(f, t), formula, rtol=1e-12, atol=0)


def test_joining_is_the_harmonic_sum():
    phi = torch.rand(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(joined(phi), 1 / (1 / phi).sum(1))
    phi[0, 2] = phi[1, 0] = phi[1, 1] = 0
    assert joined(phi)[0] == 0 and joined(phi)[1] == 0
