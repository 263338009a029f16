"""Joseph's projector: adjoint, measured orders against closed forms, derivatives of every kind, extreme rays."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from line_integrals import Ellipse, Gaussian, sampled, total
from scipy.sparse.linalg import aslinearoperator, lsqr

from pinnkit.errors import InputError
from pinnkit.tomography import Detector, FanBeam, ImageGrid, ParallelBeam, Projector, joseph

GRID = ImageGrid(17, 24, 1.3, (1.5, -2.0))
TURN = tuple(np.arange(0, 360, 30) + 0.7)
GEOMETRIES = {
    "parallel": ParallelBeam(TURN, Detector(25, 1.7, 0.3), 0.2),
    "axes": ParallelBeam((0, 45, 90, 135, 180, 225), Detector(25, 1.3)),
    "flat": FanBeam(TURN, Detector(25, 2.4, 0.5), 70.0, 110.0, -0.4),
    "curved": FanBeam(TURN, Detector(24, 2.4, -0.5, curved=True).quarter_offset(), 70.0, 110.0),
}
EVERY_GEOMETRY = pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
pytestmark = pytest.mark.filterwarnings("ignore:truncated")


def projector(geometry, grid=GRID, dtype=torch.float64, **options):
    return Projector(geometry, grid, dtype, **options)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def mismatch(a):
    """Relative difference of <A x, y> and <x, A^T y>."""
    x, y = draw(*a.grid.shape, seed=1, dtype=a.dtype), draw(*a.geometry.shape, seed=2, dtype=a.dtype)
    ax, aty = a(x).double(), a.T(y).double()
    return abs((ax * y).sum() - (x * aty).sum()) / (ax.norm() * y.norm())


def order(errors):
    """Measured order of errors at resolutions that double."""
    return np.log2(np.asarray(errors[:-1]) / errors[1:])


@EVERY_GEOMETRY
@pytest.mark.parametrize("subrays", [1, 3])
def test_adjoint_and_the_blocked_form(geometry, subrays):
    stored = projector(geometry, subrays=subrays)
    blocked = projector(geometry, subrays=subrays, memory_limit=0)
    assert stored.stored and not blocked.stored
    blocked._blocks = [slice(0, 1), slice(1, 4), slice(4, geometry.views)]
    x, y = draw(2, *GRID.shape), draw(2, *geometry.shape)
    for a in (stored, blocked):
        assert mismatch(a) <= 1e-12
        assert a.T.T is a
    torch.testing.assert_close(stored(x), blocked(x), rtol=1e-13, atol=1e-12)
    torch.testing.assert_close(stored.T(y), blocked.T(y), rtol=1e-13, atol=1e-12)
    single = projector(geometry, dtype=torch.float32, subrays=subrays)
    assert mismatch(single) <= 1e-6
    torch.testing.assert_close(single(x.float()).double(), stored(x), rtol=0, atol=1e-5 * float(stored(x.abs()).max()))


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    bins=st.integers(1, 9),
    angle=st.one_of(st.floats(-720, 720), st.sampled_from([0, 45, 90, 135, 180, 270])),
    offset=st.one_of(st.floats(-20, 20), st.floats(-1e15, 1e15)),
    subrays=st.integers(1, 4),
)
def test_any_shape_and_any_ray(rows, columns, bins, angle, offset, subrays):
    grid = ImageGrid(rows, columns, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # of numbers that do not fit into 32 bits
        a = projector(ParallelBeam([angle], Detector(bins, 0.4, offset)), grid, subrays=subrays)
    lines = a(torch.ones(rows, columns, dtype=torch.float64))
    assert mismatch(a) <= 1e-12 or lines.abs().max() == 0
    # No line through the image is longer than its diagonal, seen as one that tapers off over half a pixel more.
    assert 0 <= lines.min() and lines.max() <= 0.5 * math.sqrt(2) * (max(rows, columns) + 1)
    if abs(offset) > 1e3:
        assert lines.abs().max() == 0


@EVERY_GEOMETRY
def test_entries(geometry):
    """Sorted, distinct, of 32 bits; none longer than a ray between two lines that it crosses at 45 degrees or more."""
    entries = joseph.matrix(geometry, GRID, np.dtype(np.float32), 1, slice(None))
    assert entries.indices.dtype == entries.indptr.dtype == np.int32 and entries.dtype == np.float32
    fresh = type(entries)((entries.data, entries.indices, entries.indptr), shape=entries.shape)  # knows nothing yet
    assert fresh.has_canonical_format
    steepness = np.abs(geometry.rays()[1]).max(-1).ravel()
    assert (entries.max(1).toarray() * steepness <= GRID.pixel * (1 + 1e-6)).all()
    subdivided = joseph.matrix(geometry, GRID, np.dtype(np.float64), 4, slice(None))
    assert subdivided.shape == (geometry.views * geometry.detector.count, 17 * 24)
    assert len(set(zip(*subdivided.nonzero(), strict=True))) == subdivided.nnz  # subrays in one pixel are added up
    for matrix, subrays in ((entries, 1), (subdivided, 4)):
        _, bound = joseph.entries_of_a_view(geometry, GRID, subrays)
        assert np.diff(matrix.indptr).max() * geometry.detector.count <= bound


@EVERY_GEOMETRY
def test_second_order_for_bells(geometry):
    bells = [Gaussian((3, -2), (2.5, 4), 30), Gaussian((-4, 2), (2, 2.4), 70, 0.7)]
    exact, errors = total(bells, *geometry.rays()), []
    for n in (32, 64, 128):
        grid = ImageGrid(n, n, 40 / n)
        image = torch.from_numpy(sampled(bells, grid))
        errors.append(np.sqrt(np.mean((projector(geometry, grid)(image).numpy() - exact) ** 2)))
    assert errors[-1] < 1e-3 * exact.max()
    assert (order(errors) > 1.9).all() and order(errors)[-1] < 2.1


ELLIPSES = [Ellipse((3, -2), (15, 11), 25), Ellipse((-5, 4), (6, 4), -40, 0.5)]


def errors_for_ellipses(geometry, exact, image_of, subrays=0):
    """L1 and L2 errors; `subrays` of the coarsest image, in proportion for the finer ones, or thin lines."""
    errors = []
    for n in (32, 64, 128, 256):
        grid = ImageGrid(n, n, 40 / n)
        a = projector(geometry, grid, subrays=max(1, subrays * n // 32))
        error = a(torch.from_numpy(image_of(grid))).numpy() - exact
        errors.append((np.abs(error).mean(), np.sqrt(np.mean(error**2))))
    return np.array(errors).T


def test_second_order_for_means_of_ellipses():
    """Bins of a fixed width, and pixels that hold means: second order, though images jump.

    A bin's mean tests the image with the indicator of a strip. Joseph's interpolation of pixels' means differs from the
    image by smoothing over two pixels, which moves nothing out of the strip but where its sides cross an edge of the
    image: there first moments cancel and leave O(h^2). Where a side touches an edge O(h^(3/2)) is left, for an O(h)
    part of the bins: second order in L1, and in L2 up to a root of log h.
    """
    angles, detector = np.arange(24) * 7.5 + 0.7, Detector(13, 3.1, 0.3)
    low = detector.positions() - detector.pitch / 2
    exact = np.array([total(ELLIPSES, angle, low, low + detector.pitch, method="mean_over") for angle in angles])

    def means(grid):
        return total(ELLIPSES, grid, method="pixel_means")

    mean, square = errors_for_ellipses(ParallelBeam(angles, detector), exact, means, 3)
    assert mean[-1] < 1e-3 * exact.max()
    assert 1.8 < np.log2(mean[0] / mean[-1]) / 3 < 2.3
    assert 1.65 < np.log2(square[0] / square[-1]) / 3 < 2.3


@EVERY_GEOMETRY
def test_first_order_for_lines_through_ellipses(geometry):
    """Thin lines through an image that jumps: an edge is known to a pixel's size, so no method has a higher order."""
    exact = total(ELLIPSES, *geometry.rays())
    mean, _ = errors_for_ellipses(geometry, exact, lambda grid: sampled(ELLIPSES, grid))
    assert 0.7 < np.log2(mean[0] / mean[-1]) / 3 < 1.6


def test_subrays_give_the_mean_over_a_bin():
    """For a bell the mean has a closed form, and the midpoint rule of m rays is second order in 1 / m."""
    bell, pitch, angle = Gaussian((1, -0.5), (2, 2)), 4.0, 30.0
    geometry = ParallelBeam([angle], Detector(7, pitch, 0.3))
    grid = ImageGrid(256, 256, 28 / 256)
    image = torch.from_numpy(sampled([bell], grid))
    middle = math.cos(math.radians(angle)) * 1 - math.sin(math.radians(angle)) * 0.5
    edges = (geometry.detector.positions(1)[:, None] + pitch * np.array([-0.5, 0.5]) - middle) / 2
    heights = np.array([[math.erf(edge / math.sqrt(2)) for edge in pair] for pair in edges])
    exact = 2 * np.pi * 2**2 * (heights[:, 1] - heights[:, 0]) / 2 / pitch
    errors = [np.abs(projector(geometry, grid, subrays=m)(image).numpy()[0] - exact).max() for m in (2, 4, 8)]
    assert errors[-1] < 0.01 * exact.max()
    assert (order(errors) > 1.8).all()


def test_views_of_a_centred_disc_are_equal():
    """To first order at the edge, and to second order for a smooth one."""
    geometry = ParallelBeam(np.arange(0, 180, 7.3), Detector(31, 1.0))
    for item, spread in ((Ellipse((0, 0), (11, 11)), 0.03), (Gaussian((0, 0), (3, 3)), 1e-3)):
        grid = ImageGrid(128, 128, 0.25)
        image = item.pixel_means(grid) if type(item) is Ellipse else sampled([item], grid)
        views = projector(geometry, grid, subrays=4)(torch.from_numpy(image)).numpy()
        assert np.abs(views - views[0]).max() < spread * views.max()


def test_an_even_image_projects_to_chords():
    """Inside, where no ray comes near a corner, the sum over columns or rows is the exact chord."""
    grid = ImageGrid(40, 30, 0.5, (1.0, 2.0))
    ones = torch.ones(grid.shape, dtype=torch.float64)
    for angle in (0, 10, 80, 90, 100, 180):
        geometry = ParallelBeam([angle], Detector(9, 0.7, 1.7))
        near, far = grid.crossings(*geometry.rays())
        np.testing.assert_allclose(projector(geometry, grid)(ones).numpy(), far - near, rtol=1e-12)


@pytest.mark.parametrize("columns", [8, 9])
def test_rays_along_pixels_borders_and_centres(columns):
    image = draw(6, columns)
    grid = ImageGrid(6, columns, 2.0)
    ends = torch.zeros(6, 1, dtype=torch.float64)
    padded = torch.cat([ends, image, ends], 1)
    borders = (padded[:, 1:] + padded[:, :-1]).sum(0)[None]  # halfway between two columns: their mean, times 2 mm
    a = projector(ParallelBeam([0], Detector(columns + 1, 2.0)), grid)
    torch.testing.assert_close(a(image), borders, rtol=0, atol=1e-13)
    a = projector(ParallelBeam([0, 180], Detector(columns, 2.0)), grid)
    centres = 2 * image.sum(0)
    torch.testing.assert_close(a(image), torch.stack([centres, centres.flip(0)]), rtol=0, atol=1e-12)
    a = projector(ParallelBeam([90], Detector(6, 2.0)), grid)
    torch.testing.assert_close(a(image), 2 * image.sum(1).flip(0)[None], rtol=0, atol=1e-12)


def test_rays_along_diagonals():
    image = draw(7, 7)
    a = projector(ParallelBeam([45], Detector(13, math.sqrt(0.5))), ImageGrid(7, 7, 1.0))
    # At 45 degrees rays run up and to the left; s grows up and to the right.
    diagonals = torch.stack([torch.diagonal(image, k).sum() for k in range(-6, 7)])
    torch.testing.assert_close(a(image), math.sqrt(2) * diagonals[None], rtol=0, atol=1e-12)


def test_rays_that_miss_one_view_and_one_bin():
    far = projector(ParallelBeam([0, 30], Detector(3, 1.0, 1e6)))
    assert far(draw(*GRID.shape)).eq(0).all() and far.T(draw(2, 3)).eq(0).all()
    one = projector(ParallelBeam([0], Detector(1, 1.0)), ImageGrid(1, 1, 2.0))
    assert one(torch.full((1, 1), 3.0, dtype=torch.float64)) == 6 and one.T(torch.ones(1, 1, dtype=torch.float64)) == 2


@EVERY_GEOMETRY
def test_mirrored_image_and_turned_grid(geometry):
    """An image centred off the axis is the same image in a larger grid about the axis."""
    grid, large = ImageGrid(6, 8, 1.0, (3.0, 2.0)), ImageGrid(24, 24, 1.0)
    image, whole = draw(6, 8), torch.zeros(24, 24, dtype=torch.float64)
    whole[7:13, 11:19] = image  # centre (3, 2): columns 8 + 3, rows 9 - 2
    torch.testing.assert_close(projector(geometry, grid)(image), projector(geometry, large)(whole), rtol=0, atol=1e-12)


@pytest.mark.parametrize("memory_limit", [0, 1e9])
def test_derivatives_of_every_kind(memory_limit):
    grid, geometry = ImageGrid(3, 4, 1.0), ParallelBeam([10, 50, 140], Detector(3, 1.2))
    a = projector(geometry, grid, memory_limit=memory_limit)
    x, y = draw(2, 3, 4).requires_grad_(), draw(2, 3, 3).requires_grad_()
    for function, inputs in ((lambda x: a(x).sin(), (x,)), (lambda y: a.T(y).sin(), (y,))):
        assert torch.autograd.gradcheck(function, inputs, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(function, inputs, check_fwd_over_rev=True, check_rev_over_rev=True)

    def loss(x):
        return (a(x).exp()).sum()

    matrix = torch.stack([a(e.reshape(3, 4)).ravel() for e in torch.eye(12, dtype=torch.float64)], 1)
    image = draw(3, 4)
    expected = matrix.T @ torch.diag(a(image).exp().ravel()) @ matrix
    torch.testing.assert_close(torch.func.hessian(loss)(image).reshape(12, 12), expected)
    torch.testing.assert_close(torch.func.vmap(a)(draw(5, 3, 4)), a(draw(5, 3, 4)))
    torch.testing.assert_close(torch.func.vmap(a.T, in_dims=2)(draw(3, 3, 5)), a.T(draw(3, 3, 5).permute(2, 0, 1)))
    twice = torch.func.vmap(torch.func.vmap(a))(draw(2, 5, 3, 4))
    torch.testing.assert_close(twice, a(draw(2, 5, 3, 4)))
    torch.testing.assert_close(torch.func.vmap(torch.func.hessian(loss))(image[None])[0].reshape(12, 12), expected)
    a(image.requires_grad_()).sum().backward()  # an expanded gradient
    torch.testing.assert_close(image.grad, a.T(torch.ones(3, 3, dtype=torch.float64)))


def test_batches():
    a = projector(GEOMETRIES["flat"])
    images = draw(2, 3, *GRID.shape)
    together = a(images)
    assert together.shape == (2, 3, *a.geometry.shape)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(together[i, j], a(images[i, j]), rtol=1e-13, atol=1e-12)
    assert a(images[:0]).shape == (0, 3, *a.geometry.shape)
    strided = images.transpose(-1, -2).contiguous().transpose(-1, -2)
    torch.testing.assert_close(a(strided), together, rtol=0, atol=0)


def test_linear_operator():
    a = projector(GEOMETRIES["parallel"], ImageGrid(12, 12, 2.5))
    operator, image = a.linear_operator(), draw(12, 12)
    assert operator.shape == (12 * 25, 144) and operator.dtype == np.float64
    x, y = image.numpy().ravel(), a(image).numpy().ravel()
    np.testing.assert_allclose(operator @ x, y, rtol=0, atol=1e-12)
    np.testing.assert_allclose(operator.T @ y, a.T(a(image)).numpy().ravel(), rtol=0, atol=1e-10)
    pair = np.stack([x, 2 * x], 1)
    np.testing.assert_allclose(operator @ pair, np.stack([y, 2 * y], 1), rtol=0, atol=1e-12)
    np.testing.assert_allclose((operator @ x[:, None])[:, 0], y, rtol=0, atol=1e-12)
    np.testing.assert_allclose(operator.H @ np.stack([y, y], 1), np.stack([operator.T @ y] * 2, 1), rtol=0, atol=1e-10)
    solution, *_ = lsqr(operator, y, atol=1e-14, btol=1e-14, iter_lim=2000)
    np.testing.assert_allclose(operator @ solution, y, atol=1e-8)
    single = projector(GEOMETRIES["parallel"], dtype=torch.float32).linear_operator()
    assert single.dtype == np.float32 and aslinearoperator(single).matvec(np.ones(17 * 24)).dtype == np.float32


def test_float32_is_accurate_to_rounding():
    geometry = FanBeam(TURN, Detector(60, 2.0), 541.0, 949.0)
    grid = ImageGrid(64, 64, 1.0)
    image = sampled(ELLIPSES, grid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = projector(geometry, grid)(torch.from_numpy(image))
        single = projector(geometry, grid, torch.float32)(torch.from_numpy(image).float())
    assert (single - exact).norm() < 2e-7 * exact.norm()


def test_memory_limit_counts_both_matrices():
    geometry, grid = ParallelBeam([0, 1], Detector(4, 1.0)), ImageGrid(8, 8, 1.0)
    limit = 2 * (2 * 4 * 2 * 8) * (4 + 8)  # matrix and transpose: entries of two views, four bins, two in each row
    assert projector(geometry, grid, memory_limit=limit).stored
    assert not projector(geometry, grid, memory_limit=limit - 1).stored
    assert projector(geometry, grid, torch.float32, memory_limit=limit - 1).stored
    geometry, grid = ParallelBeam(range(11), Detector(100, 1.0)), ImageGrid(1, 10**6, 1.0)
    assert not projector(geometry, grid, memory_limit=1e15).stored  # more entries than 32 bits can count


def test_errors():
    a = projector(GEOMETRIES["parallel"])
    with pytest.raises(InputError, match=r"an image of shape \(\.\.\., 17, 24\) and torch.float64, got \(24, 17\) and"):
        a(draw(24, 17))
    with pytest.raises(InputError, match=r"a sinogram of shape \(\.\.\., 12, 25\) and .*64, got \(12, 25\) and .*32"):
        a.T(draw(12, 25).float())
    with pytest.raises(InputError, match=r"got \(24,\)"):
        a(draw(24))
    with pytest.raises(InputError, match="float32 or float64, not torch.float16"):
        projector(GEOMETRIES["parallel"], dtype=torch.float16)
    for subrays in (0, 1.5, True):
        with pytest.raises(InputError, match=f"subrays must be a whole number of at least 1, got {subrays}"):
            projector(GEOMETRIES["parallel"], subrays=subrays)
    with pytest.raises(InputError, match="the image reaches to the source"):
        projector(GEOMETRIES["flat"], ImageGrid(300, 300, 1.0))


@pytest.mark.filterwarnings("error")
def test_truncation_is_noted_at_the_callers_line():
    with pytest.warns(UserWarning, match="truncated") as caught:
        projector(ParallelBeam([0], Detector(3, 1.0)), ImageGrid(20, 20, 1.0))
    assert caught[0].filename == __file__
