"""The closed form from piecewise linear states to Fourier functions, against integrals of polynomials on cells."""

import pytest
import torch

from pinnkit.spaces.iat import IATReLU, basis


def states(size, count=40):
    """Random ones, zero, constants, and small whole ones: roots on breakpoints, cells and whole states of zero."""
    generator = torch.Generator().manual_seed(size)
    x = torch.randn(2 * count, size, generator=generator, dtype=torch.float64)
    x[:count] = torch.randint(-1, 2, (count, size), generator=generator).double()
    x[:3] = torch.tensor([[0.0], [1.0], [-1.0]])
    return x


@pytest.mark.parametrize("name", ["pwl", "pwl-w"])
@pytest.mark.parametrize("sizes", [(2, 2), (5, 2), (6, 4), (7, 13), (33, 70), (64, 64)])
def test_value_and_gradient_against_polynomials_on_cells(name, sizes):
    part = IATReLU(basis(name, sizes[0]), basis("fourier", sizes[1])).part
    x, g = states(sizes[0]), states(sizes[1])
    roots, waves = part.fixed_roots(x), part.first_order(x)
    assert waves is not part
    torch.testing.assert_close(waves.apply_to(roots, x), part.apply_to(roots, x), rtol=0, atol=5e-14)
    torch.testing.assert_close(waves.transposed(roots, g), part.transposed(roots, g), rtol=0, atol=5e-14)


@pytest.mark.parametrize("name", ["pwl", "pwl-w"])
def test_transform_and_plain_gradient_take_it_in_blocks(name):
    transform, x = IATReLU(basis(name, 40), basis("fourier", 33)), states(40, 200).requires_grad_()
    assert transform.part.integrated < len(x)
    g = torch.randn(len(x), 33, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y, a = transform(x), transform.jacobian(x.detach())
    torch.testing.assert_close(y, (a @ x[..., None])[..., 0], rtol=0, atol=5e-14)
    exact = (g[:, None] @ a)[:, 0]
    plain = torch.autograd.grad(y, x, g, retain_graph=True)[0]
    to_differentiate = torch.autograd.grad(y, x, g, create_graph=True)[0]
    assert to_differentiate.requires_grad
    torch.testing.assert_close(plain, exact, rtol=0, atol=5e-14)
    torch.testing.assert_close(to_differentiate, exact, rtol=0, atol=5e-14)


def test_zero_states_give_exactly_zero():
    transform, x = IATReLU(basis("pwl", 6), basis("fourier", 5)), torch.zeros(3, 6, dtype=torch.float64)
    x.requires_grad_()
    y = transform(x)
    y.backward(torch.ones_like(y))
    assert torch.equal(y, torch.zeros_like(y)) and torch.equal(x.grad, torch.zeros_like(x))
    empty = x.detach()[:0].requires_grad_()
    transform(empty).sum().backward()
    assert empty.grad.shape == (0, 6)


def test_single_precision_does_not_take_it():
    # Its terms cancel: with 512 hats it would keep two digits.
    transform, x = IATReLU(basis("pwl", 512), basis("fourier", 64)), states(512, 5)
    exact, single = transform(x), transform.float()(x.float())
    assert single.dtype == torch.float32
    assert (single - exact).norm() < 3e-6 * exact.norm()


def test_other_pairs_and_derivatives_do_not_take_it():
    x = torch.zeros(1, 4, dtype=torch.float64)
    for pair in (("pwl", "pwl"), ("pwq", "fourier"), ("fourier", "fourier"), ("rect", "fourier")):
        part = IATReLU(*(basis(name, 4) for name in pair)).part
        assert part.first_order(x) is part


@pytest.mark.parametrize("derivative", [torch.func.jacrev, torch.func.jacfwd])
def test_batches_of_jacobians_and_gradients(derivative):
    transform, x = IATReLU(basis("pwl", 7), basis("fourier", 6)), states(7, 10)
    a = transform.jacobian(x)
    torch.testing.assert_close(torch.func.vmap(derivative(transform))(x), a, rtol=0, atol=1e-14)
    gradients = torch.func.vmap(torch.func.grad(lambda v: transform(v).sum()))(x)
    torch.testing.assert_close(gradients, a.sum(1), rtol=0, atol=1e-14)
    with torch.no_grad():
        torch.testing.assert_close(torch.func.vmap(torch.func.jacrev(transform))(x), a, rtol=0, atol=1e-14)
