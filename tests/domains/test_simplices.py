"""Quadrature of equal weights on facets, by its degree."""

import math

import pytest
import torch

from pinnkit.domains.simplices import equal_weight_nodes


@pytest.mark.parametrize("power", range(6))
def test_segment_rule_is_exact_to_degree_five(power):
    t = equal_weight_nodes(1)[:, 1]
    assert (t**power).mean().item() == pytest.approx(1 / (power + 1), rel=1e-14)


def test_segment_rule_is_not_exact_beyond():
    t = equal_weight_nodes(1)[:, 1]
    assert (t**6).mean().item() != pytest.approx(1 / 7, rel=1e-6)


@pytest.mark.parametrize("powers", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (2, 0, 0), (0, 2, 0), (1, 1, 0), (0, 1, 1)])
def test_triangle_rule_is_exact_to_degree_two(powers):
    nodes = equal_weight_nodes(2)
    a, b, c = powers
    # The mean of a monomial of barycentric coordinates is 2 a! b! c! / (a + b + c + 2)!.
    exact = 2 * math.factorial(a) * math.factorial(b) * math.factorial(c) / math.factorial(a + b + c + 2)
    assert (nodes ** torch.tensor(powers)).prod(1).mean().item() == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("k", [1, 2])
def test_nodes_are_inside(k):
    nodes = equal_weight_nodes(k)
    assert (nodes > 0).all() and torch.allclose(nodes.sum(1), torch.ones(len(nodes), dtype=torch.float64))
