"""The experiments on LRNN: what they fit and measure, at sizes of seconds."""

import math

import numpy as np
import pytest
import torch
from scipy.io import wavfile
from test_papers import load

from pinnkit.spaces import LRNN, MLP

fitting = load("fitting")
POINTS = torch.linspace(-1, 1, 40)[:, None]
VALUES = torch.sin(3 * POINTS)


@pytest.mark.parametrize("count", [50, 300, 1000])
def test_sized(count):
    def size(width):
        return fitting.parameters(MLP(width, 2).build(torch.tensor([[-1.0], [1.0]]), 1, torch.Generator()))

    best = min(range(1, 60), key=lambda width: abs(size(width) - count))
    assert fitting.sized(lambda width: MLP(width, 2), count, 1).width == best


def test_fit():
    found = fitting.fit(MLP(8, 1), POINTS, VALUES, 30, 1e-2)
    assert len(found.errors) == len(found.seconds) == 31
    error = (found.network(POINTS) - VALUES).square().mean().item()
    assert found.errors[-1] == pytest.approx(error, rel=1e-5) and error < 0.5 * found.errors[0]
    assert found.reached(found.errors[0]) == found.seconds[0] and found.reached(0) == math.inf
    assert found.within(found.seconds[7]) == found.errors[7]
    again = fitting.fit(MLP(8, 1), POINTS, VALUES, 30, 1e-2)
    assert again.errors == found.errors
    other = fitting.fit(MLP(8, 1), POINTS, VALUES, 3, 1e-2, seed=1)
    assert other.errors[0] != found.errors[0]


def test_a_stretch_scales_the_points():
    with torch.no_grad():
        plain, stretched = (
            fitting.fit(MLP(8, 1), points, VALUES, 0, 1e-2, stretch=stretch).network(points)
            for points, stretch in ((5 * POINTS, 1.0), (POINTS, 5.0))
        )
    torch.testing.assert_close(plain, stretched)


def test_best_fit_passes_over_what_diverges():
    options, found = fitting.best_fit(MLP(8, 1), POINTS, VALUES, 10, [{"rate": r} for r in (1e-5, math.inf, 1e-2)])
    assert options == {"rate": 1e-2} and found.errors[-1] < found.errors[0]


def test_the_wider_start_is_that_of_linear_layers():
    space = fitting.WideLRNN(30, 4, 2, 30.0, "sin", "free").build(POINTS[[0, -1]], 1, torch.Generator().manual_seed(0))
    plain = LRNN(30, 4, 2, 30.0, "sin", "free").build(POINTS[[0, -1]], 1, torch.Generator().manual_seed(0))
    assert space.layers[1].weight.abs().max().item() == pytest.approx(30**-0.5, rel=0.01)
    assert torch.equal(space.layers[0].weight, plain.layers[0].weight)


def test_sounds(tmp_path):
    audio = load("lrnn_audio")
    made, rate = audio.sounds(8000, 0.3, None)
    assert rate == 8000 and {len(sound) for sound in made.values()} == {2400}
    assert all(np.abs(sound).max() == 1 and abs(sound.mean()) < 1e-12 for sound in made.values())
    # The strongest lines of the first chord are the fundamentals of its notes.
    spectrum = np.abs(np.fft.rfft(audio.music(8000, 0.25, np.random.default_rng(0))))
    assert {round(4.0 * k) for k in np.argsort(spectrum)[-3:]} <= {216, 220, 224, 276, 280, 328, 332}
    stereo = np.stack([np.arange(100), -np.arange(100) + 7], 1).astype(np.int16)
    stereo[3] = 100, 100
    wavfile.write(tmp_path / "own.wav", 1000, stereo)
    own, rate = audio.sounds(8000, 0.05, str(tmp_path / "own.wav"))
    assert rate == 1000 and [*own] == ["own"] and len(own["own"]) == 50 and own["own"].argmax() == 3


def test_loose_ssim_and_the_best_iterate():
    pytest.importorskip("skimage")
    ct = load("lrnn_ct")
    truth = np.random.default_rng(0).random((16, 16))
    noisy = truth + 0.1 * np.random.default_rng(1).standard_normal((16, 16))
    assert ct.ssim(noisy, truth) < ct.loose_ssim(noisy, truth) < ct.loose_ssim(truth, truth) == 1
    best = ct.Best(truth)
    for step, share in enumerate((0.5, 0.1, 0.9)):
        best(step, 0.0, torch.from_numpy(truth + share * (noisy - truth)), {})
    assert best.psnr == pytest.approx(ct.psnr(noisy, truth) + 20)
    np.testing.assert_allclose(best.image, truth + 0.1 * (noisy - truth))


def test_verdicts_on_poisson():
    poisson = load("lrnn_poisson")
    pairs = ((0.01, 0.2), 5), ((0.05, 0.2), 5), ((0.5, 0.9), 1)
    assert [poisson.judged(*pair) for pair in pairs] == ["held", "did not hold", "cannot tell (not printed)"]
