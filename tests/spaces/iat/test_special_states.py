"""States at which something degenerates: defined behaviour for each."""

import numpy as np
import pytest
import torch

from pinnkit.jets import evaluate
from pinnkit.spaces.iat import BASES, IATReLU, basis
from pinnkit.spaces.iat.polynomials import evaluate as polynomial_values
from pinnkit.spaces.iat.subdivision import _monotone_pieces

ROOTED = ["pwl", "pwl-w", "pwq", "fourier"]


def hessian(transform, x):
    return torch.func.jacrev(torch.func.jacrev(transform))(x)


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("name", BASES)
def test_zero_state_gives_zero_everything(name):
    transform = IATReLU(basis(name, 4), basis("pwl", 4))
    x = torch.zeros(4, dtype=torch.float64)
    assert torch.equal(transform(x), torch.zeros_like(x))
    assert torch.equal(transform.jacobian(x), torch.zeros(4, 4, dtype=torch.float64))
    assert torch.equal(torch.func.jacrev(transform)(x), torch.zeros(4, 4, dtype=torch.float64))
    assert torch.equal(hessian(transform, x), torch.zeros(4, 4, 4, dtype=torch.float64))


@pytest.mark.parametrize("name", ["rect-w", "pwl-w"])
def test_null_space_of_the_wavelet_bases(name):
    # The functions of these bases add up to zero.
    transform = IATReLU(basis(name, 4), basis("pwl", 4))
    x = torch.ones(4, dtype=torch.float64)
    torch.testing.assert_close(transform(x), torch.zeros_like(x), rtol=0, atol=1e-15)
    assert torch.isfinite(transform.jacobian(x)).all()
    if name == "rect-w":  # the state is zero to the last digit there
        assert torch.equal(transform.jacobian(x), torch.zeros(4, 4, dtype=torch.float64))


@pytest.mark.parametrize("name", BASES)
def test_no_samples(name):
    transform = IATReLU(basis(name, 4), basis("pwq", 3))
    x = torch.zeros(0, 4, dtype=torch.float64, requires_grad=True)
    y = transform(x)
    assert y.shape == (0, 3) and transform.jacobian(x).shape == (0, 3, 4)
    y.sum().backward()
    assert x.grad.shape == (0, 4)
    assert evaluate(transform, x.detach(), [(0, 0)])[0, 0].shape == (0, 3)


def test_root_on_a_breakpoint_of_hats_counts_once_with_the_slope_of_the_positive_side():
    p, q = basis("pwl", 4), basis("pwl", 4)
    # Nodes -1, -1/2, 0, 1/2: falling with slope 2 into the root at -1/2, and on with slope 6; rising at 1/3.
    x = vector(1.0, 0.0, -3.0, 6.0)
    expected = torch.zeros(4, 4, 4, dtype=torch.float64)
    scale = float(p.values(-1.0)[0])
    for z, slope in ((-0.5, 2.0), (1 / 6, 18.0)):
        at = p.values(z)
        expected += q.values(z)[:, None, None] * at[:, None] * at / (slope * scale)
    torch.testing.assert_close(hessian(IATReLU(p, q), x), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("name", "x"), [("pwq", (1.0, 1.0, -1.0, -1.0)), ("fourier", (0.0, 1.0, 0.0, 0.0))])
def test_root_on_a_breakpoint_of_a_smooth_basis_is_no_special_point(name, x):
    p, q = basis(name, 4), basis("pwl", 4)
    transform, x = IATReLU(p, q), vector(*x)
    jumps = transform.part.roots(x).jump
    assert jumps.abs().sum() == 2 and jumps.sum() == 0
    shift = 1e-7 * vector(0.3, -0.5, 0.2, 0.7)
    around = (hessian(transform, x + shift) + hessian(transform, x - shift)) / 2
    torch.testing.assert_close(hessian(transform, x), around, rtol=0, atol=1e-5)


def test_state_that_is_zero_on_a_whole_cell():
    p = basis("pwl", 4)
    transform, x = IATReLU(p, p), vector(1.0, 0.0, 0.0, 0.5)
    near = [transform(x + e * vector(0, 1, 1, 0)) for e in (1e-9, -1e-9)]
    for other in near:
        torch.testing.assert_close(transform(x), other, rtol=0, atol=1e-8)
    # Zero is not positive: the Jacobian is the limit from states that are negative on the cell.
    below = transform.jacobian(x - 1e-9 * vector(0, 1, 1, 0))
    torch.testing.assert_close(transform.jacobian(x), below, rtol=0, atol=1e-8)
    assert torch.isfinite(hessian(transform, x)).all()


def tangent(name, size, place):
    """Coefficients of a state with a double root at a place, positive around it, and the basis there."""
    p = basis(name, size)
    conditions = torch.stack([p.values(place, order) for order in range(3)])
    free = torch.linalg.svd(conditions)[2][3:].T
    x = torch.linalg.pinv(conditions) @ vector(0, 0, 20) + free @ vector(*[0.7, -1.1, 0.9][: size - 3])
    return p, x, p.values(place)


@pytest.mark.parametrize("name", ["pwq", "fourier"])
@pytest.mark.parametrize("place", [0.13, 0.05, -0.71])
def test_double_root(name, place):
    p, x, at = tangent(name, 6, place)
    transform = IATReLU(p, basis("pwl", 5))
    centre, jacobian = transform(x), transform.jacobian(x)
    sizes = []
    for distance in (1e-4, 1e-6, 1e-8):
        for side in (1, -1):
            moved = x + side * distance * at
            torch.testing.assert_close(transform(moved), centre, rtol=0, atol=20 * distance)
            # A is continuous, like the square root of the distance.
            torch.testing.assert_close(transform.jacobian(moved), jacobian, rtol=0, atol=30 * distance**0.5)
            assert torch.isfinite(hessian(transform, moved)).all()
        sizes.append(hessian(transform, x - distance * at).abs().max().item())
    # On the side with roots the second derivative grows like distance^(-1/2): tenfold for a hundredth.
    assert sizes[1] / sizes[0] == pytest.approx(10, rel=0.1)
    assert sizes[2] / sizes[1] == pytest.approx(10, rel=0.1)
    found = hessian(transform, x)
    quiet = hessian(transform, x + 1e-9 * at)
    assert torch.isfinite(found).all()
    assert torch.allclose(found, quiet, atol=1e-5) or found.abs().max() > 1e6


@pytest.mark.parametrize("place", [0.0, 0.3])
def test_triple_root_stays_finite(place):
    p = basis("fourier", 8)
    conditions = torch.stack([p.values(place, order) for order in range(3)])
    x = torch.linalg.svd(conditions)[2][-1]
    transform = IATReLU(p, basis("pwl", 4))
    exact = sum_over_fine_grid(p, basis("pwl", 4), x)
    torch.testing.assert_close(transform(x), exact, rtol=0, atol=1e-6)
    assert torch.isfinite(hessian(transform, x)).all()


def sum_over_fine_grid(p, q, x, m=200_000):
    t = torch.from_numpy((2 * np.arange(m) + 1) / m - 1)
    return 2 / m * (q.values(t).T @ torch.relu(p.values(t) @ x))


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-7])
@pytest.mark.parametrize("name", ["pwq", "fourier"])
def test_close_pairs_of_roots_are_found(name, gap):
    """A pair at distance about 2 gap inside one cell, with no sign change on any coarse grid."""
    p, x, at = tangent(name, 6, 0.13)
    state = x - gap**2 / 2 * at / (at @ at)
    roots = IATReLU(p, basis("pwl", 6)).part.roots(state)
    wide = IATReLU(p, basis("pwl", 6)).part.roots(state + gap**2 * at / (at @ at))
    assert roots.jump.abs().sum() == wide.jump.abs().sum() + 2


@pytest.mark.parametrize("size", [2, 5, 16, 41])
def test_all_roots_of_fourier_states_are_found(size):
    """Against the eigenvalues of the companion matrix of the state as a polynomial in exp(i pi t)."""
    p = basis("fourier", size)
    x = torch.randn(20, size, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    jumps = IATReLU(p, p).part.roots(x).jump
    waves = (size + 1) // 2
    for state, found in zip(x, jumps, strict=True):
        c = np.zeros(2 * waves + 1, dtype=complex)
        for i, value in enumerate(state.tolist()):
            k = i // 2 + 1
            c[waves + k] += value / 2 * (1 if i % 2 == 0 else -1j)
            c[waves - k] += value / 2 * (1 if i % 2 == 0 else 1j)
        on_circle = np.abs(np.abs(np.roots(c)) - 1) < 1e-7
        assert found.abs().sum() == on_circle.sum() <= 2 * waves
        assert found.sum() == 0


@pytest.mark.parametrize("name", ROOTED)
@pytest.mark.parametrize("size", [4, 5, 6])
def test_cells_agree_on_the_sign_at_their_common_breakpoint(name, size):
    """Small whole coefficients put many roots, double ones too, on breakpoints, up to rounding."""
    x = torch.randint(-2, 3, (3000, size), generator=torch.Generator().manual_seed(0)).double()
    transform = IATReLU(basis(name, size), basis("pwl", 3))
    roots = transform.part.roots(x)
    assert torch.isfinite(roots.tau).all() and (roots.tau.abs() <= 1).all()
    if name != "pwq":  # a cell may begin with a double root where its neighbour is zero throughout
        assert torch.equal(roots.left, roots.right.roll(1, -1))
    noise = 1e-9 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(transform(x), transform(x + noise), rtol=0, atol=1e-8)


def test_double_root_on_a_breakpoint_of_the_common_mesh():
    # cos(2 pi t) - cos(pi t) touches zero at t = 0 and crosses it at -2/3 and 2/3.
    p, q, x = basis("fourier", 4), basis("fourier", 5), vector(-1, 0, 1, 0)
    transform = IATReLU(p, q)
    for moved in (vector(1e-9, 0, 0, 0), vector(-1e-9, 0, 0, 0)):
        torch.testing.assert_close(transform(x), transform(x + moved), rtol=0, atol=1e-8)
    torch.testing.assert_close(transform(x), sum_over_fine_grid(p, q, x), rtol=0, atol=1e-9)
    assert torch.isfinite(hessian(transform, x)).all()


@pytest.mark.parametrize("spread", [1.0, 0.2, 0.01])
def test_pieces_have_one_sign_change_at_most_and_none_is_lost(spread):
    """Polynomials with 0 to 7 known roots in [-1, 1], the closer the smaller the spread."""
    generator = np.random.default_rng(0)
    polynomials, counts = [], []
    for _ in range(300):
        roots = np.clip(generator.uniform(-0.9, 0.9) + spread * generator.uniform(-1, 1, 7), -4, 4)
        polynomials.append(np.polynomial.polynomial.polyfromroots(roots))
        counts.append((np.abs(roots) < 1).sum())
    c = torch.from_numpy(np.stack(polynomials, 1))
    column, left, right = _monotone_pieces(c, torch.zeros(300, dtype=torch.bool))
    change = (polynomial_values(c[:, column], left) > 0) != (polynomial_values(c[:, column], right) > 0)
    found = torch.bincount(column[change], minlength=300)
    # With seven roots within 0.02 the values between them are rounding: pairs of roots may be lost or made up.
    lost = torch.from_numpy(np.array(counts)) - found
    assert (lost == 0).all() if spread > 0.1 else (lost.remainder(2) == 0).all()


def test_roots_of_splines_on_breakpoints_count_once():
    """Odd states cross zero on two breakpoints, where the two cells find the root up to rounding."""
    half = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.cat([half, -half.flip(1)], 1)
    roots = IATReLU(basis("pwq", 6), basis("pwl", 3)).part.roots(x)
    assert torch.equal(roots.jump.sum(-1), torch.zeros(2000, dtype=torch.float64))
    assert torch.equal(roots.left, roots.right.roll(1, -1))
