"""Problems with several materials, solved by default, against closed forms."""

import math

import meshio
import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Status
from pinnkit.runs import Specification, solve_specification

from .domains.meshes import l_shape
from .domains.test_regions import meshed


def solved(problem, tolerance=1e-9, budget="60s", **more):
    solution = pk.solve(problem, budget=budget, seed=0, tolerance=tolerance, **more)
    assert solution.status is Status.CONVERGED, solution.reason
    return solution


def true_enough(solution, tolerance=1e-8):
    true = solution.metrics["relative_variation"]
    assert true < tolerance
    assert true < 10 * max(solution.estimated_error, 1e-14)


def plate(form, resistance=0.0):
    """20 mm of quartz and copper, 5000 W/m2 from above, 293.15 K below; a thermal resistance between them."""
    k = pk.ByRegion(quartz=1.38, copper=398.0)
    domain = pk.Box([0, 0], [0.02, 0.02]).regions(
        quartz=pk.Box([0, 0], [0.02, 0.01]), copper=pk.Box([0, 0.01], [0.02, 0.02])
    )
    above = 293.15 + 5000 * (0.01 / 1.38 + resistance)
    exact = pk.ByRegion(
        quartz=lambda p: 293.15 + 5000 * p.y / 1.38, copper=lambda p: above + 5000 * (p.y - 0.01) / 398
    )
    side, bottom = domain.boundary, pk.Dirichlet(T=293.15, on=domain.boundary["bottom"])
    contact = pk.Interface(on=("quartz", "copper"), jump=lambda T, p: resistance * k(p.minus) * T.minus.normal)
    stated = {"domain": domain, "unknowns": "T", "reference": exact}
    if form == "weak":
        forms = [
            pk.Weak(lambda T, v, p: k(p) * (T.x * v.x + T.y * v.y)), pk.Weak(lambda v: -5000.0 * v, on=side["top"])
        ]
        return pk.Problem(weak=forms, conditions=[bottom, *([contact] if resistance else [])], **stated)
    walls = [pk.Neumann(T=5000 / 398, on=side["top"]), pk.Neumann(T=0.0, on=side["left", "right"])]
    conditions = [bottom, *walls, *([contact] if resistance else [])]
    return pk.Problem(equations={"heat": lambda T, p: k(p) * T.laplacian}, conditions=conditions, **stated)


@pytest.mark.parametrize(("form", "resistance"), [("strong", 0.0), ("strong", 1e-3), ("weak", 0.0)])
def test_a_plate_of_two_materials(form, resistance):
    true_enough(solved(plate(form, resistance)))


def test_without_the_resistance_the_answer_is_another_one():
    with_it, without = (solved(plate("strong", r))(torch.tensor([[0.01, 0.02]])).item() for r in (1e-3, 0.0))
    assert with_it - without == pytest.approx(5.0)


@pytest.mark.parametrize("form", ["strong", "weak"])
def test_a_mesh_with_two_groups_of_cells(form, tmp_path):
    nodes, cells, edges = l_shape()
    mesh = pk.Mesh(meshed(tmp_path / "l.msh", nodes, cells, edges, lambda x: x[:, 1] > 1))
    k = pk.ByRegion(left=10.0, right=0.5)
    # The flux k u.y is one everywhere, and u.x is zero; data on all of the boundary.
    exact = pk.ByRegion(left=lambda p: p.y / 10 + p.x * 0, right=lambda p: 0.1 + (p.y - 1) / 0.5)
    stated = {"domain": mesh, "unknowns": "u", "reference": exact}
    walls = [pk.Dirichlet(u=exact, on=mesh.boundary)]
    if form == "weak":
        problem = pk.Problem(weak=lambda u, v, p: k(p) * (u.x * v.x + u.y * v.y), conditions=walls, **stated)
    else:
        problem = pk.Problem(equations={"e": lambda u, p: k(p) * u.laplacian}, conditions=walls, **stated)
    true_enough(solved(problem))


def test_a_disk_of_another_material_in_a_uniform_field():
    k, a = 100.0, 0.4
    g = (k - 1) / (k + 1)
    square, disk = pk.Box([-1, -1], [1, 1]), pk.Disk([0, 0], a)
    domain = square.regions(inner=disk, outer=square - disk)

    def outer(p):
        return p.x * (1 - g * a**2 / (p.x**2 + p.y**2))

    problem = pk.Problem(
        domain=domain, unknowns="u",
        equations={"e": lambda u, p: pk.ByRegion(inner=k, outer=1.0)(p) * u.laplacian},
        conditions=[pk.Dirichlet(u=outer, on=domain.boundary)],
        reference=pk.ByRegion(inner=lambda p: 2 / (k + 1) * p.x, outer=outer),
    )  # fmt: skip
    solution = solved(problem)
    true_enough(solution)
    assert solution.metrics["space"] == "LRNN in 2 regions"


def test_a_sphere_with_a_heated_core():
    k, a = 20.0, 0.5
    ball, core = pk.Ball([0, 0, 0], 1.0), pk.Ball([0, 0, 0], 0.5)
    domain = ball.regions(core=core, shell=ball - core)

    def square(p):
        return p.x**2 + p.y**2 + p.z**2

    problem = pk.Problem(
        domain=domain, unknowns="u",
        equations={"e": pk.ByRegion(core=lambda u: k * u.laplacian + 6, shell=lambda u: u.laplacian)},
        conditions=[pk.Dirichlet(u=0.0, on=domain.boundary)],
        reference=pk.ByRegion(
            core=lambda p: 2 * a**3 * (1 / a - 1) + (a**2 - square(p)) / k,
            shell=lambda p: 2 * a**3 * (square(p) ** -0.5 - 1),
        ),
    )  # fmt: skip
    true_enough(solved(problem, tolerance=1e-7), 1e-6)


def test_heat_in_a_bar_of_two_metals_over_time():
    """A mode sin(w x), A sin(w (1 - x) / s) of a bar with diffusivities 1 and s^2."""
    s, w = math.sqrt(10.0), 0.0
    low, high = 3.0, 6.2
    for _ in range(100):
        w = (low + high) / 2
        f = math.cos(w / 2) * math.sin(w / 2 / s) + s * math.sin(w / 2) * math.cos(w / 2 / s)
        low, high = (w, high) if f > 0 else (low, w)
    amplitude = math.sin(w / 2) / math.sin(w / 2 / s)
    domain = pk.Interval(0, 1).regions(left=pk.Interval(0, 0.5), right=pk.Interval(0.5, 1)) * pk.Time(0, 0.1)
    exact = pk.ByRegion(
        left=lambda p: torch.sin(w * p.x) * torch.exp(-w * w * p.t),
        right=lambda p: amplitude * torch.sin(w * (1 - p.x) / s) * torch.exp(-w * w * p.t),
    )
    problem = pk.Problem(
        domain=domain, unknowns="u",
        equations={"heat": lambda u, p: u.t - pk.ByRegion(left=1.0, right=10.0)(p) * u.xx},
        conditions=[
            pk.Dirichlet(u=0.0, on=domain.boundary), pk.Initial(u=exact),
            pk.Interface(flux=lambda u, p: pk.ByRegion(left=1.0, right=10.0)(p) * u.normal),
        ],
        reference=exact,
    )  # fmt: skip
    true_enough(solved(problem, 1e-8), 1e-7)


def test_a_fuel_pin_whose_conductivity_depends_on_temperature():
    names = ("r", "z")
    pin = pk.Box([0, 0], [0.005, 0.01], names=names).regions(
        pellet=pk.Box([0, 0], [0.004, 0.01], names=names), tube=pk.Box([0.004, 0], [0.005, 0.01], names=names)
    )
    k = pk.ByRegion(pellet=lambda T, p: 1 / (0.06 + 2.2e-4 * T), tube=16.0)
    heat = pk.ByRegion(pellet=2e8, tube=0.0)
    problem = pk.Problem(
        domain=pin, unknowns="T",
        weak=[
            pk.Weak(lambda T, v, p: p.r * (k(T, p) * (T.r * v.r + T.z * v.z) - heat(p) * v)),
            pk.Weak(lambda T, v: 0.005 * 3e4 * (T - 560) * v, on=pin.boundary["right"]),
        ],
        quantities={"centre": pk.Quantity(lambda T: T, at=[[0.0, 0.005]])},
    )  # fmt: skip
    # The flux at the pellet's edge is q r / 2, and the integral of k over T in the pellet q r^2 / 4.
    tube = 560 + 2e8 * 0.004**2 / 2 / 0.005 / 3e4
    edge = tube + 2e8 * 0.004**2 / 2 / 16 * math.log(0.005 / 0.004)
    centre = ((0.06 + 2.2e-4 * edge) * math.exp(2e8 * 0.004**2 / 4 * 2.2e-4) - 0.06) / 2.2e-4
    assert solved(problem).quantities()["centre"]["value"] == pytest.approx(centre, rel=1e-8)


def test_two_layers_under_tension_need_their_traction_told():
    domain = pk.Box([0, 0], [1, 1]).regions(lower=pk.Box([0, 0], [1, 0.5]), upper=pk.Box([0, 0.5], [1, 1]))
    lam, mu = pk.ByRegion(lower=1.0, upper=5.0), pk.ByRegion(lower=1.0, upper=3.0)

    def traction(u, v, p):
        shear = mu(p) * (u.y + v.x)
        return [
            (lam(p) * (u.x + v.y) + 2 * mu(p) * u.x) * p.normal[:, 0] + shear * p.normal[:, 1],
            (lam(p) * (u.x + v.y) + 2 * mu(p) * v.y) * p.normal[:, 1] + shear * p.normal[:, 0],
        ]

    side = domain.boundary
    height = pk.ByRegion(lower=lambda p: p.y / 3, upper=lambda p: 0.5 / 3 + (p.y - 0.5) / 11)
    problem = pk.Problem(
        domain=domain, unknowns="u v",
        equations={
            "x": lambda u, v, p: (lam(p) + 2 * mu(p)) * u.xx + mu(p) * u.yy + (lam(p) + mu(p)) * v.xy,
            "y": lambda u, v, p: (lam(p) + 2 * mu(p)) * v.yy + mu(p) * v.xx + (lam(p) + mu(p)) * u.xy,
        },
        conditions=[
            pk.Dirichlet(u=0.0, v=0.0, on=side["bottom"]), pk.Dirichlet(u=0.0, on=side["left", "right"]),
            pk.Condition(lambda u, v: u.y + v.x, on=side["left", "right"]),
            pk.Condition(lambda u, v, p: traction(u, v, p)[0], on=side["top"]),
            pk.Condition(lambda u, v, p: traction(u, v, p)[1] - 1.0, on=side["top"]),
            pk.Interface(flux={"u": lambda u, v, p: traction(u, v, p)[0], "v": lambda u, v, p: traction(u, v, p)[1]}),
        ],
        reference=lambda p: {"u": 0 * p.x, "v": height(p)},
    )  # fmt: skip
    true_enough(solved(problem))


def test_a_narrow_source_in_one_region_is_found_and_resolved():
    domain = pk.Box([0, 0], [1, 1]).regions(a=pk.Box([0, 0], [0.5, 1]), b=pk.Box([0.5, 0], [1, 1]))
    problem = pk.Problem(
        domain=domain, unknowns="u",
        equations={
            "e": lambda u, p: pk.ByRegion(a=1.0, b=10.0)(p) * u.laplacian
            + torch.exp(-((p.x - 0.3) ** 2 + (p.y - 0.3) ** 2) / 0.02**2)
        },
        conditions=[pk.Dirichlet(u=0.0, on=domain.boundary)],
    )  # fmt: skip
    (sight,) = problem.survey.sights
    assert "a peak" in sight.text and sight.feature.centre.tolist() == pytest.approx([0.3, 0.3], abs=1e-3)
    solution = solved(problem, tolerance=1e-3)
    assert solution.metrics["space"] == "LRNN with 1 chart in 2 regions"


def test_training_knows_of_interfaces_too():
    made = {"space": pk.MLP(width=10, depth=1), "method": pk.GaussNewton(), "budget": "10steps", "seed": 0}
    solution = pk.solve(plate("strong"), **made)
    assert solution.metrics["method"] == "gauss-newton"
    true_enough(solution, 1e-6)


def test_a_jump_of_coefficients_told_by_region_is_no_peak_and_no_doubt():
    survey = plate("strong").survey
    assert survey.sights == [] and survey.doubts == [] and survey.again() == []


def test_a_run_in_regions_can_be_loaded_again(tmp_path):
    (tmp_path / "plate.py").write_text(
        "import pinnkit as pk\n\n\ndef problem():\n"
        "    box = pk.Box([0, 0], [1, 1]).regions(a=pk.Box([0, 0], [0.5, 1]), b=pk.Box([0.5, 0], [1, 1]))\n"
        "    k = pk.ByRegion(a=1.0, b=3.0)\n"
        "    return pk.Problem(domain=box, unknowns='u', equations={'e': lambda u, p: k(p) * u.laplacian + 1},\n"
        "        conditions=[pk.Dirichlet(u=0.0, on=box.boundary)])\n"
    )
    path, run = str(tmp_path / "plate.py"), tmp_path / "run"
    specification = Specification(path, {}, None, {}, "auto", {}, "30s", 1e-2, 0, "float64", "cpu")
    solution, _ = solve_specification(specification, run)
    x = np.random.default_rng(0).random((500, 2))
    assert np.array_equal(pk.load_solution(run)(x), solution(x))
    written = meshio.read(run / "solution.vtu")
    assert np.allclose(written.point_data["u"], solution(written.points[:, :2]))


def test_an_inclusion_smaller_than_samples_are_apart():
    square, hole = pk.Box([0, 0], [1, 1]), pk.Disk([0.5, 0.5], 1e-3)
    domain = square.regions(small=hole, rest=square - hole)
    problem = pk.Problem(
        domain=domain, unknowns="u",
        equations={"e": lambda u, p: pk.ByRegion(small=5.0, rest=1.0)(p) * u.laplacian + 1},
        conditions=[pk.Dirichlet(u=0.0, on=domain.boundary)],
    )  # fmt: skip
    assert problem.survey.sights == [] and problem.survey.again() == []


@pytest.mark.parametrize("contrast", [3.0, 10.0])
def test_near_singular_junctions_least_squares_is_not_believed(contrast):
    """u = r^g cos(g (theta - pi/4)) and so on, the solution on a checkerboard (Kellogg 1974)."""
    g = 4 / math.pi * math.atan(contrast**-0.5)

    def exact(p):
        angle = torch.remainder(torch.atan2(p.y, p.x), 2 * math.pi)
        sign = torch.where(angle > math.pi, -1.0, 1.0)
        angle = torch.remainder(angle, math.pi)
        one, other = torch.cos(g * (angle - math.pi / 4)), torch.sin(g * (angle - 3 * math.pi / 4))
        shape = torch.where(angle < math.pi / 2, one, -math.sqrt(contrast) * other)
        return sign * shape * (p.x**2 + p.y**2).clamp_min(1e-300) ** (g / 2)

    whole = pk.Box([-1, -1], [1, 1])
    first = pk.Box([-1, -1], [0, 0]) | pk.Box([0, 0], [1, 1])
    domain = whole.regions(on=first, off=pk.Box([0, -1], [1, 0]) | pk.Box([-1, 0], [0, 1]))
    k = pk.ByRegion(on=contrast, off=1.0)
    problem = pk.Problem(
        domain=domain, unknowns="u", equations={"e": lambda u, p: k(p) * u.laplacian},
        conditions=[pk.Dirichlet(u=exact, on=domain.boundary)], reference=exact,
    )  # fmt: skip
    solution = pk.solve(problem, budget="8s", tolerance=1e-2, seed=0)
    true = solution.metrics["relative_variation"]
    assert solution.status is not Status.CONVERGED or true < 1e-1
    assert true < 10 * solution.estimated_error


def test_a_group_of_facets_may_be_a_part_of_an_interface(tmp_path):
    nodes, cells, edges = l_shape(4)
    at = [i for i in range(len(nodes)) if nodes[i, 0] == 1 and nodes[i, 1] <= 0.5]
    edges = edges | {"contact": np.array([at[:-1], at[1:]]).T}
    mesh = pk.Mesh(meshed(tmp_path / "l.msh", nodes, cells, edges, lambda x: x[:, 0] > 1))
    problem = pk.Problem(
        domain=mesh, unknowns="u", equations={"e": lambda u: u.laplacian},
        conditions=[
            pk.Dirichlet(u=lambda p: p.x, on=mesh.boundary), pk.Interface(on=mesh.interfaces["contact"], jump=1.0)
        ],
    )  # fmt: skip
    stated = {r.name: r.sample(100, torch.Generator().manual_seed(0)).y for r in problem.soft[1:]}
    assert len(stated) == 4
    for name, y in stated.items():
        assert (y > 0.5).all() if "unnamed" in name else (y < 0.5).all(), name
