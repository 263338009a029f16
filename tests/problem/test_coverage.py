"""Gaps in what is stated: missing initial states and pieces of boundary are told, and nothing that is whole."""

import pytest

import pinnkit as pk
from pinnkit.gallery import gallery

SQUARE, LINE = pk.Box([0, 0], [1, 1]), pk.Interval(0, 1)
STRIP = LINE * pk.Time(0, 1)
WALLS = SQUARE.boundary


def unsaid(domain, equation, *conditions):
    return pk.Problem(domain=domain, unknowns="u", equations={"e": equation}, conditions=conditions).unsaid


def heat(u):
    return u.t - u.xx


def test_missing_initial_states():
    ends = pk.Dirichlet(u=0.0, on=STRIP.boundary)
    assert unsaid(STRIP, heat, ends) == ["nothing is said about u at t = 0, or at another time; add pk.Initial(u=...)"]
    wave = lambda u: u.tt - u.xx  # noqa: E731
    (text,) = unsaid(STRIP, wave, ends, pk.Initial(u=1.0))
    assert "pk.Initial(u_t=...)" in text
    (text,) = unsaid(STRIP, wave, ends, pk.Initial(u=1.0, hard=True))
    assert "pk.Initial(u_t=...)" in text


def test_other_times_and_data_count_as_well():
    ends = pk.Dirichlet(u=0.0, on=STRIP.boundary)
    assert unsaid(STRIP, heat, ends, pk.Condition(lambda u: u - 1, on=STRIP.final)) == []
    assert unsaid(STRIP, heat, ends, pk.Observations([[0.5, 0.5]], u=[1.0])) == []


def test_a_forgotten_piece_of_boundary():
    gap = WALLS["top"].where(lambda p: (p.x - 0.7).abs() > 0.02)
    laplace = lambda u: u.laplacian + 1  # noqa: E731
    sides = pk.Dirichlet(u=0.0, on=WALLS["left", "right", "bottom"])
    (text,) = unsaid(SQUARE, laplace, sides, pk.Dirichlet(u=0.0, on=gap))
    assert "1.0% of the boundary" in text and "x in [0.68" in text and "y = 1" in text
    (text,) = unsaid(SQUARE, laplace, sides)
    assert "25.0% of the boundary" in text
    assert unsaid(SQUARE, laplace, sides, pk.Neumann(u=0.0, on=WALLS["top"])) == []
    assert unsaid(SQUARE, laplace, pk.Dirichlet(u=0.0, on=WALLS, hard=True)) == []


def test_more_is_needed_for_higher_orders():
    beam = lambda u: u.xxxx - 1  # noqa: E731
    clamped = [pk.Dirichlet(u=0.0, on=LINE.boundary), pk.Neumann(u=0.0, on=LINE.boundary)]
    assert unsaid(LINE, beam, *clamped) == []
    (text,) = unsaid(LINE, beam, clamped[0], pk.Neumann(u=0.0, on=LINE.boundary["left"]))
    assert "an equation of order 4 needs 4 conditions at the ends of the line, and has 3" in text
    # An initial value problem in one variable has all of them at one end.
    left = LINE.boundary["left"]
    assert unsaid(LINE, lambda u: u.xx + u, pk.Dirichlet(u=1.0, on=left), pk.Neumann(u=0.0, on=left)) == []


def test_what_needs_no_condition():
    # Transport leaves its outflow alone, and an axis of rotation its middle.
    inflow = pk.Dirichlet(u=0.0, on=WALLS["left"])
    assert unsaid(SQUARE, lambda u: u.x + 2 * u.y - 1, inflow) == []
    pipe = pk.Box([0, 0], [1, 1], names=("r", "z"))
    outside = pk.Dirichlet(u=0.0, on=pipe.boundary["right", "top", "bottom"])
    assert unsaid(pipe, lambda u, p: u.rr + u.r / p.r + u.zz + 1, outside) == []
    assert unsaid(pipe, lambda u, p: p.r * u.rr + u.r + p.r * u.zz + 1, outside) == []
    assert len(unsaid(pipe, lambda u: u.rr + u.zz + 1, outside)) == 1
    ball = pk.Interval(0, 1, name="r")
    for domain in (ball, ball * pk.Time(0, 1)):
        surface = pk.Dirichlet(u=0.0, on=domain.boundary["right"])
        assert unsaid(domain, lambda u, p: u.rr + 2 * u.r / p.r + 1, surface) == []
        assert len(unsaid(domain, lambda u: u.rr + 1, surface)) == 1
    # The middle stands for itself only.
    (text,) = unsaid(ball, lambda u, p: u.rr + 2 * u.r / p.r + 1)
    assert "needs 1 condition at the ends of the line, and has 0" in text
    assert unsaid(pk.Interval(-1, 1), lambda u, p: (1 - p.x**2) * u.xx - 2 * p.x * u.x - u + p.x) == []


def test_time_as_an_axis_of_a_box_needs_no_last_state():
    strip = pk.Box([0, 0], [1, 1], names=("x", "t"))
    sides = strip.boundary["left", "right"]
    known = [pk.Dirichlet(u=0.0, on=sides), pk.Dirichlet(u=1.0, on=strip.boundary["bottom"])]
    assert unsaid(strip, lambda u: u.t - u.xx, *known) == []
    start = pk.Neumann(u=0.0, on=strip.boundary["bottom"])
    assert unsaid(strip, lambda u: u.tt - u.xx, *known, start) == []
    (text,) = unsaid(strip, lambda u: u.t - u.xx, pk.Dirichlet(u=0.0, on=strip.boundary["left", "bottom"]))
    assert "25.0% of the boundary, where x = 1" in text


@pytest.mark.parametrize("name", [name for name in gallery() if not name.startswith("ct-")])
def test_the_gallery_says_all(name):
    problem = pk.load_problem(name, {})
    assert problem.unsaid == [] and problem.survey.doubts == []


def test_systems_are_counted_together():
    """Stokes flow: a pressure and the cross velocity at the outflow are enough, the pressure alone is not."""
    def flow(*outflow):
        box = pk.Box([0, 0], [2, 1])
        b = box.boundary
        return pk.Problem(
            domain=box, unknowns="u v q",
            equations={
                "x": lambda u, q: q.x - u.laplacian, "y": lambda v, q: q.y - v.laplacian,
                "mass": lambda u, v: u.x + v.y,
            },
            conditions=[
                pk.Dirichlet(u=lambda p: p.y * (1 - p.y), v=0.0, on=b["left"]),
                pk.Dirichlet(u=0.0, v=0.0, on=b["top", "bottom"]),
                *(pk.Dirichlet(**{name: 0.0}, on=b["right"]) for name in outflow),
            ],
        ).unsaid  # fmt: skip

    assert flow("q", "v") == [] and flow("u", "v") == []
    (text,) = flow("q")
    assert "u and v on 16.7% of the boundary, where x = 2" in text
