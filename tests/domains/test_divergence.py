"""The divergence theorem: every normal, every measure and every sampling rule at once."""

import pytest
import torch
from torch import Tensor

from pinnkit.domains import Boundary, Domain, SpaceTime

from .shapes import ALL

N = 2**14


def field(x: Tensor) -> Tensor:
    """A polynomial field whose components depend on other coordinates, too."""
    return x * (1 + 0.5 * x.roll(1, -1)) + 0.3 * x**3 + 0.2


def divergence(x: Tensor) -> Tensor:
    return torch.func.vmap(lambda p: torch.func.jacrev(field)(p).trace())(x)


def whole_boundary(domain: Domain) -> Boundary:
    pieces = domain.boundary.pieces
    if isinstance(domain, SpaceTime):
        pieces += domain.initial.pieces + domain.final.pieces
    return Boundary(pieces, domain.names)


def fluxes(domain: Domain, seed: int = 1) -> list[float]:
    g = torch.Generator().manual_seed(seed)
    result = []
    for piece in whole_boundary(domain).pieces:
        x, normal = piece.sample(N, g)
        result.append(((field(x) * normal).sum(1).mean() * piece.measure).item())
    return result


@pytest.mark.parametrize("name", ALL)
def test_flux_through_the_boundary_is_the_integral_of_the_divergence(name: str) -> None:
    domain, _ = ALL[name]
    x = domain.interior(N, torch.Generator().manual_seed(0)).coordinates
    inside = (divergence(x).mean() * domain.measure).item()
    through = fluxes(domain)
    tolerance = 2e-3 * max(1.0, sum(map(abs, through)))
    assert sum(through) == pytest.approx(inside, abs=tolerance)
    # The test is only worth something if a wrong sign of any single piece would break it.
    assert all(2 * abs(flux) > 5 * tolerance for flux in through)


@pytest.mark.parametrize("name", ALL)
def test_sampling_the_whole_boundary_weighs_its_pieces_by_measure(name: str) -> None:
    domain, _ = ALL[name]
    boundary = whole_boundary(domain)
    p = boundary.sample(N, torch.Generator().manual_seed(2))
    assert len(p) == N
    flux = ((field(p.coordinates) * p.normal).sum(1).mean() * boundary.measure).item()
    through = fluxes(domain)
    assert flux == pytest.approx(sum(through), abs=3e-3 * max(1.0, sum(map(abs, through))))


@pytest.mark.parametrize("name", ALL)
def test_normals_are_unit_and_point_outwards(name: str) -> None:
    domain, _ = ALL[name]
    p = whole_boundary(domain).sample(600, torch.Generator().manual_seed(3))
    torch.testing.assert_close(p.normal.norm(dim=1), torch.ones(600, dtype=torch.float64))
    assert domain.contains(p.coordinates - 1e-5 * p.normal).float().mean() > 0.99
    assert domain.contains(p.coordinates + 1e-5 * p.normal).float().mean() < 0.01


@pytest.mark.parametrize("name", ALL)
def test_measure(name: str) -> None:
    domain, exact = ALL[name]
    assert domain.measure == pytest.approx(exact, rel=1e-12 if not _measured(domain) else 1e-3)


def _measured(domain: Domain) -> bool:
    return hasattr(domain.space if isinstance(domain, SpaceTime) else domain, "first")
