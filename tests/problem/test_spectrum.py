"""Spectral initialisation: frequencies of the solution, read off the data."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.problem import Spectrum

PI = math.pi


def spectrum(domain, equation, conditions=(), unknowns="u"):
    return Spectrum(pk.Problem(domain=domain, unknowns=unknowns, equations={"e": equation}, conditions=conditions))


def strongest(found):
    """The absolute frequencies of the peak."""
    return found.frequencies[found.probability.argmax()].abs()


def near(frequency, expected, found):
    """Within one frequency cell of what was asked for."""
    return ((frequency - torch.tensor(expected, dtype=torch.float64)).abs() <= found.cell + 1e-9).all()


@pytest.mark.parametrize("k", [3, 40])
def test_peak_of_a_source_in_one_dimension(k):
    found = spectrum(pk.Interval(0, 2), lambda u, p: u.xx - torch.sin(k * PI * p.x))
    assert near(strongest(found), [k * PI], found)


def test_peak_of_a_source_in_two_dimensions():
    box = pk.Box([0, 1], [2, 1.5])
    found = spectrum(box, lambda u, p: u.laplacian - torch.sin(7 * PI * p.x) * torch.cos(24 * PI * p.y))
    assert near(strongest(found), [7 * PI, 24 * PI], found)
    assert (found.frequencies.abs() <= torch.tensor([9 * PI, 32 * PI])).all()  # nothing but the peak and its window


def test_peak_of_a_source_in_three_dimensions():
    def source(p):
        return torch.sin(5 * PI * p.x) * torch.sin(2 * PI * p.y) * torch.sin(8 * PI * p.z)

    found = spectrum(pk.Box([-1] * 3, [1] * 3), lambda u, p: u.laplacian + source(p))
    assert near(strongest(found), [5 * PI, 2 * PI, 8 * PI], found)


def test_four_dimensions_fall_back_to_low_frequencies():
    found = spectrum(pk.Box([0] * 4, [1, 1, 1, 10]), lambda u, p: u.laplacian + torch.sin(9 * p.x1))
    drawn = found.draw(4000, 2.0, torch.Generator().manual_seed(0), grouped=False)
    assert drawn.shape == (4000, 4) and drawn.mean(0).abs().max() < 0.5
    torch.testing.assert_close(
        drawn.std(0), 2.0 * 2 * PI / torch.tensor([1.0, 1, 1, 10], dtype=torch.float64), rtol=0.05, atol=0
    )


def test_the_source_is_divided_by_the_symbol():
    """Two frequencies, of which one is five times the other: equal in the source, not in the solution."""

    def weights(equation):
        found = spectrum(pk.Interval(-1, 1), equation)
        f = found.frequencies[:, 0].abs() / PI
        return [found.probability[(f - k).abs() < 0.25].max().item() for k in (4, 20)]

    def source(p):
        return torch.sin(4 * PI * p.x) + torch.sin(20 * PI * p.x)

    low, high = weights(lambda u, p: -u.xx - source(p))
    assert low / high == pytest.approx(5 ** (2 / 4), rel=0.1)  # probability is the fourth root of the amplitude
    low, high = weights(lambda u, p: u - source(p))
    assert low / high == pytest.approx(1, rel=0.05)
    low, high = weights(lambda u, p: u.xxxx - source(p))
    assert low / high == pytest.approx(5 ** (4 / 4), rel=0.1)


def test_boundary_data_count_too():
    box = pk.Box([0, 0], [1, 1])
    data = pk.Dirichlet(u=lambda p: torch.sin(14 * PI * p.x), on=box.boundary["bottom"])
    found = spectrum(box, lambda u: u.laplacian, [data])
    assert near(strongest(found), [14 * PI, 0], found)


def test_hard_data_count_through_the_residual_of_their_lift():
    heat = pk.Interval(0, 1) * pk.Time(0, 1)
    start = pk.Initial(u=lambda p: torch.sin(16 * PI * p.x), hard=True)
    found = spectrum(heat, lambda u: u.t - u.xx, [start])
    assert near(strongest(found)[:1], [16 * PI], type("", (), {"cell": found.cell[:1]}))


def test_draws_are_spread_by_cells():
    found = spectrum(pk.Interval(0, 4), lambda u, p: u - torch.sin(10 * PI * p.x))
    g = torch.Generator().manual_seed(0)
    drawn = found.draw(5000, 3.0, g)[:, 0].abs()
    assert drawn.mean().item() == pytest.approx(10 * PI, abs=0.2)
    assert drawn.std().item() == pytest.approx(3.0 * PI / 2, rel=0.1)  # the peak itself is about a cell wide


@pytest.mark.parametrize("equation", [
    lambda u: u.xx,  # no data
    lambda u: u.x**2 - 1,  # no slope at zero
    lambda u, p: u.xx - torch.sqrt(u) + p.x,  # an infinite slope at zero
    lambda u: u.xx + torch.log(u),  # infinite at zero
    lambda u, p: u.xx + (2 * PI) ** 2 * u - torch.sin(2 * PI * p.x),  # at resonance
])  # fmt: skip
def test_degenerate_problems_still_give_frequencies(equation):
    found = spectrum(pk.Interval(0, 1), equation)
    drawn = found.draw(100, 1.0, torch.Generator().manual_seed(0))
    assert drawn.shape == (100, 1) and torch.isfinite(drawn).all() and len(drawn.unique()) == 100


def test_data_with_normals_are_passed_over():
    disk = pk.Disk([0, 0], 1)
    data = pk.Neumann(u=lambda p: p.normal[:, 0], on=disk.boundary)
    found = spectrum(disk, lambda u, p: u.laplacian - torch.sin(6 * PI * p.x), [data])
    assert near(strongest(found), [6 * PI, 0], found)


def test_a_lift_is_a_source_and_a_harmonic_one_is_none():
    """sin 20 x on its own leaves the source 400 sin 20 x; of a harmonic function only rounding is left."""
    box = pk.Box([-1, -1], [1, 1])

    def found(lift):
        problem = pk.Problem(domain=box, unknowns="u", equations={"e": lambda u: u.laplacian}, lift=lift)
        spectrum = Spectrum(problem)
        return spectrum.frequencies[spectrum.probability.argmax()].abs().tolist(), len(spectrum.frequencies)

    assert found(None) == found(lambda p: torch.exp(p.x) * torch.sin(p.y)) == ([0.0, 0.0], 1)
    assert found(lambda p: torch.sin(20 * p.x))[0][0] == pytest.approx(20, abs=math.pi)


def test_fast_data_on_a_long_axis_are_not_taken_for_slow_ones():
    """cos(pi t) has 50 periods on T = 100, more than the usual samples along an axis of three can tell."""
    rod = pk.Box([-1, -1], [1, 1]) * pk.Time(0, 100)

    def source(p):
        return torch.cos(math.pi * p.t) * torch.sin(math.pi * p.x) * torch.sin(math.pi * p.y)

    problem = pk.Problem(
        domain=rod, unknowns="u", equations={"wave": lambda u, p: u.tt - u.laplacian - source(p)},
        conditions=[pk.Initial(u=0.0), pk.Initial(u_t=0.0), pk.Dirichlet(u=0.0, on=rod.boundary)],
    )  # fmt: skip
    spectrum = Spectrum(problem)
    likely = spectrum.frequencies[spectrum.probability > 0.5]
    assert (likely[:, 2].abs() - math.pi).abs().min() < 0.1
    assert likely[:, 2].abs().median() > 2.5


@pytest.mark.parametrize("waves", [10, 60])
def test_an_oscillating_coefficient_and_its_square_count(waves):
    def wave(p):
        return torch.sin(2 * PI * waves * p.x)

    found = spectrum(pk.Interval(0, 1), lambda u, p: u.xx + 50 * wave(p) * u - 1)
    assert found.oscillating
    for factor in (1, 2):
        assert (found.frequencies.abs() - 2 * PI * waves * factor).abs().min() <= found.cell
    assert not spectrum(pk.Interval(0, 1), lambda u, p: u.xx + (2 + torch.sin(3 * p.x)) * u - 1).oscillating


def test_a_laminate_oscillates_although_its_square_does_not():
    laminate = lambda p: torch.where(torch.sin(80 * PI * p.x) > 0, 1 + 0 * p.x, 2 + 0 * p.x)  # noqa: E731
    line = pk.Interval(0, 1)
    problem = pk.Problem(
        domain=line, unknowns="u", weak=lambda u, v, p: laminate(p) * u.x * v.x - v,
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
    )  # fmt: skip
    assert Spectrum(problem).oscillating
