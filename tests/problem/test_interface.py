"""Values by region, two-sided residuals, and the flux that equations tell."""

import math
import warnings

import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.problem.two_sided import InterfaceResidual, Sided
from tests.domains.test_regions import meshed

SQUARE = pk.Box([0, 0], [1, 1])
HALVES = SQUARE.regions(left=pk.Box([0, 0], [0.4, 1]), right=pk.Box([0.4, 0], [1, 1]))
K = pk.ByRegion(left=2.0, right=lambda p: 3.0 + p.y)


def stated(equation, *conditions, domain=HALVES, unknowns="u", **more):
    equations = equation if isinstance(equation, dict) else {"e": equation}
    wall = pk.Dirichlet(**dict.fromkeys(unknowns.split(), 0.0), on=domain.boundary)
    return pk.Problem(domain=domain, unknowns=unknowns, equations=equations, conditions=[wall, *conditions], **more)


def interfaces(problem):
    return {r.name: r for r in problem.soft if isinstance(r, InterfaceResidual)}


def points_between(problem, n=50):
    (place,) = problem.domain.regions.interfaces
    return place.sample(n, torch.Generator().manual_seed(3))


def evaluated(residual, points, seed=0):
    """Evaluate at random values; give the result and the values by side and derivative."""
    generator = torch.Generator().manual_seed(seed)
    values = {
        u: {key: torch.randn(len(points), generator=generator).double() for key in keys}
        for u, keys in residual.keys.items()
    }
    return residual(values, points), values


def test_values_by_region_are_those_of_the_points_region():
    points = HALVES.interior(500, torch.Generator().manual_seed(0))
    assert torch.equal(K(points), torch.where(points.x < 0.4, 2.0, 3.0 + points.y))
    scaled = pk.ByRegion(left=lambda T, p: T * p.x, right=1.0)
    T = torch.rand(500).double()
    assert torch.equal(scaled(T, points), torch.where(points.x < 0.4, T * points.x, 1.0))
    with HALVES.regions.within("left"):
        assert (K(points) == 2.0).all()


def test_an_equation_may_be_another_one_in_each_region():
    problem = stated(pk.ByRegion(left=lambda u: u.laplacian, right=lambda u, p: u.xx - u * p.y))
    equation, points = problem.equations[0], HALVES.interior(200, torch.Generator().manual_seed(0))
    result, values = evaluated(equation, points)
    u = values["u"]
    assert torch.equal(result, torch.where(points.x < 0.4, u["laplacian"], u[0, 0] - u[()] * points.y))
    assert problem.nonlinear is None


def test_unknowns_and_the_flux_of_the_equation_are_continuous_by_default():
    problem = stated(lambda u, p: -K(p) * u.xx + 5 * u.xy - 7 * u.yy + u.x - p.x)
    value, flux = interfaces(problem).values()
    points = points_between(problem)
    result, values = evaluated(value, points)
    assert torch.equal(result, values["u"][Sided(1, ())] - values["u"][Sided(0, ())])
    result, values = evaluated(flux, points)
    u = values["u"]
    # The normal is that of x: -k u.x + 5/2 u.y on both sides.
    expected = 2.5 * (u[Sided(1, (1,))] - u[Sided(0, (1,))])
    expected += 2.0 * u[Sided(0, (0,))] - (3.0 + points.y) * u[Sided(1, (0,))]
    assert torch.allclose(result, expected, atol=1e-12)


def test_given_jumps_take_the_place_of_those():
    resistance = pk.Interface(on=("left", "right"), jump=lambda u, p: 0.1 * K(p.minus) * u.minus.normal, flux_jump=4.0)
    value, flux = interfaces(stated(lambda u, p: K(p) * u.laplacian, resistance)).values()
    points = points_between(stated(lambda u, p: K(p) * u.laplacian))
    result, values = evaluated(value, points)
    u = values["u"]
    assert torch.allclose(result, u[Sided(1, ())] - u[Sided(0, ())] - 0.2 * u[Sided(0, (0,))])
    result, values = evaluated(flux, points)
    u = values["u"]
    assert torch.allclose(result, (3.0 + points.y) * u[Sided(1, (0,))] - 2.0 * u[Sided(0, (0,))] - 4.0)


def test_the_order_of_the_regions_turns_the_normal():
    problem = stated(lambda u, p: K(p) * u.laplacian, pk.Interface(on=("right", "left"), jump=lambda p: p.y))
    residuals = interfaces(problem)
    assert [*residuals] == ["interface right-left: value", "interface right-left: flux"]
    points = residuals["interface right-left: value"].sample(20, torch.Generator().manual_seed(0))
    assert (points.normals[:, 0] == -1).all()


def test_all_that_holds_may_be_said_instead():
    said = pk.Interface(residual=[lambda u: u.plus - 2 * u.minus.x, lambda u: u.minus])
    problem = stated(lambda u: u.laplacian, said)
    first, second = interfaces(problem).values()
    result, values = evaluated(first, points_between(problem))
    assert torch.equal(result, values["u"][Sided(1, ())] - 2 * values["u"][Sided(0, (0,))])


def test_derivatives_are_taken_on_both_sides_of_a_function_by_region():
    problem = stated(lambda u, p: K(p) * u.laplacian)
    flux, points = interfaces(problem)["interface left-right: flux"], points_between(problem)
    field = pk.ByRegion(left=lambda p: p.x**2, right=lambda p: 5 * p.x)

    def function(x):
        return field(pk.Points(x, ("x", "y"), regions=HALVES.regions))[:, None]

    found = flux.values(function, points)["u"]
    assert torch.allclose(found[Sided(0, (0,))], torch.tensor(0.8).double())
    assert torch.allclose(found[Sided(1, (0,))], torch.tensor(5.0).double())


def test_equations_of_first_order_join_values_only_and_others_nothing():
    advected = stated(lambda u, p: u.x - p.y)
    assert [*interfaces(advected)] == ["interface left-right: value"]
    mixed = stated({"a": lambda u, v: u.laplacian + v, "b": lambda v, p: v - p.x}, unknowns="u v")
    assert [*interfaces(mixed)] == ["interface left-right, u: value", "interface left-right, u: flux"]


def test_interfaces_are_no_boundary_with_missing_conditions():
    assert stated(lambda u, p: K(p) * u.laplacian).unsaid == []
    without = pk.Problem(
        domain=HALVES, unknowns="u", equations={"e": lambda u, p: K(p) * u.laplacian},
        conditions=[pk.Dirichlet(u=0.0, on=HALVES.boundary["left", "right"])],
    )  # fmt: skip
    assert "too little is said about u" in without.unsaid[0]


def heated(*conditions):
    return stated(lambda u, p: K(p) * u.laplacian, *conditions)


def switch(p):
    return torch.where(p.x < 0.4, 1.0, 2.0)


def stress(u, v, p):
    return K(p) * (u.x + v.y) * p.normal[:, 0]


SPACE = pk.Interval(0, 1).regions(left=pk.Interval(0, 0.5), right=pk.Interval(0.5, 1))
STOKES = {"x": lambda u, q, p: K(p) * u.laplacian - q.x, "mass": lambda u, q: u.x + q}
ELASTIC = {"x": lambda u, v, p: K(p) * (u.laplacian + v.xy), "y": lambda u, v, p: K(p) * (v.laplacian + u.xy)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stated(lambda u, p: pk.ByRegion(left=1.0)(p) * u.xx), r"ByRegion\(left=1.0\) says nothing about"),
        (lambda: stated(lambda u, p: pk.ByRegion(left=1.0, rihgt=2.0)(p) * u.xx), "unknown region 'rihgt'.*right"),
        (lambda: stated(pk.ByRegion(left=lambda u: u.laplacian)), "says nothing about the region 'right'"),
        (lambda: stated(lambda u, p: K(p) * u.xx, domain=SQUARE), "the domain has no regions: name them"),
        (lambda: stated(lambda u: u.xx, pk.Interface(), domain=SQUARE), "the domain has no regions; name them"),
        (lambda: stated(lambda u: u.laplacian, pk.Interface(on=("left", "middle"))), "unknown region 'middle'"),
        (lambda: pk.Interface(on="left"), "takes two names of regions"),
        (lambda: pk.Interface(jump=1.0, residual=lambda u: u.plus), "residual=.* says all that holds"),
        (lambda: heated(pk.Interface(jump=lambda u: u)), "write u.minus or u.plus"),
        (lambda: heated(pk.Interface(jump=lambda u: u.x)), "write u.minus.x or u.plus.x"),
        (lambda: heated(pk.Interface(jump=lambda u, p: K(p))), "two regions: ask for one"),
        (lambda: stated(lambda u, p: (1 + u**2) * u.laplacian), "do not tell what the flux of u is"),
        (lambda: stated(ELASTIC, unknowns="u v"), "do not tell what the flux of u is; give it"),
        (lambda: stated(lambda u, p: torch.where(p.x < 0.4, 1.0, 2.0) * u.laplacian), "jumps there, but not by region"),
        (lambda: stated(ELASTIC, pk.Interface(flux=stress), unknowns="u v"), "takes a dict by unknown"),
        (lambda: stated(ELASTIC, pk.Interface(flux={"w": stress}), unknowns="u v"), "unknown .*'w'"),
        (lambda: heated(pk.Interface(flux=lambda u, p: switch(p) * u.normal)), "jumps there, but not by region"),
        (lambda: heated(pk.Interface(jump=lambda u, p: switch(p) * u.minus.normal)), "jumps there, but not"),
        (lambda: heated(pk.Interface(on=("left", "right")), pk.Interface(on=("right", "left"))), "say all of it"),
        (lambda: heated(pk.Interface(jump=1.0), pk.Interface(flux_jump=1.0)), "make one of them"),
        (lambda: heated(pk.Interface(on=5)), "takes two names of regions"),
        (lambda: heated(pk.Interface(on=SPACE.interfaces["left", "right"])), "is of another domain"),
        (lambda: heated(pk.Dirichlet(u=1.0, on=HALVES.interfaces["left", "right"])), "this is an interface"),
        (lambda: stated(lambda u: u.x, pk.Interface(flux_jump=1.0)), "give the flux, too"),
        (lambda: stated(pk.ByRegion(left=lambda u: u.laplacian, right=lambda u: -u.laplacian)), "opposite signs"),
        (lambda: stated(STOKES, unknowns="u q"), "do not tell what the flux of u is"),
        (lambda: stated(lambda u: u.laplacian, pk.Periodic("y")), "not joined across periodic sides"),
        (lambda: stated(lambda u, p: p.minus.x * u.xx), "are for conditions on an interface"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(pk.InputError, match=message):
        make()


def test_weak_forms_need_cells_that_end_at_interfaces():
    disk = pk.Disk([0.5, 0.5], 0.2)
    round_part = SQUARE.regions(core=disk, rest=SQUARE - disk)

    def weak(domain, **more):
        wall = pk.Dirichlet(u=0.0, on=domain.boundary)
        form = lambda u, v: u.x * v.x + u.y * v.y - v  # noqa: E731
        return pk.Problem(domain=domain, unknowns="u", weak=form, conditions=[wall, *more.values()])

    with pytest.raises(pk.InputError, match="a weak form with regions needs cells that end at interfaces"):
        weak(round_part)
    with pytest.raises(pk.InputError, match="in a weak form a flux is continuous by itself"):
        weak(HALVES, interface=pk.Interface(flux_jump=1.0))
    assert [*interfaces(weak(HALVES))] == ["interface left-right: value"]
    assert HALVES.regions.breaks == {"x": [0.4], "y": []}


def test_a_term_on_an_interface_is_refused_in_a_weak_form():
    forms = [lambda u, v: u.x * v.x + u.y * v.y, pk.Weak(lambda v: -v, on=HALVES.interfaces["left", "right"])]
    with pytest.raises(pk.InputError, match="a weak form is not integrated over interfaces"):
        pk.Problem(domain=HALVES, unknowns="u", weak=forms, conditions=[pk.Dirichlet(u=0.0, on=HALVES.boundary)])


def test_what_is_said_of_one_interface_and_of_all_is_joined():
    both = heated(pk.Interface(flux_jump=2.0), pk.Interface(on=("left", "right"), jump=1.0))
    value, flux = interfaces(both).values()
    points = points_between(both)
    plain = [evaluated(r, points)[0] for r in interfaces(heated()).values()]
    assert torch.allclose(evaluated(value, points)[0], plain[0] - 1.0)
    assert torch.allclose(evaluated(flux, points)[0], plain[1] - 2.0)


def test_a_part_of_an_interface_may_be_another_one():
    part = HALVES.interfaces["left", "right"].where(lambda p: p.y < 0.25)
    problem = heated(pk.Interface(on=part, residual=[lambda u: u.minus - 1.0, lambda u: u.plus - 2.0]))
    residuals = interfaces(problem)
    assert len(residuals) == 4
    for name, residual in residuals.items():
        y = residual.sample(200, torch.Generator().manual_seed(0)).y
        assert (y < 0.25).all() if name.endswith(")") and "on" not in name else (y >= 0.25).all()


def test_a_flux_of_first_order_takes_the_place_of_the_value():
    flux = pk.Interface(flux=lambda u, p: K(p) * u)
    (residual,) = interfaces(stated(lambda u, p: K(p) * u.x, flux)).values()
    points = points_between(heated())
    result, values = evaluated(residual, points)
    u = values["u"]
    assert torch.allclose(result, (3.0 + points.y) * u[Sided(1, ())] - 2.0 * u[Sided(0, ())])


def test_a_diffusivity_that_jumps_without_a_capacity_is_noted():
    domain = SPACE * pk.Time(0, 1)
    k = pk.ByRegion(left=1.0, right=5.0)
    with pytest.warns(UserWarning, match="write c u_t - k laplacian"):
        stated(lambda u, p: u.t - k(p) * u.xx, domain=domain)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stated(lambda u, p: k(p) * u.t - k(p) * u.xx, domain=domain)
        stated(lambda u, p: u.t - k(p) * u.xx, pk.Interface(flux=lambda u, p: k(p) * u.normal), domain=domain)


def test_data_by_region_go_into_hard_conditions_lifts_and_guesses():
    data = pk.ByRegion(left=lambda p: p.x + 0.1, right=lambda p: 0.5 + 0 * p.x)
    hard = pk.Problem(
        domain=HALVES, unknowns="u", equations={"e": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=data, on=HALVES.boundary["bottom", "top"], hard=True)], guess=data,
    )  # fmt: skip
    x = torch.tensor([[0.2, 0.5], [0.7, 0.5]], dtype=torch.float64)
    assert hard.guess(x)[:, 0].tolist() == pytest.approx([0.3, 0.5])
    assert hard.hard.lift(x)[:, 0].tolist() == pytest.approx([0.3, 0.5])


def checkerboard(contrast, two):
    """Four squares around a point, of which the diagonal ones are of one material."""
    corners = {"a": [-1, -1], "b": [0, -1], "c": [-1, 0], "d": [0, 0]}
    square = {name: pk.Box([x, y], [x + 1, y + 1]) for name, (x, y) in corners.items()}
    whole = pk.Box([-1, -1], [1, 1])
    if two:
        domain = whole.regions(on=square["a"] | square["d"], off=square["b"] | square["c"])
        k = pk.ByRegion(on=contrast, off=1.0)
    else:
        domain, k = whole.regions(**square), pk.ByRegion(a=contrast, b=1.0, c=1.0, d=contrast)
    return stated(lambda u, p: k(p) * u.laplacian, domain=domain)


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("contrast", [3.0, 10.0, 100.0])
def test_where_materials_meet_in_a_point_the_exponent_is_kelloggs(contrast, two):
    ((place, exponent),) = checkerboard(contrast, two).junctions
    assert place.tolist() == pytest.approx([0.0, 0.0], abs=1e-12)
    assert exponent == pytest.approx(4 / math.pi * math.atan(contrast**-0.5), rel=1e-4)


def test_where_nothing_is_singular_there_are_no_junctions():
    assert checkerboard(1.0, False).junctions == []
    assert heated().junctions == []  # an interface that meets the boundary at a right angle
    slanted = pk.Polygon([[0, 0], [0.5, 0], [0.2, 1], [0, 1]]), pk.Polygon([[0.5, 0], [1, 0], [1, 1], [0.2, 1]])
    domain = SQUARE.regions(left=slanted[0], right=slanted[1])
    found = stated(lambda u, p: pk.ByRegion(left=1.0, right=9.0)(p) * u.laplacian, domain=domain).junctions
    assert sorted(place[0].item() for place, _ in found) == pytest.approx([0.2, 0.5])


@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_junctions_are_found_in_meshes_too(turn, tmp_path):
    n = 4
    grid = np.arange((2 * n + 1) ** 2).reshape(2 * n + 1, 2 * n + 1)
    plain = np.array([(i / n - 1, j / n - 1, 0.0) for i in range(2 * n + 1) for j in range(2 * n + 1)])
    a, b, c, d = grid[:-1, :-1].ravel(), grid[1:, :-1].ravel(), grid[1:, 1:].ravel(), grid[:-1, 1:].ravel()
    cells = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    about = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    path = meshed(tmp_path / "m.msh", plain @ about.T, cells, {}, lambda x: (x @ about)[:, 0] * (x @ about)[:, 1] > 0)
    k = pk.ByRegion(left=1.0, right=10.0)
    ((place, exponent),) = stated(lambda u, p: k(p) * u.laplacian, domain=pk.Mesh(path)).junctions
    assert place.tolist() == pytest.approx([0.0, 0.0], abs=1e-9)
    assert exponent == pytest.approx(4 / math.pi * math.atan(10**-0.5), rel=1e-2)
