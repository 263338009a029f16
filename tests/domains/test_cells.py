"""Cells: they fill the domain, fit together, and carry hat functions."""

import math

import pytest
import torch

from pinnkit import InputError, Polygon
from pinnkit.domains.cells import triangulate

from .shapes import ALL, ARROW

CELLED = ["interval", "box2", "box3", "polygon", "polygon-clockwise", "mesh2", "mesh3", "interval x t"]


@pytest.mark.parametrize("name", CELLED)
@pytest.mark.parametrize("nodes", [1, 100])
def test_cells_fill_the_domain_and_their_facets_its_boundary(name, nodes):
    domain, measure = ALL[name]
    cells = domain.partition(nodes)
    assert len(cells.nodes) >= nodes
    rule = cells.rule(2)
    assert rule.weights.min() > 0 and rule.weights.sum().item() == pytest.approx(measure, rel=1e-12)
    for piece in domain.boundary.pieces:
        key = piece.face if piece.face in cells.facets else piece.name
        facet = cells.rule(2, key)
        assert facet.weights.sum().item() == pytest.approx(piece.measure, rel=1e-12)
        assert domain.signed_distance(facet.x.flatten(0, 1))[:50].abs().max() < 1e-12
        x, normal = facet.x[:, 0], cells.facets[key][1]
        assert (domain.contains(x - 1e-6 * normal) & ~domain.contains(x + 1e-6 * normal)).all()


@pytest.mark.parametrize("name", CELLED)
def test_hat_functions_reproduce_linear_functions(name):
    cells = ALL[name][0].partition(60)
    d = cells.nodes.shape[1]
    slope = torch.arange(1, d + 1, dtype=torch.float64)
    f = cells.nodes @ slope + 0.5
    rule = cells.rule(3)
    values = torch.einsum("qa,ca->cq", rule.hats, f[rule.corners])
    torch.testing.assert_close(values, rule.x @ slope + 0.5)
    gradients = torch.einsum("cqad,ca->cqd", rule.gradients, f[rule.corners])
    torch.testing.assert_close(gradients, slope.expand_as(gradients))
    assert rule.hats.min() > 0 and torch.allclose(rule.hats.sum(1), torch.ones(1, dtype=torch.float64))


def test_breaks_are_nodes():
    cells = ALL["box2"][0].partition(30, {"x": [0.31, 0.77]})
    for at in (0.31, 0.77):
        assert (cells.nodes[:, 0] == at).any()
        assert not ((cells.rule(1).x[..., 0] - at).abs() < 1e-3).any()


@pytest.mark.parametrize(
    "vertices",
    [
        ARROW,
        [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1)],
        [(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)],
        [(math.cos(t) * (1 + t % 2), math.sin(t) * (1 + t % 2)) for t in torch.linspace(0, 6, 31).tolist()],
        [(0, 0), (4, 0), (4, 3), (3, 3), (3, 1), (1, 1), (1, 3), (0, 3)],
    ],
    ids=["arrow", "on lines", "L", "star", "U"],
)
def test_triangulation(vertices):
    polygon = Polygon(vertices)
    triangles = polygon.vertices[triangulate(polygon.vertices)]
    a, b, c = triangles.unbind(1)
    areas = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert len(areas) == len(vertices) - 2 and (areas > 0).all()
    assert areas.sum().item() == pytest.approx(polygon.measure, rel=1e-12)


def test_what_has_no_cells_says_so():
    with pytest.raises(InputError, match="a weak form needs cells, .* got Difference"):
        ALL["box-disk"][0].partition(10)
