"""Properties of shapes, and what they say to bad arguments."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkit.domains import Annulus, Ball, Box, Disk, Domain, Interval, Polygon, Time
from pinnkit.errors import InputError

finite = st.floats(-1e3, 1e3)
size = st.floats(1e-3, 1e3)


def test_default_names() -> None:
    for d, names in enumerate([("x",), ("x", "y"), ("x", "y", "z"), ("x1", "x2", "x3", "x4")], 1):
        assert Box([0] * d, [1] * d).names == names
    assert (Interval(0, 1, name="r") * Interval(0, 2, name="z")).names == ("r", "z")
    assert isinstance(Interval(0, 1) * Interval(0, 2, name="y"), Box)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(finite, size), min_size=1, max_size=4))
def test_random_boxes(sides: list[tuple[float, float]]) -> None:
    box = Box([a for a, _ in sides], [a + s for a, s in sides])
    lengths = (box.bounds[1] - box.bounds[0]).tolist()
    assert box.measure == pytest.approx(math.prod(lengths))
    area = 2 * sum(math.prod(lengths[:i] + lengths[i + 1 :]) for i in range(len(sides)))
    assert box.boundary.measure == pytest.approx(area)
    middle = box.bounds.mean(0, keepdim=True)
    assert box.signed_distance(middle).item() == pytest.approx(-min(lengths) / 2, rel=1e-6)
    assert box.contains(box.bounds).all()
    corner = box.bounds[1:] + torch.ones(len(sides)).double()
    assert box.signed_distance(corner).item() == pytest.approx(math.sqrt(len(sides)))


@settings(max_examples=50, deadline=None)
@given(finite, finite, size, st.lists(st.floats(0.2, 1), min_size=3, max_size=12), st.booleans())
def test_random_star_polygons(x: float, y: float, scale: float, radii: list[float], back: bool) -> None:
    n = len(radii)
    angles = [2 * math.pi * i / n for i in range(n)]
    v = [
        (x + scale * r * math.cos(a), y + scale * r * math.sin(a)) for r, a in zip(radii, angles, strict=True)
    ]
    polygon = Polygon(v[::-1] if back else v)
    fan = sum(radii[i] * radii[i - 1] for i in range(n)) * math.sin(2 * math.pi / n) / 2 * scale**2
    assert polygon.measure == pytest.approx(fan, rel=1e-6)
    # Along each edge, a step along the normal is a step outwards.
    p = polygon.boundary.sample(8 * n, torch.Generator().manual_seed(0))
    step = 1e-6 * scale
    assert (polygon.signed_distance(p.coordinates + step * p.normal) > 0).double().mean() > 0.9
    assert (polygon.signed_distance(p.coordinates - step * p.normal) < 0).double().mean() > 0.9


def test_polygon_distance_is_right_at_corners_and_beside_edges() -> None:
    notch = Polygon([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)])
    x = torch.tensor([[2.0, 2.0], [2.0, 0.5], [-3.0, -4.0], [5.0, 2.0], [2.0, 1.0]]).double()
    expected = [1 / math.hypot(2, 3) * 2, -0.5, 5, 1, 0]
    assert notch.signed_distance(x).tolist() == pytest.approx(expected)


BAD = {
    "interval [1, 0]": (lambda: Interval(1, 0), r"interval x must have .* got \[1, 0\]: exchange them"),
    "interval [1, 1]": (lambda: Interval(1, 1), r"got \[1, 1\]: give it a length"),
    "interval nan": (lambda: Interval(0, math.nan), "upper end of the interval x must be finite, got nan"),
    "interval inf": (lambda: Interval(-math.inf, 0), "lower end of the interval x must be finite, got -inf"),
    "interval text": (lambda: Interval("a", 1), "lower end of the interval x must be a number, got 'a'"),
    "box corners": (lambda: Box([0, 0], [1]), "equally many coordinates, got 2 and 1"),
    "box scalar": (
        lambda: Box(0, 1),
        r"lower corner of a box must be a sequence of numbers such as \[0, 1\]",
    ),
    "box none": (lambda: Box(None, [1]), "lower corner of a box must be a sequence of numbers, got None"),
    "box empty": (lambda: Box([], []), "must be a sequence of numbers such as"),
    "box nan": (lambda: Box([0, math.nan], [1, 1]), "lower corner of a box must be finite"),
    "box flat": (lambda: Box([0, 0], [1, 0]), r"the side y of a box must have .* got \[0, 0\]"),
    "disk radius": (lambda: Disk([0, 0], 0), "radius of a disk must be positive, got 0"),
    "disk nan": (lambda: Disk([0, 0], math.nan), "radius of a disk must be finite, got nan"),
    "disk center": (lambda: Disk([0, 0, 0], 1), "use Ball in other dimensions"),
    "ball radius": (lambda: Ball([0, 0, 0], -2), "radius of a ball must be positive, got -2"),
    "annulus": (lambda: Annulus([0, 0], 2, 1), "must exceed the inner one, got inner 2 and outer 1"),
    "annulus center": (lambda: Annulus([0, 0, 0], 1, 2), "subtract two balls"),
    "annulus hole": (lambda: Annulus([0, 0], 0, 1), "inner radius of an annulus must be positive, got 0"),
    "polygon of 2": (lambda: Polygon([(0, 0), (1, 1)]), r"at least 3 vertices .* shape \(2, 2\)"),
    "polygon text": (lambda: Polygon("abc"), "must be pairs of numbers, got 'abc'"),
    "polygon ragged": (lambda: Polygon([(0, 0), (1,), (2, 2)]), "must be pairs of numbers"),
    "polygon nan": (lambda: Polygon([(0, 0), (1, 0), (math.nan, 1)]), "1 of 3 vertices .* NaN or infinite"),
    "polygon closed": (lambda: Polygon([(0, 0), (1, 0), (1, 1), (0, 0)]), "vertices 3 and 0 .* are equal"),
    "bow tie": (lambda: Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "intersects itself: edge0 meets edge2"),
    "touching": (
        lambda: Polygon([(0, 0), (2, 0), (2, 2), (1, 0), (0, 2)]),
        "intersects itself: edge0 meets edge2",
    ),
    "fold": (lambda: Polygon([(0, 0), (2, 0), (1, 0), (1, 1)]), "edge0 and edge1 fold back"),
    "line": (lambda: Polygon([(0, 0), (1, 1), (2, 2)]), "fold back|encloses no area"),
    "name count": (
        lambda: Box([0, 0], [1, 1], names=["x"]),
        r"2 coordinate names are needed, got 1: \('x',\)",
    ),
    "name twice": (lambda: Interval(0, 1) * Interval(0, 1), r"must differ, got x, x: .*name='y'"),
    "name normal": (lambda: Interval(0, 1, name="normal"), "'normal' cannot be a coordinate name"),
    "name space": (lambda: Interval(0, 1, name="a b"), "'a b' cannot be a coordinate name"),
    "name private": (lambda: Time(0, 1, name="_t"), "'_t' cannot be a coordinate name"),
    "product": (lambda: Disk([0, 0], 1) * Disk([0, 0], 1), "cannot multiply Disk by Disk"),
    "product with a number": (lambda: Interval(0, 1) * 2, "cannot multiply Interval by int"),
    "time": (lambda: Time(2, 1), r"the time interval must have .* got \[2, 1\]"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments(case: str) -> None:
    make, message = BAD[case]
    with pytest.raises(InputError, match=message):
        make()


@settings(deadline=None)
@given(
    st.sampled_from([Interval, Disk, Ball, Annulus, Box, Polygon, Time]),
    st.lists(
        st.one_of(st.floats(), st.none(), st.text(max_size=3), st.lists(st.floats())), min_size=2, max_size=2
    ),
)
def test_bad_values_never_fail_in_another_way(shape: type, arguments: list) -> None:
    try:
        made = shape(*arguments) if shape is not Polygon else shape(arguments)
    except (InputError, TypeError) as error:
        # Only the number of arguments may be Python's own complaint.
        assert isinstance(error, InputError) or "argument" in str(error)
    else:
        assert made.measure > 0 or isinstance(made, Domain)


def test_a_polygon_of_very_many_vertices() -> None:
    t = torch.arange(2000).double() * (2 * math.pi / 2000)
    polygon = Polygon(torch.stack([t.cos(), t.sin()], dim=1))
    assert polygon.measure == pytest.approx(math.pi, rel=1e-5)
    assert polygon.signed_distance(torch.zeros(1, 2).double()).item() == pytest.approx(-1, rel=1e-5)


def test_importing_needs_only_torch() -> None:
    code = (
        "import sys; before = set(sys.modules); import torch; torch_brings = set(sys.modules)\n"
        "import pinnkit.domains\n"
        "heavy = {'scipy', 'meshio', 'matplotlib', 'h5py', 'rich'}\n"
        "sys.exit(bool(heavy & (set(sys.modules) - torch_brings)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
