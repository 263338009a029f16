"""Hard conditions hold to rounding, whatever the network."""

import math

import pytest
import torch

import pinnkit as pk

EXACT = 1e-14


def solution(p):
    """Different data on every face, the same on both sides of an edge."""
    total = torch.exp(0.3 * p.x)
    for number, name in enumerate(p.names):
        total = total + torch.sin((number + 1.3) * getattr(p, name) + 0.2 * number * p.x)
    return total


def trial(problem, seed=0, space=None):
    return problem.trial(space or pk.LRNN(rank=9, omega=3.0), torch.Generator().manual_seed(seed))


def boundary_error(problem, region, data=solution, n=400, unknown=0):
    points = region.sample(n, torch.Generator().manual_seed(5))
    with torch.no_grad():
        found = trial(problem)(points.coordinates)[:, unknown]
    return (found - data(points)).abs().max().item()


DOMAINS = {
    "interval": pk.Interval(-0.5, 2),
    "box 2d": pk.Box([0.2, -1], [1.5, 0.4]),
    "box 3d": pk.Box([0.2, -1, 0], [1.5, 0.4, 2]),
    "interval x time": pk.Interval(-0.5, 2) * pk.Time(0.5, 1.5),
    "box x time": pk.Box([0.2, -1], [1.5, 0.4]) * pk.Time(0.5, 1.5),
}


@pytest.mark.parametrize("name", DOMAINS)
def test_boxes_with_data_on_all_faces(name):
    domain = DOMAINS[name]
    conditions = [pk.Dirichlet(u=solution, on=domain.boundary, hard=True)]
    if isinstance(domain, pk.SpaceTime):
        # Whatever the order they are written in, time is lifted last.
        conditions.insert(0, pk.Initial(u=solution, hard=True))
    problem = pk.Problem(
        domain=domain, unknowns="u", equations={"e": lambda u: u.laplacian}, conditions=conditions
    )
    assert not problem.soft
    assert boundary_error(problem, domain.boundary) < EXACT * 10  # values up to 4: some units in the last place
    if isinstance(domain, pk.SpaceTime):
        assert boundary_error(problem, domain.initial) < EXACT * 10
    # Inside, the network is free: two of them differ.
    inside = domain.interior(50, torch.Generator().manual_seed(0)).coordinates
    with torch.no_grad():
        assert (trial(problem, 0)(inside) - trial(problem, 1)(inside)).abs().max() > 0.01


def test_homogeneous_data_hold_exactly():
    domain = pk.Box([0, 0], [1, 3])
    problem = pk.Problem(
        domain=domain, unknowns="u", equations={"e": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=0.0, on=domain.boundary, hard=True)],
    )  # fmt: skip
    assert boundary_error(problem, domain.boundary, lambda p: 0 * p.x) < EXACT


def test_some_faces_of_some_unknowns():
    domain = pk.Box([0, 0], [1, 1])
    problem = pk.Problem(
        domain=domain,
        unknowns="u v",
        equations={"e": lambda u, v: u.laplacian + v.x},
        conditions=[
            pk.Dirichlet(v=solution, on=domain.boundary["left", "top"], hard=True),
            pk.Dirichlet(u=1.0, on=domain.boundary["left"]),
        ],
    )
    assert [residual.name for residual in problem.soft] == ["Dirichlet u on x_min"]
    for side in ("left", "top"):
        assert boundary_error(problem, domain.boundary[side], unknown=1) < 10 * EXACT
    assert boundary_error(problem, domain.boundary["right"], unknown=1) > 1e-3
    assert boundary_error(problem, domain.boundary["left"], lambda p: 0 * p.x + 1, unknown=0) > 1e-3


def test_the_initial_state_of_a_disk():
    domain = pk.Disk([0.3, 0], 1.2) * pk.Time(0, 2)
    problem = pk.Problem(
        domain=domain, unknowns="u", equations={"e": lambda u: u.t - u.laplacian},
        conditions=[pk.Initial(u=solution, hard=True), pk.Dirichlet(u=0.0, on=domain.boundary)],
    )  # fmt: skip
    assert boundary_error(problem, domain.initial) < 10 * EXACT
    assert len(problem.soft) == 1


def test_derivatives_of_the_fitted_function():
    """Jets pass through lift and factor: against torch.func."""
    domain = DOMAINS["box x time"]
    conditions = [pk.Dirichlet(u=solution, on=domain.boundary, hard=True), pk.Initial(u=solution, hard=True)]
    problem = pk.Problem(
        domain=domain, unknowns="u", equations={"e": lambda u: u.t - u.laplacian}, conditions=conditions
    )
    function, x = trial(problem), domain.interior(5, torch.Generator().manual_seed(0)).coordinates
    found = pk.evaluate(function, x, [(2,), (0, 1), (0, 0)])
    h = torch.func.vmap(torch.func.hessian(lambda q: function(q[None])[0, 0]))(x)
    j = torch.func.vmap(torch.func.jacrev(lambda q: function(q[None])[0, 0]))(x)
    torch.testing.assert_close(found[2,][:, 0], j[:, 2], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found[0, 1][:, 0], h[:, 0, 1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found[0, 0][:, 0], h[:, 0, 0], rtol=1e-9, atol=1e-9)


SQUARE, DISK, HEAT = pk.Box([0, 0], [1, 1]), pk.Disk([0, 0], 1), pk.Interval(0, 1) * pk.Time(0, 1)


@pytest.mark.parametrize(("domain", "conditions", "message"), [
    (DISK, [pk.Dirichlet(u=0.0, on=DISK.boundary.where(lambda p: p.x < 0.5), hard=True)],
     "on 'circle': hard conditions need whole pieces"),
    (SQUARE, [pk.Neumann(u=0.0, on=SQUARE.boundary.where(lambda p: p.x < 0.5), hard=True)], "whole pieces"),
    (SQUARE, [pk.Dirichlet(u_x=0.0, on=SQUARE.boundary, hard=True)], "only values can be hard, not derivatives"),
    (SQUARE, [pk.Dirichlet(u=0.0, on=SQUARE.boundary, hard=True),
              pk.Dirichlet(u=1.0, on=SQUARE.boundary["left"], hard=True)],
     r"Dirichlet u on x_min \(hard\) and Dirichlet u on x_min \(hard\) prescribe the same face twice"),
    (HEAT, [pk.Initial(u=0.0, hard=True), pk.Dirichlet(u=1.0, on=HEAT.initial, hard=True)], "the same face twice"),
    (HEAT, [pk.Periodic("x"), pk.Dirichlet(u=0.0, on=HEAT.boundary["left"], hard=True)],
     r"is on a face that Periodic\('x'\) joins to the opposite one"),
    (SQUARE, [pk.Dirichlet(u=lambda p: 1 / (p.x - 1), on=SQUARE.boundary["right"], hard=True)],
     r"Dirichlet u on x_max \(hard\): the data are -?inf at \(1, 0"),
    (SQUARE, [pk.Dirichlet(u=lambda p: torch.ones(3), on=SQUARE.boundary["right"], hard=True)],
     r"data must have shape \(n,\) = \(17,\), got \(3,\)"),
    (SQUARE, [pk.Initial(u=0.0, hard=True)], "Initial needs a domain with time"),
    (SQUARE, [pk.Dirichlet(w=0.0, on=SQUARE.boundary, hard=True)], "Dirichlet 'w'"),
])  # fmt: skip
def test_refusals(domain, conditions, message):
    with pytest.raises(pk.InputError, match=message):
        pk.Problem(domain=domain, unknowns="u", equations={"e": lambda u: u.laplacian}, conditions=conditions)


def test_two_unknowns_may_share_a_face():
    both = [pk.Dirichlet(u=0.0, on=SQUARE.boundary, hard=True), pk.Dirichlet(v=1.0, on=SQUARE.boundary, hard=True)]
    pk.Problem(domain=SQUARE, unknowns="u v", equations={"e": lambda u, v: u.laplacian + v}, conditions=both)


@pytest.mark.parametrize("interval", [(-1.0, 1.0), (0.0, 2 * math.pi), (1000.0, 1001.0)])
def test_periodic_values_and_derivatives_agree_at_both_ends(interval):
    domain = pk.Interval(*interval) * pk.Time(0, 1)
    problem = pk.Problem(
        domain=domain, unknowns="u", equations={"e": lambda u: u.t + u.x},
        conditions=[pk.Periodic("x"), pk.Initial(u=0.0)],
    )  # fmt: skip
    function = trial(problem, space=pk.MLP(20, 2))
    t = torch.linspace(0, 1, 30, dtype=torch.float64)
    ends = [pk.evaluate(function, torch.stack([torch.full_like(t, x), t], 1), [(), (0,), (0, 0), (0, 1)])
            for x in interval]  # fmt: skip
    for key in ends[0]:
        size = max(1.0, ends[0][key].abs().max().item())
        assert (ends[0][key] - ends[1][key]).abs().max() < 1e-13 * size, key
    assert ends[0][0,].abs().max() > 0.01


def test_periodic_needs_a_coordinate():
    with pytest.raises(pk.InputError, match="unknown coordinate in Periodic 'y'. Known: x, t"):
        pk.Problem(domain=HEAT, unknowns="u", equations={"e": lambda u: u.t}, conditions=[pk.Periodic("y")])
