import numpy as np
import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.tomography import correlation, data_residual, psnr, segment, ssim

pytest.importorskip("skimage")
GENERATOR = np.random.default_rng(0)
TRUTH = GENERATOR.uniform(0.1, 0.5, (24, 20))
IMAGE = TRUTH + 0.05 * GENERATOR.standard_normal(TRUTH.shape)


def test_psnr_is_relative_to_the_span_of_the_truth():
    error = ((IMAGE - TRUTH) ** 2).mean() / (TRUTH.max() - TRUTH.min()) ** 2
    assert psnr(IMAGE, TRUTH) == pytest.approx(-10 * np.log10(error))
    assert psnr(TRUTH, TRUTH) == np.inf


def test_nothing_is_clipped():
    above = TRUTH.copy()
    above[TRUTH.argmax() // 20, TRUTH.argmax() % 20] += 1
    assert np.isfinite(psnr(above, TRUTH)) and ssim(above, TRUTH) < 1


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_units_and_kinds_of_array_do_not_matter(metric):
    value = metric(IMAGE, TRUTH)
    assert metric(1000 * IMAGE - 300, 1000 * TRUTH - 300) == pytest.approx(value)
    image = torch.tensor(IMAGE, dtype=torch.float32, requires_grad=True)
    assert metric(image, torch.tensor(TRUTH)) == pytest.approx(value, rel=1e-5)


def test_ssim_of_a_constant_shift_is_its_luminance_term():
    # Windows of a smooth ramp shifted by d: (2 m (m + d) + c) / (m^2 + (m + d)^2 + c) with c = 0.01^2.
    ramp = np.broadcast_to(np.linspace(0, 1, 41), (41, 41))
    m, d = ramp[3:-3, 3:-3], 0.2
    expected = ((2 * m * (m + d) + 1e-4) / (m**2 + (m + d) ** 2 + 1e-4)).mean()
    assert ssim(ramp + d, ramp) == pytest.approx(expected, rel=1e-6)
    assert ssim(TRUTH, TRUTH) == pytest.approx(1)


def test_the_residual_is_relative():
    assert data_residual(np.array([[3.0, 0.0]]), torch.tensor([[3.0, 4.0]])) == pytest.approx(0.8)
    with pytest.raises(InputError, match="^the sinogram is zero everywhere"):
        data_residual(np.ones((2, 2)), np.zeros((2, 2)))


def test_correlation_is_that_of_pearson_for_masks():
    a, b = GENERATOR.uniform(size=(2, 30, 30)) > 0.3
    b |= a
    assert correlation(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    assert correlation(a, torch.from_numpy(a)) == pytest.approx(1) and correlation(a, ~a) == pytest.approx(-1)
    assert correlation(a, np.ones_like(a)) == 0
    large = np.zeros((600, 600), bool)
    large[:300] = True
    assert correlation(large, large) == 1  # products of counts beyond 64-bit integers


def test_otsu_separates_a_disc_from_noise():
    x = np.linspace(-1, 1, 64)
    disc = np.hypot(x, x[:, None]) < 0.6
    found = segment(torch.tensor(0.04 * disc + 0.004 * GENERATOR.standard_normal(disc.shape)))
    assert found.dtype == bool and correlation(found, disc) > 0.99
    assert not segment(np.ones((8, 8))).any()
    with pytest.raises(InputError, match="^1 of 4 values of the image are not finite.$"):
        segment(np.array([[1.0, np.nan], [0.0, 2.0]]))


@pytest.mark.parametrize(
    ("metric", "arguments", "message"),
    [
        (psnr, (IMAGE, TRUTH[1:]), r"^only arrays of one shape can be compared, got \(24, 20\) and \(23, 20\).$"),
        (data_residual, (IMAGE, TRUTH[1:]), "^only arrays of one shape"),
        (correlation, (IMAGE, TRUTH[1:]), "^only arrays of one shape"),
        (psnr, (IMAGE, np.ones_like(TRUTH)), "^the true image must be finite and not constant; it goes from 1 to 1.$"),
        (ssim, (IMAGE, np.full_like(TRUTH, np.nan)), "^the true image must be finite .* from nan to nan.$"),
        (ssim, (IMAGE[:6], TRUTH[:6]), r"^SSIM needs at least 7 x 7 pixels, got \(6, 20\).$"),
    ],
)
def test_what_cannot_be_compared_is_said(metric, arguments, message):
    with pytest.raises(InputError, match=message):
        metric(*arguments)


def test_a_missing_package_is_named_with_its_command(monkeypatch):
    from pinnkit.tomography import metrics

    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(metrics, "import_module", absent)
    with pytest.raises(InputError, match=r"^this metric needs the package scikit-image: pip install 'pinnkit\[ct\]'.$"):
        psnr(IMAGE, TRUTH)
