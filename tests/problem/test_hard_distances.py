"""Hard conditions on any boundary: values, normal derivatives and their combinations hold to rounding."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.domains import Boundary
from tests.domains.shapes import ALL, ARROW

# Distances of coinciding boundaries of operands have no normal derivative where they coincide, mesh3 has none at all.
VALUES = {name: domain for name, (domain, _) in ALL.items() if name != "mesh3"}
NORMALS = {name: domain for name, domain in VALUES.items() if name != "overlapping"}
CORNERED = 1e-10  # rounding over the distance to the nearest corner


def solution(p):
    """Different data on every piece, in any dimension."""
    total = torch.exp(0.3 * p.coordinates[:, 0])
    for number, x in enumerate(p.coordinates.T):
        total = total + torch.sin((number + 1.3) * x + 0.2 * number * p.coordinates[:, 0])
    return total


def alpha(p):
    return 1 + p.coordinates[:, 0] ** 2


def trial(domain, conditions, unknowns="u", seed=0):
    problem = pk.Problem(
        domain=domain, unknowns=unknowns, conditions=conditions,
        equations={name: lambda u, **others: u.laplacian for name in "e"} if unknowns == "u"
        else {"e": lambda u, v: u.laplacian + v.x},
    )  # fmt: skip
    assert not problem.soft
    return problem.trial(pk.LRNN(rank=9, omega=3.0), torch.Generator().manual_seed(seed))


def violation(function, domain, piece, verb, unknown=0):
    points = Boundary([piece], domain.names).sample(200, torch.Generator().manual_seed(3))
    axes = range(domain.dimension - isinstance(domain, pk.SpaceTime))
    found = pk.evaluate(function, points.coordinates, [(), *[(i,) for i in axes]])
    value = found[()][:, unknown]
    slope = sum(found[(i,)][:, unknown] * points.normals[:, i] for i in axes)
    left = {"Dirichlet": value, "Neumann": slope, "Robin": alpha(points) * value + 2 * slope}[verb]
    return (left - solution(points)).abs()


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    domain = VALUES[name]
    function = trial(domain, [pk.Dirichlet(u=solution, on=domain.boundary, hard=True)])
    for piece in domain.boundary.pieces:
        points = Boundary([piece], domain.names).sample(200, torch.Generator().manual_seed(3))
        with torch.no_grad():
            assert (function(points.coordinates)[:, 0] - solution(points)).abs().max() < 1e-13
    # Inside, the network is free.
    other = trial(domain, [pk.Dirichlet(u=solution, on=domain.boundary, hard=True)], seed=1)
    x = domain.interior(100, torch.Generator().manual_seed(1)).coordinates
    with torch.no_grad():
        assert ((function(x) - other(x)).abs() > 1e-6).double().mean() > 0.9


@pytest.mark.parametrize("verb", ["Neumann", "Robin"])
@pytest.mark.parametrize("name", NORMALS)
def test_normal_derivatives(name, verb):
    domain = NORMALS[name]
    others = {"alpha": alpha, "beta": 2.0} if verb == "Robin" else {}
    function = trial(domain, [getattr(pk, verb)(u=solution, on=domain.boundary, hard=True, **others)])
    for piece in domain.boundary.pieces:
        errors = violation(function, domain, piece, verb)
        assert errors.median() < 1e-14 and errors.max() < CORNERED, piece.name


@pytest.mark.parametrize("name", [name for name in NORMALS if len(NORMALS[name].boundary.names) > 1])
def test_values_beside_normal_derivatives(name):
    domain = NORMALS[name]
    first, *rest = domain.boundary.names
    function = trial(domain, [
        pk.Dirichlet(u=solution, on=domain.boundary[first], hard=True),
        pk.Robin(u=solution, on=domain.boundary[tuple(rest)], alpha=alpha, beta=2.0, hard=True),
    ])  # fmt: skip
    for piece in domain.boundary.pieces:
        errors = violation(function, domain, piece, "Dirichlet" if piece.name == first else "Robin")
        assert errors.median() < 1e-14 and errors.max() < CORNERED, piece.name


def test_different_values_meet_by_interpolation():
    domain = pk.Annulus([0.3, 0.5], 0.4, 1.0)
    function = trial(domain, [
        pk.Dirichlet(u=2.0, on=domain.boundary["inner"], hard=True),
        pk.Dirichlet(u=lambda p: p.x, on=domain.boundary["outer"], hard=True),
    ])  # fmt: skip
    for name, wanted in [("inner", lambda p: 2.0), ("outer", lambda p: p.x)]:
        points = domain.boundary[name].sample(100, torch.Generator().manual_seed(0))
        assert (function(points.coordinates)[:, 0] - wanted(points)).abs().max() < 1e-13


def test_the_start_beside_a_wall_that_is_no_face():
    domain = pk.Disk([0.3, 0.5], 0.8) * pk.Time(0.5, 2)
    function = trial(domain, [
        pk.Initial(u=solution, hard=True), pk.Dirichlet(u=lambda p: solution(p), on=domain.boundary, hard=True)
    ])  # fmt: skip
    for region in (domain.initial, domain.boundary):
        points = region.sample(200, torch.Generator().manual_seed(0))
        assert (function(points.coordinates)[:, 0] - solution(points)).abs().max() < 1e-13


def test_each_unknown_has_its_own():
    domain = pk.Disk([0.3, 0.5], 0.8)
    function = trial(domain, [
        pk.Dirichlet(u=solution, on=domain.boundary, hard=True), pk.Neumann(v=solution, on=domain.boundary, hard=True)
    ], "u v")  # fmt: skip
    (piece,) = domain.boundary.pieces
    assert violation(function, domain, piece, "Dirichlet", 0).max() < 1e-13
    assert violation(function, domain, piece, "Neumann", 1).max() < 1e-13
    assert violation(function, domain, piece, "Neumann", 0).max() > 0.01


@pytest.mark.parametrize("name", ["disk", "polygon", "box-corner", "mesh2", "box2"])
def test_the_trial_function_is_affine_in_its_head_with_the_derivatives_of_torch_func(name):
    domain = NORMALS[name]
    first, *rest = domain.boundary.names
    conditions = [pk.Robin(u=solution, on=domain.boundary[tuple(rest) or first], alpha=alpha, beta=2.0, hard=True)]
    if rest:
        conditions.append(pk.Dirichlet(u=solution, on=domain.boundary[first], hard=True))
    function = trial(domain, conditions)
    x = domain.interior(6, torch.Generator().manual_seed(0)).coordinates
    head = torch.cat([function.space.head.weight[0], function.space.head.bias]).detach()
    with torch.no_grad():
        torch.testing.assert_close(function(x), function.lift(x) + (function.columns(x, 0) @ head)[:, None])
    found = pk.evaluate(function, x, [(0,), (0, 1), "laplacian"])
    one = lambda q: function(q[None])[0, 0]  # noqa: E731
    slope, hessian = torch.func.vmap(torch.func.jacrev(one))(x), torch.func.vmap(torch.func.hessian(one))(x)
    torch.testing.assert_close(found[0,][:, 0], slope[:, 0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found[0, 1][:, 0], hessian[:, 0, 1], rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(found["laplacian"][:, 0], hessian.diagonal(0, 1, 2).sum(1), rtol=1e-7, atol=1e-7)


def manufactured(domain, function, hard, condition):
    """-Laplace u = f for a known function of coordinates, by jets."""

    def source(p):
        return pk.evaluate(lambda x: function(x)[:, None], p.coordinates.detach(), ["laplacian"])["laplacian"][:, 0]

    def along_normal(p):
        # Written as a function of coordinates: the normal of the unit circle is x itself.
        found = pk.evaluate(lambda x: function(x)[:, None], p.coordinates.detach(), [(0,), (1,)])
        return found[0,][:, 0] * p.x + found[1,][:, 0] * p.y

    data = {"Dirichlet": 0.0, "Neumann": along_normal}[condition]
    return pk.Problem(
        domain=domain, unknowns="u", equations={"poisson": lambda u, p: u.laplacian - source(p)},
        conditions=[getattr(pk, condition)(u=data, on=domain.boundary, hard=hard)],
        reference=lambda p: function(p.coordinates),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("domain", "function", "least"),
    [
        (pk.Disk([0, 0], 1), lambda x: (1 - (x * x).sum(1)) * torch.exp(x[:, 1]), 1e-9),
        (pk.Polygon([(0, 0), (1, 0), (0, 1)]), lambda x: x[:, 0] * x[:, 1] * (1 - x.sum(1)) * torch.exp(x[:, 1]), 1e-9),
        (pk.Box([-1, -1], [1, 1]) - pk.Disk([0, 0], 0.4),
         lambda x: (1 - x[:, 0] ** 2) * (1 - x[:, 1] ** 2) * ((x * x).sum(1) - 0.16), 1e-6),
    ],
    ids=["disk", "triangle", "hole"],
)
def test_least_squares_gains_by_them(domain, function, least):
    """Where the product of the distances is smooth, the solution over it is smooth, too."""
    found = [
        pk.solve(manufactured(domain, function, hard, "Dirichlet"), method=pk.LeastSquares(150, 150)).relative_l2
        for hard in (True, False)
    ]
    assert found[0] < least and found[0] < found[1]


def test_a_hard_robin_condition_in_least_squares():
    disk = pk.Disk([0, 0], 1)
    problem = pk.Problem(
        domain=disk, unknowns="u", equations={"e": lambda u, p: u.laplacian - 4},
        conditions=[pk.Robin(u=lambda p: 3 + 0 * p.x, on=disk.boundary, hard=True)],
        reference=lambda p: p.x**2 + p.y**2,
    )  # fmt: skip
    assert pk.solve(problem, method=pk.LeastSquares(100, 100)).relative_l2 < 1e-9


DISK, L = pk.Disk([0, 0], 1), pk.Box([0, 0], [1.2, 1]) | pk.Box([1, 0], [2, 1])


@pytest.mark.parametrize(("domain", "conditions", "message"), [
    (VALUES["mesh2"], lambda b: [pk.Dirichlet(u=0.0, on=b["7"].where(lambda p: p.y > 1), hard=True)], "whole pieces"),
    (ALL["mesh3"][0], lambda b: [pk.Dirichlet(u=0.0, on=b, hard=True)], "on '7': hard conditions need whole pieces"),
    (DISK, lambda b: [pk.Dirichlet(u=0.0, on=b, hard=True), pk.Neumann(u=0.0, on=b, hard=True)],
     r"Dirichlet u on circle \(hard\) and Neumann u on circle \(hard\) prescribe the same face twice"),
    (DISK, lambda b: [pk.Dirichlet(u=lambda p: 1 / (p.x**2 + p.y**2 - 1).clamp_min(0), on=b, hard=True)],
     r"the data are inf at .*; hard data are continued into the domain as written"),
    (DISK, lambda b: [pk.Neumann(u=lambda p: p.normal[:, 0], on=b, hard=True)],
     r"Neumann u on circle \(hard\): p.normal is known on the boundary only"),
    (DISK, lambda b: [pk.Robin(u=0.0, on=b, beta=0.0, hard=True)], "beta is zero somewhere"),
    (DISK, lambda b: [pk.Neumann(u_x=0.0, on=b, hard=True)], "only values can be hard"),
    (L, lambda b: [pk.Neumann(u=0.0, on=b, hard=True)], "no smooth distance to this piece at .* points, first"),
])  # fmt: skip
def test_refusals(domain, conditions, message):
    with pytest.raises(pk.InputError, match=message):
        trial(domain, conditions(domain.boundary))


@pytest.mark.parametrize("kind", ["values", "two values", "slopes", "both"])
@pytest.mark.parametrize("domain", [pk.Polygon(ARROW), VALUES["mesh2"], pk.Box([0, 0], [1, 1]),
                                    pk.Box([0, 0], [2, 2]) - pk.Box([1, 1], [3, 3])],
                         ids=["polygon", "mesh", "box", "difference"])  # fmt: skip
def test_values_and_gradients_are_finite_at_vertices(domain, kind):
    """Where distances are 0 / 0: quantities and exported meshes have points just there."""
    first, *rest = [domain.boundary[name] for name in domain.boundary.names]
    whole = domain.boundary
    conditions = {
        "values": [pk.Dirichlet(u=lambda p: p.x, on=whole, hard=True)],
        "two values": [pk.Dirichlet(u=lambda p: p.x, on=first, hard=True),
                       *(pk.Dirichlet(u=lambda p: p.x + 0 * p.y, on=part, hard=True) for part in rest)],
        "slopes": [pk.Neumann(u=1.0, on=whole, hard=True)],
        "both": [pk.Dirichlet(u=lambda p: p.x, on=first, hard=True),
                 *(pk.Robin(u=1.0, on=part, hard=True) for part in rest)],
    }[kind]  # fmt: skip
    if isinstance(domain, pk.Mesh):
        x = domain.nodes[domain.facets.unique()]
    else:
        x = getattr(domain, "vertices", torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]], dtype=torch.float64))
    found = pk.evaluate(trial(domain, conditions), x, [(), (0,), (1,)])
    assert all(torch.isfinite(values).all() for values in found.values())
    if "values" in kind:
        on = domain.signed_distance(x).abs() < 1e-12
        torch.testing.assert_close(found[()][on, 0], x[on, 0], rtol=0, atol=1e-12)


def test_hard_normal_derivatives_do_not_fit_periodic_faces():
    square = pk.Box([0, 0], [1, 1])
    with pytest.raises(pk.InputError, match=r"Neumann u on x_min \(hard\) is on a face that Periodic\('x'\) joins"):
        trial(square, [pk.Periodic("x"), pk.Neumann(u=0.0, on=square.boundary["left"], hard=True)])


def test_a_re_entrant_corner_is_not_hidden_from_the_error_estimate():
    """Both draws agree there on what is not the solution; the residual tells."""
    polygon = pk.Polygon([(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)])

    def singular(x):
        angle = torch.atan2(-x[:, 1], -x[:, 0]) + math.pi / 2
        return (x * x).sum(1) ** (1 / 3) * torch.sin(2 / 3 * angle) * (1 - x[:, 0] ** 2) * (1 - x[:, 1] ** 2)

    problem = manufactured(polygon, singular, True, "Dirichlet")
    assert problem.hard.rough and not manufactured(DISK, singular, True, "Dirichlet").hard.rough
    solution = pk.solve(problem, method=pk.LeastSquares(100, 100))
    assert solution.relative_l2 > 0.01 and solution.estimated_error > solution.relative_l2 / 10
