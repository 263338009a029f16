"""Every rule of a jet against nested reverse-mode differentiation in float64, called the way torch calls it.

Each function of a name (``torch.sin``, ``Tensor.sin``, ...) is a test of its own, and must hit its own entry of the
table of rules.
"""

import itertools

import pytest
import torch
import torch.nn.functional as F
from jets.cases import CASES, HIGHER, KINKED, NO_DEVICE, ROUNDED, SECOND, D, X, at, inner
from torch import Tensor

from pinnkit.jets import LAPLACIAN, Derivatives, Jet
from pinnkit.jets.jet import RULES

HOMES = {"torch": torch, "Tensor": Tensor, "F": F, "special": torch.special, "linalg": torch.linalg}
SILENT = {"F.tanh", "F.sigmoid"}  # they only call the method, and never ask for a rule


def layer_norm_by_hand(z, shape, weight=1.0, bias=0.0, eps=1e-5):
    dims = tuple(range(-len(shape), 0))
    variance = z.var(dims, correction=0, keepdim=True)
    return (z - z.mean(dims, keepdim=True)) / torch.sqrt(variance + eps) * weight + bias


def celu_by_hand(z, alpha=1.0):
    return torch.where(z > 0, z, alpha * torch.expm1(z / alpha))


# torch 2.13 itself is wrong in the third derivative of layer_norm, and celu's has only the precision of float32.
HAND_WRITTEN = {"F.layer_norm": layer_norm_by_hand, "F.celu": celu_by_hand, "torch.celu": celu_by_hand}


class Invoker:
    """A torch function, called as users call it; it knows its home and name."""

    def __init__(self, label):
        self.label = label
        self.home, self.name = label.split(".")
        self.function = getattr(HOMES[self.home], self.name)

    def __call__(self, *args, **kwargs):
        if self.home != "Tensor":
            return self.function(*args, **kwargs)
        kwargs = dict(kwargs)
        args = args or (kwargs.pop("input"),)
        return getattr(args[0], self.name)(*args[1:], **kwargs)


def spelled(names):
    """List "home.name" of each torch function of these names; one object under two names is listed once."""
    found = {}
    for home, name in itertools.product(HOMES, names):
        function = getattr(HOMES[home], name, None)
        if callable(function) and f"{home}.{name}" not in SILENT and function not in found:
            found[function] = f"{home}.{name}"
    return found


OWN = {"Tensor.numel"}  # a method that the class of jets has itself
INTERNAL = {
    "torch.layer_norm",
    "torch.rms_norm",
    "torch.batch_norm",
    "torch.dropout",
}  # torch's own, beneath those in F
BY_NAME = {"__rsub__", "__rdiv__", "__rpow__", "__rmod__", "pow", "__eq__"}  # operators: test_compile.py
FUNCTIONS = {f: label for f, label in spelled([*CASES, *NO_DEVICE]).items() if label not in INTERNAL}


def oracle(module, x, keys, weights):
    """Differentiate the weighted sum of the outputs by reverse mode over reverse mode."""
    x = x.clone().requires_grad_()
    known = {(): (module(x) * weights).sum()}

    def derivative(index):
        if index not in known:
            lower = derivative(index[:-1])
            known[index] = torch.zeros((), dtype=x.dtype)
            if lower.requires_grad:
                (gradient,) = torch.autograd.grad(lower, x, create_graph=True, allow_unused=True)
                known[index] = known[index] if gradient is None else gradient[0, index[-1]]
        return known[index]

    return {k: derivative((0, 0)) + derivative((1, 1)) if k == LAPLACIAN else derivative(k) for k in keys}


def check(module, x, keys, tolerance=1e-9, reference=None):
    reference = reference or module
    y = module(x)
    weights = torch.cos(torch.arange(y.numel(), dtype=x.dtype)).reshape(y.shape)
    expected = oracle(reference, x, keys, weights)
    found = Derivatives(keys, (0, 1))._by_jets(module, x)
    for key in keys:
        assert found[key].shape == y.shape, key
        torch.testing.assert_close(
            (found[key] * weights).sum(),
            expected[key],
            rtol=tolerance,
            atol=tolerance,
            msg=lambda m, k=key: f"{k}: {m}",
        )


def test_the_cases_cover_every_rule():
    """A rule without a case, or a case without its rule, is reported by name."""
    without_case = [str(key) for key in RULES if key not in FUNCTIONS and key not in BY_NAME]
    without_rule = [label for key, label in FUNCTIONS.items() if key not in RULES and label not in OWN]
    assert not without_case
    assert not without_rule
    assert BY_NAME <= RULES.keys()


@pytest.mark.parametrize("label", [label for label in FUNCTIONS.values() if label not in OWN])
def test_rule_gives_derivatives(label, monkeypatch):
    f = Invoker(label)
    if f.name in NO_DEVICE and not torch.cuda.is_available():
        assert f.function in RULES
        pytest.skip("torch sees no CUDA device")
    hits = []
    if f.function in RULES:
        rule = RULES[f.function]
        monkeypatch.setitem(RULES, f.function, lambda *args, **kwargs: (hits.append(1), rule(*args, **kwargs))[1])
    smooth = f.name not in KINKED
    for number, case in enumerate(CASES.get(f.name, at())):

        def module(x, case=case, f=f):
            return case(f, inner(x)).reshape(1, -1)

        by_hand = HAND_WRITTEN.get(label)
        reference = by_hand and (lambda x, case=case, by_hand=by_hand: case(by_hand, inner(x)).reshape(1, -1))

        hits.clear()
        y = module(X)
        if f.name in ROUNDED:
            jet = Derivatives([(), (0,)], (0,))._by_jets(module, X)
            assert jet[0,].dtype == jet[()].dtype == y.dtype == f(X).dtype
        else:
            check(module, X, SECOND, reference=reference)
            check(module, X, [LAPLACIAN], reference=reference)
            if smooth and number < 4 and f.home in ("torch", "F", "linalg"):
                check(module, X, HIGHER, 1e-7, reference)
        assert hits, f"case {number} of {label} never asked for its rule"


def test_the_oracle_agrees_with_jacobians_of_jacobians():
    def module(x):
        return torch.tanh(inner(x)).reshape(1, -1)

    hessian = torch.func.jacrev(torch.func.jacrev(lambda p: module(p[None])[0]))(X[0])
    ones = torch.zeros(1, 6, dtype=D)
    ones[0, 4] = 1
    expected = oracle(module, X, SECOND, ones)
    torch.testing.assert_close(expected[0, 1], hessian[4, 0, 1])
    torch.testing.assert_close(expected[LAPLACIAN], hessian[4].trace())


def test_cases_see_jets():
    """The checks above run on jets, not on the fall-back: the inner map gives one."""
    level = Derivatives([(0, 0)], (0,))._levels[0]
    assert isinstance(inner(level.seed(X)), Jet)


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("function", [F.softmax, F.softmin, F.log_softmax])
def test_dimension_that_torch_chooses_itself(function):
    for shape in [(6,), (2, 3), (1, 2, 3), (1, 1, 2, 3)]:
        check(lambda x, shape=shape: function(inner(x).reshape(shape)).reshape(1, -1), X, SECOND)
