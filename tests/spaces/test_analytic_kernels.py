"""Analytic kernels as trial functions: formulas, jets, solutions, errors."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.errors import InputError
from pinnkit.jets import LAPLACIAN, by_transforms, evaluate
from pinnkit.spaces.analytic_kernels import AnalyticKernels

D = torch.float64
BOX = torch.tensor([[0.0, -1.0, 2.0], [1.0, 3.0, 2.5]], dtype=D)


def built(space, bounds=BOX, outputs=2, seed=0, frequencies=None):
    return space.build(bounds, outputs, torch.Generator().manual_seed(seed), frequencies)


def points(n=6, bounds=BOX):
    d = bounds.shape[1]
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(n, d, generator=torch.Generator().manual_seed(2), dtype=D)


@pytest.mark.parametrize(("families", "waves"), [("G Lg", 8), ("Lg G", 8), ("G", 15), ("Lg", 0)])
def test_functions_are_the_formulas(families, waves):
    space = built(AnalyticKernels(15, families))
    x = points()
    away = ((x - BOX.mean(0)) / ((BOX[1] - BOX[0]) / 2))[:, None] - space.centres
    q = away.square().sum(-1) / (2 * space.sigma**2)
    psi = space.phase + (space.wave * space.centres[:waves]).sum(1)
    gabors = torch.exp(-q[:, :waves]) * torch.cos((away[:, :waves] * space.wave).sum(-1) + psi)
    hats = (1 - 2 * q[:, waves:] / 3) * torch.exp(-q[:, waves:])
    torch.testing.assert_close(space.basis(x), torch.cat([gabors, hats], 1), rtol=1e-12, atol=1e-13)
    assert len(space.phase) == waves
    assert [name for name, p in space.named_parameters() if p.requires_grad] == ["head.weight", "head.bias"]


@pytest.mark.parametrize("families", ["G Lg", "G", "Lg"])
def test_jets_against_transforms(families):
    space, x = built(AnalyticKernels(9, families)), points(4)
    keys = [(), (0,), (2,), (0, 0), (0, 1), (1, 2), LAPLACIAN]
    for asked in (keys, [(0, 0, 1), (1, 1, 1)], [(0, 0, 2, 2), (1, 1, 1, 1)]):
        found, expected = evaluate(space, x, asked), by_transforms(space, x, asked, (0, 1, 2))
        for key in asked:
            scale = expected[key].abs().max().item()
            torch.testing.assert_close(found[key], expected[key], rtol=1e-10, atol=1e-11 * scale)


def test_draws():
    space = built(AnalyticKernels(6000, scale=5.0, width=0.4))
    assert space.wave.std().item() == pytest.approx(5.0, rel=0.03)
    assert 0.2 <= space.sigma.min() < 0.21 and 0.78 < space.sigma.max() <= 0.8
    assert 1.29 < space.centres.abs().max() <= 1.3
    assert space.centres.square().mean().item() == pytest.approx(1.3**2 / 3, rel=0.03)
    assert not torch.equal(space.centres, built(AnalyticKernels(6000), seed=1).centres)


def test_frequencies_are_taken_unless_a_scale_is_given():
    wanted = torch.tensor([[5.0, 60.0, 7.0]], dtype=D)
    space = built(AnalyticKernels(20), frequencies=wanted)
    torch.testing.assert_close(space.wave / space.halfwidth, wanted.expand(10, 3))
    ignored = built(AnalyticKernels(20, scale=2.0), frequencies=wanted)
    assert torch.equal(ignored.wave, built(AnalyticKernels(20, scale=2.0)).wave)
    assert AnalyticKernels().spectral
    assert not AnalyticKernels(scale=2.0).spectral and not AnalyticKernels(families="Lg").spectral


def test_sizes():
    space = AnalyticKernels(families="Lg", width=0.7)
    other = space.resized(33)
    assert (other.features, other.families, other.width) == (33, "Lg", 0.7) and space.features is None
    assert AnalyticKernels(12).resized(33).features == 12
    assert built(AnalyticKernels()).size == 500 and built(other).size == 33
    assert AnalyticKernels.frozen and set(AnalyticKernels.references) == {"cui2024acl", "tao2023tgd"}
    assert AnalyticKernels.formula.isascii() and "\n" not in AnalyticKernels.formula


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_poisson(seed):
    problem = pk.load_problem("poisson-hf", {"n": 1})
    solution = pk.solve(problem, space=AnalyticKernels(), method=pk.LeastSquares(), budget="60s", seed=seed)
    assert solution.relative_l2 <= 1e-9


@pytest.mark.parametrize("families", ["G", "Lg"])
def test_poisson_by_each_family(families):
    problem = pk.load_problem("poisson-hf", {"n": 1})
    method = pk.LeastSquares(start_size=400, max_size=400)
    solution = pk.solve(problem, space=AnalyticKernels(families=families), method=method, budget="60s")
    assert solution.relative_l2 <= 1e-6


@pytest.mark.parametrize(("options", "message"), [
    ({"features": 0}, "features must be a positive whole number, got 0"),
    ({"width": -1.0}, "width must be positive, got -1.0"),
    ({"scale": math.inf}, "scale must be positive, got inf"),
    ({"families": "G Tf"}, "kernels of the family Tf have a jump or a delta at their centre"),
    ({"families": "Q"}, "families must be some of G, Lg, each once, got 'Q'"),
    ({"families": "G G"}, "families must be some of G, Lg, each once, got 'G G'"),
    ({"families": " "}, "families must be some of G, Lg, each once, got ' '"),
])  # fmt: skip
def test_wrong_options(options, message):
    with pytest.raises(InputError, match=message):
        AnalyticKernels(**options)
