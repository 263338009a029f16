"""Fitting: kernels of each family are found again, choices are the best ones, and errors are what they say."""

import itertools
import math

import pytest
import torch
from torch import nn

from pinnkit.convolution import AnalyticConv2d
from pinnkit.convolution.families import FAMILIES
from pinnkit.convolution.fitting import choose, fit
from pinnkit.errors import InputError

D = torch.float64


def drawn(name, count, size, seed):
    """Kernels of a family with random AKPs, by uniform shares of all ranges, and random amplitudes."""
    generator = torch.Generator().manual_seed(seed)
    family = FAMILIES[name]
    shares = torch.rand(count, len(family.parameters), generator=generator, dtype=D)
    raw = torch.stack([r.raw(s) for r, s in zip(family.parameters.values(), shares.unbind(1), strict=True)], 1)
    amplitude = 10 ** torch.randn(count, 1, 1, generator=generator, dtype=D)
    return amplitude * family.kernels(raw, (size, size))


def relative(found, expected):
    return (found - expected).flatten(1).norm(dim=1) / expected.flatten(1).norm(dim=1)


@pytest.mark.parametrize("size", [5, 7, 11])
@pytest.mark.parametrize("name", FAMILIES)
def test_kernels_of_a_family_are_recovered(name, size):
    kernels = drawn(name, 25, size, seed=size)
    found = fit(FAMILIES[name], kernels)
    rebuilt = found.amplitude[:, None, None] * FAMILIES[name].kernels(found.raw, (size, size))
    assert relative(rebuilt, kernels).max() <= 1e-8
    torch.testing.assert_close(found.square.sqrt(), (rebuilt - kernels).flatten(1).norm(dim=1), rtol=1e-6, atol=1e-12)


def test_a_fit_of_noise_is_stationary():
    """No nearby parameters or amplitude do better, and no better fit comes of many random starts (by scipy)."""
    from scipy.optimize import least_squares

    family = FAMILIES["Ts"]
    generator = torch.Generator().manual_seed(4)
    kernel = torch.randn(1, 5, 5, generator=generator, dtype=D)
    found = fit(family, kernel)

    def residual(v):
        raw = torch.as_tensor(v[None, 1:], dtype=D)
        return (v[0] * family.kernels(raw, (5, 5)) - kernel).flatten().numpy()

    starts = family.draw(25, generator)
    least = min(
        2 * least_squares(residual, [1.0, *start], method="lm", max_nfev=400).cost for start in starts.tolist()
    )  # fmt: skip
    assert found.square.item() <= least * (1 + 1e-6)
    here = [found.amplitude.item(), *found.raw[0].tolist()]
    again = least_squares(residual, here, method="lm")
    assert 2 * again.cost == pytest.approx(found.square.item(), rel=1e-8)


def test_a_layer_of_analytic_kernels_is_converted_exactly():
    """One layer with kernels of every family and of none: each finds its own, or a family with as small an error."""
    original = AnalyticConv2d(3, 8, 7, mosaic="G8 Lg4 Lt4 Tf4 Ts4", dtype=D, generator=torch.Generator().manual_seed(0))
    conv = nn.Conv2d(3, 8, 7, padding=3, stride=2, dtype=D)
    conv.weight.data.copy_(original.weight)
    converted = AnalyticConv2d.from_conv2d(conv, tolerance=1e-6)
    assert "P" not in converted.counts
    assert converted.errors.max() <= 1e-8 and converted.relative_error <= 1e-8
    x = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(1), dtype=D)
    torch.testing.assert_close(converted(x), conv(x), rtol=1e-8, atol=1e-8)
    assert converted.stride == (2, 2) and converted.padding == (3, 3)


def test_errors_are_those_of_the_weights_and_keep_the_tolerance():
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, 5, groups=2, bias=False)
    for tolerance in (0.0, 0.7, math.inf):
        converted = AnalyticConv2d.from_conv2d(conv, tolerance=tolerance)
        difference = (converted.weight - conv.weight).flatten(2).norm(dim=2)
        norms = conv.weight.flatten(2).norm(dim=2)
        torch.testing.assert_close(converted.errors, difference / norms, rtol=1e-4, atol=1e-6)
        whole = (difference.square().sum() / norms.square().sum()).sqrt().item()
        assert converted.relative_error == pytest.approx(whole, abs=1e-6)
        assert whole <= tolerance + 1e-6
        plain = torch.tensor([[name == "P" for name in row] for row in converted.kinds])
        assert torch.equal(converted.errors == 0, plain)
        limit = tolerance * norms.square().mean().sqrt()
        assert (difference <= limit + 1e-6).all()
        assert converted.bias is None and not converted.weight.isnan().any()
        if tolerance in (0.0, math.inf):
            assert plain.all() if tolerance == 0 else not plain.any()
        else:
            assert plain.any() and not plain.all()


def test_small_kernels_are_replaced_whatever_their_shape():
    """The tolerance is relative to the layer's kernels, not to each: noise is no Laplacian of a Gaussian."""
    torch.manual_seed(5)
    conv = nn.Conv2d(1, 3, 5)
    with torch.no_grad():
        conv.weight[1] *= 0.01
    converted = AnalyticConv2d.from_conv2d(conv, families="Lg", tolerance=0.1)
    assert converted.kinds == [["P"], ["Lg"], ["P"]]
    assert converted.errors[1] > 0.5 and converted.relative_error < 0.1


def test_the_best_family_is_chosen():
    torch.manual_seed(1)
    kernels = torch.randn(12, 5, 5, dtype=D)
    squares = torch.stack([fit(family, kernels).square for family in FAMILIES.values()])
    choice = choose(kernels, "Ts G Lt", math.inf)
    allowed = squares[[list(FAMILIES).index(name) for name in ("G", "Lt", "Ts")]]
    torch.testing.assert_close(choice.errors, (allowed.amin(0) / kernels.flatten(1).square().sum(1)).sqrt())
    assert set(choice.counts) <= {"G", "Lt", "Ts"}


def test_a_mosaic_is_kept_at_the_least_total_error():
    torch.manual_seed(2)
    conv = nn.Conv2d(1, 6, 5, dtype=D)
    converted = AnalyticConv2d.from_conv2d(conv, mosaic="G2 Lg1 Tf1 P2")
    assert converted.mosaic == "G2 Lg1 Tf1 P2"
    kernels = conv.weight.detach()[:, 0]
    square = {name: fit(FAMILIES[name], kernels).square for name in ("G", "Lg", "Tf")} | {"P": torch.zeros(6)}
    least = min(
        sum(square[name][i].item() for i, name in enumerate(order))
        for order in set(itertools.permutations(["G", "G", "Lg", "Tf", "P", "P"]))
    )
    total = (converted.weight - conv.weight).square().sum().item()
    assert total == pytest.approx(least, rel=1e-8)


def test_zero_kernels_and_many_kernels():
    conv = nn.Conv2d(2, 2, 3, dtype=D)
    conv.weight.data.zero_()
    converted = AnalyticConv2d.from_conv2d(conv)
    assert not converted.weight.any() and not converted.errors.any() and converted.relative_error == 0
    kernels = drawn("Lg", 1300, 3, seed=0)  # more than one block
    found = fit(FAMILIES["Lg"], kernels)
    assert (found.square.sqrt() <= 1e-8 * kernels.flatten(1).norm(dim=1)).all()


def test_fitting_leaves_random_numbers_and_the_layer_alone():
    torch.manual_seed(3)
    conv = nn.Conv2d(1, 2, 3).eval()
    before, state = conv.weight.clone(), torch.get_rng_state()
    first, second = AnalyticConv2d.from_conv2d(conv), AnalyticConv2d.from_conv2d(conv)
    assert torch.equal(state, torch.get_rng_state()) and torch.equal(before, conv.weight)
    assert torch.equal(first.weight, second.weight) and not first.training


@pytest.mark.parametrize(("options", "message"), [
    ({"tolerance": -1.0}, "tolerance must be zero or more, got -1.0"),
    ({"tolerance": math.nan}, "tolerance must be zero or more, got nan"),
    ({"families": "G Q"}, "unknown family of kernels 'Q'"),
    ({"families": "P"}, "unknown family of kernels 'P'"),
    ({"families": "G3 Lg"}, "families are names without counts, such as 'G Lg'"),
    ({"families": ""}, "names one family at least"),
    ({"mosaic": "G3"}, "counts 3 kernels, but the layer has 2"),
])  # fmt: skip
def test_wrong_options(options, message):
    with pytest.raises(InputError, match=message):
        AnalyticConv2d.from_conv2d(nn.Conv2d(1, 2, 3), **options)


def test_wrong_layers():
    broken = nn.Conv2d(1, 2, 3)
    broken.weight.data[0] = math.nan
    for wrong in (broken, nn.Linear(2, 2), nn.Conv1d(1, 2, 3)):
        with pytest.raises(InputError, match="needs a torch.nn.Conv2d with finite weights"):
            AnalyticConv2d.from_conv2d(wrong)
    with pytest.raises(InputError, match="too small to be analytic"):
        AnalyticConv2d.from_conv2d(nn.Conv2d(1, 2, 2))
