"""Rays and pixels against points reckoned by hand."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinnkit.errors import InputError
from pinnkit.tomography import Detector, FanBeam, ImageGrid, ParallelBeam
from pinnkit.tomography.coverage import check_coverage
from pinnkit.tomography.geometry import describe

ANGLES = (0.0, 30.0, 90.0, 200.0)


def signed_distances(origins, directions):
    """The coordinate s of each line: positive on the right of the axis, seen along the ray."""
    return origins[..., 0] * directions[..., 1] - origins[..., 1] * directions[..., 0]


def fan(curved=False, offset=0.0, axis_offset=0.0, count=5, pitch=10.0):
    return FanBeam(ANGLES, Detector(count, pitch, offset, curved), 100.0, 150.0, axis_offset)


def test_pixels_from_the_top_left():
    grid = ImageGrid(2, 3, 0.5, (10.0, -1.0))
    np.testing.assert_allclose(grid.x, [9.5, 10, 10.5])
    np.testing.assert_allclose(grid.y, [-0.75, -1.25])
    np.testing.assert_allclose(grid.points()[[0, 1, 5]], [[9.5, -0.75], [10, -0.75], [10.5, -1.25]])
    assert grid.shape == (2, 3) and grid.radius == 0.5


@given(rows=st.integers(1, 40), columns=st.integers(1, 40), pixel=st.floats(1e-3, 1e3))
def test_pixels_of_any_image_lie_evenly_about_its_centre(rows, columns, pixel):
    grid = ImageGrid(rows, columns, pixel, (3.0, -2.0))
    points = grid.points()
    assert points.shape == (rows * columns, 2)
    np.testing.assert_allclose(points.mean(0), [3, -2], atol=1e-9 * pixel * 40)
    np.testing.assert_allclose(np.ptp(points, axis=0), [(columns - 1) * pixel, (rows - 1) * pixel], atol=1e-9)


def test_resized_keeps_the_field_of_view():
    grid = ImageGrid(100, 50, 0.4, (1.0, 2.0))
    assert grid.resized(50) == grid.resized(50, 25) == ImageGrid(50, 25, 0.8, (1.0, 2.0))
    assert ImageGrid(3, 100, 1.0).resized(1).shape == (1, 33)
    with pytest.raises(InputError, match="10 x 20 pixels do not have the proportions of 100 x 50"):
        grid.resized(10, 20)


def test_crossings():
    grid = ImageGrid(2, 4, 1.0, (1.0, 0.0))  # x in [-1, 3], y in [-1, 1]
    origins = np.array([[0.0, 0], [0, 0], [-5, 0.5], [0, 0], [0, 3]])
    directions = np.array([[1.0, 0], [0, -1], [1, 0], [math.sqrt(0.5), math.sqrt(0.5)], [1, 0]])
    near, far = grid.crossings(origins, directions)
    np.testing.assert_allclose(near[:4], [-1, -1, 4, -math.sqrt(2)])
    np.testing.assert_allclose(far[:4], [3, 1, 8, math.sqrt(2)])
    assert not far[4] > near[4]
    along_borders = grid.crossings(np.array([[-1.0, 0], [3, 0], [0, 1]]), np.array([[0.0, 1], [0, 1], [1, 0]]))
    assert (along_borders[1] <= along_borders[0]).all()


def test_detector_bins_and_their_parts():
    detector = Detector(3, 2.0, offset=0.5)
    np.testing.assert_allclose(detector.positions(), [-1.5, 0.5, 2.5])
    np.testing.assert_allclose(detector.positions(2), [-2, -1, 0, 1, 2, 3])
    assert Detector(1, 1.0).positions() == [0]


@given(count=st.integers(1, 50), subrays=st.integers(1, 7), offset=st.floats(-10, 10))
def test_parts_of_a_bin_lie_evenly_about_its_middle(count, subrays, offset):
    detector = Detector(count, 0.7, offset)
    parts = detector.positions(subrays).reshape(count, subrays)
    np.testing.assert_allclose(parts.mean(1), detector.positions(), atol=1e-12)
    assert count * subrays == 1 or np.allclose(np.diff(parts.ravel()), 0.7 / subrays)


def test_parallel_rays():
    geometry = ParallelBeam(ANGLES, Detector(3, 2.0, offset=0.5), axis_offset=0.2)
    origins, directions = geometry.rays()
    assert origins.shape == directions.shape == (4, 3, 2) and geometry.shape == (4, 3)
    np.testing.assert_allclose(directions[0], [[0, 1]] * 3)
    np.testing.assert_allclose(origins[0], [[-1.7, 0], [0.3, 0], [2.3, 0]])
    np.testing.assert_allclose(directions[1, 0], [-0.5, math.sqrt(0.75)])
    np.testing.assert_allclose(directions[2, 0], [-1, 0], atol=1e-15)
    np.testing.assert_allclose(origins[2, 2], [0, 2.3], atol=1e-15)
    np.testing.assert_allclose(signed_distances(origins, directions), [[-1.7, 0.3, 2.3]] * 4)


def test_flat_fan():
    origins, directions = fan(axis_offset=3.0, offset=1.0).rays()
    np.testing.assert_allclose(origins[0], [[-3, -100]] * 5)
    np.testing.assert_allclose(origins[2], [[100, -3]] * 5, atol=1e-12)
    # The detector's middle is 150 mm from the source; its bins lie at s = -19, -9, 1, 11, 21.
    at_detector = origins[0] + directions[0] * (150 / directions[0, :, 1:])
    np.testing.assert_allclose(at_detector, [[s - 3, 50] for s in (-19, -9, 1, 11, 21)])
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1)
    at_detector = origins[2] + directions[2] * (150 / -directions[2, :, :1])
    np.testing.assert_allclose(at_detector, [[-50, s - 3] for s in (-19, -9, 1, 11, 21)])


def test_curved_fan():
    origins, directions = fan(curved=True, offset=5.0).rays()
    angles = np.array([-15, -5, 5, 15, 25]) / 150  # arc over radius
    np.testing.assert_allclose(origins[0], [[0, -100]] * 5)
    np.testing.assert_allclose(directions[0], np.stack([np.sin(angles), np.cos(angles)], 1))
    np.testing.assert_allclose(signed_distances(origins, directions), [100 * np.sin(angles)] * 4)


@pytest.mark.parametrize("curved", [False, True])
def test_a_far_source_gives_parallel_rays(curved):
    far, detector = 1e9, Detector(7, 2.0, 0.3)
    geometry = FanBeam(ANGLES, Detector(7, 2.0, 0.3, curved), far, far, 0.4)
    expected = ParallelBeam(ANGLES, detector, 0.4).rays()
    s = signed_distances(*geometry.rays())
    np.testing.assert_allclose(s, signed_distances(*expected), atol=1e-6)
    np.testing.assert_allclose(geometry.rays()[1], expected[1], atol=1e-7)
    assert geometry.magnification == 1


def test_quarter_offset_interleaves_opposite_rays():
    for detector in (Detector(8, 2.0).quarter_offset(), Detector(7, 2.0, -4.0).quarter_offset()):
        origins, directions = ParallelBeam([10, 190], detector).rays()
        first, second = signed_distances(origins, directions)
        both = np.sort(np.concatenate([first, -second]))
        steps = np.diff(both[np.abs(both) < 3])  # where both views see
        np.testing.assert_allclose(steps, 1.0)
    plain = ParallelBeam([10, 190], Detector(8, 2.0)).rays()
    first, second = signed_distances(*plain)
    np.testing.assert_allclose(first, -second[::-1], atol=1e-12)


def test_rays_of_some_views_and_of_parts_of_bins():
    for geometry in (ParallelBeam(ANGLES, Detector(3, 2.0)), fan(), fan(curved=True)):
        whole, part = geometry.rays(3), geometry.rays(3, slice(1, 3))
        for of_all, of_some in zip(whole, part, strict=True):
            np.testing.assert_array_equal(of_all[1:3], of_some)
            assert of_all.shape == (4, 3 * geometry.detector.count, 2)


def test_covered_radius():
    assert ParallelBeam(ANGLES, Detector(5, 2.0)).covered_radius == pytest.approx(4)
    assert ParallelBeam(ANGLES, Detector(5, 2.0, 0.5), axis_offset=-1).covered_radius == pytest.approx(2.5)
    assert ParallelBeam(ANGLES, Detector(5, 2.0, 100.0)).covered_radius == 0  # sees nothing about the axis
    assert ParallelBeam(ANGLES, Detector(1, 2.0)).covered_radius == 0
    assert fan(count=31).covered_radius == pytest.approx(100 / math.sqrt(2))  # the outer rays run at 45 degrees
    assert fan(curved=True).covered_radius == pytest.approx(100 * math.sin(20 / 150))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ImageGrid(0, 5, 1.0), "rows must be a whole number of at least 1, got 0"),
        (lambda: ImageGrid(5, True, 1.0), "columns must be a whole number of at least 1, got True"),
        (lambda: ImageGrid(5, 2.5, 1.0), "columns must be a whole number of at least 1, got 2.5"),
        (lambda: ImageGrid(5, 5, 0.0), "pixel must be a positive number of millimetres, got 0.0"),
        (lambda: ImageGrid(5, 5, math.inf), "pixel must be a positive number of millimetres, got inf"),
        (lambda: ImageGrid(5, 5, 1.0, (0.0, math.nan)), r"centre\[1\] must be a number of millimetres, got nan"),
        (lambda: ImageGrid(5, 5, 1.0, (0.0,)), r"centre must be two numbers, x and y in mm, got \(0.0,\)"),
        (lambda: Detector(-1, 1.0), "count must be a whole number of at least 1, got -1"),
        (lambda: Detector(5, "wide"), "pitch must be a positive number of millimetres, got 'wide'"),
        (lambda: Detector(5, 1.0, math.nan), "offset must be a number of millimetres, got nan"),
        (lambda: ParallelBeam([], Detector(5, 1.0)), r"angles must be a list of at least one angle .* \[\]"),
        (lambda: ParallelBeam([[1, 2]], Detector(5, 1.0)), "angles must be a list of at least one angle"),
        (lambda: ParallelBeam(["a"], Detector(5, 1.0)), r"angles must be a list .* got \['a'\]"),
        (lambda: ParallelBeam([0, math.nan], Detector(5, 1.0)), "must be numbers in degrees, but angle 1 is nan"),
        (lambda: ParallelBeam([0], Detector(5, 1.0), math.inf), "axis_offset must be a number of millimetres, got inf"),
        (lambda: ParallelBeam([0], Detector(5, 1.0, curved=True)), "a curved detector belongs to a fan beam"),
        (lambda: FanBeam([0], Detector(5, 1.0), -1.0, 2.0), "source_origin must be a positive number .* got -1.0"),
        (lambda: FanBeam([0], Detector(5, 1.0), 1.0, math.nan), "source_detector must be a positive number .* got nan"),
        (lambda: FanBeam([0], Detector(5, 1.0), 9.0, 9.0, math.nan), "axis_offset must be a number .* got nan"),
        (lambda: FanBeam([0], Detector(5, 1.0), 9.0, 8.0), r"source_detector \(8 mm\) must be at least .* \(9 mm\)"),
        (lambda: FanBeam([0], Detector(32, 1.0, curved=True), 5.0, 10.0), "reaches 91.67 degrees from the central ray"),
        (lambda: FanBeam([0], Detector(4, 1.0, 14.0, curved=True), 5.0, 10.0), "reaches 91.67 degrees"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_geometry_is_described_by_plain_numbers():
    numbers = json.loads(json.dumps(describe(fan(curved=True, axis_offset=0.5))))
    assert numbers.pop("kind") == "FanBeam"
    detector = Detector(**numbers.pop("detector"))
    assert FanBeam(detector=detector, **{**numbers, "angles": tuple(numbers["angles"])}) == fan(True, axis_offset=0.5)


def test_the_source_must_be_outside_the_image():
    detector = Detector(400, 5.0)
    message = r"source_origin is 100 mm, the image 210 x 210 mm about \(0.0, 0.0\)"
    with pytest.raises(InputError, match=message):
        check_coverage(FanBeam([0], detector, 100.0, 150.0), ImageGrid(21, 21, 10.0))
    with pytest.raises(InputError, match="reaches to the source or behind it"):  # the whole image lies behind it
        check_coverage(FanBeam([0], detector, 100.0, 150.0), ImageGrid(5, 5, 10.0, (0.0, -200.0)))
    with pytest.warns(UserWarning, match="truncated"):  # it lies behind, but no ray runs through it
        check_coverage(FanBeam([0], Detector(9, 1.0), 100.0, 150.0), ImageGrid(5, 5, 10.0, (90.0, -200.0)))
    check_coverage(FanBeam([0], detector, 100.0, 150.0), ImageGrid(19, 19, 10.0))
    check_coverage(FanBeam([0], detector, 100.0, 100.0), ImageGrid(15, 15, 10.0))  # a virtual detector at the axis


def test_truncation_is_noted():
    wide, narrow = ParallelBeam(ANGLES, Detector(20, 1.0)), ParallelBeam(ANGLES, Detector(12, 1.0))
    check_coverage(wide, ImageGrid(20, 30, 1.0))
    message = "truncated: the detector sees a circle of radius 6.5 mm about the rotation axis, .* reaches to 9 mm"
    with pytest.warns(UserWarning, match=message):
        check_coverage(narrow, ImageGrid(20, 30, 1.0))
    with pytest.warns(UserWarning, match="reaches to 13 mm"):  # an image off the axis has its far side there
        check_coverage(wide, ImageGrid(20, 20, 1.0, (0.0, 4.0)))
