"""Maps to positive features."""

import math

import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.spaces.lehmer import PositiveFeatures, rescaled_rows


def rows(n=8, d=5):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_rows_fill_the_range_and_lose_location_and_scale():
    x = rows()
    y = rescaled_rows(x)
    torch.testing.assert_close(y.amin(1), torch.full((8,), 1 / math.e, dtype=torch.float64))
    torch.testing.assert_close(y.amax(1), torch.full((8,), math.e, dtype=torch.float64))
    torch.testing.assert_close(rescaled_rows(30 * x - 7), y)
    # Affine within a row: differences keep their proportions.
    torch.testing.assert_close((y[:, 1] - y[:, 0]) / (y[:, 2] - y[:, 0]), (x[:, 1] - x[:, 0]) / (x[:, 2] - x[:, 0]))


@pytest.mark.parametrize("level", [0.0, 1.0, -3e200, 5e-324])
def test_constant_rows_become_one_with_finite_gradients(level):
    x = rows()
    x[2] = level
    x[2, 1] = level * (1 + 4e-16)
    x.requires_grad_()
    y = rescaled_rows(x)
    assert (y[2] == 1).all() and not (y[3] == 1).any()
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    assert torch.isfinite(gradient).all() and not gradient[2].any() and gradient[3].any()


def test_rows_must_be_numbers():
    with pytest.raises(InputError, match="floating-point numbers, got torch.int64"):
        rescaled_rows(torch.tensor([[1, 2]]))


def test_positive_features_are_the_formula_and_spread_over_the_ball():
    features = PositiveFeatures(2, 5000, torch.Generator().manual_seed(0), scale=3.0)
    p = 2 * torch.rand(7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    x = features(p)
    torch.testing.assert_close(x, torch.exp(torch.tanh(p @ features.weight.T + features.bias)))
    assert (x > 1 / math.e).all() and (x < math.e).all()
    torch.testing.assert_close(features.weight.norm(dim=1), torch.full((5000,), 3.0, dtype=torch.float64))
    assert 0.99 * 3 * math.sqrt(2) < features.bias.abs().max() <= 3 * math.sqrt(2)
    away = PositiveFeatures(2, 5000, torch.Generator().manual_seed(0), radius=0.5, centre=2.0)
    with torch.no_grad():
        assert away.logarithms(torch.full((1, 2), 2.0, dtype=torch.float64)).atanh().abs().max() <= 0.5 + 1e-12


@pytest.mark.parametrize(("options", "message"), [
    ({"inputs": 0}, "inputs must be a positive whole number, got 0"),
    ({"features": 2.5}, "features must be a positive whole number, got 2.5"),
    ({"scale": 0.0}, "scale must be positive, got 0.0"),
    ({"radius": -1.0}, "radius must be positive, got -1.0"),
])  # fmt: skip
def test_wrong_options(options, message):
    with pytest.raises(InputError, match=message):
        PositiveFeatures(**({"inputs": 2, "features": 3, "generator": torch.Generator()} | options))
