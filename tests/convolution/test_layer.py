"""AnalyticConv2d: a drop-in for torch's convolution."""

import copy
import io
import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pinnkit.convolution import AnalyticConv2d
from pinnkit.convolution.families import FAMILIES
from pinnkit.errors import InputError

D = torch.float64


def layer(*args, seed=0, dtype=D, **options):
    return AnalyticConv2d(*args, dtype=dtype, generator=torch.Generator().manual_seed(seed), **options)


def images(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=D)


ARGUMENTS = [
    {"kernel_size": 5},
    {"kernel_size": (3, 5), "stride": 2, "padding": (1, 2)},
    {"kernel_size": 4, "padding": "same"},
    {"kernel_size": 3, "padding": "valid", "dilation": 2},
    {"kernel_size": 3, "padding": 2, "groups": 2, "bias": False},
    {"kernel_size": 3, "padding": "same", "dilation": (2, 1), "padding_mode": "reflect"},
    {"kernel_size": (4, 3), "padding": "same", "padding_mode": "circular"},
    {"kernel_size": 3, "padding": (1, 2), "stride": (2, 1), "padding_mode": "replicate"},
    {"kernel_size": 5, "padding": "valid", "padding_mode": "circular"},
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_it_is_torchs_convolution_with_the_assembled_kernels(arguments):
    ours = layer(4, 6, **arguments)
    torchs = nn.Conv2d(4, 6, dtype=D, **arguments)
    torchs.weight.data.copy_(ours.weight)
    if ours.bias is not None:
        torchs.bias.data.copy_(ours.bias)
    assert ours.weight.shape == torchs.weight.shape
    for x in (images(2, 4, 9, 11), images(4, 9, 11)):
        torch.testing.assert_close(ours(x), torchs(x), rtol=1e-13, atol=1e-13)


def test_every_place_has_the_kernel_of_its_family():
    ours = layer(3, 64, 5, mosaic="G30 Lg15 Lt15 Tf30 Ts6 P96")
    kinds, weight = ours.kinds, ours.weight
    assert [len(kinds), len(kinds[0])] == [64, 3]
    flat = [name for row in kinds for name in row]
    assert {name: flat.count(name) for name in ours.counts} == ours.counts
    # In the order of their places, the kernels of a family are those of its parameters in turn.
    for name in FAMILIES:
        places = [(o, i) for o, i in itertools.product(range(64), range(3)) if kinds[o][i] == name]
        found = torch.stack([weight[o, i] for o, i in places])
        amplitude = ours.akps_of(name)["amplitude"]
        torch.testing.assert_close(found, amplitude[:, None, None] * FAMILIES[name].kernels(ours.akps[name], (5, 5)))
    plain = torch.stack([weight[o, i] for o, i in itertools.product(range(64), range(3)) if kinds[o][i] == "P"])
    torch.testing.assert_close(plain, ours.plain)
    for row in kinds[:6]:  # no output channel of one family only
        assert len(set(row)) > 1


def test_parameter_counts():
    def of(module):
        return sum(p.numel() for p in module.parameters())

    for name, each in {"G": 5, "Lg": 2, "Lt": 2, "Tf": 4, "Ts": 4, "P": 25}.items():
        assert of(layer(3, 8, 5, mosaic=name)) == 24 * each + 8
    mixed = layer(3, 64, 5, mosaic="G30 Lg15 Lt15 Tf30 Ts6 P96", bias=False)
    assert of(mixed) == 30 * 5 + 15 * 2 + 15 * 2 + 30 * 4 + 6 * 4 + 96 * 25
    assert sum(p.numel() for p in layer(1, 3, 5, mosaic="G3").akps.parameters()) == 12  # three Gabor kernels, 12 AKPs
    assert mixed.mosaic == "G30 Lg15 Lt15 Tf30 Ts6 P96" and mixed.mosaic in repr(mixed)


def test_akps_are_in_their_own_units():
    ours = layer(1, 40, 7, mosaic="G20 Lt20")
    values = ours.akps_of("G")
    assert list(values) == ["sigma", "theta", "lambda", "psi", "amplitude"]
    assert values["sigma"].min() > 0.3 and values["sigma"].max() < 7
    assert values["lambda"].min() > 2 and values["lambda"].max() < 28
    norms = ours.weight.flatten(1).norm(dim=1)
    order = [0 if row == ["G"] else 1 for row in ours.kinds]
    torch.testing.assert_close(norms[torch.tensor(order) == 0], values["amplitude"].abs())
    torch.testing.assert_close(norms[torch.tensor(order) == 1], ours.akps_of("Lt")["amplitude"].abs())
    with pytest.raises(InputError, match="no analytic kernels 'Ts' in the mosaic G20 Lt20"):
        ours.akps_of("Ts")


@pytest.mark.parametrize("mosaic", ["G", "Lg", "Lt", "Tf", "Ts", "P"])
def test_entries_have_the_variance_of_torchs_initialisation(mosaic):
    ours = layer(8, 200, 5, mosaic=mosaic, seed=3)
    expected = 1 / (3 * 8 * 25)
    assert ours.weight.square().mean().item() == pytest.approx(expected, rel=0.1)
    assert ours.bias.square().mean().item() == pytest.approx(expected, rel=0.2)
    assert ours.bias.abs().max() <= 1 / math.sqrt(200)


def test_the_seed_decides():
    first, again, other = (layer(2, 5, 3, seed=s) for s in (0, 0, 1))
    assert torch.equal(first.weight, again.weight) and not torch.equal(first.weight, other.weight)
    torch.manual_seed(7)
    a = AnalyticConv2d(2, 5, 3)
    torch.manual_seed(7)
    assert torch.equal(a.weight, AnalyticConv2d(2, 5, 3).weight)
    before = copy.deepcopy(first.state_dict())
    first.reset_parameters(torch.Generator().manual_seed(0))
    assert all(torch.equal(before[key], value) for key, value in first.state_dict().items())


def test_gradients_by_raw_akps_amplitudes_bias_and_input():
    ours = layer(2, 3, 3, mosaic="G2 Lg1 Lt1 Tf1 P1", padding=1)
    names, values = zip(*ours.named_parameters(), strict=True)

    def call(x, *values):
        return torch.func.functional_call(ours, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(call, (images(1, 2, 3, 3).requires_grad_(), *values), atol=1e-6)


def test_drop_in_in_a_network_that_learns():
    torch.manual_seed(0)
    net = nn.Sequential(AnalyticConv2d(1, 4, 5, padding=2), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(16, 2))
    x, y = torch.randn(64, 1, 8, 8), torch.arange(64) % 2
    x[y == 1] += torch.linspace(-1, 1, 8)  # a gradient across
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    before = {name: value.clone() for name, value in net.named_parameters()}
    for _ in range(60):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.3
    assert all(not torch.equal(before[name], value) for name, value in net.named_parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_state_dict_copies_and_number_types(dtype):
    ours, other = layer(3, 8, 5, dtype=dtype), layer(3, 8, 5, dtype=dtype, seed=5)
    assert ours.weight.dtype == dtype
    x = images(2, 3, 9, 9).to(dtype)
    file = io.BytesIO()
    torch.save(ours.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file))
    assert torch.equal(ours(x), other(x))
    assert torch.equal(copy.deepcopy(ours)(x), ours(x))
    assert ours.to(D).weight.dtype == D and ours(x.to(D)).dtype == D
    # float32 kernels are those of float64 to its accuracy
    torch.testing.assert_close(other.weight.double(), ours.weight, rtol=0, atol=2e-5)


def test_a_fitted_layers_places_travel_in_the_state():
    conv = nn.Conv2d(2, 3, 3)
    fitted = AnalyticConv2d.from_conv2d(conv, tolerance=0.7)
    fresh = AnalyticConv2d(2, 3, 3, mosaic=fitted.mosaic)
    fresh.load_state_dict(fitted.state_dict())
    assert torch.equal(fresh.weight, fitted.weight)


def test_meta_device():
    assert AnalyticConv2d(3, 8, 5, device="meta").weight.device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    conv = nn.Conv2d(3, 8, 5, dtype=D, device="cuda")
    fitted = AnalyticConv2d.from_conv2d(conv, tolerance=math.inf)
    assert fitted(images(2, 3, 9, 9).cuda()).is_cuda
    on_cpu = AnalyticConv2d.from_conv2d(conv.cpu(), tolerance=math.inf)
    torch.testing.assert_close(fitted.relative_error, on_cpu.relative_error, rtol=1e-6, atol=1e-9)
    ours = AnalyticConv2d(3, 8, 5, device="cuda", mosaic="G20 P4")
    ours(torch.randn(1, 3, 9, 9, device="cuda")).sum().backward()
    assert all(p.grad.is_cuda for p in ours.parameters())


@pytest.mark.parametrize(("make", "message"), [
    (lambda: AnalyticConv2d(3, 64, 5, mosaic="G30 Lg15 P146"), "counts 191 kernels, but the layer has 192"),
    (lambda: AnalyticConv2d(4, 64, 5, groups=2, mosaic="P100"), "counts 100 kernels, but the layer has 128"),
    (lambda: AnalyticConv2d(3, 8, 2), "kernels of 2 x 2 pixels are too small to be analytic"),
    (lambda: AnalyticConv2d(3, 8, 0), "kernel_size must be positive"),
    (lambda: AnalyticConv2d(3, 8, 3, groups=2), "in_channels must be divisible by groups"),
    (lambda: AnalyticConv2d(3, 8, 3, padding="full"), "no convolution has these arguments"),
    (lambda: AnalyticConv2d(3, 8, 3, padding_mode="mirror"), "no convolution has these arguments"),
    (lambda: AnalyticConv2d(3, 8, 3, stride=2, padding="same"), "no convolution has these arguments"),
    (lambda: AnalyticConv2d(3, -8, 3), "no convolution has these arguments"),
    (lambda: AnalyticConv2d(3, 8, 3.5), "no convolution has these arguments"),
])  # fmt: skip
def test_wrong_arguments(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_small_kernels_may_be_plain():
    assert AnalyticConv2d(3, 8, 1, mosaic="P").weight.shape == (8, 3, 1, 1)
