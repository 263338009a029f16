"""What all networks have in common: exact derivatives, sizes left open, and a frozen draw that solves a problem."""

import pytest
import torch

import pinnkit as pk
from pinnkit.errors import InputError
from pinnkit.jets import evaluate
from pinnkit.jets.derivatives import by_transforms
from pinnkit.spaces import MLP, SIREN
from pinnkit.spaces.fourier_features import FourierFeatures
from pinnkit.spaces.gauss import Gauss
from pinnkit.spaces.kan import KAN
from pinnkit.spaces.modified_mlp import ModifiedMLP
from pinnkit.spaces.piratenet import PirateNet
from pinnkit.spaces.positional import PositionalReLU
from pinnkit.spaces.spder import SPDER
from pinnkit.spaces.wire import WIRE

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
SMALL = [
    MLP(6, 2), MLP(6, 2, "gelu"), SIREN(6, 2, 3.0), SPDER(6, 2, 3.0), Gauss(6, 2, 0.5), WIRE(4, 3, 2.0, 1.0),
    FourierFeatures(6, 2, 4, 2.0), ModifiedMLP(6, 2), PirateNet(6, 2), KAN(4, 2, 3, 5), PositionalReLU(6, 2, 8),
]  # fmt: skip
OPEN = [MLP, SIREN, SPDER, Gauss, WIRE, FourierFeatures, ModifiedMLP, PirateNet, KAN, PositionalReLU]
name = lambda space: getattr(space, "__name__", type(space).__name__)  # noqa: E731


def build(space, seed=0, outputs=1):
    built = space.build(SQUARE, outputs, torch.Generator().manual_seed(seed))
    with torch.no_grad():  # blocks of a PirateNet do nothing yet
        for parameter in (p for n, p in built.named_parameters() if n.endswith("alpha")):
            parameter.fill_(0.4)
    return built


def points(n, seed=3):
    return 1.8 * torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.9


@pytest.mark.parametrize("space", SMALL, ids=name)
def test_derivatives_of_orders_up_to_four(space):
    keys = [(), (1,), (0, 0), (0, 1), "laplacian"]
    if not isinstance(space, (SPDER, PositionalReLU)):  # these have no more
        keys += [(0, 0, 1), (0, 0, 1, 1)]
    built, x = build(space, outputs=2), points(4)
    found, expected = evaluate(built, x, keys), by_transforms(built, x, keys, (0, 1))
    for key in keys:
        size = expected[key].abs().max().item()
        torch.testing.assert_close(found[key], expected[key], rtol=1e-8, atol=1e-10 * size, msg=str(key))


@pytest.mark.parametrize("space", SMALL, ids=name)
def test_gradients_by_parameters_of_a_laplacian(space):
    """As training needs them, and one sample at a time, as Gauss-Newton does: the same numbers, and no zeros."""
    built, x = build(space), points(5)
    parameters = {n: p.detach() for n, p in built.named_parameters() if p.requires_grad and n != "head.bias"}

    def residual(values, p):
        call = lambda q: torch.func.functional_call(built, values, (q,))  # noqa: E731
        return evaluate(call, p, ["laplacian"])["laplacian"].sum()

    each = torch.func.vmap(lambda p: torch.func.grad(residual)(parameters, p[None]))(x)
    together = torch.func.grad(residual)(parameters, x)
    for key in parameters:
        torch.testing.assert_close(each[key].sum(0), together[key], rtol=1e-8, atol=1e-7)
        # The second derivatives of a ReLU network do not feel its biases.
        assert together[key].abs().max() > 0 or (isinstance(space, PositionalReLU) and key.endswith("bias"))


@pytest.mark.parametrize("space", OPEN, ids=name)
def test_a_method_may_choose_the_size(space):
    """The number asked for is met, or passed by less than one node; a space of a given width stays as it is."""
    for size in (1, 7, 100):
        built = build(space().resized(size))
        assert size <= built.size < size + (7 if space is KAN else 2)
        assert built.basis(points(2)).shape == (2, built.size)
    assert space(width=4).resized(100).width == 4
    left_open = space()
    assert left_open.resized(9) is not left_open and left_open.last is None
    deep = build(space(depth=2).resized(30))
    assert deep.basis(points(2)).shape == (2, deep.size)


def test_sizes_of_trained_networks():
    """What a README or a paper counts: the defaults stay."""
    counts = {name(space): sum(p.numel() for p in build(space()).parameters()) for space in OPEN}
    glorot = 40 * 40 + 40
    assert counts["MLP"] == 120 + 3 * glorot + 41 == 5081
    assert counts["SIREN"] == counts["SPDER"] == counts["Gauss"] == 192 + 2 * (64 * 64 + 64) + 65 == 8577
    assert counts["WIRE"] == 135 + 2 * 2 * (45 * 45 + 45) + 91
    assert counts["ModifiedMLP"] == 3 * 120 + 3 * glorot + 41
    assert counts["FourierFeatures"] == 64 + 3 * (64 * 64 + 64) + 65
    assert counts["PirateNet"] == 64 + 11 * (64 * 64 + 64) + 3 + 65
    assert counts["KAN"] == 2 * 10 * 7 + 10 * 7 + 1
    assert counts["PositionalReLU"] == 64 * (34 + 1) + 2 * (64 * 64 + 64) + 65


@pytest.mark.parametrize(("space", "size"), [
    (MLP(), 400), (SIREN(), 400), (SPDER(), 850), (Gauss(), 500), (WIRE(), 950), (FourierFeatures(), 200),
    (ModifiedMLP(), 600), (PirateNet(), 200), (KAN(), 1050), (KAN(order=5), 450),
], ids=name)  # fmt: skip
def test_the_network_as_it_is_drawn_solves_a_poisson_problem(space, size):
    method = pk.LeastSquares(start_size=size, max_size=size, oversampling=3)
    solution = pk.solve(pk.load_problem("poisson-hf", {"n": 1}), space, method, budget="1steps")
    assert solution.relative_l2 < 1e-6


def test_frozen_layers_are_spread_out_and_trained_ones_are_glorot():
    frozen, trained = build(MLP().resized(2000)), build(MLP(2000, 1))
    weight, bias = frozen.hidden[0].weight, frozen.hidden[0].bias
    assert len(frozen.hidden) == 1 and 2.97 < weight.abs().max() < 3 and 2.97 < bias.abs().max() < 3
    assert trained.hidden[0].weight.abs().max() < (6 / 2002) ** 0.5 and not trained.hidden[0].bias.any()


@pytest.mark.parametrize(("make", "message"), [
    (lambda: WIRE(omega=0.0), "omega must be positive, got 0.0"),
    (lambda: WIRE(scale=-1.0), "scale must be positive, got -1.0"),
    (lambda: Gauss(sigma=0.0), "sigma must be positive, got 0.0"),
    (lambda: SPDER(omega=-1.0), "omega must be positive"),
    (lambda: FourierFeatures(features=0), "features must be a positive whole number, got 0"),
    (lambda: FourierFeatures(sigma=float("nan")), "sigma must be positive, got nan"),
    (lambda: PositionalReLU(resolution=1), "resolution must be at least 2 samples along an axis, got 1"),
    (lambda: PositionalReLU(resolution=2.5), "resolution must be a positive whole number, got 2.5"),
    (lambda: PirateNet(width=7), "width must be even, half of it cosines and half sines, got 7"),
    (lambda: PirateNet(sigma=0.0), "sigma must be positive"),
    (lambda: ModifiedMLP(depth=0), "depth must be a positive whole number, got 0"),
    (lambda: KAN(grid=0), "grid must be a positive whole number, got 0"),
    (lambda: KAN(order=0), "order must be a positive whole number, got 0"),
    (lambda: KAN(width=-3), "width must be a positive whole number, got -3"),
    (lambda: MLP(activation="tahn"), "tanh"),
])  # fmt: skip
def test_wrong_options(make, message):
    with pytest.raises(InputError, match=message):
        make()
