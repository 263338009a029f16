"""What is seen in data: peaks, layers, tubes, jumps and kinks with their places and widths, and nothing else."""

import math

import pytest
import torch

import pinnkit as pk

SQUARE = pk.Box([0, 0], [1, 1])
STRIP = pk.Interval(0, 1, name="x") * pk.Time(0, 1)


def poisson(source, **more):
    return pk.Problem(
        domain=SQUARE, unknowns="u", equations={"e": lambda u, p: -u.laplacian - source(p)},
        conditions=[pk.Dirichlet(u=0.0, on=SQUARE.boundary)], **more,
    )  # fmt: skip


def heat(source, start=0.0):
    return pk.Problem(
        domain=STRIP, unknowns="u", equations={"h": lambda u, p: u.t - u.xx - source(p)},
        conditions=[pk.Initial(u=start), pk.Dirichlet(u=0.0, on=STRIP.boundary)],
    )  # fmt: skip


def gauss(p, x, y, w):
    return torch.exp(-((p.x - x) ** 2 + (p.y - y) ** 2) / w**2)


@pytest.mark.parametrize("w", [1e-3, 3e-3, 0.02])
def test_a_peak_is_found_with_its_place_and_width(w):
    sights = poisson(lambda p: gauss(p, 0.71, 0.23, w) + 1e-3 * p.x).survey.sights
    assert len(sights) == 1 and "peak" in sights[0].text and not sights[0].jump
    feature = sights[0].feature
    assert feature.codimension == 2
    assert (feature.centre - torch.tensor([0.71, 0.23])).norm() < 0.3 * w
    # Where a Gaussian is above its half, points have a standard deviation of 0.42 w; twice that is called its width.
    assert feature.widths.max().item() == pytest.approx(0.83 * w, rel=0.15)


def test_two_peaks_of_different_heights():
    sights = poisson(lambda p: gauss(p, 0.2, 0.3, 0.02) + 0.4 * gauss(p, 0.7, 0.6, 0.005)).survey.sights
    centres = torch.stack([sight.feature.centre for sight in sights])
    assert torch.allclose(centres, torch.tensor([[0.2, 0.3], [0.7, 0.6]]).double(), atol=4e-3)


@pytest.mark.parametrize(
    ("source", "normal", "width"),
    [
        (lambda p: torch.tanh((p.x - 0.3) / 0.01), [1.0, 0.0], 0.01),
        (lambda p: torch.exp(-(((p.x + p.y - 1.1) / 0.01) ** 2)), [math.sqrt(0.5), math.sqrt(0.5)], 0.006),
    ],
)
def test_a_layer_is_found_with_its_direction(source, normal, width):
    (sight,) = poisson(source).survey.sights
    assert sight.feature.codimension == 1 and "layer" in sight.text
    across = sight.feature.frame[0] / sight.feature.frame[0].norm()
    assert abs(across @ torch.tensor(normal).double()) > 0.999
    assert sight.feature.widths.item() == pytest.approx(width, rel=0.3)


def test_a_bent_layer_is_told_but_not_placed():
    (sight,) = poisson(lambda p: torch.tanh((((p.x - 0.5) ** 2 + (p.y - 0.5) ** 2).sqrt() - 0.3) / 0.01)).survey.sights
    assert "bent layer" in sight.text and sight.feature is None


def test_jumps_and_kinks_are_named():
    (jump,) = poisson(lambda p: (p.x > 0.3).double()).survey.sights
    assert jump.jump and "a jump at x = 0.3" in jump.text
    (kink,) = poisson(lambda p: (p.x - 0.3).abs() + p.y**2).survey.sights
    assert "a kink at x = 0.3" in kink.text and kink.feature is None


def test_pulses_and_moving_sources():
    (pulse,) = heat(lambda p: torch.exp(-(((p.t - 0.3) / 0.005) ** 2)) * torch.sin(math.pi * p.x)).survey.sights
    assert pulse.feature.codimension == 1 and "at t = 0.3" in pulse.text
    (moving,) = heat(lambda p: torch.exp(-(((p.x - 0.2 - 0.5 * p.t) / 0.02) ** 2))).survey.sights
    across = moving.feature.frame[0] / moving.feature.frame[0].norm()
    # Lengths are scaled by the halfwidths, which are equal here.
    assert abs(across @ torch.tensor([1.0, -0.5]).double() / math.sqrt(1.25)) > 0.999


def test_data_of_conditions_are_looked_at():
    (sight,) = heat(lambda p: 0 * p.x, lambda p: torch.exp(-(((p.x - 0.2) / 0.01) ** 2))).survey.sights
    assert "Initial u" in sight.text
    assert torch.allclose(sight.feature.centre, torch.tensor([0.2, 0.0]).double(), atol=2e-3)


@pytest.mark.parametrize(
    "source",
    [
        lambda p: 1 + 0 * p.x,
        lambda p: torch.sin(20 * math.pi * p.x) * torch.sin(16 * math.pi * p.y),
        lambda p: torch.exp(-2 * p.x) * torch.cos(3 * p.y),
        lambda p: gauss(p, 0.5, 0.5, 0.3),
    ],
)
def test_smooth_and_oscillating_data_have_no_features(source):
    assert poisson(source).survey.sights == []


def test_users_features_come_first():
    own = pk.Feature([0.5, 0.5], 0.02)
    problem = poisson(lambda p: gauss(p, 0.51, 0.5, 0.02) + gauss(p, 0.2, 0.2, 0.01), features=[own])
    assert problem.survey.features[0] is own and len(problem.survey.features) == 2


def test_a_jump_of_a_leading_coefficient_is_doubted():
    def conductivity(p):
        return torch.where(p.y < 0.4, p.x.new_tensor(1.0), p.x.new_tensor(30.0))

    def problem(equation):
        conditions = [pk.Dirichlet(u=0.0, on=SQUARE.boundary)]
        return pk.Problem(domain=SQUARE, unknowns="u", equations={"e": equation}, conditions=conditions)

    (doubt,) = problem(lambda u, p: conductivity(p) * u.laplacian + 1).survey.doubts
    assert doubt.startswith("the coefficient of u.laplacian in equation 'e' has a jump at y = 0.4")
    assert "weak form" in doubt
    # A jump of what multiplies lower derivatives is no mistake.
    assert problem(lambda u, p: u.laplacian + conductivity(p) * u + 1).survey.doubts == []
    # Nor is one from a time to the next.
    rising = lambda p: torch.where(p.t < 0.4, p.x.new_tensor(1.0), p.x.new_tensor(30.0))  # noqa: E731
    evolution = pk.Problem(
        domain=STRIP, unknowns="u", equations={"e": lambda u, p: u.t - rising(p) * u.xx},
        conditions=[pk.Dirichlet(u=0.0, on=STRIP.boundary), pk.Initial(u=1.0)],
    )  # fmt: skip
    assert evolution.survey.doubts == []


def test_a_jump_that_a_hard_condition_carries_along_is_doubted():
    def problem(at, **how):
        start = pk.Initial(u=lambda p: torch.where(p.x < at, 0 * p.x, 1 + 0 * p.x), **how)
        ends = pk.Dirichlet(u=lambda p: torch.round(p.x), on=STRIP.boundary)
        return pk.Problem(domain=STRIP, unknowns="u", equations={"e": lambda u: u.t - u.xx}, conditions=[start, ends])

    (doubt,) = problem(0.4, hard=True).survey.doubts
    assert "a jump at x = 0.4, t = 0" in doubt and "hard=True" in doubt
    assert problem(0.4).survey.doubts == problem(-1.0, hard=True).survey.doubts == []


def test_the_sources_of_an_energy_are_looked_at():
    energy = pk.Problem(
        domain=SQUARE, unknowns="u", energy=lambda u, p: (u.grad**2).sum(-1) / 2 - gauss(p, 0.4, 0.3, 0.01) * u,
        conditions=[pk.Dirichlet(u=0.0, on=SQUARE.boundary, hard=True)],
    )  # fmt: skip
    (sight,) = energy.survey.sights
    assert "a peak 0.0" in sight.text and sight.peak
    assert (sight.feature.centre - torch.tensor([0.4, 0.3])).norm() < 1e-3


def test_numbers_that_end_at_the_boundary_hide_no_layer():
    disk = pk.Disk([0, 0], 1)
    source = lambda p: (1 - p.x**2 - p.y**2).sqrt() + torch.tanh((p.x - 0.2) / 0.01)  # noqa: E731
    sights = pk.Problem(
        domain=disk, unknowns="u", equations={"e": lambda u, p: -u.laplacian - source(p)},
        conditions=[pk.Dirichlet(u=0.0, on=disk.boundary)],
    ).survey.sights  # fmt: skip
    assert "layer" in sights[0].text and sights[0].feature.centre[0].item() == pytest.approx(0.2, abs=1e-3)


def laplace(datum, domain=SQUARE, **more):
    return pk.Problem(
        domain=domain, unknowns="u", equations={"e": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=datum, on=domain.boundary)], **more,
    )  # fmt: skip


@pytest.mark.parametrize("w", [1e-3, 0.01])
def test_a_layer_of_boundary_data_is_a_place_at_the_boundary(w):
    (sight,) = laplace(lambda p: torch.atan((p.x - 0.3) / (p.y + w))).survey.sights
    assert "a transition" in sight.text and "y = 0" in sight.text
    assert (sight.feature.centre - torch.tensor([0.3, 0.0])).norm() < w
    # The slope of an arc tangent is above its half over twice w, evenly: a deviation of w / sqrt(3), doubled.
    assert sight.feature.widths.tolist() == pytest.approx([1.15 * w] * 2, rel=0.2)


def test_a_layer_of_boundary_data_is_resolved():
    exact = lambda p: torch.atan((p.x - 0.3) / (p.y + 0.01))  # noqa: E731
    solution = pk.solve(laplace(exact, reference=exact), method=pk.LeastSquares(max_size=600))
    assert solution.relative_l2 < 1e-5  # 2e-2 without


def test_a_jump_of_initial_data():
    (sight,) = heat(lambda p: 0 * p.x, lambda p: torch.where(p.x < 0.6, 1.0, 0.0) + 0 * p.x).survey.sights
    assert sight.jump and "a jump at x = 0.6, t = 0" in sight.text
    assert sight.feature.codimension == 2


def test_a_layer_on_a_side_of_a_cube_is_a_tube():
    cube = pk.Box([0, 0, 0], [1, 1, 1])
    sights = laplace(lambda p: torch.tanh((p.x - 0.4) / 0.01) * (p.z == 0), cube).survey.sights
    assert len(sights) == 1 and "tube" in sights[0].text
    across = sights[0].feature.frame * sights[0].feature.widths[:, None]
    assert across.abs().round(decimals=3).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_the_sides_of_a_turned_polygon_are_looked_at():
    turned = pk.Polygon([[0, 0], [2, 1], [1, 3], [-1, 2]])
    (sight,) = laplace(lambda p: torch.tanh((p.x - 1) / 0.01) * (p.x - 2 * p.y).abs().lt(1e-9), turned).survey.sights
    assert (sight.feature.centre - torch.tensor([1.0, 0.5])).norm() < 0.01


def test_data_that_are_tiny_beside_those_of_another_side_are_passed_over():
    tail = lambda p: torch.where(p.x == 0, torch.sin(3 * p.y), 1e-3 * torch.tanh((p.x - 0.5) / 0.01))  # noqa: E731
    assert laplace(tail).survey.sights == []


LINE = pk.Interval(0, 1)


def reaction(rate, line=LINE):
    return pk.Problem(
        domain=line, unknowns="u", equations={"e": lambda u, p: -u.xx + rate(p) * u - 1},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
    )  # fmt: skip


@pytest.mark.parametrize("sharp", [False, True])
def test_a_peak_of_a_coefficient_is_found(sharp):
    w = 3e-3
    box, bell = (lambda p: 1.0 * ((p.x - 0.4).abs() < w)), lambda p: torch.exp(-(((p.x - 0.4) / w) ** 2))
    survey = reaction(box if sharp else bell).survey
    (sight,) = survey.sights
    assert sight.text.startswith("the coefficient of u in equation 'e' has a peak") and sight.coefficient
    assert survey.rough == survey.features == [sight.feature]
    assert survey.sharp is sight.sharp is sharp


@pytest.mark.parametrize(("width", "seen"), [(3e-3, 0), (1e-3, 1)])
def test_a_transition_of_a_coefficient_matters_where_one_space_cannot_follow_it(width, seen):
    # Of a source the wider one matters, too: solutions are smoother than coefficients.
    step = lambda p: 2 + torch.tanh((p.x - 0.45) / width)  # noqa: E731
    assert len(reaction(step).survey.sights) == seen
    line = pk.Interval(0, 1)
    source = pk.Problem(
        domain=line, unknowns="u", equations={"e": lambda u, p: -u.xx - step(p)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
    )  # fmt: skip
    assert len(source.survey.sights) == 1


def test_infinite_and_smooth_coefficients_are_no_peaks():
    radius = pk.Interval(0, 1, name="r")
    problem = pk.Problem(
        domain=radius, unknowns="u", conditions=[pk.Dirichlet(u=0.0, on=radius.boundary)],
        equations={"e": lambda u, p: (1 + 1 / p.r**2) * u.rr + u.r / p.r + (2 + torch.sin(p.r)) * u - 1},
    )  # fmt: skip
    assert problem.survey.sights == problem.survey.doubts == [] and not problem.survey.sharp


@pytest.mark.parametrize("domain", [SQUARE, pk.Disk([0, 0], 1)])
def test_a_peak_of_a_robin_coefficient_is_found(domain):
    def rate(p):
        return 1 / ((p.x - 0.5) ** 2 + 1e-6)

    side = domain.boundary["bottom"] if domain is SQUARE else domain.boundary.where(lambda p: p.y < 0)
    problem = pk.Problem(
        domain=domain, unknowns="u", equations={"e": lambda u: u.laplacian},
        conditions=[pk.Condition(lambda u, p: u.normal + rate(p) * u - 1, on=side, name="leak")],
    )  # fmt: skip
    assert any("the coefficient of u in leak has a peak" in s.text and s.coefficient for s in problem.survey.sights)
    at = next(s.feature.centre for s in problem.survey.sights if s.coefficient)
    assert abs(at[0] - 0.5) < 5e-3 and (domain is not SQUARE or abs(at[1]) < 1e-9)


def test_coefficients_of_integrals_are_told_from_sources():
    def bell(p):
        return torch.exp(-(((p.x - 0.4) / 3e-3) ** 2))

    wall = pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True)
    loaded, varying, weak = (
        pk.Problem(domain=LINE, unknowns="u", conditions=[wall], **stated).survey
        for stated in (
            {"energy": lambda u, p: u.x**2 / 2 - bell(p) * u},
            {"energy": lambda u, p: (1 + bell(p)) * u.x**2 / 2 - u},
            {"weak": lambda u, v, p: (1 + bell(p)) * u.x * v.x - v},
        )
    )
    assert [s.coefficient for s in loaded.sights] == [False]
    for survey in (varying, weak):
        assert [s.coefficient for s in survey.sights] == [True] and not survey.rough
        assert not survey.features  # whose functions the nodes could not tell from each other


def test_a_peak_that_is_lower_than_the_waves_around_it_is_found():
    (sight,) = poisson(lambda p: torch.sin(100 * p.x) + 0.6 * gauss(p, 0.37, 0.61, 3e-3)).survey.sights
    assert sight.peak and (sight.feature.centre - torch.tensor([0.37, 0.61])).norm() < 1e-3
    assert 1e-3 < sight.feature.widths.max() < 4e-3


@pytest.mark.parametrize(
    "source",
    [
        lambda p: torch.sin(100 * p.x) * torch.cos(40 * p.y),
        lambda p: 1 / (1 + 25 * ((p.x - 0.5) ** 2 + p.y**2)),
        lambda p: torch.exp(torch.sin(4 * (3 * p.x + 2 * p.y))),
        lambda p: (p.x * p.y) ** 4,
    ],
)
def test_smooth_sources_hide_nothing(source):
    assert poisson(source).survey.sights == []


def test_what_is_too_small_for_a_first_look_is_seen_by_a_second():
    def disc(p):
        return 1e6 * ((p.x - 0.37) ** 2 + (p.y - 0.61) ** 2 < 1e-6) * 1.0

    problem = pk.Problem(
        domain=SQUARE, unknowns="u", equations={"e": lambda u, p: -u.laplacian + disc(p) * u},
        conditions=[pk.Dirichlet(u=1.0, on=SQUARE.boundary)],
    )  # fmt: skip
    survey = problem.survey
    assert not survey.sights and not survey.rough
    (late,) = survey.again()
    assert late.coefficient and (late.feature.centre - torch.tensor([0.37, 0.61])).norm() < 2e-4
    assert survey.again() == survey.late == [late] and survey.rough == [late.feature]
    assert not survey.features  # spaces that are drawn again are those that there were


def test_made_up_values_do_not_cancel_what_is_multiplied():
    film = lambda p: 1e4 * ((p.x - 0.4).abs() < 3e-3)  # noqa: E731
    problem = pk.Problem(
        domain=LINE, unknowns="u w", conditions=[pk.Dirichlet(u=0.0, w=1.0, on=LINE.boundary)],
        equations={"a": lambda u, w, p: -u.xx + film(p) * (u - w), "b": lambda w: w.xx},
    )  # fmt: skip
    assert [s.text[:24] for s in problem.survey.sights] == ["the coefficient of u in ", "the coefficient of w in "]
    whole = problem.survey._whole(problem.equations[0], torch.tensor([[0.4], [0.5]]).double())
    assert whole[0].abs() > 1e3 > 10 * whole[1].abs()
