"""Conditions: signs, places and data; each by the residual of a known function."""

import math

import meshio
import pytest
import torch

import pinnkit as pk
from pinnkit.gallery import gallery_folder
from pinnkit.problem import Collocation

SQUARE = pk.Box([0, 0], [2, 1])
DISK = pk.Disk([0.5, 0.2], 1.5)
PHYSICAL = ("gmsh:physical", "gmsh:geometrical")
HEAT = pk.Box([0, 0], [2, 1]) * pk.Time(0.5, 1.5)


def known(x):
    """u = x^2 y + 3 y, as a module of points ``(n, d)`` or jets."""
    return (x[:, 0] * x[:, 0] * x[:, 1] + 3 * x[:, 1])[:, None]


def residual_of(condition, domain=SQUARE, function=known, unknowns="u"):
    problem = pk.Problem(
        domain=domain, unknowns=unknowns, equations={"e": lambda u: u.x}, conditions=[condition]
    )
    collocation = Collocation(problem, 50, 200, torch.Generator().manual_seed(0))
    points = collocation.blocks[1].points
    return collocation.residuals(function)[1], points


def zero(values):
    assert values.abs().max() < 1e-12


def test_dirichlet_is_value_minus_datum():
    r, p = residual_of(pk.Dirichlet(u=lambda p: p.y, on=SQUARE.boundary))
    zero(r - (p.x**2 * p.y + 2 * p.y))
    r, p = residual_of(pk.Dirichlet(u_xy=1.0, on=SQUARE.boundary["top"]))
    zero(r - (2 * p.x - 1))


@pytest.mark.parametrize("domain", [SQUARE, DISK, HEAT], ids=["box", "disk", "space-time"])
def test_neumann_is_the_outward_derivative_minus_datum(domain):
    r, p = residual_of(pk.Neumann(u=lambda p: 1 + p.y, on=domain.boundary), domain)
    outward = 2 * p.x * p.y * p.normal[:, 0] + (p.x**2 + 3) * p.normal[:, 1]
    zero(r - (outward - 1 - p.y))


def test_neumann_on_named_sides_has_the_sign_of_the_side():
    for side, expected in {"left": lambda p: -2 * p.x * p.y, "right": lambda p: 2 * p.x * p.y,
                           "bottom": lambda p: -(p.x**2) - 3, "top": lambda p: p.x**2 + 3}.items():  # fmt: skip
        zero(residual_of(pk.Neumann(u=expected, on=SQUARE.boundary[side]))[0])


def test_robin_combines_value_and_outward_derivative():
    r, p = residual_of(pk.Robin(u=lambda p: p.x, alpha=lambda p: 2 + p.y, beta=-3.0, on=DISK.boundary), DISK)
    outward = 2 * p.x * p.y * p.normal[:, 0] + (p.x**2 + 3) * p.normal[:, 1]
    zero(r - ((2 + p.y) * (p.x**2 * p.y + 3 * p.y) - 3 * outward - p.x))


def test_initial_is_on_the_first_time_only():
    def wave(x):
        return (torch.sin(x[:, 0]) * torch.exp(x[:, 2]))[:, None]

    r, p = residual_of(pk.Initial(u=lambda p: p.x, u_t=2.0), HEAT, wave)
    assert (p.t == 0.5).all()
    zero(r - (torch.sin(p.x) * math.exp(0.5) - p.x))
    problem = pk.Problem(
        domain=HEAT, unknowns="u", equations={"e": lambda u: u.t}, conditions=[pk.Initial(u=lambda p: p.x, u_t=2.0)]
    )
    assert [residual.name for residual in problem.soft] == ["Initial u on initial", "Initial u_t on initial"]
    assert problem.soft[1].keys["u"] == ((2,),)


def test_a_condition_of_any_form_in_a_part_of_the_domain():
    part = pk.Box([0, 0], [1, 0.5])
    r, p = residual_of(pk.Condition(lambda u, p: u.yy + u.xx - p.x, on=part))
    zero(r - (2 * p.y - p.x))
    assert p.x.max() <= 1 and p.y.max() <= 0.5


@pytest.mark.parametrize(("make", "message"), [
    (lambda: pk.Dirichlet(on=SQUARE.boundary), "Dirichlet prescribes nothing"),
    (lambda: pk.Dirichlet(w=0.0, on=SQUARE.boundary), "Dirichlet 'w'. Known: u"),
    (lambda: pk.Dirichlet(u_zz=0.0, on=SQUARE.boundary), "unknown derivative 'zz'"),
    (lambda: pk.Dirichlet(u=0.0, on=SQUARE), r"Dirichlet: on= takes a part of the boundary"),
    (lambda: pk.Neumann(u=0.0, on="left"), "Neumann: on= takes a part of the boundary, .* got 'left'"),
    (lambda: pk.Dirichlet(u=0.0, on=HEAT.boundary),
     "Dirichlet: the place has the coordinates x, y, t, the problem's domain has x, y"),
    (lambda: pk.Condition(lambda u: u, on=pk.Interval(0, 1)), "condition: the place has the coordinates x, the"),
    (lambda: pk.Dirichlet(u=0.0, on=SQUARE.boundary.where(lambda p: p.x > 5)), "the boundary it is on is empty"),
    (lambda: pk.Dirichlet(u=lambda p: p.coordinates, on=SQUARE.boundary), r"shape \(n,\) = \(17,\), got \(17, 2\)"),
    (lambda: pk.Dirichlet(u="1", on=SQUARE.boundary), "data must be a number or a function"),
    (lambda: pk.Dirichlet(u=lambda p: torch.where(p.x < 2, 0.1, 0.3), on=SQUARE.boundary),
     "numbers are torch.float32, the points torch.float64; make tensors with dtype=p.x.dtype"),
    (lambda: pk.Dirichlet(u=lambda p: torch.where(p.x < 2, 0.1, 0.3), on=SQUARE.boundary, hard=True), "torch.float32"),
    (lambda: pk.Neumann(u_x=0.0, on=SQUARE.boundary), r"Neumann\(u_x=...\): it prescribes normal derivatives of unk"),
    (lambda: pk.Robin(u_x=0.0, on=SQUARE.boundary), r"write Robin\(u=...\), or Dirichlet\(u_x=...\)"),
    (lambda: pk.Dirichlet(u=0.0, on=pk.Box([5, 5], [6, 6]).boundary), "the problem's own domain, such as .*'x_min'"),
    (lambda: pk.Dirichlet(u=0.0, on=pk.Box([5, 5], [6, 6]).boundary, hard=True), "the problem's own domain"),
    (lambda: pk.Observations([[1.0, 0.5], [2.0, 1.1]], u=[0, 0]), r"1 of 2 points are outside .*, first \(2, 1.1\)"),
    (lambda: pk.Initial(u=0.0), "Initial needs a domain with time"),
    (lambda: pk.Robin(u=0.0, alpha=lambda p: p.coordinates, on=SQUARE.boundary), "Robin alpha: data must have shape"),
])  # fmt: skip
def test_refusals(make, message):
    with pytest.raises(pk.InputError, match=message):
        pk.Problem(domain=SQUARE, unknowns="u", equations={"e": lambda u: u.laplacian}, conditions=[make()])


def test_the_boundary_of_what_was_cut_out_has_the_wrong_normals():
    hole = pk.Disk([1, 0.5], 0.2)
    domain = SQUARE - hole
    with pytest.raises(pk.InputError, match=r"the problem's own domain, such as domain.boundary\['circle'\]"):
        residual_of(pk.Neumann(u=0.0, on=hole.boundary), domain)
    residual_of(pk.Neumann(u=0.0, on=domain.boundary["circle"]), domain)
    residual_of(pk.Neumann(u=0.0, on=SQUARE.boundary["left"]), domain)


@pytest.mark.parametrize("domain", [
    pk.Mesh(gallery_folder() / "data" / "plate.msh"), pk.Box([0, 0], [1e-3, 1]) * pk.Time(0, 1e5),
    (SQUARE - DISK) * pk.Time(0, 1), pk.Polygon([[0, 0], [1, 0], [0, 1e-3]]), pk.Ball([1e4, 0, 0, 0], 1.0),
    pk.Interval(-1, 1) - pk.Interval(-0.5, 0.5),
], ids=["mesh", "slender", "cut", "needle", "ball", "intervals"])  # fmt: skip
def test_the_whole_boundary_of_any_domain_is_its_own(domain):
    # A selection of everything, because what is in domain.boundary itself is not looked at.
    conditions = [pk.Neumann(u=0.0, on=domain.boundary.where(lambda p: p.normal[:, 0] < 2))]
    if isinstance(domain, pk.SpaceTime):
        conditions += [pk.Initial(u=0.0), pk.Dirichlet(u=0.0, on=domain.final)]
    pk.Problem(domain=domain, unknowns="u", equations={"e": lambda u: u.laplacian}, conditions=conditions)


def test_a_slit_is_a_boundary(tmp_path):
    nodes = [[-1, -1], [1, -1], [1, 0], [1, 0], [1, 1], [-1, 1], [0, 0], [-1, 0]]
    cells = [[0, 1, 6], [1, 2, 6], [0, 6, 7], [6, 3, 4], [6, 4, 5], [7, 6, 5]]
    mesh = meshio.Mesh(
        nodes, {"triangle": cells, "line": [[6, 2], [6, 3]]}, cell_data={k: [[7] * 6, [8] * 2] for k in PHYSICAL}
    )
    mesh.write(tmp_path / "slit.msh", file_format="gmsh22")
    domain = pk.Mesh(tmp_path / "slit.msh", merge=False)
    residual_of(pk.Dirichlet(u=0.0, on=domain.boundary["8"]), domain)


def test_normals_have_no_time_component_in_residuals():
    domain = pk.Disk([0, 0], 1) * pk.Time(0, 1)
    both = pk.Condition(lambda u, p: (u.grad * p.normal).sum(-1) - u.normal, on=domain.boundary)
    zero(residual_of(both, domain)[0])


def test_single_precision_data_serve_single_precision_points():
    problem = pk.Problem(
        domain=SQUARE, unknowns="u", equations={"e": lambda u: u.x},
        conditions=[pk.Dirichlet(u=lambda p: torch.where(p.x < 1, 0 * p.x, 1), on=SQUARE.boundary)],
    )  # fmt: skip
    single = Collocation(problem, 50, 20, torch.Generator().manual_seed(0), torch.float32)
    assert single.residuals(known)[1].dtype == torch.float32


def test_measured_points_in_a_notch_of_the_domain_are_outside():
    ell = pk.Polygon([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])
    with pytest.raises(pk.InputError, match=r"1 of 2 points are outside the domain, first \(1.5, 1.5\)"):
        pk.Problem(
            domain=ell,
            unknowns="u",
            equations={"e": lambda u: u.laplacian},
            conditions=[pk.Observations([[0.5, 0.5], [1.5, 1.5]], u=[0.0, 1.0])],
        )
