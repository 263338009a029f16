"""What torch.compile traces equals what runs eagerly, in one graph."""

import operator
import shutil
import warnings

import pytest
import torch
from torch import nn

from pinnkit.jets import LAPLACIAN, Derivatives, by_transforms, evaluate

D = torch.float64


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)).to(D)


def points(n=5):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(1), dtype=D)


def loss_of(module, x):
    u = evaluate(module, x, [(), (0,), LAPLACIAN])
    return (u[LAPLACIAN] + u[()] * u[0,] - torch.sin(x[:, :1])).square().mean()


@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="torch.compile needs a C++ compiler")
def test_compiled_equals_eager():
    module, x = network(), points()
    parameters = tuple(module.parameters())
    compiled = torch.compile(lambda: loss_of(module, x), fullgraph=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own deprecations
        loss = compiled()
        gradients = torch.autograd.grad(loss, parameters)
    expected = loss_of(module, x)
    torch.testing.assert_close(loss, expected)
    for one, other in zip(gradients, torch.autograd.grad(expected, parameters), strict=True):
        torch.testing.assert_close(one, other)


def both_ways(operate, z, c):
    return torch.stack([operate(z, c), operate(c, z), operate(z, z * z), operate(z, 1.5), operate(1.5, z)]).sum(0)


@pytest.mark.parametrize("name", "add sub mul truediv pow lt eq ne mod".split())
def test_operators_while_compiling(name):
    """The compiler's tracer asks for other functions than eager torch does."""
    operate, c, x = getattr(operator, name), torch.tensor([[0.5, 2.0]], dtype=D), points().abs() + 0.5
    plan = Derivatives([(), (0,), (0, 1)], (0, 1))

    def module(z):
        return z * (operate(z, c) + operate(z, 1.5) if name == "mod" else both_ways(operate, z, c))

    torch.compiler.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = torch.compile(lambda: plan(module, x), fullgraph=True, backend="eager")()
    expected = by_transforms(module, x, list(found), (0, 1))
    eager = plan(module, x)
    for key, derivative in found.items():
        torch.testing.assert_close(derivative, expected[key])
        torch.testing.assert_close(eager[key], expected[key])


def test_matrix_operator_while_compiling_is_refused_rather_than_reversed():
    matrix, x, plan = torch.randn(2, 2, dtype=D), points(), Derivatives([(0,)], (0, 1))
    torch.compiler.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception, match="write torch.matmul"):
            torch.compile(lambda: plan._by_jets(lambda p: p @ matrix, x), fullgraph=True, backend="eager")()
        found = torch.compile(lambda: plan(lambda p: torch.matmul(p, matrix), x), fullgraph=True, backend="eager")()
    torch.testing.assert_close(found[0,], matrix[0].expand(5, 2))
