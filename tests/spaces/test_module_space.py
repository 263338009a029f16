"""Any module whose last layer is linear, as a space."""

import copy

import pytest
import torch
from torch import nn

from pinnkit.errors import InputError
from pinnkit.jets import evaluate
from pinnkit.spaces import MLP, ModuleSpace, as_space

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def build(space, outputs=1, seed=0):
    return space.build(SQUARE, outputs, torch.Generator().manual_seed(seed))


def sequential(outputs=1):
    return nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 5), nn.SiLU(), nn.Linear(5, outputs))


class Fourier(nn.Module):
    """A module of a user's own: no linear layer sees the coordinates themselves."""

    def __init__(self):
        super().__init__()
        self.readout = nn.ModuleDict({"last": nn.Linear(8, 1, bias=False)})
        self.inner = nn.Linear(6, 8)
        self.register_buffer("waves", torch.tensor([[1.0, 2.0, 0.5], [0.3, -1.0, 2.0]]))

    def forward(self, x):
        z = x @ self.waves
        return self.readout["last"](torch.tanh(self.inner(torch.cat([torch.sin(z), torch.cos(z)], -1))))


def late():
    """The same with the readout registered last, where `ModuleSpace` looks for it."""
    module = Fourier()
    module._modules["readout"] = module._modules.pop("readout")
    return module


@pytest.mark.parametrize("make", [sequential, late])
def test_keep_gives_the_same_function(make):
    module = make()
    space = build(ModuleSpace(module, keep=True))
    x = torch.rand(9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(space(x), copy.deepcopy(module).double()(x))
    assert space.head.bias is not None
    assert next(module.parameters()).dtype == torch.float32  # the user's module is left alone


@pytest.mark.parametrize("make", [sequential, late])
def test_without_keep_layers_are_drawn_from_the_seed(make):
    module = make()
    one, two, other = (build(ModuleSpace(module), seed=seed) for seed in (0, 0, 1))
    x = torch.rand(9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(one(x), two(x))
    assert not torch.allclose(one.basis(x), other.basis(x))
    assert not torch.allclose(one.basis(x), build(ModuleSpace(module, keep=True)).basis(x))


def test_jets_go_through():
    space = build(ModuleSpace(late()))
    x = torch.rand(4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    h = torch.func.vmap(torch.func.hessian(lambda p: space(p[None])[0, 0]))(x)
    found = evaluate(space, x, [(0, 1), "laplacian"])
    torch.testing.assert_close(found[0, 1][:, 0], h[:, 0, 1])
    torch.testing.assert_close(found["laplacian"][:, 0], h[:, 0, 0] + h[:, 1, 1])


def test_as_space():
    space = MLP(3)
    assert as_space(space) is space
    assert isinstance(as_space(sequential()), ModuleSpace)
    with pytest.raises(InputError, match="a space must be a torch module, got 'mlp'"):
        as_space("mlp")


class Doubled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = sequential()

    def forward(self, x):
        return 2 * self.layers(x)


@pytest.mark.parametrize(("module", "message"), [
    (nn.Tanh(), "Tanh is no trial space: it needs a body and a last nn.Linear layer"),
    (nn.Linear(2, 1), "Linear is no trial space: it needs a body"),
    (Doubled(), "Doubled is no trial space.*after its last nn.Linear layer"),
    (nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1), nn.Tanh()), "end the module with a plain nn.Linear"),
    (Fourier(), "Fourier cannot be evaluated|Fourier is no trial space"),
    (nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 1)), "something random"),
    (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), r"shape \(n, 2\)"),
    (sequential(2), "the module gives 2 outputs; the problem has 1 unknowns"),
])  # fmt: skip
def test_refusals(module, message):
    state = torch.get_rng_state()
    with pytest.raises(InputError, match=message):
        build(ModuleSpace(module))
    assert torch.equal(torch.get_rng_state(), state)


def test_running_statistics_of_the_module_are_left_alone():
    module = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    build(ModuleSpace(module))
    assert module[1].num_batches_tracked == 0
