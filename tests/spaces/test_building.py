"""Building a space: scaled to its domain, from its seed alone, without a trace elsewhere."""

import copy

import pytest
import torch
from torch import nn

from pinnkit.jets import evaluate
from pinnkit.spaces import LRNN, MLP, SIREN, Charts, ModuleSpace, RandomFeatures

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
SPACES = {
    "lrnn": LRNN(rank=6),
    "lrnn-deep": LRNN(rank=6, depth=2, projection="free"),
    "lrnn-identity": LRNN(rank=6, projection="identity", offset=False),
    "mlp": MLP(7, 2),
    "siren": SIREN(7, 2),
    "features": RandomFeatures(9),
    "tanh": RandomFeatures(9, kind="tanh"),
    "charts": Charts(LRNN(rank=6), [(torch.tensor([5.0, 0.0], dtype=torch.float64), 0.5)]),
    "module": ModuleSpace(nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 3))),
}
own_scaling = [name for name in SPACES if name not in ("module", "charts")]  # these are in the domain's own units


def build(space, bounds=SQUARE, outputs=3, seed=0, frequencies=None):
    return space.build(bounds, outputs, torch.Generator().manual_seed(seed), frequencies)


@pytest.mark.parametrize("name", own_scaling)
def test_a_large_domain_behaves_as_the_unit_one(name):
    """[0, 1000] x [-2, 0.5] with frequencies in its own units is the unit square, moved."""
    box = torch.tensor([[0.0, -2.0], [1000.0, 0.5]], dtype=torch.float64)
    half, centre = (box[1] - box[0]) / 2, box.mean(0)
    unit = torch.tensor([[4.0, 9.0], [-3.0, 2.0]], dtype=torch.float64)
    here, there = build(SPACES[name], SQUARE, frequencies=unit), build(SPACES[name], box, frequencies=unit / half)
    x = torch.rand(20, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 2 - 1
    torch.testing.assert_close(here(x), there(centre + half * x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", SPACES)
def test_building_leaves_no_trace(name):
    space = SPACES[name]
    before, state = copy.deepcopy(space.__dict__), torch.get_rng_state()
    parameters = {k: v.clone() for k, v in space.state_dict().items()}
    build(space, frequencies=torch.ones(2, 2, dtype=torch.float64))
    assert torch.equal(torch.get_rng_state(), state)
    assert before.keys() == space.__dict__.keys()
    assert parameters.keys() == space.state_dict().keys()
    assert all(torch.equal(v, space.state_dict()[k]) for k, v in parameters.items())
    assert not hasattr(space, "head")


@pytest.mark.parametrize("name", SPACES)
def test_the_seed_and_nothing_else_decides(name):
    torch.manual_seed(1)
    one = build(SPACES[name])
    torch.manual_seed(2)
    two, other = build(SPACES[name]), build(SPACES[name], seed=1)
    assert one.state_dict().keys() == two.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    x = torch.ones(1, 2, dtype=torch.float64) / 3
    assert not torch.equal(one.basis(x), other.basis(x))


@pytest.mark.parametrize("name", SPACES)
def test_several_unknowns_share_one_basis(name):
    space, x = build(SPACES[name]), torch.rand(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert space(x).shape == (5, 3)
    assert space.basis(x).shape == (5, space.size)
    torch.testing.assert_close(space(x), space.basis(x) @ space.head.weight.T + space.head.bias)


@pytest.mark.parametrize("name", SPACES)
def test_number_types(name):
    space, x = build(SPACES[name]), torch.rand(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert {p.dtype for p in space.parameters()} == {torch.float64}
    exact = space(x)
    single = space.to(torch.float32)
    assert single(x.float()).dtype == torch.float32
    torch.testing.assert_close(single(x.float()).double(), exact, rtol=1e-3, atol=1e-3)


def test_an_activation_with_parameters_of_its_own():
    space = build(MLP(5, 2, nn.PReLU()))
    assert {p.dtype for p in space.parameters()} == {torch.float64}


def test_sizes_that_were_left_open():
    for space in (LRNN(), RandomFeatures()):
        assert space.resized(33) is not space
        assert build(space.resized(33)).size == 33
    for space in (LRNN(rank=5), RandomFeatures(5), MLP(5)):
        assert space.resized(33) is space
    kept = LRNN(None, 3, 2, 7.0, torch.tanh, "free", False, False)
    assert {k: v for k, v in vars(kept.resized(9)).items() if not k.startswith("_") and k != "rank"} == {
        k: v for k, v in vars(kept).items() if not k.startswith("_") and k != "rank"
    }


def test_charts_have_functions_that_decay_from_their_cavities():
    """log |y|^2 is harmonic, jets go through the inversion, and frequencies count on the domain only."""
    centre = torch.tensor([0.2, -0.1], dtype=torch.float64)
    space = build(Charts(LRNN(rank=6, omega=3.0), [(centre, 0.5)]))
    x = centre + torch.tensor([[0.6, 0.1], [-0.5, 0.7], [0.9, -0.8]], dtype=torch.float64)
    assert space.size == 6 + 6 + 1 and space.basis(x).shape == (3, 13)
    found = evaluate(space.basis, x, [(), (0,), (0, 1), "laplacian"])
    distance = (x - centre).norm(dim=1)
    torch.testing.assert_close(found[()][:, -1], 2 * torch.log(0.5 / distance))
    assert found["laplacian"][:, -1].abs().max() < 1e-12
    h = torch.func.vmap(torch.func.hessian(lambda p: space.basis(p[None])[0]))(x)
    torch.testing.assert_close(found[0, 1], h[..., 0, 1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found["laplacian"], h[..., 0, 0] + h[..., 1, 1], rtol=1e-9, atol=1e-9)
