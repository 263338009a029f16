"""Filtered backprojection: orders against closed forms in every geometry, filters, weights of arcs."""

import math

import numpy as np
import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.tomography import Detector, FanBeam, ImageGrid, ParallelBeam, Projector, Scan
from pinnkit.tomography.classical import FilteredBackprojection
from pinnkit.tomography.classical.fbp import filter_rows
from pinnkit.tomography.classical.redundancy import arc_of, fan_weights

BLOBS = [(0.02, (5.0, -8.0), 9.0), (0.01, (-15.0, 10.0), 6.0)]


def from_rays(geometry, centre):
    """Distances of the rays from a point."""
    origins, directions = geometry.rays()
    x, y = origins[..., 0] - centre[0], origins[..., 1] - centre[1]
    return x * directions[..., 1] - y * directions[..., 0]


def gaussians(geometry):
    widths = [(a * s * math.sqrt(2 * math.pi), s, from_rays(geometry, c)) for a, c, s in BLOBS]
    return sum(a * np.exp(-(t**2) / (2 * s**2)) for a, s, t in widths)


def disc(geometry, radius=30.0, mu=0.02, centre=(3.0, -2.0)):
    return 2 * mu * np.sqrt(np.maximum(radius**2 - from_rays(geometry, centre) ** 2, 0))


def image(grid):
    points = grid.points()
    parts = [a * np.exp(-((points - c) ** 2).sum(1) / (2 * s**2)) for a, c, s in BLOBS]
    return np.reshape(sum(parts), grid.shape)


def from_point(grid, x=0.0, y=0.0):
    return np.hypot(*(grid.points() - (x, y)).T).reshape(grid.shape)


def angles(span, count, start=0.0):
    return tuple(start + span * np.arange(count) / count)


def fan(n, span, start=0.0, curved=False, offset=0.0, axis=0.0):
    return FanBeam(angles(span, 3 * n, start), Detector(n, 220 / n, offset, curved), 200.0, 400.0, axis)


GEOMETRIES = {
    "parallel": lambda n: ParallelBeam(angles(180, 2 * n), Detector(n, 110 / n)),
    "both ends": lambda n: ParallelBeam(tuple(np.linspace(0, 180, 2 * n)), Detector(n, 110 / n)),
    "quarter": lambda n: ParallelBeam(angles(360, 3 * n), Detector(n, 110 / n, 1.0).quarter_offset(), 2.0),
    "fan": lambda n: fan(n, 360),
    "displaced": lambda n: fan(n, 360, offset=43.0, axis=20.0),
    "short": lambda n: fan(n, 225),
    "short, displaced": lambda n: fan(n, 235, 30, offset=43.0, axis=20.0),
    "more than short": lambda n: fan(n, 300),
    "curved": lambda n: fan(n, 360, curved=True),
    "curved, displaced": lambda n: fan(n, 360, curved=True, offset=43.0, axis=20.0),
    "curved, short": lambda n: fan(n, 225, -100, curved=True),
}


def reconstruct(geometry, sinogram, n):
    scan = Scan(geometry, sinogram, ImageGrid(n, n, 80 / n))
    return FilteredBackprojection().reconstruct(scan).numpy()


@pytest.mark.parametrize("name", GEOMETRIES)
def test_second_order(name):
    errors = []
    for n in (32, 64):
        grid, geometry = ImageGrid(n, n, 80 / n), GEOMETRIES[name](n)
        found, truth, inside = reconstruct(geometry, gaussians(geometry), n), image(grid), from_point(grid) < 40
        errors.append(np.linalg.norm((found - truth)[inside]) / np.linalg.norm(truth[inside]))
    assert errors[1] < 6e-3
    assert math.log2(errors[0] / errors[1]) > 1.9


@pytest.mark.parametrize("name", GEOMETRIES)
def test_a_disc_comes_out_as_its_attenuation(name):
    geometry, grid = GEOMETRIES[name](64), ImageGrid(64, 64, 80 / 64)
    found, distance = reconstruct(geometry, disc(geometry), 64), from_point(grid, 3, -2)
    assert found[distance < 25].mean() == pytest.approx(0.02, rel=2e-3)
    assert abs(found[(distance > 35) & (distance < 40)].mean()) < 2e-5


def test_order_of_views_does_not_matter():
    geometry = GEOMETRIES["short"](32)
    sinogram, order = gaussians(geometry), np.random.default_rng(0).permutation(geometry.views)
    shuffled = FanBeam(tuple(np.array(geometry.angles)[order]), geometry.detector, 200.0, 400.0)
    np.testing.assert_allclose(
        reconstruct(shuffled, sinogram[order], 32), reconstruct(geometry, sinogram, 32), atol=1e-7
    )


def test_limited_arcs_lose_what_is_not_seen():
    geometry = ParallelBeam(angles(120, 120, 200), Detector(64, 110 / 64))
    found = reconstruct(geometry, disc(geometry), 64)[from_point(ImageGrid(64, 64, 80 / 64), 3, -2) < 5].mean()
    assert found == pytest.approx(0.02 * 2 / 3, rel=0.02)  # the middle of a disc: two thirds of the turn


@pytest.mark.parametrize("window", ["ramp", "shepp-logan", "hann"])
def test_filters_multiply_waves_by_their_gain(window):
    n, step = 4096, 0.5
    for cycles in (0.05, 0.2, 0.35):  # per bin
        wave = np.cos(2 * math.pi * cycles * np.arange(n))
        gain = {
            "ramp": 1.0,
            "shepp-logan": math.sin(math.pi * cycles) / (math.pi * cycles),
            "hann": 0.5 + 0.5 * math.cos(2 * math.pi * cycles),
        }[window]
        found = filter_rows(wave[None], step, window)[0, n // 4 : -n // 4]
        np.testing.assert_allclose(found, gain * cycles / step * wave[n // 4 : -n // 4], atol=1e-3)


def test_gaps_of_arcs():
    random = np.random.default_rng(0).uniform(-10, 10, 20)
    assert arc_of(random, math.pi).gaps.sum() == pytest.approx(math.pi)
    doubled = arc_of(np.radians([0.0, 60, 120, 180]), math.pi).gaps
    np.testing.assert_allclose(np.degrees(doubled), [30, 60, 60, 30])
    limited = arc_of(np.radians([350.0, 0, 10, 20]), 2 * math.pi)
    np.testing.assert_allclose(np.degrees([*limited.gaps, limited.start, limited.length]), [10] * 4 + [345, 40])
    assert not limited.closed
    assert arc_of(np.array([1.0]), math.pi).gaps == pytest.approx(math.pi)


def test_both_rays_of_a_line_share_its_weight():
    views, gamma = np.radians(np.arange(0.0, 225, 1)), np.radians(np.linspace(-15, 15, 31))
    arc = arc_of(views, 2 * math.pi)
    weights = fan_weights(views, gamma, arc)
    for k, angle in enumerate(gamma):
        back = views - 2 * angle + math.pi
        seen = arc.taper(back) > 0
        other = np.array([fan_weights(back[i : i + 1], np.array([-angle]), arc)[0, 0] for i in np.flatnonzero(seen)])
        np.testing.assert_allclose(weights[seen, k] + other, 1)
        np.testing.assert_allclose(weights[~seen, k], 1)
        assert seen.any() and not seen.all()
    turn = np.radians(np.arange(0.0, 360, 10))
    np.testing.assert_allclose(fan_weights(turn, gamma, arc_of(turn, 2 * math.pi)), 0.5)


def test_dtype_follows_the_projector_and_errors_are_plain():
    grid, geometry = ImageGrid(16, 16, 1.0), ParallelBeam(angles(180, 8), Detector(24, 1.0))
    scan = Scan(geometry, np.zeros((8, 24)), grid)
    assert FilteredBackprojection().reconstruct(scan).dtype == torch.float32
    assert FilteredBackprojection().reconstruct(scan, Projector(geometry, grid, torch.float64)).dtype == torch.float64
    with pytest.raises(InputError, match="filter must be one of ramp, shepp-logan, hann, got 'cosine'"):
        FilteredBackprojection("cosine")
    with pytest.raises(InputError, match="made for another grid than that of scan"):
        FilteredBackprojection().reconstruct(scan, Projector(geometry, ImageGrid(8, 8, 2.0)))
    with pytest.raises(InputError, match="made for another geometry"):
        other = ParallelBeam(angles(180, 9), Detector(24, 1.0))
        FilteredBackprojection().reconstruct(scan, Projector(other, grid))
    with pytest.warns(UserWarning, match="truncated"):
        FilteredBackprojection().reconstruct(Scan(geometry, np.zeros((8, 24)), ImageGrid(64, 64, 1.0)))
