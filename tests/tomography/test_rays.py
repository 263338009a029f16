"""Quadrature along rays: measured orders against closed forms, derivatives, chunks and mini-batches."""

import numpy as np
import pytest
import torch
from line_integrals import Ellipse, Gaussian, sampled, total
from torch.utils._python_dispatch import TorchDispatchMode

from pinnkit.errors import InputError
from pinnkit.tomography import Detector, FanBeam, ImageGrid, ParallelBeam, Projector, RayIntegrator

GRID = ImageGrid(32, 40, 1.25, (1.0, 0.0))
TURN = tuple(np.arange(0, 360, 40) + 0.7)
GEOMETRIES = {
    "parallel": ParallelBeam(TURN, Detector(45, 1.1, 0.3), 0.2),
    "flat": FanBeam(TURN, Detector(45, 1.7, 0.3), 90.0, 140.0, 0.2),
    "curved": FanBeam(TURN, Detector(45, 1.7, 0.3, curved=True), 90.0, 140.0),
}
EVERY_GEOMETRY = pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
BELLS = [Gaussian((3, -2), (2.5, 3), 30), Gaussian((-4, 2), (2, 2.4), 70, 0.7)]
pytestmark = pytest.mark.filterwarnings("ignore:truncated")


def field_of(objects):
    return lambda p: torch.as_tensor(total(objects, p.double().numpy(), method="__call__"), dtype=p.dtype)


def integrator(geometry, dtype=torch.float64, **options):
    return RayIntegrator(geometry, GRID, dtype=dtype, **options)


def network(dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).to(dtype)
    return net, lambda points: net(points / 20).squeeze(-1)


@EVERY_GEOMETRY
@pytest.mark.parametrize(("nodes", "order"), [(1, 2), (2, 4)])
def test_order_of_the_composite_rule(geometry, nodes, order):
    """A field that does not vanish at the border, or the midpoint rule would be better than its order."""
    exact, field = None, lambda p: torch.exp(0.05 * p[:, 0] - 0.03 * p[:, 1]) + torch.sin(0.3 * p[:, 0])
    exact = integrator(geometry, panels=32, nodes=8)(field)
    errors = [(integrator(geometry, panels=m, nodes=nodes)(field) - exact).norm() for m in (16, 32, 64)]
    measured = torch.log2(torch.stack(errors[:-1]) / torch.stack(errors[1:]))
    assert (abs(measured - order) < 0.15).all()


@EVERY_GEOMETRY
def test_spectral_convergence_for_bells(geometry):
    exact, rules = total(BELLS, *geometry.rays()), (4, 6, 8, 10, 12)
    errors = [np.abs(integrator(geometry, panels=4, nodes=m)(field_of(BELLS)).numpy() - exact).max() for m in rules]
    ratios = np.array(errors[1:]) / errors[:-1]
    assert (ratios < 0.1).all() and (np.diff(ratios) < 0).all()  # two more nodes gain a digit, and more and more
    default = integrator(geometry)(field_of(BELLS)).numpy()
    assert np.abs(default - exact).max() < 2e-8  # of the bells' tails outside the image


def test_a_field_is_cut_off_at_the_border():
    geometry = GEOMETRIES["flat"]
    near, far = GRID.crossings(*geometry.rays())
    chords = integrator(geometry, panels=1, nodes=1)(lambda p: torch.ones_like(p[:, 0])).numpy()
    assert (chords == 0).any()
    np.testing.assert_allclose(chords, np.maximum(far - near, 0), rtol=0, atol=1e-12)


@EVERY_GEOMETRY
def test_equals_the_projector_up_to_pixels(geometry):
    differences = []
    for refinement in (2, 4, 8):
        grid = GRID.resized(GRID.rows * refinement)
        image = torch.from_numpy(sampled(BELLS, grid))
        difference = Projector(geometry, grid, torch.float64)(image) - integrator(geometry)(field_of(BELLS))
        differences.append(difference.square().mean().sqrt())
    ratios = torch.stack(differences[:-1]) / torch.stack(differences[1:])
    assert differences[-1] < 0.02 and (ratios > 3.6).all()


def test_midpoint_rule_for_a_jump():
    """First order at least: each of two crossings is known to a panel."""
    geometry, disc = GEOMETRIES["parallel"], [Ellipse((1, -2), (11, 9), 20)]
    exact = total(disc, *geometry.rays())
    errors = [np.abs(integrator(geometry, panels=m, nodes=1)(field_of(disc)).numpy() - exact) for m in (64, 256)]
    near, far = GRID.crossings(*geometry.rays())
    assert all((e <= 2 * np.maximum(far - near, 0) / m + 1e-9).all() for e, m in zip(errors, (64, 256), strict=True))
    assert errors[1].mean() < errors[0].mean() / 3


def test_gradient_by_the_field_in_one_chunk_and_in_many():
    geometry, (net, field) = GEOMETRIES["curved"], network()
    weights = torch.randn(*geometry.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients = []
    for chunk in (1, 1000, 10**6):
        integrals = integrator(geometry, panels=8, nodes=2, chunk=chunk if chunk > 1 else 50)(field)
        gradients.append(torch.autograd.grad((weights * integrals.square()).sum(), list(net.parameters())))
    for one, *others in zip(*gradients, strict=True):
        for other in others:
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    # Against an independent sum over points.
    near, far = GRID.crossings(*geometry.rays())
    origins, directions = geometry.rays()
    x, w = np.polynomial.legendre.leggauss(2)
    line = torch.zeros(geometry.shape, dtype=torch.float64)
    length = np.maximum(far - near, 0)
    for panel in range(8):
        for node, weight in zip(x, w, strict=True):
            t = near + length * (panel + (node + 1) / 2) / 8
            t = np.where(length > 0, t, 0)
            points = torch.from_numpy(origins + t[..., None] * directions)
            line = line + torch.from_numpy(length * weight / 16) * field(points.reshape(-1, 2)).reshape(t.shape)
    expected = torch.autograd.grad((weights * line.square()).sum(), list(net.parameters()))
    for one, other in zip(gradients[-1], expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_second_derivatives_and_functional_calls():
    net, field = network()
    integrate = integrator(ParallelBeam([0, 60], Detector(5, 3.0)), panels=4, nodes=2)
    parameters = dict(net.named_parameters())

    def loss(values):
        return integrate(lambda p: torch.func.functional_call(net, values, (p / 20,)).squeeze(-1)).square().sum()

    gradients = torch.func.grad(loss)(parameters)
    expected = torch.autograd.grad(integrate(field).square().sum(), list(parameters.values()), create_graph=True)
    for name, value in zip(parameters, expected, strict=True):
        torch.testing.assert_close(gradients[name], value)
    again = torch.autograd.grad(sum(g.square().sum() for g in expected), list(parameters.values()))
    change = dict(zip(parameters, expected, strict=True))
    _, tangent = torch.func.jvp(torch.func.grad(loss), (parameters,), (change,))
    for name, value in zip(parameters, again, strict=True):
        torch.testing.assert_close(2 * tangent[name], value)


def test_views_in_mini_batches():
    geometry, (_, field) = GEOMETRIES["flat"], network()
    integrate = integrator(geometry, panels=8, nodes=2)
    whole = integrate(field)
    assert whole.shape == geometry.shape
    for views in (slice(2, 5), [0, 3], torch.tensor([7]), slice(None, None, 4)):
        torch.testing.assert_close(integrate(field, views), whole[views], rtol=1e-13, atol=1e-13)
    assert integrate(field, []).shape == (0, 45)


class Largest(TorchDispatchMode):
    """Notes the largest tensor made."""

    size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.size = max(self.size, result.numel())
        return result


def test_memory_is_bounded_by_the_chunk():
    net, field = network()
    seen = []

    def counted(points):
        seen.append(len(points))
        return field(points)

    integrate = integrator(GEOMETRIES["parallel"], panels=16, nodes=2, chunk=1024)
    with Largest() as largest:
        integrate(counted).sum().backward()
    assert max(seen) == 1024 and len(seen) > 10
    assert largest.size <= 8 * 1024  # eight neurons
    assert net[0].weight.grad.abs().sum() > 0


def test_rays_that_miss_do_not_ask_the_field():
    integrate = integrator(ParallelBeam([0], Detector(3, 1.0, 1e5)))
    assert integrate(lambda points: pytest.fail("asked")).eq(0).all()


def test_float32_with_a_far_source():
    geometry = FanBeam(TURN, Detector(45, 1.7), 900.0, 1400.0)
    exact = total(BELLS, *geometry.rays())
    single = integrator(geometry, torch.float32)(field_of(BELLS))
    assert single.dtype == torch.float32
    assert np.abs(single.numpy() - exact).max() < 1e-6 * exact.max()


def test_errors():
    geometry = GEOMETRIES["parallel"]
    for name in ("panels", "nodes", "chunk"):
        for value in (0, 2.0, True):
            with pytest.raises(InputError, match=f"{name} must be a whole number of at least 1, got {value}"):
                integrator(geometry, **{name: value})
    with pytest.raises(InputError, match=r"values of shape \(n,\); this one takes \(\d+, 2\) to \(\d+, 1\)"):
        integrator(geometry, panels=2, nodes=1)(lambda points: points[:, :1])
    with pytest.raises(InputError, match="the image reaches to the source"):
        RayIntegrator(GEOMETRIES["flat"], ImageGrid(300, 300, 1.0))
