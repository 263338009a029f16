"""Networks as images: the split problem, the fields, the stopping."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import pinnkit.tomography as ct
from pinnkit import LRNN, SIREN
from pinnkit.errors import InputError, NameNotFound
from pinnkit.methods import Status
from pinnkit.tomography.classical.primal_dual import PrimalDual, differences, variation
from pinnkit.tomography.classical.reconstruction import Whitened
from pinnkit.tomography.neural.fields import LIMIT, as_field

GRID = ct.ImageGrid(16, 12, 1.5, (1.0, -2.0))
SMALL = {"rank": 20, "components": 4, "depth": 2, "projection": "free"}


@pytest.fixture(scope="module")
def scan():
    return ct.shepp_logan(views=24, counts=2e4, size=32)


def dense(equations, shape):
    pixels = torch.eye(math.prod(shape), dtype=torch.float64).reshape(-1, *shape)
    return torch.stack([equations(pixel).reshape(-1) for pixel in pixels], 1)


def test_pull_adds_a_quadratic_penalty():
    geometry = ct.ParallelBeam([0.0, 40.0, 90.0], ct.Detector(20, 1.5))
    image = 1 + 0.2 * torch.rand(GRID.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    projector = ct.Projector(geometry, GRID, torch.float64)
    scan = ct.Scan(geometry, projector(image).numpy(), GRID, np.ones(geometry.shape))
    equations = Whitened(scan, projector)
    towards = image + 0.1 * torch.sin(torch.arange(16.0, dtype=torch.float64))[:, None]
    data = PrimalDual(equations)
    data.weight, data.varies, data.pull = 1.0, False, (10.0, towards)
    for _ in range(2000):
        data.step()
    b = dense(equations, GRID.shape)
    normal = b.T @ b + 10.0 * torch.eye(b.shape[1], dtype=torch.float64)
    exact = torch.linalg.solve(normal, b.T @ equations.right.reshape(-1) + 10.0 * towards.reshape(-1))
    assert exact.min() > 0  # so that the constraint does not act
    torch.testing.assert_close(data.x.reshape(-1), exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("space", [LRNN(**SMALL), ct.DeepImagePrior("8,8"), ct.DeepImagePrior("8,8", analytic=True)])
def test_a_field_fits_an_image_and_follows_its_seed(space):
    x, y = (torch.linspace(-2, 2, n) for n in (GRID.columns, GRID.rows))
    target = 1 + torch.sin(x) * torch.cos(y)[:, None]
    before = torch.get_rng_state()
    fields = [as_field(space, GRID, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    images = [field.image() for field in fields]
    assert torch.equal(images[0], images[1]) and not torch.equal(images[0], images[2])
    field = fields[0]
    assert float(field.misfit(images[0]).detach()) < 1e-10
    optimiser = torch.optim.Adam(field.network.parameters(), field.rate)
    for _ in range(100):
        optimiser.zero_grad()
        field.misfit(target).backward()
        optimiser.step()
    assert (field.image() - target).square().mean() < 0.05 * target.var()


def test_a_pixel_field_knows_where_pixels_are():
    field = as_field(LRNN(**SMALL), GRID, torch.Generator().manual_seed(0))
    point = torch.tensor([[GRID.x[5], GRID.y[2]]], dtype=torch.float32)
    torch.testing.assert_close(field.image()[2, 5], field.network(point)[0, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("space", [LRNN(**SMALL), SIREN(8, 2)])
def test_smoothing_adds_the_mean_square_of_the_gradient(space):
    field = as_field(space, GRID, torch.Generator().manual_seed(0), smoothing=0.3)
    state = field._generator.get_state()
    target = torch.rand(GRID.shape, generator=torch.Generator().manual_seed(1))
    found = field.misfit(target)
    picked = torch.randint(GRID.rows * GRID.columns, (192,), generator=torch.Generator().set_state(state))
    points = torch.from_numpy(GRID.points()).float()[picked].requires_grad_()
    values = field.network(points)[:, 0]
    (slope,) = torch.autograd.grad(values.sum(), points, create_graph=True)
    expected = (values - target.reshape(-1)[picked]).square().mean() + 0.3 * 1.5**2 * slope[:24].square().sum(1).mean()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    for p in field.network.parameters():
        by_jets, by_autograd = (torch.autograd.grad(v, p, retain_graph=True)[0] for v in (found, expected))
        torch.testing.assert_close(by_jets, by_autograd, rtol=1e-3, atol=1e-5 * float(by_autograd.norm()) + 1e-9)


def test_smoothness_weighs_as_much_as_the_total_variation_and_smoothes(scan):
    alone = ct.TotalVariation().solve(scan)
    smooth, rough = (ct.reconstruct(scan, LRNN(**SMALL), kind, "150steps") for kind in ("smoothness", "none"))
    energy = differences(alone.image).square().sum() / 2
    assert smooth.weight * float(energy) == pytest.approx(alone.weight * variation(alone.image) / 8, rel=1e-4)
    assert smooth.status is Status.BUDGET_SPENT
    assert differences(smooth.image).square().sum() < 0.8 * differences(rough.image).square().sum()


@pytest.mark.parametrize("space", [SIREN(8, 2), ct.DeepImagePrior("8,8")])
def test_all_tensors_of_a_field_are_on_its_device(space):
    # Nothing is computed on this device, but it refuses to work with tensors that are elsewhere.
    field = as_field(space, GRID, torch.Generator(), "meta", 0.0 if isinstance(space, ct.DeepImagePrior) else 0.1)
    assert field.image().device.type == field.misfit(torch.zeros(GRID.shape, device="meta")).device.type == "meta"
    with pytest.raises((RuntimeError, NotImplementedError)):
        field.misfit(torch.zeros(GRID.shape)).item()


@pytest.mark.parametrize("projection", ["axes", "identity"])
def test_a_separable_network_is_evaluated_and_fitted_along_the_axes(projection):
    shallow = LRNN(rank=20, components=2, projection=projection)
    field = as_field(shallow, GRID, torch.Generator().manual_seed(0))
    points = torch.from_numpy(GRID.points()).float()
    values = field.network(points).reshape(GRID.shape)
    torch.testing.assert_close(field.image(), values, rtol=1e-5, atol=1e-5)
    target = torch.rand(GRID.shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(field.misfit(target), (values - target).square().mean(), rtol=1e-5, atol=0)
    assert torch.equal(field.misfit(target), field.misfit(target))  # all pixels, not a batch


def test_reconstruction_is_better_than_backprojection_and_repeats(scan):
    seen = []

    def run(observer=None):
        return ct.reconstruct(scan, LRNN(**SMALL), budget="1000steps", seed=1, observer=observer)

    found = run(lambda step, seconds, image, values: seen.append((step, ct.psnr(image, scan.truth))))
    backprojected = ct.FilteredBackprojection("hann").reconstruct(scan)
    assert ct.psnr(found.image, scan.truth) > ct.psnr(backprojected, scan.truth) + 2
    assert found.status is Status.BUDGET_SPENT and found.steps == 1000 == seen[-1][0]
    assert ct.psnr(found.image, scan.truth) == pytest.approx(seen[-1][1])  # the last iterate, not the best
    assert [entry["step"] for entry in found.history] == [step for step, _ in seen]
    assert found.uncertainty is None and float(found.image.min()) >= 0
    assert torch.equal(run().image, found.image)


def test_without_variation_the_discrepancy_principle_ends_the_run():
    scan = ct.shepp_logan(views=12, counts=3000, size=24)
    found = ct.reconstruct(scan, LRNN(**SMALL), "none", "2000steps")
    assert found.status is Status.CONVERGED and "discrepancy principle" in found.reason and found.weight is None
    assert found.history[-1]["chi_squared"] <= 1 < found.history[-2]["chi_squared"]


def test_an_ensemble_has_an_uncertainty(scan):
    found = ct.reconstruct(scan, ct.DeepImagePrior("8,8"), budget="120steps", members=3)
    assert len(found.networks) == 3 and found.uncertainty.shape == scan.grid.shape
    assert float(found.uncertainty.mean()) > 0


def test_spaces_by_name_stay_below_the_limit():
    for name in set(ct.SPACES) - {"deep-image-prior"}:
        built = ct.image_space(name).build(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), 1, torch.Generator())
        count = sum(p.numel() for p in built.parameters())
        assert 0.98 * LIMIT < count <= LIMIT, name
    assert ct.image_space("siren", width=9).width == 9


def test_errors(scan):
    with pytest.raises(NameNotFound, match="regulariser"):
        ct.reconstruct(scan, regulariser="tvv", budget="1s")
    with pytest.raises(InputError, match="a deep image prior only knows pixels; use the regulariser tv or none, or an"):
        ct.reconstruct(scan, ct.DeepImagePrior(), "smoothness", "1s")
    with pytest.raises(NameNotFound, match="space for images"):
        ct.image_space("lrn")
    with pytest.raises(InputError, match="needs a trial space or a DeepImagePrior, got Linear"):
        ct.reconstruct(scan, nn.Linear(2, 1), budget="1s")
    with pytest.raises(InputError, match="channels must be whole numbers such as 16,24,32, got '8;8'"):
        ct.DeepImagePrior("8;8")


def test_the_weight_is_an_eighth_of_the_smaller_one_where_the_noise_is_estimated():
    scan = replace(ct.shepp_logan(views=24, counts=3e3, size=32), variance=None)
    weights = [ct.TotalVariation(rule=rule).solve(scan).weight for rule in ("discrepancy", "whitest")]
    assert max(weights) > 5 * min(weights)  # so that the rules can be told apart
    found = ct.reconstruct(scan, LRNN(**SMALL), budget="2steps")
    assert found.weight == pytest.approx(min(weights) / 8, rel=1e-5)
