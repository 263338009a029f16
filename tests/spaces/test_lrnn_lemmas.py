"""What the paper proves of product neurons: variances at initialisation, and their spectrum."""

import itertools
import math

import pytest
import torch

from pinnkit.spaces import LRNN, ProductLayer
from pinnkit.spaces.activation import ACTIVATIONS

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def mean(samples):
    """The mean, and the standard error of that estimate."""
    return samples.mean(), samples.std() / math.sqrt(len(samples))


@pytest.mark.parametrize("components", [1, 4, 16, 64, 256])
@pytest.mark.parametrize("hidden", [1, 3])
def test_lemma_1(components, hidden):
    """Var phi = (1 + gamma^2 sigma_g^2)^D - 1 and the gradient's bound, for the layer as it is initialised."""
    omega, neurons = 7.0, min(40_000, 2**22 // (components * hidden))
    layer = ProductLayer(
        2, neurons, components, omega, "sin", False, True, 1 / 2, torch.Generator().manual_seed(1), hidden=hidden
    )
    phi = layer(torch.tensor([[0.3, -0.8]], dtype=torch.float64))[0]
    found, error = mean(phi)
    assert abs(found - 1) < 4 * error
    variance, error = mean((phi - 1).square())
    assert abs(variance - ((1 + 1 / components) ** components - 1)) < 4 * error < 0.6 * variance
    assert variance - 4 * error < math.e - 1

    # With z = W x + b, the derivatives by the biases are those by z; their mean is zero.
    (slopes,) = torch.autograd.grad(phi.sum(), layer.bias)
    variance, error = mean(slopes.square().sum(1))
    # sigma_g'^2: g' is a sum of h terms c omega a cos(.), and E a^2 is 1 + 1/12 where a is drawn.
    of_slope = omega**2 * (1 if hidden == 1 else 13 / 12)
    assert abs(variance - of_slope * (1 + 1 / components) ** (components - 1)) < 4 * error < 0.6 * variance
    assert variance - 4 * error < of_slope * math.e


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [1, 4])
def test_every_activation_starts_with_components_of_variance_one(name, hidden):
    """Without the "1 +" and with one factor, a neuron is its component g."""
    options = {"components": 1, "offset": False, "projection": "free", "activation": name, "hidden": hidden}
    space = LRNN(rank=4000, **options).build(SQUARE, 1, torch.Generator().manual_seed(0))
    x = 2 * torch.rand(100, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    assert space.basis(x).square().mean().item() == pytest.approx(1, rel=0.1)
    assert space.basis(x).mean().abs().item() < 0.05


def test_deep_networks_start_with_components_of_variance_one_in_each_layer():
    options = {"rank": 200, "components": 3, "depth": 3, "projection": "free", "activation": "spder"}
    x = space_input = 2 * torch.rand(300, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    space = LRNN(**options).build(SQUARE, 1, torch.Generator().manual_seed(0))
    for layer in space.layers:
        weight, bias, amplitude = layer.folded()
        z = torch.nn.functional.linear(x, weight, bias)
        g = amplitude.reshape(-1) * math.sqrt(3) * layer.activation(z)
        assert g.square().mean().item() == pytest.approx(1, rel=0.15)
        x = layer(x).detach()
    assert space.basis(space_input).shape == (300, 200)


def test_lemma_2():
    """The 2^4 - 1 subsets of four sines give (3^4 - 1) / 2 = 40 lines of sums and differences, and nothing else.

    A subset S has 2^(|S| - 1) lines of amplitude prod |gamma c_j| / 2^(|S| - 1) each.
    """
    frequencies, n = [101, 317, 1009, 3001], 2**14
    layer = ProductLayer(1, 1, 4, 30.0, "sin", False, True, 1.0, torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.weight.copy_(2 * math.pi * torch.tensor(frequencies, dtype=torch.float64).reshape(1, 4, 1) / 30.0)
        x = torch.arange(n, dtype=torch.float64)[:, None] / n
        spectrum = 2 * torch.fft.rfft(layer(x)[:, 0]).abs() / n
        c = (0.5 * layer.amplitude.flatten()).abs().tolist()  # gamma = 1/2
    expected = torch.zeros_like(spectrum)
    expected[0] = 2
    lines = 0
    for size in range(1, 5):
        for subset in itertools.combinations(range(4), size):
            for signs in itertools.product((1, -1), repeat=size - 1):
                line = abs(sum(s * frequencies[j] for s, j in zip((1, *signs), subset, strict=True)))
                assert expected[line] == 0
                expected[line] = math.prod(c[j] for j in subset) / 2 ** (size - 1)
                lines += 1
    assert lines == 40
    torch.testing.assert_close(spectrum, expected, rtol=1e-9, atol=1e-11)
