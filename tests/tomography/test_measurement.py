import numpy as np
import pytest
import torch
from scipy import stats

from pinnkit.errors import InputError
from pinnkit.tomography import add_gaussian_noise, add_poisson_noise, attenuation, chi_squared, whiten

TRUE = np.linspace(0, 3, 12).reshape(3, 4)


@pytest.mark.parametrize(
    ("flat", "dark"),
    [
        (1e8, 0.0),
        (1e8, 1e4),
        (1e8 * np.array([1, 2, 3, 4]), 1e4 * np.array([4, 3, 2, 1])),
        (1e8 * np.array([[1], [2], [3]]), 1e4),
        (1e8 * np.arange(1, 13).reshape(3, 4), np.full((3, 4), 1e4)),
    ],
)
def test_counts_give_back_the_line_integrals(flat, dark):
    counts = dark + (flat - dark) * np.exp(-TRUE)
    sinogram, variance = attenuation(counts, flat, dark)
    assert np.allclose(sinogram, TRUE, rtol=0, atol=2e-7)  # half a count of 5e6
    assert np.allclose(variance, counts / (counts - dark) ** 2, rtol=1e-6)


def moments(mean):
    """The exact mean and variance of the sinogram, and the mean of its estimated variance, for Poisson counts."""
    counts = np.arange(round(mean + 12 * mean**0.5) + 20)
    chance = stats.poisson.pmf(counts, mean)
    sinogram, variance = (part[0] for part in attenuation(counts[None], 1000.0))
    expected = chance @ sinogram
    return expected, chance @ (sinogram - expected) ** 2, chance @ variance


def test_the_bias_falls_with_the_square_of_the_counts():
    bias = [abs(moments(mean)[0] - np.log(1000 / mean)) for mean in (20, 40, 80)]
    assert bias[0] < 2e-3  # without the half count 1 / 40
    assert 1.8 < np.log2(bias[0] / bias[1]) < 2.3 and 1.8 < np.log2(bias[1] / bias[2]) < 2.3


@pytest.mark.parametrize(("mean", "tolerance"), [(20, 0.05), (80, 0.01), (1000, 0.001)])
def test_the_variance_is_that_of_the_logarithm(mean, tolerance):
    _, true, estimated = moments(mean)
    assert estimated == pytest.approx(true, rel=tolerance)


def test_the_variance_holds_the_noise_of_flat_field_dark_current_and_electronics():
    generator, n = np.random.default_rng(0), 40_000
    flat = (generator.poisson(500, (5, n)) + 8 * generator.standard_normal((5, n))).mean(0, keepdims=True)
    counts = np.rint(generator.poisson(300, (1, n)) + 8 * generator.standard_normal((1, n)))
    sinogram, variance = attenuation(counts, flat, 100.0, flat_frames=5, electronic=8.0)
    assert variance.mean() == pytest.approx(sinogram.var(), rel=0.04)
    without = attenuation(counts, flat, 100.0)[1].mean()
    assert without < 0.85 * sinogram.var()


def test_rays_without_counts_are_finite_and_hardly_weigh():
    sinogram, variance = attenuation([[0.0, 3.0, 1000.0]], 1000.0, [0.0, 10.0, 0.0])
    assert np.allclose(sinogram[0, :2], np.log([2000, 1980]))
    assert np.allclose(variance[0, :2], [2, 14]) and variance[0, 2] < 1.001e-3


@pytest.mark.parametrize("bad", [np.nan, -5.0, np.inf])
def test_counts_that_make_no_sense_are_refused_with_their_place(bad):
    counts = np.full((3, 4), 50.0)
    counts[1, 2] = bad
    with pytest.raises(InputError, match=rf"^counts must be finite .*: view 1, bin 2 is {bad:g} \(1 such values\).$"):
        attenuation(counts, 100.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(counts=np.ones(4)), r"^counts must have two axes, views and detector bins, got shape \(4,\).$"),
        (dict(flat=np.ones(3)), r"^flat must be a number or of a shape that fits \(3, 4\), such as \(4,\) or \(3, 1\)"),
        (dict(flat=np.nan), r"^flat must be finite and not negative: view 0, bin 0 is nan"),
        (dict(dark=-1.0), r"^dark must be finite and not negative: view 0, bin 0 is -1"),
        (dict(dark=[0, 100, 0, 0]), r"^the flat field must be greater than the dark .*: view 0, bin 1 is 0 \(3 such"),
        (dict(flat=1.0), r"^the flat field must be in photons, but half of it is below 10 \(median 1\); if it is a tr"),
        (dict(flat_frames=0), r"^flat_frames must be a whole number of at least 1, got 0.$"),
        (dict(electronic=np.nan), r"^electronic must be a standard deviation in counts, got nan.$"),
    ],
)
def test_fields_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        attenuation(**{"counts": np.full((3, 4), 50.0), "flat": 100.0, **arguments})


def test_poisson_noise_is_repeatable_and_its_variance_comes_from_the_noisy_counts():
    clean = np.full((50, 200), 2.0)
    noisy, variance = add_poisson_noise(clean, 5e3, np.random.default_rng(1))
    assert np.array_equal(noisy, add_poisson_noise(clean, 5e3, np.random.default_rng(1))[0])
    assert not np.array_equal(noisy, add_poisson_noise(clean, 5e3, np.random.default_rng(2))[0])
    assert np.allclose(variance, np.exp(noisy) / 5e3)
    assert chi_squared(noisy - clean, variance) == pytest.approx(1, abs=0.06)
    assert abs((noisy - clean).mean()) < 4 * variance.mean() ** 0.5 / 100


@pytest.mark.parametrize(
    ("sinogram", "counts", "message"),
    [
        (TRUE, -1.0, "^counts must be finite and not negative"),
        (TRUE, 0.0, "^counts must be at least 10 photons a ray: view 0, bin 0 is 0"),
        (TRUE[0], 100.0, r"^the sinogram must have two axes, views and detector bins, got shape \(4,\).$"),
        (TRUE * np.nan, 100.0, "^the sinogram must be finite: view 0, bin 0 is nan"),
    ],
)
def test_poisson_noise_needs_photons_and_line_integrals(sinogram, counts, message):
    with pytest.raises(InputError, match=message):
        add_poisson_noise(sinogram, counts, np.random.default_rng(0))


def test_gaussian_noise_has_the_deviation_asked_for():
    noisy, variance = add_gaussian_noise(np.zeros((50, 200)), 0.3, np.random.default_rng(0))
    assert noisy.std() == pytest.approx(0.3, rel=0.03) and (variance == 0.09).all()
    with pytest.raises(InputError, match="^deviation must be a positive number, got 0.0.$"):
        add_gaussian_noise(noisy, 0.0, np.random.default_rng(0))


def test_the_likelihood_is_the_same_for_arrays_and_tensors_and_differentiable():
    generator = np.random.default_rng(0)
    residual, variance = generator.standard_normal((2, 3, 4)), generator.uniform(0.5, 2, (3, 4))
    expected = (residual**2 / variance).mean((1, 2))
    assert np.allclose(chi_squared(residual, variance), expected)
    r, v = torch.tensor(residual, requires_grad=True), torch.tensor(variance)
    assert np.allclose(chi_squared(r, v).detach(), expected)
    (slope,) = torch.autograd.grad(chi_squared(r, v).sum(), r)
    assert torch.allclose(slope, 2 * whiten(r, v) / v.sqrt() / 12)
