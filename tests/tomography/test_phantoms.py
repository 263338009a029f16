import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkit.errors import InputError
from pinnkit.tomography import (
    Detector,
    Ellipses,
    FanBeam,
    Gaussians,
    ImageGrid,
    ParallelBeam,
    Projector,
    head,
    phantoms,
)

PARTS = [(3.0, -2.0, 9.0, 4.0, 30.0, 1.0), (-5.0, 6.0, 2.0, 7.0, -50.0, 0.5), (2.0, 1.0, 3.0, 3.0, 0.0, -0.4)]
PARALLEL = ParallelBeam(np.arange(0, 180, 7.5), Detector(81, 0.8))


def numerically(phantom, origins, directions, points):
    """Midpoint sums over 120 mm of each line about the point nearest to the origin."""
    t = (np.arange(points) + 0.5) / points * 120 - 60
    nearest = origins - (origins * directions).sum(-1, keepdims=True) * directions
    return phantom(nearest[:, None] + t[:, None] * directions[:, None]).sum(1) * 120 / points


class TestLineIntegrals:
    def rays(self, n=40):
        generator = np.random.default_rng(0)
        angles = generator.uniform(0, 2 * np.pi, n)
        return generator.uniform(-8, 8, (n, 2)), np.stack([np.cos(angles), np.sin(angles)], 1)

    def test_of_gaussians_are_those_of_quadrature(self):
        phantom = Gaussians([(x, y, a / 2, b / 2, angle, value) for x, y, a, b, angle, value in PARTS])
        rays = self.rays()
        assert np.abs(phantom.line_integrals(*rays) - numerically(phantom, *rays, 800)).max() < 1e-12

    def test_of_ellipses_are_those_of_quadrature(self):
        rays, points = self.rays(), 20_000
        error = np.abs(Ellipses(PARTS).line_integrals(*rays) - numerically(Ellipses(PARTS), *rays, points)).max()
        assert error < 2 * 1.9 * 120 / points  # each end of a chord is missed by at most a step

    @settings(max_examples=30, deadline=None)
    @given(angle=st.floats(-400, 400), x=st.floats(-20, 20), y=st.floats(-20, 20))
    def test_along_the_axes_of_an_ellipse_are_its_diameters(self, angle, x, y):
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        lines = np.array([[x, y], [x, y], [x - 7.01 * s, y + 7.01 * c]]), np.array([[c, s], [-s, c], [c, s]])
        assert np.allclose(Ellipses([(x, y, 3, 7, angle, 2)]).line_integrals(*lines), [12, 28, 0])


@pytest.mark.parametrize(("kind", "area"), [(Ellipses, math.pi), (Gaussians, 2 * math.pi)])
class TestMass:
    def parts(self, kind):
        return [(x, y, a / 2, b / 2, angle, value) for x, y, a, b, angle, value in PARTS]

    def test_is_the_same_in_every_view(self, kind, area):
        mass = area * sum(a * b * value for _, _, a, b, _, value in self.parts(kind))
        views = kind(self.parts(kind)).sinogram(PARALLEL, subrays=64).sum(1) * 0.8
        assert np.allclose(views, mass, rtol=2e-4)

    def test_is_the_same_in_the_image(self, kind, area):
        mass = area * sum(a * b * value for _, _, a, b, _, value in self.parts(kind))
        grid = ImageGrid(60, 80, 0.8)
        assert kind(self.parts(kind)).rasterise(grid, 16).sum() * 0.64 == pytest.approx(mass, rel=2e-3)


def test_a_fan_beam_sees_what_a_parallel_beam_sees_along_the_same_ray():
    fan = FanBeam([20.0], Detector(31, 1.0), 100.0, 150.0)
    origins, directions = fan.rays()
    for k in (0, 7, 30):
        x, y = directions[0, k]
        s = origins[0, k, 0] * y - origins[0, k, 1] * x
        alone = ParallelBeam([math.degrees(math.atan2(-x, y))], Detector(1, 1.0, s))
        assert Ellipses(PARTS).sinogram(alone)[0, 0] == pytest.approx(Ellipses(PARTS).sinogram(fan)[0, k])


def test_blocks_change_nothing(monkeypatch):
    phantom, grid = Ellipses(PARTS), ImageGrid(12, 16, 2.0)
    whole = phantom.sinogram(PARALLEL, 2), phantom.rasterise(grid, 4)
    monkeypatch.setattr(phantoms, "BLOCK", 500)
    assert np.array_equal(whole[0], phantom.sinogram(PARALLEL, 2))
    assert np.array_equal(whole[1], phantom.rasterise(grid, 4))


def test_images_have_their_top_in_row_0():
    grid = ImageGrid(40, 40, 1.0)
    corner = Ellipses([(12, 14, 3, 3, 0, 2)]).rasterise(grid)
    assert corner[6, 32] == 2 and corner[:20, 20:].sum() == corner.sum()
    rising = Ellipses([(0, 0, 15, 2, 45, 1)]).rasterise(grid)  # from lower left to upper right
    assert rising[10, 29] == 1 and rising[10, 10] == 0


def test_projections_of_the_pixels_converge_to_the_closed_form_at_second_order():
    phantom = Gaussians([(2.0, -3.0, 4.0, 2.5, 30.0, 1.0), (-4.0, 4.0, 2.5, 3.0, 0.0, 0.7)])
    geometry = ParallelBeam(np.arange(5, 180, 20), Detector(41, 1.0))
    exact, errors = phantom.sinogram(geometry), []
    for n in (32, 64, 128):
        grid = ImageGrid(n, n, 40 / n)
        projected = Projector(geometry, grid, torch.float64)(torch.from_numpy(phantom.rasterise(grid, 4)))
        errors.append(np.linalg.norm(projected.numpy() - exact))
    assert np.log2(errors[0] / errors[1]) > 1.9 and np.log2(errors[1] / errors[2]) > 1.9


class TestHead:
    def test_has_the_values_of_toft(self):
        # The brain, the ventricles' middles and leaning tips, the tumours, and the skull with its edges.
        brain = [(0, 0), (0.22, 0), (0.31, 0.276), (-0.36, 0.371), (0, 0.35), (0, 0.08)]
        low = [(0, -0.1), (-0.08, -0.605), (0, -0.606), (0.06, -0.605), (0.06, -0.57)]
        skull = [(0, 0.9), (0, -0.89), (0, -0.895), (0.67, 0), (0, 0.93)]
        values = head(100.0, attenuation=1.0)(100 * np.array(brain + low + skull))
        assert np.allclose(values, [0.2, 0, 0, 0, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 1, 0.2, 1, 1, 0])

    def test_has_the_values_of_shepp_and_logan(self):
        points = 100 * np.array([[0, 0], [0.22, 0], [0, 0.35], [0, 0.9]])
        assert np.allclose(head(100.0, 0.02, modified=False)(points), 0.02 * np.array([1.02, 1.0, 1.03, 2]))

    def test_scales(self):
        points = np.random.default_rng(0).uniform(-1, 1, (200, 2))
        assert np.allclose(head(50.0, 0.1)(50 * points), 5 * head(128.0)(128 * points))


@pytest.mark.parametrize("part", [(0, 0, 1, 1, 0), (0, 0, 0, 1, 0, 1), (0, 0, 1, -1, 0, 1), (0, math.nan, 1, 1, 0, 1)])
def test_a_bad_part_is_named(part):
    with pytest.raises(InputError, match=r"^part 1 of the phantom must be six numbers, x, y, two positive .* got \("):
        Ellipses([PARTS[0], part])
