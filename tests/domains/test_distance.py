"""Signed distances against the distance to a densely sampled boundary."""

import pytest
import torch

from pinnkit.domains import Box, Domain
from pinnkit.errors import InputError

from .shapes import ALL, COMPOSED, PRIMITIVES, SPACE_TIME


def around(domain: Domain, n: int) -> torch.Tensor:
    """Points in a box twice as large as the domain."""
    lower, upper = domain.bounds
    unit = torch.rand(n, domain.dimension, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    return lower + (upper - lower) * (2 * unit - 0.5)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_distance_is_that_to_the_nearest_boundary_point(name: str) -> None:
    domain, _ = PRIMITIVES[name]
    x = around(domain, 200)
    dense = domain.boundary.sample(2**16 if domain.dimension > 2 else 2**14, torch.Generator().manual_seed(5))
    brute = torch.cdist(x, dense.coordinates).amin(1)
    distance = domain.signed_distance(x).abs()
    # A sampled boundary is never nearer than the boundary, and hardly farther.
    assert (distance <= brute + 1e-9).all()
    spacing = 4 * (domain.boundary.measure / len(dense)) ** (1 / max(domain.dimension - 1, 1))
    torch.testing.assert_close(
        distance, brute, atol=spacing**2 / 0.05 + 1e-3 if spacing < 0.1 else 0.25, rtol=0
    )


@pytest.mark.parametrize("name", PRIMITIVES)
def test_gradient_of_the_distance_has_norm_one(name: str) -> None:
    domain, _ = PRIMITIVES[name]
    x = around(domain, 300).requires_grad_()
    (gradient,) = torch.autograd.grad(domain.signed_distance(x).sum(), x)
    torch.testing.assert_close(gradient.norm(dim=1), torch.ones(300, dtype=torch.float64))


@pytest.mark.parametrize("name", COMPOSED | SPACE_TIME)
def test_composed_distance_is_a_lower_bound_with_the_right_sign(name: str) -> None:
    domain, _ = ALL[name]
    x = around(domain, 200)
    pieces = domain.boundary.sample(2**13, torch.Generator().manual_seed(6)).coordinates
    if name in SPACE_TIME:
        ends = [
            part.sample(2**13, torch.Generator().manual_seed(7)) for part in (domain.initial, domain.final)
        ]
        pieces = torch.cat([pieces, *(p.coordinates for p in ends)])
    assert (domain.signed_distance(x).abs() <= torch.cdist(x, pieces).amin(1) + 1e-9).all()
    assert ((domain.signed_distance(x) <= 0) == domain.contains(x)).all()


@pytest.mark.parametrize("name", ALL)
def test_volume_where_the_distance_is_negative_is_the_measure(name: str) -> None:
    domain, exact = ALL[name]
    x = around(domain, 2**13)
    box = (2 * (domain.bounds[1] - domain.bounds[0])).prod().item()
    share = exact / box
    # Four standard deviations of independent points.
    assert domain.contains(x).double().mean().item() == pytest.approx(share, abs=4 * (share / 2**13) ** 0.5)


@pytest.mark.parametrize("name", ALL)
def test_boundary_points_have_distance_zero(name: str) -> None:
    domain, _ = ALL[name]
    x = domain.boundary.sample(200, torch.Generator().manual_seed(7)).coordinates
    assert domain.signed_distance(x).abs().max() < 1e-7


def test_single_precision_stays_single() -> None:
    for domain, _ in PRIMITIVES.values():
        x = around(domain, 10)
        distance = domain.signed_distance(x.float())
        assert distance.dtype == torch.float32
        torch.testing.assert_close(distance.double(), domain.signed_distance(x), atol=1e-5, rtol=1e-5)


def test_many_points_are_treated_in_blocks() -> None:
    domain, _ = PRIMITIVES["polygon"]
    x = around(domain, 300_000)
    together = domain.signed_distance(x)
    torch.testing.assert_close(together[-100:], domain.signed_distance(x[-100:]))


@pytest.mark.parametrize("shape", [(3,), (3, 3), (2, 3, 2)])
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"shape \(n, 2\) for the coordinates x, y, got"):
        Box([0, 0], [1, 1]).signed_distance(torch.zeros(shape))
