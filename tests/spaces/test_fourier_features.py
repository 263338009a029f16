"""Embeddings: random Fourier features and octaves."""

import math

import pytest
import torch

from pinnkit.spaces.fourier_features import FourierEmbedding, FourierFeatures
from pinnkit.spaces.positional import PositionalReLU

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def built(space, seed=0):
    return space.build(SQUARE, 1, torch.Generator().manual_seed(seed))


def points(n):
    return 2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1


def test_features_have_a_gaussian_kernel():
    """gamma(x).gamma(y) / m is exp(-sigma^2 |x - y|^2 / 2) in the mean (Bochner's theorem)."""
    m, sigma = 400_000, 2.5
    embedding = FourierEmbedding(2, m, sigma, torch.Generator().manual_seed(0))
    x, y = points(2)[:1], points(2)[1:] * 0.3
    for scale in (0.0, 0.3, 1.0):
        z = x + scale * (y - x)
        found = (embedding(x) * embedding(z)).sum().item() / m
        assert found == pytest.approx(math.exp(-(sigma**2) * (x - z).square().sum().item() / 2), abs=4 / math.sqrt(m))


def test_a_tanh_network_over_features_that_are_not_trained():
    space, x = built(FourierFeatures(9, 2, 5)), points(4)
    z = x @ space.embedding.weight.T
    h = torch.cat([torch.cos(z), torch.sin(z)], 1)
    for layer in space.hidden:
        h = torch.tanh(h @ layer.weight.T + layer.bias)
    torch.testing.assert_close(space.basis(x), h)
    assert [name for name, p in space.named_parameters() if not p.requires_grad] == ["embedding.weight"]


def test_without_a_network_the_features_are_the_basis():
    space, x = built(FourierFeatures().resized(40)), points(4)
    assert space.size == 40 and torch.equal(space.basis(x), space.embedding(x))
    assert len(built(FourierFeatures(features=8).resized(40)).hidden) == 1


@pytest.mark.parametrize(("resolution", "octaves"), [(2, 1), (3, 1), (4, 2), (255, 7), (256, 8), (257, 8), (1024, 10)])
def test_the_highest_octave_is_the_last_one_within_the_nyquist_frequency(resolution, octaves):
    assert PositionalReLU(resolution=resolution).octaves == octaves
    nyquist = math.pi / (2 / resolution)
    assert 2 ** (octaves - 1) * math.pi <= nyquist < 2**octaves * math.pi


def test_relu_over_octaves_and_the_coordinates_themselves():
    space, x = built(PositionalReLU(9, 2, resolution=9)), points(4)
    angles = torch.stack([2**k * math.pi * x[:, j] for k in range(3) for j in range(2)], 1)
    h = torch.cat([x, torch.sin(angles), torch.cos(angles)], 1)
    for layer in space.hidden:
        h = torch.relu(h @ layer.weight.T + layer.bias)
    torch.testing.assert_close(space.basis(x), h)
    # Octaves alone have the period of the box.
    corners = torch.tensor([[-1.0, 0.3], [1.0, 0.3]], dtype=torch.float64)
    assert (space.basis(corners)[0] - space.basis(corners)[1]).norm() > 0.1
