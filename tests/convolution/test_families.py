"""The five families: formulas against plain numpy, symmetries, zero sums, ranges, gradients."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import erf

from pinnkit.convolution.families import BLUR, FAMILIES

D = torch.float64
SHAPES = [(5, 5), (7, 7), (4, 6), (3, 8), (1, 5)]


def some(name, count=40, seed=0):
    return FAMILIES[name].draw(count, torch.Generator().manual_seed(seed))


def by_numpy(name, akps, shape):
    """One kernel, pixel by pixel, without its norm."""
    h, w = shape
    pixels = [(j - (w - 1) / 2, i - (h - 1) / 2) for i in range(h) for j in range(w)]
    nearest = min(x * x + y * y for x, y in pixels)
    centre = [x * x + y * y < nearest + 1e-9 for x, y in pixels]

    def turned(x, y, theta):
        return x * math.cos(theta) + y * math.sin(theta), y * math.cos(theta) - x * math.sin(theta)

    if name == "G":
        sigma, theta, wavelength, psi = akps
        waves = [math.cos(2 * math.pi * turned(x, y, theta)[0] / wavelength + psi) for x, y in pixels]
        values = [math.exp(-(x * x + y * y) / (2 * sigma**2)) * v for v, (x, y) in zip(waves, pixels, strict=True)]
    elif name == "Lg":
        s2 = akps[0] ** 2
        values = [-(1 - (x * x + y * y) / (2 * s2)) * math.exp(-(x * x + y * y) / (2 * s2)) for x, y in pixels]
    elif name == "Lt":
        w_of_r = [math.exp(-(x * x + y * y) / (2 * akps[0] ** 2)) for x, y in pixels]
        off_centre = sum(v for c, v in zip(centre, w_of_r, strict=True) if not c)
        values = [-off_centre / sum(centre) if c else v for c, v in zip(centre, w_of_r, strict=True)]
    else:
        sigma, rho, theta = akps
        values, deltas = [], []
        for x, y in pixels:
            t, s = turned(x, y, theta)
            window = math.exp(-(s**2) / (2 * rho**2))
            w_of_t = math.exp(-(t**2) / (2 * sigma**2))
            values.append(window * w_of_t * (erf(t / (math.sqrt(2) * BLUR)) if name == "Tf" else 1))
            deltas.append(window * math.exp(-(t**2) / (2 * BLUR**2)))
        if name == "Ts":
            values = [v - d * sum(values) / sum(deltas) for v, d in zip(values, deltas, strict=True)]
    return np.array(values).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_kernels_are_the_formulas(name, shape):
    raw = some(name)
    kernels = FAMILIES[name].kernels(raw, shape)
    akps = torch.stack(FAMILIES[name].akps(raw, max(shape)), 1)
    for kernel, values in zip(kernels, akps, strict=True):
        expected = by_numpy(name, values.tolist(), shape)
        expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(kernel.numpy(), expected, atol=1e-11)


def test_laplacian_of_gaussian_integrates_to_zero_and_is_the_laplacian():
    """Over the plane, by quadrature; and against second differences of a Gaussian."""
    from pinnkit.spaces.analytic_kernels import laplacian_of_gaussian

    def formula(r, sigma, d):
        return laplacian_of_gaussian(torch.tensor(r**2 / (2 * sigma**2), dtype=D), d).item()

    for sigma in (0.5, 1.7):
        total = quad(lambda r, s=sigma: 2 * math.pi * r * formula(r, s, 2), 0, 12 * sigma)[0]
        assert abs(total) < 1e-10
        for d in (1, 2, 3):
            h, x = 1e-4, torch.tensor([0.3, -0.4, 0.5], dtype=D)[:d]

            def gaussian(x, s=sigma):
                return math.exp(-float(x @ x) / (2 * s**2))

            laplacian = sum(gaussian(x + h * e) + gaussian(x - h * e) - 2 * gaussian(x) for e in torch.eye(d, dtype=D))
            expected = -(sigma**2) / d * laplacian / h**2
            assert formula(float(x.norm()), sigma, d) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_symmetries_and_sums(shape):
    kernels = {name: FAMILIES[name].kernels(some(name), shape) for name in FAMILIES}
    for name in ("Lt", "Ts"):
        assert kernels[name].sum((1, 2)).abs().max() < 1e-12
    for name, sign in (("Lg", 1), ("Lt", 1), ("Tf", -1), ("Ts", 1)):
        torch.testing.assert_close(kernels[name].flip(1, 2), sign * kernels[name], rtol=0, atol=1e-12)
    for name in ("Lg", "Lt"):
        torch.testing.assert_close(kernels[name].flip(1), kernels[name], rtol=0, atol=1e-12)
    assert kernels["Tf"].sum((1, 2)).abs().max() < 1e-12


def test_tgd_of_first_order_falls_off_from_the_centre():
    """Its largest value is next to the centre at any width, unlike that of a derivative of a Gaussian."""
    family = FAMILIES["Tf"]
    raw = torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]], dtype=D)
    middle = family.kernels(raw, (11, 11))[:, 5]
    right = middle[:, 6:]
    assert (right.diff(dim=1) < 0).all() and (right > 0).all()
    assert not middle[:, 5].any()


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_stay_in_their_ranges(name):
    family = FAMILIES[name]
    for raw in (torch.full((1, len(family.parameters)), v, dtype=D) for v in (-1e6, 0.0, 1e6)):
        values = dict(zip(family.parameters, family.akps(raw, 7), strict=True))
        ranges = {"sigma": (0.5 if name in ("Lt", "Tf", "Ts") else 0.3, 7), "rho": (0.3, 7), "lambda": (2, 28)}
        for key in ranges.keys() & values.keys():
            low, high = ranges[key]
            assert low * (1 - 1e-12) <= values[key].item() <= high * (1 + 1e-12), key
        assert torch.isfinite(family.kernels(raw, (7, 7))).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_draws_are_spread_over_the_ranges(name):
    """Latin hypercube: every stratum of every parameter has one draw, and the generator alone decides."""
    family = FAMILIES[name]
    raw = some(name, 50)
    torch.testing.assert_close(raw, some(name, 50))
    assert not torch.equal(raw, some(name, 50, seed=1))
    for column, key in zip(raw.unbind(1), family.parameters, strict=True):
        angle = key in ("theta", "psi")
        share = column / (2 * math.pi) if angle else (torch.sigmoid(column) - 0.1) / 0.8
        assert sorted((share * 50).floor().int().tolist()) == list(range(50)), key


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("shape", [(3, 3), (4, 3)])
def test_gradients(name, shape):
    raw = some(name, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: FAMILIES[name].kernels(r, shape), raw, atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_narrow_kernels_in_single_precision(name):
    raw = some(name)
    raw[:, 0] = -1e6  # the least width
    for shape in ((5, 5), (6, 6)):
        expected = FAMILIES[name].kernels(raw.float().double(), shape)
        assert (FAMILIES[name].kernels(raw.float(), shape).double() - expected).abs().max() < 2e-6


def test_a_kernel_that_vanishes_is_zero_and_has_a_gradient():
    raw = torch.tensor([[0.0, 0.0, math.pi / 2]], dtype=D, requires_grad=True)
    kernel = FAMILIES["Ts"].kernels(torch.zeros(1, 3, dtype=D), (1, 1))
    assert not kernel.any()
    row = FAMILIES["Tf"].kernels(raw, (1, 5))
    row.sum().backward()
    assert torch.isfinite(row).all() and torch.isfinite(raw.grad).all()
