"""The coordinates around a feature: derivatives against torch.func, and what they make smooth."""

import math
from functools import partial

import torch

from pinnkit.jets import evaluate
from pinnkit.spaces import LRNN, Charts, CoreMap

BOUNDS = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def single(core, y):
    return core(y[None])[0]


def test_derivatives_are_those_of_autograd():
    for frame in (torch.eye(2).double() / 0.03, torch.tensor([[0.6, 0.8]]).double() / 0.05):
        core = CoreMap(torch.tensor([0.2, -0.1]).double(), frame, 60.0, BOUNDS)
        x = 0.3 * torch.randn(7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        found = evaluate(core, x, [(0,), (0, 1), (1, 1)])
        one = partial(single, core)
        first = torch.func.vmap(torch.func.jacrev(one))(x)
        second = torch.func.vmap(torch.func.hessian(one))(x)
        assert torch.allclose(found[0,], first[..., 0], rtol=1e-11, atol=1e-11)
        assert torch.allclose(found[0, 1], second[..., 0, 1], rtol=1e-10, atol=1e-9)
        assert torch.allclose(found[1, 1], second[..., 1, 1], rtol=1e-10, atol=1e-9)


def test_outputs_are_scaled():
    core = CoreMap(torch.zeros(2).double(), torch.eye(2).double() / 1e-3, 1e3 * math.sqrt(2), BOUNDS)
    x = torch.cat([torch.zeros(1, 2).double(), BOUNDS])
    y = core(x)
    assert y.abs().max() <= 1 + 1e-12 and y[0, -1] == -1 and abs(y[1, -1].item() - 1) < 1e-6


def test_a_logarithm_with_a_core_is_easy_in_them():
    w = 1e-3
    core = CoreMap(torch.zeros(2).double(), torch.eye(2).double() / w, math.sqrt(2) / w, BOUNDS)
    generator = torch.Generator().manual_seed(0)
    x = BOUNDS[1] * (2 * torch.rand(4000, 2, generator=generator, dtype=torch.float64) - 1)
    x = x * torch.rand(4000, 1, generator=generator, dtype=torch.float64) ** 4
    r = x.norm(dim=1)
    exact = torch.log(r.square() + w**2) * torch.exp(-r)

    def error(space):
        built = space.build(BOUNDS, 1, torch.Generator().manual_seed(1), torch.randn(256, 2).double() * 3)
        basis = torch.cat([built.basis(x), torch.ones(len(x), 1).double()], 1).detach()
        found = basis @ torch.linalg.lstsq(basis, exact[:, None], driver="gelsd").solution
        return ((found[:, 0] - exact).norm() / exact.norm()).item()

    assert error(Charts(LRNN(), corners=[core]).resized(300)) < 0.02 * error(LRNN().resized(300))
