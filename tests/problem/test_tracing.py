"""A problem is checked when it is made: names, shapes, numbers, places; and `nonlinear`, `linearise`."""

import copy
import math
import pickle

import pytest
import torch

import pinnkit as pk
from pinnkit.jets import LAPLACIAN
from pinnkit.problem import Residual

LINE = pk.Interval(0, 1)
SQUARE = pk.Box([0, 0], [1, 1])
HEAT = LINE * pk.Time(0, 1)


def make(equation=lambda u: u.xx - 1, domain=LINE, unknowns="u", conditions=(), **options):
    return pk.Problem(
        domain=domain, unknowns=unknowns, equations={"e": equation}, conditions=conditions, **options
    )


def test_only_derivatives_in_use_are_noted():
    problem = pk.Problem(
        domain=SQUARE * pk.Time(0, 1),
        unknowns=("u", "v"),
        equations={"a": lambda u: u.t + u.xy * u, "b": lambda v, u, p: v.laplacian + p.x * u.xxxx},
    )
    one, two = problem.equations
    assert set(one.keys["u"]) == {(2,), (0, 1), ()} and one.keys["v"] == ()
    assert set(two.keys["v"]) == {LAPLACIAN} and set(two.keys["u"]) == {(0, 0, 0, 0)}


def test_functions_of_several_kinds():
    def keyword(u, p, *, k=2.0):
        return u.xx + k * p.x

    assert make(keyword).nonlinear is None
    assert make(lambda p, u: u.xx - p.x).equations[0].keys == {"u": ((0, 0),)}


@pytest.mark.parametrize(("arguments", "message"), [
    ({"equation": lambda u: u.zz}, "unknown derivative 'zz'.*x"),
    ({"equation": lambda u: u.t}, "unknown derivative 't'"),
    ({"equation": lambda u, p: u.xx - p.y}, "unknown coordinate 'y'. Known: x"),
    ({"equation": lambda w: w.xx}, "equation 'e' 'w'.*Known: u, p"),
    ({"equation": lambda u: u.xxxxx}, "order 5; the highest supported is 4"),
    ({"equation": lambda u: u.grad}, r"shape \(n,\) = \(17,\), got shape \(17, 1\)"),
    ({"equation": lambda u: 0.0}, "must be a tensor"),
    ({"equation": lambda u: u.xx == 1}, "real numbers, got torch.bool; write the difference"),
    ({"equation": lambda u: u.xx + 1j}, "real numbers, got torch.complex"),
    ({"equation": lambda u: u.normal}, "boundaries only"),
    ({"equation": "u.xx"}, "expected a function such as lambda u: u.xx, got 'u.xx'"),
    ({"equation": lambda p: p.x}, "equation 'e' uses no unknown"),
    ({"unknowns": "u v"}, "no equation uses the unknown 'v'"),
    ({"conditions": [pk.Condition(lambda p: p.x, on=LINE.boundary)]}, "condition uses no unknown"),
    ({"equation": lambda u, p: (p.x * u.x).x}, "a tensor has no 'x'; derivatives exist for unknowns only: expand"),
    ({"equation": lambda u, v=1.0: u.xx - v, "unknowns": "u v"}, "the default value of 'v' would hide"),
    ({"equation": lambda u, p: (u.xx * p.x).float()}, "'e': the numbers are torch.float32, the points torch.float64"),
    ({"unknowns": 3}, "unknowns must be names in a string or a list"),
    ({"conditions": pk.Dirichlet(u=0.0, on=LINE.boundary)}, r"write conditions=\[...\], got"),
    ({"conditions": [lambda u: u]}, "each condition must be an object such as .*, got <function"),
    ({"conditions": [pk.Dirichlet]}, "each condition must be an object"),
    ({"parameters": pk.Parameter("k", 1.0)}, r"write parameters=\[...\]"),
    ({"parameters": [1.0]}, r"each parameter must be one such as pk.Parameter\(.*, got 1.0"),
    ({"parameters": [pk.Parameter("k", 1.0), pk.Parameter("k", 2.0)]}, "must have distinct names, got 'k', 'k'"),
    ({"domain": pk.Time(0, 5)}, r"ordinary differential equation use pk.Interval\(0, 5, name='t'\)"),
    ({"unknowns": "u u"}, "unknowns must be distinct"),
    ({"unknowns": ""}, "unknowns must be distinct"),
    ({"unknowns": "u x", "equation": lambda u: u.xx}, "'x' names both an unknown and a coordinate"),
    ({"unknowns": "u p", "equation": lambda u: u.xx}, "'p' is the point in residuals.*call the pressure 'q'"),
])  # fmt: skip
def test_refusals(arguments, message):
    with pytest.raises(pk.InputError, match=message):
        make(**arguments)


def test_a_problem_needs_an_equation():
    with pytest.raises(pk.InputError, match="at least one equation"):
        pk.Problem(domain=LINE, unknowns="u", equations={})
    with pytest.raises(pk.InputError, match="equations must be a dict"):
        pk.Problem(domain=LINE, unknowns="u", equations=[lambda u: u.xx])


def test_numbers_that_are_not_finite_are_named_with_their_place():
    with pytest.raises(pk.InputError, match=r"'e': the residual is nan at \d+ of 17 points, first at \(0\.\d+\)"):
        make(lambda u, p: u.xx - torch.sqrt(p.x - 2))
    with pytest.raises(pk.InputError, match=r"Dirichlet u on x_min: the residual is -?inf .* first at \(0\)"):
        make(conditions=[pk.Dirichlet(u=lambda p: 1 / p.x, on=LINE.boundary["left"])])


def test_rare_bad_data_are_found_where_points_are_drawn():
    problem = make(lambda u, p: u.xx + torch.where(p.x > 0.999, math.nan, 1.0))
    with pytest.raises(pk.InputError, match=r"equation 'e': the residual is nan .* first at \(0\.999"):
        pk.solve(problem, budget="5s")


def test_poles_in_the_unknown_are_no_bad_data():
    # Checked for made-up values of the unknowns, among which no round number must be.
    problem = make(lambda u: u.x / (1 - u) + torch.log(u))
    problem.equations[0].check(LINE.interior(500, torch.Generator().manual_seed(0)))


def test_conditions_of_one_name_stay_apart():
    twice = [pk.Condition(lambda u: u, on=LINE.boundary[name]) for name in ("left", "right")]
    problem = make(conditions=twice)
    assert [residual.name for residual in problem.soft] == ["condition", "condition (2)"]


def test_a_trainable_tensor_must_be_listed():
    nu = pk.Parameter("nu", 0.1)
    with pytest.raises(pk.InputError, match="equation 'e' uses the trainable parameter 'nu'.*parameters="):
        make(lambda u: nu * u.xx - 1)
    w = torch.ones(3, requires_grad=True)
    with pytest.raises(pk.InputError, match=r"a tensor \(3,\) with requires_grad.*detach"):
        make(lambda u: w.sum() * u.xx - 1)
    make(lambda u: nu * u.xx - 1, parameters=[nu])
    fixed = pk.Parameter("k", 0.1, trainable=False)
    assert make(lambda u: fixed * u.xx - 1).nonlinear is None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_parameters_are_copied_with_name_and_first_guess(copied):
    parameter = pk.Parameter("nu", 0.25)
    with torch.no_grad():
        parameter.mul_(2)
    twin = copied(parameter)
    assert (twin.name, twin.first, twin.item(), twin.requires_grad) == ("nu", 0.25, 0.5, True)
    twin.reset()
    assert (twin.item(), parameter.item()) == (0.25, 0.5)
    assert isinstance(twin, pk.Parameter) and not copied(pk.Parameter("k", 1.0, trainable=False)).requires_grad
    with pytest.raises(pk.InputError, match="parameter 'nu' must be a finite number, got nan"):
        pk.Parameter("nu", math.nan)


LINEAR = {
    "variable coefficients": lambda u, p: torch.exp(p.x) * u.xx + torch.sin(5 * p.x) * u.x - p.x**3,
    "large source": lambda u: u.xx - 1e13,
    "small coefficients": lambda u: 1e-9 * u.xx + 1e-12 * u - 1e-10,
    "affine in a normal": lambda u: 3 * u - 4 * u.x + 5,
}
NONLINEAR = {
    "product": lambda u: u.xx + u * u.x,
    "weak": lambda u: u.xx + 1e-7 * u**3,
    "behind a large source": lambda u: u.xx + u**2 - 1e13,
    "sine": lambda u: u.xx + torch.sin(u),
    "absolute value": lambda u: u.xx + abs(u),
    "not a number for negative values": lambda u: u.xx - torch.sqrt(u),
    "eikonal": lambda u: u.x**2 - 1,
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear(name):
    assert make(LINEAR[name]).nonlinear is None


@pytest.mark.parametrize("name", NONLINEAR)
def test_nonlinear(name):
    assert make(NONLINEAR[name]).nonlinear == "equation 'e'"


def test_a_nonlinear_condition_and_a_trainable_parameter_are_named():
    radiation = pk.Condition(lambda u: u.normal + u**4, on=LINE.boundary["right"], name="radiation")
    assert make(conditions=[radiation]).nonlinear == "radiation"
    nu = pk.Parameter("nu", 0.1)
    assert make(lambda u: nu * u.xx - 1, parameters=[nu]).nonlinear == "the trainable parameter 'nu'"


@pytest.mark.parametrize("equation", [
    lambda u, p: u * u.x - torch.exp(-u.xx) + p.x * u, lambda u, p: p.x * u.xx - 3 * u, lambda u: u.x * 0 + 1.0,
])  # fmt: skip
def test_linearise_against_differences(equation):
    residual: Residual = make(lambda u, p: u.xx + equation(*(u, p)[: equation.__code__.co_argcount])).equations[0]
    generator = torch.Generator().manual_seed(3)
    points = LINE.interior(20, generator)
    values = {"u": {k: torch.randn(20, generator=generator, dtype=torch.float64) for k in residual.keys["u"]}}
    at, slopes = residual.linearise(values, points)
    torch.testing.assert_close(at, residual(values, points))
    h = 1e-5
    for key in residual.keys["u"]:
        shifted = [residual({"u": values["u"] | {key: values["u"][key] + s * h}}, points) for s in (1, -1)]
        torch.testing.assert_close(slopes["u"][key], (shifted[0] - shifted[1]) / (2 * h), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    "residual",
    [lambda u: u.mean(), lambda u: u.xx - u.value.mean(), lambda u: u - u.value.max(), lambda u: u.value.flip(0)],
)
def test_a_residual_that_mixes_points_is_refused(residual):
    line = pk.Interval(0, 1)
    with pytest.raises(pk.InputError, match="depends on the unknowns at other points"):
        pk.Problem(domain=line, unknowns="u", equations={"e": residual})
