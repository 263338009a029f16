"""Features: their points have the density that their weights assume, and wrong ones are refused."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.domains import importance
from pinnkit.domains.feature import SHARE

SQUARE = pk.Box([0, 0], [2, 1])


def crowded(domain, feature, n):
    generator = torch.Generator().manual_seed(3)
    even = domain.interior(n, generator).coordinates
    return torch.cat([even, domain.around(feature, math.ceil(SHARE * n), generator)])


@pytest.mark.parametrize(
    ("domain", "feature"),
    [
        (pk.Interval(0, 1), pk.Feature([0.3], 1e-3)),
        (SQUARE, pk.Feature([1.2, 0.4], 0.01)),
        (SQUARE, pk.Feature([1.2, 0.4], 0.02, normal=[1.0, 0.0])),
        (pk.Box([0, 0, 0], [1, 1, 1]), pk.Feature([0.5, 0.5, 0.5], 0.05)),
    ],
)
def test_weights_make_crowded_points_even(domain, feature):
    x = crowded(domain, feature, 40_000)
    weights = importance(x, [feature], domain)
    # Means of smooth functions, and of one that lives at the feature alone, are those of even points.
    smooth = torch.cos(x).prod(1)
    near = torch.exp(-((x - feature.centre) @ feature.frame.mT).square().sum(1) / 4)
    even = domain.interior(400_000, torch.Generator().manual_seed(1)).coordinates
    for values, exact in (
        (smooth, torch.cos(even).prod(1).mean()),
        (near, torch.exp(-((even - feature.centre) @ feature.frame.mT).square().sum(1) / 4).mean()),
    ):
        assert (weights * values).mean().item() == pytest.approx(exact.item(), rel=0.05)


def test_every_scale_has_its_share_of_points():
    feature = pk.Feature([1.0, 0.5], 1e-4)
    x = SQUARE.around(feature, 20_000, torch.Generator().manual_seed(0))
    scales = torch.log10(1 + feature.distance(x).square()).histc(4, 0, 2 * math.log10(5e3))
    assert scales.min() > 0.6 * scales.max()


def test_layers_are_even_along_and_narrow_across():
    feature = pk.Feature([0.5, 0.5], 1e-3, normal=[1.0, 1.0])
    x = SQUARE.around(feature, 10_000, torch.Generator().manual_seed(0))
    across = (x - feature.centre) @ torch.tensor([1.0, 1.0]).double() / math.sqrt(2)
    assert across.abs().median() < 0.05
    assert SQUARE.contains(x).all()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([0.5, 0.5], 0.0), "the width of a feature must be positive, got width=0.0"),
        (([0.5, 0.5], -1.0), "must be positive"),
        (([0.5, math.nan], 0.1), "one finite number for each coordinate"),
        (([0.5, 0.5], 0.1, [[1.0, 0.0], [2.0, 0.0]]), "independent directions"),
        (([0.5, 0.5], [0.1, 0.2, 0.3]), "width= must be one number or 2"),
        ((["a", "b"], 0.1), "a feature has numbers"),
    ],
)
def test_wrong_features_are_refused(arguments, text):
    with pytest.raises(pk.InputError, match=text.replace("[", r"\[").replace("(", r"\(")):
        pk.Feature(*arguments)


def test_features_outside_the_domain_are_refused():
    def problem(feature):
        return pk.Problem(
            domain=SQUARE, unknowns="u", equations={"e": lambda u: u.laplacian}, features=[feature],
            conditions=[pk.Dirichlet(u=1.0, on=SQUARE.boundary)],
        )  # fmt: skip

    with pytest.raises(pk.InputError, match="outside the domain"):
        problem(pk.Feature([2.5, 0.5], 0.1))
    with pytest.raises(pk.InputError, match="has 1 coordinates; the domain has 2: x, y"):
        problem(pk.Feature([0.5], 0.1))
    with pytest.raises(pk.InputError, match="each feature must be one such as pk.Feature"):
        problem((0.5, 0.5))
