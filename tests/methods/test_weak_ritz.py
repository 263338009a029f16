"""Weak forms of several unknowns that are the first variation of an energy."""

import itertools

import meshio
import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Auto, Ritz, Status, Task
from pinnkit.problem import EnergyIntegral, energetic
from tests.domains.meshes import l_shape, write

SQUARE = pk.Box([0, 0], [1, 1])
LAME, SHEAR = 1.5, 1.0


def elastic(u, v, a, f):
    return LAME * (u.x + v.y) * (a.x + f.y) + SHEAR * (2 * u.x * a.x + 2 * v.y * f.y + (u.y + v.x) * (a.y + f.x))


def plate(*forms, held=None, domain=SQUARE, **more):
    held = [pk.Dirichlet(u=0.0, v=0.0, on=domain.boundary["left"])] if held is None else held
    return pk.Problem(domain=domain, unknowns="u v", weak=[*forms], conditions=held, **more)


def pulled(**more):
    """A plate that is held so that it narrows freely, under a tension of one."""
    side = SQUARE.boundary
    held = [pk.Dirichlet(u=0.0, on=side["left"]), pk.Dirichlet(v=0.0, on=side["bottom"])]
    young = SHEAR * 4 * (LAME + SHEAR) / (LAME + 2 * SHEAR)
    narrowing = LAME / (LAME + 2 * SHEAR)
    forms = [pk.Weak(elastic), pk.Weak(lambda a, f: -a, on=side["right"])]
    exact = lambda p: {"u": p.x / young, "v": -narrowing * p.y / young}  # noqa: E731
    return plate(*forms, held=held, reference=exact, **more)


def test_the_energy_of_a_form_is_half_of_it_less_the_load():
    problem = plate(pk.Weak(lambda u, v, a, f, p: elastic(u, v, a, f) - p.x * a), pk.Weak(
        lambda u, v, a, f, p: 3 * u * a - p.y * f, on=SQUARE.boundary["right"]))
    stated = energetic(problem)
    function = lambda x: torch.stack([x[:, 0] * x[:, 1], x[:, 0] ** 2], 1)  # noqa: E731
    found = EnergyIntegral(stated, 200, 50).loss(function).item()
    # By hand: u.x = y, u.y = x, v.x = 2 x, v.y = 0.
    inside = LAME / 2 / 3 + SHEAR / 3 + SHEAR / 2 * 9 / 3 - 1 / 3 * 1 / 2
    edge = 3 / 2 / 3 - 1 / 2
    assert found == pytest.approx(inside + edge, rel=1e-12)


def test_conditions_on_whole_sides_are_made_hard_and_the_problem_stays_as_it_is():
    problem = pulled()
    stated = energetic(problem)
    assert stated.soft == [] and not stated.weak and len(stated.energies) == 2
    assert len(problem.soft) == 2 and problem.weak and not problem.energies and not problem.conditions[0].hard
    trial = stated.trial(pk.LRNN(), torch.Generator().manual_seed(0))
    edge = SQUARE.boundary["left"].sample(20, torch.Generator().manual_seed(0)).coordinates
    assert not trial(edge)[:, 0].any() and trial(edge)[:, 1].abs().max() > 0


@pytest.mark.parametrize(
    ("form", "held"),
    [
        (lambda u, v, a, f: elastic(u, v, a, f) + u.x * f, None),  # not symmetric
        (lambda u, v, a, f: elastic(u, v, a, f) - 5 * u * a, None),  # not positive
        (lambda u, v, a, f: elastic(u, v, a, f) + u**3 * a, None),  # not linear
        (elastic, [pk.Dirichlet(u=0.0, v=0.0, on=SQUARE.boundary["left"].where(lambda p: p.y < 0.5))]),
        (elastic, [pk.Condition(lambda u, v: u + v, on=SQUARE.boundary["left"])]),
        (elastic, [  # which disagree where the sides meet
            pk.Dirichlet(u=0.0, v=0.0, on=SQUARE.boundary["left"]), pk.Dirichlet(u=1.0, on=SQUARE.boundary["top"])
        ]),
        (elastic, [pk.Dirichlet(u_x=0.0, on=SQUARE.boundary["left"])]),
        (elastic, [pk.Dirichlet(u=0.0, v=0.0, on=SQUARE.boundary["left"])] * 2),
    ],
)
def test_other_forms_and_conditions_have_no_energy(form, held):
    problem = plate(pk.Weak(form), held=held)
    assert energetic(problem) is None
    with pytest.raises(pk.InputError, match="the Ritz method needs an energy; this weak form"):
        Ritz().start(Task(problem))
    assert Auto().choose(Task(problem))[0].name != "ritz"


def test_forms_of_one_unknown_stay_least_squares():
    wall = pk.Dirichlet(u=0.0, on=SQUARE.boundary)
    problem = pk.Problem(domain=SQUARE, unknowns="u", weak=lambda u, v: u.x * v.x + u.y * v.y - v, conditions=[wall])
    assert energetic(problem) is not None
    assert Auto().choose(Task(problem))[0].name == "least-squares"


def test_a_smooth_plate_goes_on_by_least_squares_where_the_energy_is_rounding():
    solution = pk.solve(pulled(), seed=0, tolerance=1e-10, budget="60s")
    assert solution.status is Status.CONVERGED
    assert solution.metrics["relative_variation"] < 1e-9
    assert "ritz is as good as squared condition numbers allow" in solution.reason
    handed = solution.history[0]
    assert handed["relative_l2"] < 10 * handed["estimated_error"]  # that of the first method's solution


def test_breaks_cut_the_cells_of_the_quadrature():
    stiff = lambda p: torch.where(p.y < 0.3, 1.0, 100.0)  # noqa: E731
    form = pk.Weak(lambda u, v, a, f, p: stiff(p) * elastic(u, v, a, f), breaks={"y": [0.3]})
    stated = energetic(plate(form))
    function = lambda x: torch.stack([x[:, 0], 0 * x[:, 0]], 1)  # noqa: E731
    assert EnergyIntegral(stated, 50, 50).loss(function).item() == pytest.approx(70.3 * (LAME / 2 + SHEAR), rel=1e-12)


@pytest.mark.parametrize("held", [[], [pk.Dirichlet(u=0.0, on=SQUARE.boundary["left"])]])
def test_motions_that_cost_nothing_are_told(held):
    problem = plate(pk.Weak(lambda u, v, a, f, p: elastic(u, v, a, f) - (p.x - 0.5) * a), held=held)
    solution = pk.solve(problem, seed=0, budget="20s")
    assert solution.status is Status.UNDETERMINED


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_at_a_corner_that_both_draws_miss_the_estimate_is_honest(rounds, tmp_path):
    """An elastic L-shape that stands on its floor and is pulled at its inlet; finite elements of second order."""
    from skfem import Basis, ElementTriP2, ElementVector, FacetBasis, LinearForm, MeshTri, asm, condense, solve
    from skfem.models.elasticity import linear_elasticity

    nodes, cells, edges = l_shape(4)
    mesh = pk.Mesh(write(tmp_path / "l.msh", nodes, cells, edges, file_format="gmsh22", binary=False))
    load = pk.Weak(lambda a, f: -f - 0.5 * a, on=mesh.boundary["inlet"])
    held = [pk.Dirichlet(u=0.0, v=0.0, on=mesh.boundary["floor"])]
    solution = pk.solve(plate(pk.Weak(elastic), load, domain=mesh, held=held), budget=f"{rounds}steps", seed=0)
    fine = MeshTri(mesh.nodes.numpy().T.copy(), mesh.cells.numpy().T.copy()).refined(3)
    element = ElementVector(ElementTriP2())
    basis = Basis(fine, element)
    side = FacetBasis(fine, element, facets=fine.facets_satisfying(lambda x: x[0] < 1e-9))
    pull = asm(LinearForm(lambda v, w: v[1] + 0.5 * v[0]), side)
    floor = basis.get_dofs(fine.facets_satisfying(lambda x: x[1] < 1e-9))
    true = solve(*condense(asm(linear_elasticity(LAME, SHEAR), basis), pull, D=floor))
    x = mesh.interior(400, torch.Generator().manual_seed(0)).coordinates.numpy()
    values = (basis.probes(x.T) @ true).reshape(2, -1).T
    error = (np.sqrt(((solution(x) - values) ** 2).mean(0)) / values.std(0)).max()
    assert solution.metrics["method"] == "ritz"
    assert error / 5 < solution.estimated_error < 5 * error


YOUNG, NU = 210e9, 0.3


def bending(u, v, w, a, f, g):
    lame, shear = YOUNG * NU / (1 + NU) / (1 - 2 * NU), YOUNG / 2 / (1 + NU)
    slide = (u.y + v.x) * (a.y + f.x) + (u.z + w.x) * (a.z + g.x) + (v.z + w.y) * (f.z + g.y)
    stretch = u.x * a.x + v.y * f.y + w.z * g.z
    return lame * (u.x + v.y + w.z) * (a.x + f.y + g.z) + shear * (2 * stretch + slide)


def cantilever(domain, clamped, top):
    load = pk.Weak(lambda a, f, g: 1e5 * g, on=domain.boundary[top])
    return pk.Problem(
        domain=domain, unknowns="u v w", weak=[pk.Weak(bending), load],
        conditions=[pk.Dirichlet(u=0.0, v=0.0, w=0.0, on=domain.boundary[clamped])],
        quantities={"tip": pk.Quantity(lambda w: w, at=[[1.0, 0.05, 0.05]])},
    )  # fmt: skip


TIP = -7.157e-4
"""Of 32 x 4 x 4 hexahedra of second order by scikit-fem; q L^4 / (8 E I) is 7.14e-4."""


def bar(path):
    """Write a bar of 16 x 2 x 2 boxes of tetrahedra, in the way of Gmsh, with the groups clamped and top."""
    steps = (16, 2, 2)
    number = np.arange(np.prod([n + 1 for n in steps])).reshape([n + 1 for n in steps])
    nodes = np.array([*np.ndindex(*[n + 1 for n in steps])]) / np.array(steps) * np.array([1, 0.1, 0.1])
    tetrahedra = []
    for corner, order in itertools.product(np.ndindex(*steps), itertools.permutations(range(3))):
        walk = [np.array(corner)]
        for axis in order:
            walk.append(walk[-1] + np.eye(3, dtype=int)[axis])
        tetrahedra.append([number[tuple(at)] for at in walk])
    cells = np.array(tetrahedra)
    faces = np.sort(np.concatenate([np.delete(cells, k, 1) for k in range(4)]), 1)
    faces, counts = np.unique(faces, axis=0, return_counts=True)
    faces = faces[counts == 1]
    centre = nodes[faces].mean(1)
    clamped, top = faces[centre[:, 0] < 1e-9], faces[centre[:, 2] > 0.1 - 1e-9]
    blocks = [("tetra", cells), ("triangle", clamped), ("triangle", top)]
    tags = [np.full(len(block), i + 1) for i, (_, block) in enumerate(blocks)]
    names = {"steel": np.array([1, 3]), "clamped": np.array([2, 2]), "top": np.array([3, 2])}
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    meshio.Mesh(nodes, blocks, cell_data=data, field_data=names).write(path, file_format="gmsh22", binary=False)
    return path


@pytest.mark.parametrize("meshed", [False, True])
def test_a_steel_cantilever_bends_as_finite_elements_say(meshed, tmp_path):
    if meshed:
        problem = cantilever(pk.Mesh(bar(tmp_path / "bar.msh")), "clamped", "top")
    else:
        problem = cantilever(pk.Box([0, 0, 0], [1, 0.1, 0.1]), "x_min", "z_max")
    # Two rounds, of 300 functions, whatever the machine takes for them.
    solution = pk.solve(problem, budget="2steps", seed=0)
    assert solution.metrics["method"] == "ritz"
    assert solution.quantities()["tip"]["value"] == pytest.approx(TIP, rel=0.02)
    assert solution.status is Status.BUDGET_SPENT and solution.estimated_error > 0.01


def test_a_mesh_side_with_more_than_the_condition_is_not_made_hard(tmp_path):
    mesh = pk.Mesh(bar(tmp_path / "bar.msh"))
    part = mesh.boundary["clamped"].where(lambda p: p.y < 0.05)
    problem = pk.Problem(
        domain=mesh, unknowns="u v w", weak=bending, conditions=[pk.Dirichlet(u=0.0, v=0.0, w=0.0, on=part)]
    )
    assert energetic(problem) is None
