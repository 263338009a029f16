"""The memory-lean kernel of product neurons: equal to plain operations, to every order and in every transform."""

from functools import partial

import pytest
import torch
from torch import nn

from pinnkit.jets import Derivatives
from pinnkit.spaces import ProductLayer
from pinnkit.spaces.activation import ACTIVATIONS
from pinnkit.spaces.lrnn import factors, kernel
from pinnkit.spaces.lrnn.kernel import plain_product, product_neurons

SHAPES = [(1, 16, 5), (1, 1, 4), (1, 3, 4), (3, 5, 2), (2, 1, 3)]  # hidden units, factors, neurons


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of 16 rows, so that 40 points make two whole ones and a part of one."""
    monkeypatch.setitem(kernel.BLOCK, "cpu", 1)
    monkeypatch.setattr(factors, "PIECE", 1)


def arguments(hidden=1, components=3, rank=4, n=40, d=3, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    columns = hidden * components * rank
    shapes = [(n, d), (columns, d), (columns,), (hidden, components, rank)]
    made = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    made[-1] *= components**-0.5
    return [tensor.to(dtype).requires_grad_() for tensor in made]


lean, plain = (partial(function, activation=torch.sin) for function in (product_neurons, plain_product))


def close(found, expected, tolerance=1e-12):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert (a - b).abs().max() <= tolerance * b.abs().max()


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("offset", "dtype", "tolerance"),
    [(True, torch.float64, 1e-12), (False, torch.float64, 1e-12), (True, torch.float32, 2e-5)],
)
def test_values_and_gradients(name, shape, offset, dtype, tolerance):
    tensors = arguments(*shape, dtype=dtype)
    options = {"activation": ACTIVATIONS[name], "offset": offset}
    gradient = torch.randn(40, shape[-1], generator=torch.Generator().manual_seed(5)).to(dtype)
    found, expected = (function(*tensors, **options) for function in (lean, plain))
    close([found], [expected], tolerance)
    gradients = [torch.autograd.grad(y, tensors, gradient) for y in (found, expected)]
    close(*gradients, tolerance)


def test_factors_that_vanish_divide_nothing():
    tensors = arguments(1, 5, 2)
    with torch.no_grad():
        tensors[1][4:8] = 0  # two factors of each neuron are 1 + c sin(b) = 0 at all points
        tensors[2][4:8] = torch.pi / 2
        tensors[3][0, 2:4] = -1
    y = lean(*tensors)
    assert torch.equal(y, torch.zeros_like(y))
    tensors[3].data[0, 3] = 0.5  # one factor is zero: the derivative by its own amplitude is that of the others
    close(*(torch.autograd.grad(function(*tensors).sum(), tensors) for function in (lean, plain)))


@pytest.mark.parametrize("activation", [torch.sin, torch.tanh, ACTIVATIONS["sin-arctan"]])
def test_gradcheck_and_gradgradcheck(activation):
    tensors = arguments(2, 3, 2, n=18, d=2)
    assert torch.autograd.gradcheck(lambda *t: lean(*t, activation=activation), tensors)
    assert torch.autograd.gradgradcheck(lambda *t: lean(*t, activation=activation), tensors)


def test_third_order():
    def third(function):
        tensors = arguments()
        y = function(*tensors).square().sum()
        for _ in range(2):
            y = sum(g.square().sum() for g in torch.autograd.grad(y, tensors, create_graph=True))
        return torch.autograd.grad(y, tensors)

    close(third(lean), third(plain), 1e-11)


def test_gradients_that_nobody_asks_for():
    x, *parameters = arguments()
    x = x.detach()
    close(*(torch.autograd.grad(function(x, *parameters).sum(), parameters) for function in (lean, plain)))
    x.requires_grad_()
    frozen = [p.detach() for p in parameters]
    close(*(torch.autograd.grad(function(x, *frozen).sum(), x) for function in (lean, plain)))
    with torch.no_grad():
        close([lean(x, *frozen)], [plain(x, *frozen)])


def test_transforms_of_torch_func():
    x, weight, bias, amplitude = (t.detach() for t in arguments())

    def results(function):
        def loss(b, c):
            return function(x, weight, b, c).square().sum()

        several = torch.stack([amplitude, 2 * amplitude, -amplitude])
        tangent = torch.ones_like(amplitude)
        return [
            torch.func.vmap(lambda c: function(x, weight, bias, c))(several),
            *torch.func.vmap(torch.func.grad(loss, argnums=(0, 1)), (None, 0))(bias, several),
            *torch.func.jvp(lambda c: function(x, weight, bias, c), (amplitude,), (tangent,)),
            torch.func.jacfwd(torch.func.jacrev(lambda c: loss(bias, c)))(amplitude),
            torch.func.jacrev(torch.func.jacrev(lambda c: loss(bias, c)))(amplitude),
            torch.func.vmap(torch.func.jacrev(lambda p: function(p[None], weight, bias, amplitude)[0]))(x),
            torch.func.jacfwd(lambda p: function(p, weight, bias, amplitude).sum(0))(x),
        ]

    close(results(lean), results(plain), 1e-11)


@pytest.mark.parametrize("name", ["sin", "spder"])
@pytest.mark.parametrize("hidden", [1, 2])
def test_jets_to_fourth_order_and_their_gradients(name, hidden):
    x, *parameters = arguments(hidden, 3, 4, d=2)
    x = x.detach()
    for keys in ([(0,), (0, 1), "laplacian"], [(0,), (1, 1)], [(0,)], [(0, 0, 1), (0, 0, 1, 1)]):
        derivatives = Derivatives(keys, (0, 1))
        sides = []
        for function in (lean, plain):
            found = derivatives(lambda p, f=function: f(p, *parameters, activation=ACTIVATIONS[name]), x)
            total = sum(f.square().sum() for f in found.values())
            (weight,) = torch.autograd.grad(total, parameters[:1], create_graph=True)
            sides.append([*found.values(), weight, *torch.autograd.grad(weight.square().sum(), parameters)])
        close(*sides, 1e-11)


def saved_numbers(function, tensors):
    """How many numbers autograd keeps for the backward pass, besides the arguments themselves."""
    saved = {}
    own = {tensor.data_ptr() for tensor in tensors}

    def keep(tensor):
        if tensor.data_ptr() not in own:
            saved[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        kept = function(*tensors)
    assert kept.requires_grad
    return sum(saved.values())


def test_only_the_arguments_are_saved():
    tensors = arguments(1, 16, 8, n=64)
    assert saved_numbers(lean, tensors) == 0
    assert saved_numbers(plain, tensors) > 2 * 64 * 16 * 8  # the count sees what plain autograd keeps


def test_activations_with_parameters_of_their_own_keep_their_gradients():
    activation = nn.PReLU(dtype=torch.float64)
    tensors = arguments()
    lean(*tensors, activation=activation).sum().backward()
    assert activation.weight.grad is not None and activation.weight.grad.abs() > 0


def test_half_precision_computes_in_float32():
    tensors = arguments(1, 8, 4, dtype=torch.bfloat16)
    exact = lean(*(t.detach().double() for t in tensors))
    found = lean(*tensors)
    assert found.dtype == torch.bfloat16
    assert (found - exact).abs().max() < 2**-8 * exact.abs().max()
    gradients = torch.autograd.grad(found.float().sum(), tensors)
    assert all(g.dtype == torch.bfloat16 and g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("n", [40, 5])
def test_autocast(norm, n):
    layer = ProductLayer(3, 6, 4, 30.0, "sin", norm, True, 1.0, torch.Generator().manual_seed(0)).float()
    x = torch.rand(n, 3, generator=torch.Generator().manual_seed(1))
    weights = torch.randn(n, 6, generator=torch.Generator().manual_seed(2))
    exact = layer(x)
    (exact * weights).sum().backward()
    expected = {name: p.grad.clone() for name, p in layer.named_parameters()}
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
        assert found.dtype == nn.functional.linear(x, torch.ones(6, 3)).dtype == torch.bfloat16
        (found * weights).sum().backward()
    close([found.float()], [exact], 2**-8)
    close([p.grad for p in layer.parameters()], [expected[name] for name, _ in layer.named_parameters()], 2e-2)
    layer.double()
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x.double()).dtype == torch.float64  # as autocast leaves float64 alone


def test_float32_sine_of_large_arguments():
    """The polynomials are as good as torch's own sine and cosine, given arguments in float32."""
    neuron = factors.Factors(torch.ones(1, 1, 1), torch.sin, True, slopes=True)
    turns = torch.linspace(-40, 40, 100_001)[:, None].contiguous()
    slope, exact = turns.clone(), 2 * torch.pi * turns.double()
    values = neuron.pull_back(slope, torch.ones(len(turns), 1))
    assert (slope.double() - torch.cos(exact)).abs().max() < 1e-6
    sine = turns.clone()
    neuron._evaluate(sine[:16])
    assert (sine[:16].double() - torch.sin(exact[:16])).abs().max() < 5e-7
    assert values.item() == pytest.approx(torch.sin(exact).sum().item(), abs=0.05)
