"""CGLS, SIRT and total variation: against other solvers, optimality, and stopping without the truth."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from scipy.sparse.linalg import lsqr

from pinnkit.errors import InputError, NameNotFound
from pinnkit.tomography import (
    Detector,
    FanBeam,
    ImageGrid,
    ParallelBeam,
    Projector,
    Scan,
    estimated_variance,
    shepp_logan,
)
from pinnkit.tomography.classical import CGLS, CLASSICAL, SIRT, FilteredBackprojection, TotalVariation
from pinnkit.tomography.classical.cgls import cgls
from pinnkit.tomography.classical.primal_dual import (
    PrimalDual,
    differences,
    differences_transposed,
    variation,
)
from pinnkit.tomography.classical.reconstruction import Whitened
from pinnkit.tomography.classical.sirt import sirt
from pinnkit.tomography.classical.stopping import redness

ELLIPSES = [(0.02, (0.0, 0.0), (28.0, 22.0)), (-0.01, (-9.0, 4.0), (7.0, 9.0)), (0.015, (10.0, -6.0), (5.0, 4.0))]


def scan_of(views=15, n=48, noise=0.02, fan=False, dtype=torch.float32):
    """Closed-form chords of ellipses with noise that is larger in some views, and a projector."""
    detector = Detector(64, 2.2 if fan else 1.1)
    angles = tuple((360 if fan else 180) * np.arange(views) / views)
    geometry = FanBeam(angles, detector, 200.0, 400.0) if fan else ParallelBeam(angles, detector)
    grid = ImageGrid(n, n, 64 / n)
    origins, directions = geometry.rays()
    sinogram, truth = 0.0, 0.0
    for mu, centre, axes in ELLIPSES:
        o, d, p = (origins - centre) / axes, directions / axes, (grid.points() - centre) / axes
        a, b, c = (d * d).sum(-1), (o * d).sum(-1), (o * o).sum(-1) - 1
        sinogram = sinogram + mu * 2 * np.sqrt(np.maximum(b * b - a * c, 0)) / a
        truth = truth + mu * ((p * p).sum(1) < 1).reshape(grid.shape)
    deviation = noise * (1 + np.arange(views)[:, None] % 3) * np.ones(geometry.shape)
    sinogram = sinogram + deviation * np.random.default_rng(0).standard_normal(geometry.shape)
    scan = Scan(geometry, sinogram, grid, deviation**2, truth)
    return scan, Projector(geometry, grid, dtype)


def error(image, scan):
    return float(np.linalg.norm(image.numpy() - scan.truth) / np.linalg.norm(scan.truth))


def chi2(image, scan, projector):
    residual = projector(image).numpy() - scan.sinogram
    return (residual**2 / scan.variance).mean()


@pytest.mark.parametrize("known", [True, False])
def test_cgls_converges_to_lsqr(known):
    scan, projector = scan_of(views=40, n=12, dtype=torch.float64)
    scan = scan if known else replace(scan, variance=None)
    image = next(islice(cgls(Whitened(scan, projector)), 150, None))[0]
    weights = 1 / np.sqrt(scan.variance if known else estimated_variance(scan)).ravel()
    matrix = projector.linear_operator() @ np.eye(144)
    expected = lsqr(weights[:, None] * matrix, weights * scan.sinogram.ravel(), atol=1e-14, btol=1e-14)[0]
    np.testing.assert_allclose(image.numpy().ravel(), expected, atol=1e-9)


def test_sirt_converges_to_non_negative_least_squares():
    scan, projector = scan_of(views=40, n=12, noise=0.2, dtype=torch.float64)
    B = Whitened(scan, projector)
    image, residual = next(islice(sirt(B), 3000, None))
    torch.testing.assert_close(residual, B.right - B(image))
    rows = B.sums()[0].numpy().ravel()
    scale = np.where(rows > 0, 1 / np.sqrt(np.maximum(rows, 1e-12)), 0) / np.sqrt(scan.variance).ravel()
    expected = nnls(scale[:, None] * (projector.linear_operator() @ np.eye(144)), scale * scan.sinogram.ravel())[0]
    assert (expected == 0).sum() > 10
    np.testing.assert_allclose(image.numpy().ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("fan", [False, True])
@pytest.mark.parametrize(("method", "iterates"), [(CGLS(), cgls), (SIRT(), sirt)], ids=["cgls", "sirt"])
def test_the_discrepancy_principle_takes_the_first_image_that_meets_it(method, iterates, fan):
    scan, projector = scan_of(fan=fan)
    found = method.solve(scan, projector)
    assert found.reason.startswith("discrepancy principle")
    assert chi2(found.image, scan, projector) <= 1.0001
    before = next(islice(iterates(Whitened(scan, projector)), found.iterations - 1, None))[0]
    assert chi2(before, scan, projector) > 1


@pytest.mark.parametrize(("method", "iterates"), [(CGLS(), cgls), (SIRT(), sirt)], ids=["cgls", "sirt"])
def test_with_unequal_noise_that_is_not_known_the_whitest_residual_is_near_the_best(method, iterates):
    scan, projector = scan_of(views=60, noise=0.04)
    scan = replace(scan, variance=None)
    found = method.solve(scan, projector)
    assert found.reason.startswith("whitest residual")
    errors = [error(image, scan) for image, _ in islice(iterates(Whitened(scan, projector)), 100)]
    assert error(found.image, scan) < 1.15 * min(errors)
    assert errors[-1] > 1.5 * min(errors)  # stopping matters here


def test_redness():
    white = torch.from_numpy(np.random.default_rng(0).standard_normal((40, 128)))
    assert redness(white) < 0.05
    assert redness(white.cumsum(1)) > 0.5
    assert redness(white.diff(dim=1)) < 0.01
    assert redness(torch.zeros(3, 8)) == 0
    assert redness(torch.ones(3, 1)) == 0


def test_differences_and_their_transpose():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    q = torch.randn(2, 7, 5, generator=generator, dtype=torch.float64)
    q[0, :, -1] = q[1, -1] = 0
    torch.testing.assert_close((differences(x) * q).sum(), (x * differences_transposed(q)).sum())
    step = torch.zeros(6, 6)
    step[:, 3:] = 2.0
    assert variation(step) == pytest.approx(12)


def test_total_variation_closes_the_duality_gap():
    scan, projector = scan_of(n=24, dtype=torch.float64)
    B = Whitened(scan, projector)
    state = PrimalDual(B)
    state.weight = weight = 2000.0
    for _ in range(4000):
        state.step()
    primal = variation(state.x) + float((B(state.x) - B.right).square().sum()) / (2 * weight)
    # A lower bound for all images between 0 and M, the minimiser among them.
    slope = B.T(state.y) + differences_transposed(state.q)
    bound = 2 * float(state.x.max())
    dual = -float((B.right * state.y).sum() + weight / 2 * state.y.square().sum() - bound * slope.clamp(max=0).sum())
    assert torch.hypot(*state.q).max() <= 1 + 1e-12
    assert 0 <= primal - dual < 1e-3 * primal
    torch.testing.assert_close(state.residual, weight * state.y, atol=1e-2, rtol=0)


def test_the_discrepancy_gives_total_variation_its_weight():
    scan, projector = scan_of()
    found = TotalVariation(tolerance=1e-5, iterations=3000).solve(scan, projector)
    assert found.reason == "discrepancy principle"
    assert chi2(found.image, scan, projector) == pytest.approx(1, abs=0.021)
    given = TotalVariation(weight=found.weight, tolerance=1e-5, iterations=3000).solve(scan, projector)
    assert given.reason == "weight as given" and given.weight == found.weight
    difference = (given.image - found.image).norm() / found.image.norm()
    assert difference < 0.01


def test_total_variation_is_best_for_piecewise_constant_images():
    scan, projector = scan_of()
    errors = [error(method.reconstruct(scan, projector), scan) for method in CLASSICAL]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.8 * errors[-3]  # SIRT
    assert errors[-1] < 0.5 * errors[0]  # FBP


def unequal_noise():
    scan, projector = scan_of(views=30, noise=0.04)
    return replace(scan, variance=None), projector


def photon_noise():
    scan = replace(shepp_logan(views=30, counts=3e3, size=48), variance=None)
    return scan, Projector(scan.geometry, scan.grid)


@pytest.mark.parametrize(
    ("case", "reason"), [(unequal_noise, "whitest residual, as chi^2"), (photon_noise, "discrepancy principle")]
)
def test_without_a_variance_total_variation_finds_a_weight(case, reason):
    scan, projector = case()
    found = TotalVariation().solve(scan, projector)
    assert found.reason.startswith(reason) and found.weight is not None
    others = [
        error(TotalVariation(weight=found.weight * factor).reconstruct(scan, projector), scan)
        for factor in (1 / 32, 1 / 8, 1 / 4, 1 / 2, 2, 4, 8, 32)
    ]
    assert error(found.image, scan) < 1.25 * min(others)
    assert max(others[0], others[-1]) > 1.5 * min(others)


def test_the_whitest_residual_is_a_rule_of_its_own():
    scan, projector = photon_noise()
    found = TotalVariation(rule="whitest").solve(scan, projector)
    assert found.reason == "whitest residual"
    assert found.weight != TotalVariation().solve(scan, projector).weight
    with pytest.raises(NameNotFound, match="unknown rule for the weight 'l-curve'. Known: discrepancy, whitest"):
        TotalVariation(rule="l-curve")


def test_a_discrepancy_that_cannot_be_met_is_said():
    scan, projector = scan_of(n=16)
    scan = replace(scan, variance=scan.variance * 1e-6)
    assert "as chi^2 stays at" in CGLS(iterations=40).solve(scan, projector).reason
    assert "as chi^2 stays at" in SIRT(iterations=20).solve(scan, projector).reason
    assert "whitest residual, as chi^2 stays at" in TotalVariation(iterations=100).solve(scan, projector).reason


@pytest.mark.parametrize("method", CLASSICAL, ids=lambda method: method.name)
def test_nothing_gives_nothing_and_the_truth_is_not_looked_at(method):
    scan, projector = scan_of(n=32, dtype=torch.float64)
    for variance in (scan.variance, None):
        empty = replace(scan, sinogram=np.zeros_like(scan.sinogram), variance=variance)
        assert not method.reconstruct(empty, projector).any()
    blind = replace(scan, truth=None)
    image = method.reconstruct(blind, projector)
    assert image.dtype == torch.float64 and image.shape == (32, 32)
    assert torch.equal(image, method.reconstruct(scan, projector))
    assert method.reconstruct(scan).dtype == torch.float32
    if not isinstance(method, CGLS | FilteredBackprojection):
        assert image.min() >= 0


def test_bad_options_are_plain_errors():
    for method in (CGLS, SIRT, TotalVariation):
        for bad in (0, -1, 2.5, True):
            with pytest.raises(InputError, match=f"iterations must be a whole number of at least 1, got {bad}"):
                method(iterations=bad)
    with pytest.raises(InputError, match="weight must be a positive number, got 0"):
        TotalVariation(weight=0)
    with pytest.raises(InputError, match="tolerance must be a positive number, got nan"):
        TotalVariation(tolerance=float("nan"))
    scan, _ = scan_of()
    with pytest.raises(InputError, match="made for another grid"):
        TotalVariation().reconstruct(scan, Projector(scan.geometry, ImageGrid(8, 8, 8.0)))
