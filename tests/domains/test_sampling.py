"""Points fill domains evenly, and depend on nothing but the generator."""

import math

import pytest
import torch

from pinnkit.domains import Annulus, Ball, Box, Disk, Interval, Polygon
from pinnkit.errors import InputError, NameNotFound

from .shapes import ALL


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("rule", ["sobol", "uniform"])
def test_interior_points_are_inside(name: str, rule: str) -> None:
    domain, _ = ALL[name]
    p = domain.interior(501, generator(), rule)
    assert p.coordinates.shape == (501, domain.dimension)
    assert p.coordinates.dtype == torch.float64
    assert p.names == domain.names and p.normals is None
    assert domain.contains(p.coordinates).all()
    assert (p.coordinates >= domain.bounds[0]).all() and (p.coordinates <= domain.bounds[1]).all()


@pytest.mark.parametrize("name", ALL)
def test_only_the_generator_decides(name: str) -> None:
    domain, _ = ALL[name]
    state = torch.get_rng_state()
    first = domain.interior(50, generator(1)), domain.boundary.sample(50, generator(1))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(123)
    again = domain.interior(50, generator(1)), domain.boundary.sample(50, generator(1))
    other = domain.interior(50, generator(2))
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a.coordinates, b.coordinates)
    assert not torch.equal(first[0].coordinates, other.coordinates)
    # A generator that goes on gives fresh points.
    g = generator(1)
    assert not torch.equal(domain.interior(50, g).coordinates, domain.interior(50, g).coordinates)


# Second moments about the centre, in closed form.
MOMENTS = {
    "box": (Box([0, 0], [1, 3]), [0.5, 1.5], [1 / 12, 9 / 12]),
    "disk": (Disk([1, 2], 2), [1, 2], [1, 1]),
    "ball": (Ball([1, 2, 3], 2), [1, 2, 3], [4 / 5] * 3),
    "ball5": (Ball([0] * 5, 1), [0] * 5, [1 / 7] * 5),
    "annulus": (Annulus([0, 0], 1, 2), [0, 0], [5 / 4] * 2),
    "triangle": (Polygon([(0, 0), (1, 0), (0, 1)]), [1 / 3] * 2, [1 / 18] * 2),
    "half": (Disk([0, 0], 1) & Box([0, -2], [2, 2]), [4 / (3 * math.pi), 0], None),
    "mesh2": (ALL["mesh2"][0], [5 / 6, 5 / 6], None),
    "mesh3": (ALL["mesh3"][0], [0.5, 0.5, 1], [1 / 12, 1 / 12, 4 / 12]),
}


@pytest.mark.parametrize("name", MOMENTS)
@pytest.mark.parametrize(("rule", "accuracy"), [("sobol", 2e-3), ("uniform", 2.5e-2)])
def test_moments(name: str, rule: str, accuracy: float) -> None:
    domain, center, variance = MOMENTS[name]
    x = domain.interior(2**14, generator(3), rule).coordinates
    torch.testing.assert_close(x.mean(0), torch.tensor(center).double(), atol=accuracy, rtol=accuracy)
    if variance is not None:
        torch.testing.assert_close(
            x.var(0), torch.tensor(variance).double(), atol=2 * accuracy, rtol=2 * accuracy
        )


def test_sobol_beats_independent_points() -> None:
    box = Box([0, 0, 0], [1, 1, 1])
    errors = {
        rule: sum(
            abs(box.interior(1024, generator(seed), rule).coordinates.prod(1).mean().item() - 1 / 8)
            for seed in range(10)
        )
        for rule in ("sobol", "uniform")
    }
    assert errors["sobol"] < errors["uniform"] / 5


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_directions_of_a_sphere_are_isotropic(d: int) -> None:
    normal = Ball([0] * d, 3).boundary.sample(2**13, generator(4)).normal
    torch.testing.assert_close(normal.T @ normal / 2**13, torch.eye(d).double() / d, atol=5e-3, rtol=0)
    torch.testing.assert_close(normal.mean(0), torch.zeros(d).double(), atol=5e-3, rtol=0)


def test_mesh_cells_are_stratified() -> None:
    mesh, _ = ALL["mesh2"]
    # 24 triangles of equal area: every one gets its share of points, up to one.
    x = mesh.interior(240, generator(5)).coordinates
    corners = mesh.nodes[mesh.cells]
    edge = corners[:, 1:] - corners[:, :1]
    bary = torch.linalg.solve(edge.mT, (x[:, None] - corners[:, 0])[..., None])[..., 0]
    per_cell = ((bary >= 0).all(-1) & (bary.sum(-1) <= 1)).sum(0)
    assert per_cell.sum() == 240
    assert (per_cell - 10).abs().max() <= 2


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "3", None])
def test_number_of_points_must_be_a_positive_whole_number(n: object) -> None:
    for draw in (Interval(0, 1).interior, Interval(0, 1).boundary.sample):
        with pytest.raises(InputError, match="must be a positive whole number, got"):
            draw(n, generator())


def test_unknown_rule() -> None:
    with pytest.raises(NameNotFound, match="unknown sampling rule 'sobl'. Did you mean 'sobol'?"):
        Interval(0, 1).interior(3, generator(), "sobl")


def test_generator_is_needed() -> None:
    with pytest.raises(InputError, match=r"torch.Generator on the CPU, got 0: pass torch.Generator\(\)"):
        Interval(0, 1).interior(3, 0)


def test_empty_domain() -> None:
    apart = Disk([0, 0], 1) & Disk([1.5, 1.5], 1)
    assert apart.measure == 0
    with pytest.raises(InputError, match="the domain is empty.*0 of 131072 candidates"):
        apart.interior(5, generator())
    with pytest.raises(InputError, match="empty boundary"):
        apart.boundary.sample(5, generator())
