"""The accessors u.x, u.xx, u.laplacian, as residuals use them."""

import pytest
import torch

from pinnkit.errors import InputError, NameNotFound
from pinnkit.jets import LAPLACIAN, Unknown, evaluate, parse_derivative

X = torch.tensor([[0.3, -0.2, 0.5], [1.1, 0.4, -0.7]], dtype=torch.float64)  # columns x, y, t
NORMALS = torch.tensor([[0.6, 0.8, 0.0], [0.0, -1.0, 0.0]], dtype=torch.float64)


def function(p):
    x, y, t = p.unbind(-1)
    return (torch.sin(x * y) * torch.exp(-t) + x**3 * y).unsqueeze(-1)


@pytest.fixture
def asked():
    return []


@pytest.fixture
def u(asked):
    def lookup(key):
        asked.append(key)
        return evaluate(function, X, [key], (0, 1))[key][:, 0]

    return Unknown(lookup, ("x", "y", "t"), (0, 1), NORMALS)


def test_derivatives_by_name(u):
    x, y, t = X.unbind(-1)
    e = torch.exp(-t)
    torch.testing.assert_close(u.value, torch.sin(x * y) * e + x**3 * y)
    torch.testing.assert_close(u.x, y * torch.cos(x * y) * e + 3 * x**2 * y)
    torch.testing.assert_close(u.t, -torch.sin(x * y) * e)
    torch.testing.assert_close(u.xx, -(y**2) * torch.sin(x * y) * e + 6 * x * y)
    torch.testing.assert_close(u.yy, -(x**2) * torch.sin(x * y) * e)
    torch.testing.assert_close(u.xt, -y * torch.cos(x * y) * e)
    torch.testing.assert_close(u.xxx, -(y**3) * torch.cos(x * y) * e + 6 * y)
    torch.testing.assert_close(u.xxxx, y**4 * torch.sin(x * y) * e)
    assert torch.equal(u.xy, u.yx)
    assert torch.equal(u.xyt, u.tyx)


def test_collections_run_over_space_only(u, asked):
    assert u.grad.shape == (2, 2)
    assert u.hessian.shape == (2, 2, 2)
    torch.testing.assert_close(u.grad, torch.stack([u.x, u.y], -1))
    torch.testing.assert_close(u.hessian, torch.stack([u.xx, u.xy, u.xy, u.yy], -1).reshape(2, 2, 2))
    torch.testing.assert_close(u.laplacian, u.xx + u.yy)
    assert LAPLACIAN in asked
    assert all(2 not in key for key in asked if key != LAPLACIAN)
    torch.testing.assert_close(u.normal, torch.stack([0.6 * u.x[0] + 0.8 * u.y[0], -u.y[1]]))


def test_acts_as_its_value(u):
    v = u.value
    c = torch.tensor([2.0, 3.0], dtype=torch.float64)
    for found, expected in [
        (u + 1, v + 1), (1 + u, 1 + v), (u - c, v - c), (c - u, c - v), (2 * u, 2 * v), (u * u, v * v),
        (u / c, v / c), (c / u, c / v), (u**2, v**2), (2**u, 2**v), (-u, -v), (+u, v), (abs(u), v.abs()),
        (u % 0.3, v % 0.3), (u @ c, v @ c), (c @ u, c @ v), (u > 0, v > 0), (u <= c, v <= c), (u == v, v == v),
        (u != v, v != v), (torch.sin(u), v.sin()), (torch.stack([u, c]), torch.stack([v, c])), (u[0], v[0]),
        (torch.where(c > 2.5, u, c), torch.where(c > 2.5, v, c)), (torch.add(c, u, alpha=2), c + 2 * v),
        (u.sum(), v.sum()), (u.clamp(min=0), v.clamp(min=0)), (u.reshape(2, 1), v.reshape(2, 1)),
        (u.add(u), v + v), (torch.add(input=c, other=u), c + v),
    ]:  # fmt: skip
        assert torch.equal(found, expected)
    assert u.shape == (2,)
    assert u.dtype == torch.float64
    assert u.device == v.device
    assert len(u) == 2
    assert hash(u) == hash(u)


def test_value_alone_asks_for_no_derivative(u, asked):
    torch.sin(u) * u + u[0]
    assert set(asked) == {()}


def test_unknown_derivative_lists_the_known(u):
    with pytest.raises(NameNotFound) as caught:
        u.z  # noqa: B018
    message = str(caught.value)
    assert "'z'" in message
    for name in ("x", "yy", "grad", "laplacian", "hessian", "normal"):
        assert name in message
    assert isinstance(caught.value, AttributeError)
    assert not hasattr(u, "xz")


def test_order_above_four_is_an_error(u):
    with pytest.raises(InputError, match="'xxxyy' has order 5; the highest supported is 4"):
        u.xxxyy  # noqa: B018


def test_normal_needs_a_boundary():
    inside = Unknown(lambda key: X[:, 0], ("x",), (0,))
    with pytest.raises(InputError, match="boundaries only"):
        inside.normal  # noqa: B018


@pytest.mark.parametrize(
    ("name", "coordinates", "index"),
    [
        ("xxy", ("x", "y"), (0, 0, 1)),
        ("yx", ("x", "y"), (0, 1)),
        ("x1x12", ("x1", "x12"), (0, 1)),
        ("rtheta", ("r", "theta"), (0, 1)),
        ("thetatheta", ("t", "theta"), (1, 1)),
    ],
)
def test_names_of_derivatives(name, coordinates, index):
    assert parse_derivative(name, coordinates) == index
