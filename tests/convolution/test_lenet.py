"""LeNet before and after its kernels are replaced, on scikit-learn's digits, and the AnaNN-LeNet."""

import math

import pytest
import torch
from torch import nn

from pinnkit.convolution import AnalyticConv2d, AnaNNLeNet, LeNet, with_analytic_kernels
from pinnkit.errors import InputError


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.fixture(scope="module")
def digits():
    data = pytest.importorskip("sklearn.datasets").load_digits()
    images, labels = torch.tensor(data.images / 16, dtype=torch.float32)[:, None], torch.tensor(data.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, test = order[599:], order[:599]
    return images[train], labels[train], images[test], labels[test]


def train(net, digits, epochs):
    """Adam in one cycle; amplitudes and AKPs learn at a higher rate than all else."""
    images, labels, *_ = digits
    generator = torch.Generator().manual_seed(0)
    named = list(net.named_parameters())
    analytic = [p for name, p in named if "akps" in name or "amplitude" in name]
    rest = [p for name, p in named if not ("akps" in name or "amplitude" in name)]
    optimiser = torch.optim.Adam([{"params": rest}, {"params": analytic}])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [6e-3, 2e-2], total_steps=epochs * 19)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels), generator=generator).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(images[chosen]), labels[chosen]).backward()
            optimiser.step()
            schedule.step()
    return net


@torch.no_grad()
def accuracy(net, digits):
    *_, images, labels = digits
    return 100 * (net(images).argmax(1) == labels).double().mean().item()


@pytest.fixture(scope="module")
def trained(digits):
    torch.manual_seed(0)
    return train(LeNet(8), digits, 25)


def test_conversion_keeps_the_accuracy_with_fewer_parameters(trained, digits):
    """No training after: kernels that fit within the default tolerance are replaced."""
    before = accuracy(trained, digits)
    converted = with_analytic_kernels(trained)
    assert before >= 97
    assert accuracy(converted, digits) >= before - 1
    assert count(converted) < count(trained)


def test_conversion_of_all_kernels_keeps_the_accuracy_once_trained_on(trained, digits):
    """A fifth of the convolutions' parameters is left; the errors of single kernels are then too large as they are."""
    before = accuracy(trained, digits)
    converted = with_analytic_kernels(trained, tolerance=math.inf)
    assert count(converted.features) <= 0.25 * count(trained.features)
    assert accuracy(train(converted, digits, 40), digits) >= before - 1
    for layer in (converted.features[0], converted.features[3]):
        assert isinstance(layer, AnalyticConv2d) and "P" not in layer.counts


def test_ana_nn_lenet_learns(digits):
    torch.manual_seed(0)
    net = AnaNNLeNet(8)
    assert count(net.features) < 0.2 * count(LeNet(8).features)
    assert accuracy(train(net, digits, 20), digits) >= 94


@pytest.mark.parametrize("size", [8, 28])
def test_shapes_and_counts(size):
    plain, analytic = LeNet(size), AnaNNLeNet(size, classes=7, mosaics=("G", "Lg48 Ts48"))
    x = torch.zeros(3, 1, size, size)
    assert plain(x).shape == (3, 10) and analytic(x).shape == (3, 7)
    assert count(plain.features) == 6 * 25 + 6 + 96 * 25 + 16
    assert count(analytic.features) == 6 * 5 + 6 + 48 * 2 + 48 * 4 + 16
    pixels = {8: 2, 28: 5}[size]
    assert count(plain.classifier) == (16 * pixels**2 + 1) * 84 + 85 * 10


def test_whole_networks_are_converted():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(2, 2, 1)), nn.Conv2d(2, 1, 5))
    converted = with_analytic_kernels(net, families="G Ts", tolerance=math.inf)
    kinds = [type(layer) for layer in (converted[0], converted[1][1], converted[2])]
    assert kinds == [AnalyticConv2d, nn.Conv2d, AnalyticConv2d]
    assert type(net[0]) is nn.Conv2d
    assert isinstance(with_analytic_kernels(nn.Conv2d(1, 2, 3)), AnalyticConv2d)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: LeNet(16), "size must be one of 8, 28 pixels, got 16"),
    (lambda: AnaNNLeNet(8, mosaics=("G",)), "mosaics are two, one for each convolution"),
    (lambda: AnaNNLeNet(8, classes=1), "classes must be a whole number above one, got 1"),
    (lambda: AnaNNLeNet(8, mosaics=("G6", "G95")), "counts 95 kernels, but the layer has 96"),
])  # fmt: skip
def test_wrong_options(make, message):
    with pytest.raises(InputError, match=message):
        make()
