"""The problems of the effectivity benchmark: their references solve them; and what its runner makes of records."""

import importlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.domains import Points
from pinnkit.problem.residual import Residual
from pinnkit.problem.two_sided import InterfaceResidual, Sided

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
adversarial = importlib.import_module("adversarial")
effectivity = importlib.import_module("effectivity")

LOOSE = {
    # Runge-Kutta solutions in NumPy, differentiated by differences
    "predators and prey": 1e-6,
    "relaxation oscillator": 1e-4,
    # series, whose rests are felt on the boundary only
    "membrane under load": 1e-6,
    "meshed square under load": 1e-6,
    "diffusivity and source": 1e-6,
}


def known(case):
    return case.exact and not case.accept


def names(keep):
    return sorted(name for name, case in adversarial.CASES.items() if keep(case))


def truth(problem):
    """The reference as a function from points to all unknowns; parameters take their true values."""
    for parameter in problem.trainable_parameters:
        with torch.no_grad():
            parameter.fill_(parameter.true)

    def function(x):
        found = problem.reference(Points(x, problem.coordinates.names, regions=problem.domain.regions or None))
        found = found if isinstance(found, dict) else {problem.unknowns[0]: found}
        return torch.stack([found[name] for name in problem.unknowns], 1)

    return function


def derivative(function, x, axes):
    """A derivative of columns, by reverse mode; by fourth-order differences where the function is NumPy's."""
    if not axes:
        return function(x)
    try:
        y = x.clone().requires_grad_()
        columns = function(y)
        for axis in axes:
            parts = [
                torch.autograd.grad(c.sum(), y, create_graph=True, materialize_grads=True, allow_unused=True)[0]
                if c.requires_grad else torch.zeros_like(y)
                for c in columns.T
            ]
            columns = torch.stack([part[:, axis] for part in parts], 1)
        return columns.detach()
    except RuntimeError as error:
        assert "numpy" in str(error).lower()
    step = torch.zeros(x.shape[1], dtype=torch.float64)
    step[axes[0]] = 1e-4 if len(axes) == 1 else 1e-3
    a, b, c, d = (derivative(function, x + s * step, axes[1:]) for s in (-2, -1, 1, 2))
    return (8 * (c - b) - (d - a)) / (12 * step[axes[0]])


def values_at(residual, function, x, measure=lambda v: v):
    def one(key):
        if isinstance(key, Sided):  # on one side of an interface
            with residual.coordinates.regions.within(residual.region.sides[key.side]):
                return one(key.key)
        if isinstance(key, str):
            return sum(measure(derivative(function, x, (axis, axis))) for axis in residual.coordinates.space)
        return measure(derivative(function, x, key))

    return residual.by_unknown({key: one(key) for keys in residual.keys.values() for key in keys})


def sizes_at(residual, function, x):
    """How large derivatives are; a Laplacian as the sum of the sizes of its terms."""
    return values_at(residual, function, x, torch.abs)


def defect(residual, function, points, inside):
    """The residual of a function relative to what it is where each derivative is off by a part of its size inside."""
    values = values_at(residual, function, points.coordinates)
    sizes = sizes_at(residual, function, torch.cat([inside, points.coordinates]))
    generator = torch.Generator().manual_seed(3)

    def off(name, key, v):
        return v + sizes[name][key].max() * (0.25 + torch.rand(v.shape, generator=generator, dtype=v.dtype) / 4)

    others = {name: {key: off(name, key, v) for key, v in found.items()} for name, found in values.items()}
    return residual(values, points).abs() / (residual(others, points).abs().max() + 1e-30)


def places(problem, function):
    """Points everywhere, and more where the reference is largest, nearer and nearer: no peak is to be missed."""
    generator = torch.Generator().manual_seed(2)
    domain = problem.domain
    many = domain.interior(4000, generator).coordinates
    found = [many[:300]]
    low, high = domain.bounds
    for column in function(many).T:
        centre = many[(column - column.median()).abs().argmax()]
        for reach in (0.1, 0.03, 0.01, 0.003):
            near = torch.rand(200, len(low), generator=generator, dtype=torch.float64) - 0.5
            near = centre + reach * (high - low) * near
            found.append(near[domain.contains(near)])
    return torch.cat(found)


def stated(problem):
    """All equations and conditions, hard ones too, but no measurements."""
    yield from problem.equations
    yield from (residual for residual in problem.soft if isinstance(residual, InterfaceResidual))
    for condition in problem.conditions:
        if getattr(condition, "kind", "model") == "data":
            continue
        for title, function, region in condition.state(problem.unknowns, problem.domain, problem.coordinates):
            residual = Residual(title, function, region, problem.coordinates)
            some = residual.sample(20, torch.Generator().manual_seed(0))
            residual.trace(problem.unknowns, some, problem.trainable_parameters)
            yield residual


def test_names_are_unique_and_there_are_many():
    assert len(adversarial.CASES) == sum(map(len, adversarial.THEMES.values())) >= 60


@pytest.mark.parametrize("name", names(lambda case: True))
def test_every_problem_can_be_stated(name):
    case = adversarial.CASES[name]
    problem = case.problem(seed=1)
    assert (problem.reference is None) == bool(case.accept)


@pytest.mark.parametrize("name", names(known))
def test_the_reference_solves_the_problem(name):
    problem = adversarial.CASES[name].problem()
    function = truth(problem)
    inside = places(problem, function)
    for residual in stated(problem):
        points = residual.sample(300, torch.Generator().manual_seed(1))
        if residual.region is problem.domain:
            points = points.replace(torch.cat([points.coordinates, inside]))
        found = defect(residual, function, points, inside)
        bound = LOOSE.get(name.split(", SIREN")[0], 1e-9)
        assert found.max() < bound, (residual.name, points.coordinates[found.argmax()])


# Weak forms and energies: against functions that vanish where values are prescribed, on panels of Gauss nodes. The
# panels of the unit interval end at all places where coefficients of these problems jump.


def gauss(domain, panels, nodes=8):
    x, w = np.polynomial.legendre.leggauss(nodes)
    axes = []
    for low, high in domain.bounds.T.tolist():
        h = (high - low) / panels
        left = low + h * np.arange(panels)
        axes.append(((left[:, None] + h * (x + 1) / 2).ravel(), np.tile(h * w / 2, panels)))
    grid, weights = (
        torch.from_numpy(np.stack(np.meshgrid(*part, indexing="ij"), -1).reshape(-1, len(axes)))
        for part in zip(*axes, strict=True)
    )
    return Points(grid, domain.names), weights.prod(1)


def bubble(problem):
    """A smooth function that vanishes where values are prescribed."""
    low, high = problem.domain.bounds
    pieces = [piece for c in problem.conditions if isinstance(c, pk.Dirichlet) for piece in c.on.pieces]

    def function(x):
        result = torch.cos(2 * x[:, 0] + 0.3) + (x[:, -1] - 0.2) ** 2
        for piece in pieces:
            if piece.face is None:
                return result * (1 - x.square().sum(1))  # the unit disk
            axis, upper = piece.face
            result = result * (high[axis] - x[:, axis] if upper else x[:, axis] - low[axis])
        return result[:, None]

    return lambda x: function(x).reshape(-1, 1)


def quadrature(problem, region, panels):
    if region is problem.domain and isinstance(region, pk.Box):
        return gauss(region, panels)
    return region.quadrature(4000)


@pytest.mark.parametrize("name", names(lambda case: known(case) and case.problem().weak))
def test_the_reference_solves_the_weak_form(name):
    problem = adversarial.CASES[name].problem()
    function, test = truth(problem), bubble(problem)
    total = size = 0.0
    for form in problem.weak:
        points, weights = quadrature(problem, form.region, 20 if problem.domain.dimension > 1 else 800)
        for factor in form.factors:
            part = factor.residual(values_at(factor.residual, function, points.coordinates), points)
            part = part * derivative(test, points.coordinates, factor.key)[:, 0] * weights
            total, size = total + part.sum(), size + part.abs().sum()
    # No panel follows a circle, and none resolves the singular middle of a checkerboard of regions.
    rough = "round" in name or "checkerboard" in name and "regions" in name
    assert total.abs() < (3e-3 if rough else 1e-10) * size


@pytest.mark.parametrize("name", names(lambda case: known(case) and case.problem().energies))
def test_the_reference_makes_the_energy_stationary(name):
    problem = adversarial.CASES[name].problem()
    function, test = truth(problem), bubble(problem)
    ahead = behind = size = 0.0
    for density in problem.energies:
        points, weights = quadrature(problem, density.region, 20 if problem.domain.dimension > 1 else 400)
        u, v = (values_at(density, f, points.coordinates)["u"] for f in (function, test))
        low, middle, high = (
            density({"u": {key: u[key] + step * v[key] for key in u}}, points) for step in (-1e-3, 0.0, 1e-3)
        )
        ahead, behind = ahead + (high * weights).sum(), behind + (low * weights).sum()
        size = size + ((high - middle).abs() * weights).sum()
    assert (ahead - behind).abs() < 1e-8 * size + 1e-6 * size * ("stiffening" in name)


@pytest.mark.parametrize("name", ["round inclusion, weak", "rod of two metals, weak with breaks"])
def test_a_wrong_reference_would_be_seen(name, monkeypatch):
    case = adversarial.CASES[name]
    problem = case.problem()
    right = problem.reference
    problem.reference = lambda p: right(p) * (1 + 0.2 * p.x)
    monkeypatch.setattr(type(case), "problem", lambda self, seed=0: problem)
    with pytest.raises(AssertionError):
        test_the_reference_solves_the_weak_form(name)


FINE = {case.name: case for case in adversarial.THEMES["Coefficients that peak or oscillate"]}
SLOW = ("round sink", "spot under", "absorber of width 0.001", "rate pulse of width 0.001")


@pytest.mark.parametrize("name", [name for name in FINE if not name.startswith(SLOW)])
def test_coefficients_on_a_fine_scale_deceive_nobody(name):
    case = FINE[name]
    solution = pk.solve(case.problem(), budget="3steps", tolerance=case.tolerance, seed=2)
    true, told = solution.metrics["relative_variation"], solution.estimated_error
    assert true <= 10 * max(told, case.tolerance)
    if solution.status is not pk.Status.CONVERGED:
        assert true <= 10 * told


# The runner.


def record(**changed):
    asked = {"name": "rod in kelvin", "seed": 0, "budget": "20s", "tolerance": 1e-8}
    found = {"status": "converged", "reason": "", "method": "least squares", "space": "LRNN", "seconds": 1.0}
    return asked | found | {"true": 1e-9, "estimated": 2e-9} | changed


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, False),
        ({"true": 9e-8}, False),  # within ten times the tolerance
        ({"true": 2e-7}, True),
        ({"true": 2e-7, "estimated": 1e-7}, False),
        ({"true": math.nan}, True),
        ({"true": 2e-7, "status": "stalled"}, False),
        ({"name": "pure Neumann", "true": None}, True),
        ({"name": "pure Neumann", "true": None, "status": "undetermined"}, False),
        ({"name": "pure Neumann", "true": None, "status": "budget spent"}, True),
        ({"name": "pure Neumann", "true": None, "status": "budget spent", "estimated": 0.5}, False),
        ({"name": "u = 0 and u = 1 at the same ends", "true": None, "status": "stalled", "estimated": 1e-9}, True),
    ],
)
def test_what_misleads(changed, expected):
    assert effectivity.misleading(record(**changed)) == expected


def test_ratios():
    assert effectivity.ratio(record()) == 0.5
    assert effectivity.ratio(record(true=3e-15, estimated=0.0)) == 1.0
    assert effectivity.ratio(record(true=3e-10, estimated=0.0)) == math.inf
    assert effectivity.ratio(record(estimated=None)) is None


def test_sigmas():
    found = {"k": {"found": 1.3, "true": 1.0, "deviation": 0.1}, "s": {"found": 1.0, "true": 2.0, "deviation": None}}
    assert effectivity.sigmas(record(parameters=found)) == {"k": pytest.approx(3.0), "s": None}


def test_the_summary_counts():
    records = [record(), record(true=1e-3, seed=1), record(true=1e-3, status="stalled", seed=2)]
    found = {"k": {"found": 1.05, "true": 1.0, "deviation": 0.1}, "s": {"found": 1.15, "true": 1.0, "deviation": 0.1}}
    records += [record(name="decay rate", parameters=found), record(name="pure Neumann", true=None)]
    text = "\n".join(effectivity.summary(records))
    assert "3 of them say `converged`, and of these 1 are wrong" in text and "*rod in kelvin (1)*" in text
    assert "in 2 of 4 runs (50%); it is above in 2, below in 0" in text
    assert "*pure Neumann (1)*" in text
    assert "50% within 1 and 100% within 2" in text
    document = effectivity.document(records, "20s", ["| decay | fast |"])
    assert "## Standard deviations" in document and "| decay | fast |" in document
    start = "| rod in kelvin | LRNN, least squares | converged, **converged**, stalled |"
    assert f"{start} 1.0e-09, 1.0e-03, 1.0e-03 |" in document
    assert "| decay rate | k | 1 | 1.05 | 0.5 |" in document


def test_errors_do_not_hide_behind_an_offset():
    line = pk.Interval(0, 1)
    slope = pk.Problem(
        domain=line,
        unknowns="u",
        equations={"laplace": lambda u: u.xx},
        conditions=[pk.Dirichlet(u=lambda p: 293 + p.x, on=line.boundary)],
        reference=lambda p: 293.1 + p.x,
    )
    solution = pk.solve(slope, tolerance=1e-8)
    found = effectivity.read(solution)
    assert found["true"] == pytest.approx(0.1 * math.sqrt(12), rel=1e-2) and found["relative_l2"] < 1e-3


def test_a_run_is_cached_and_found_again(tmp_path, monkeypatch, capsys):
    cache = tmp_path / "cache.jsonl"
    monkeypatch.setattr(effectivity, "TARGET", tmp_path / "effectivity.md")
    command = ["effectivity", "--only", "film of micro", "--seeds", "0,1", "--jobs", "1", "--cache", str(cache)]
    monkeypatch.setattr(sys, "argv", command)
    effectivity.main()
    lines = [json.loads(line) for line in cache.read_text().splitlines()]
    assert [r["seed"] for r in lines] == [0, 1] and all(r["relative_l2"] <= r["true"] < 1e-8 for r in lines)
    with cache.open("a") as file:
        file.write('{"name": "half a li')
    capsys.readouterr()
    effectivity.main()
    assert "2 runs, 2 of them in" in capsys.readouterr().out
    assert not (tmp_path / "effectivity.md").exists()


def test_ctrl_c_ends_the_suite_and_not_only_a_run(monkeypatch):
    def interrupted(*args, **options):
        return pk.Solution(None, None, pk.Status.INTERRUPTED, "SIGINT")

    monkeypatch.setattr(pk, "solve", interrupted)
    monkeypatch.setattr(effectivity, "read", lambda solution: {"status": solution.status.value})
    with pytest.raises(KeyboardInterrupt):
        effectivity.run("membrane under load", 0, "5s")


def test_runs_that_are_refused_or_fail_are_findings(monkeypatch):
    def refused(seed=0):
        raise pk.InputError("no such thing")

    def failed(seed=0):
        raise ZeroDivisionError("oh")

    for make, status in ((refused, "refused"), (failed, "failed")):
        monkeypatch.setitem(adversarial.CASES, "odd", adversarial.Case("odd", make))
        found = effectivity.run("odd", 0, "5s")
        assert found["status"] == status and found["reason"]
        json.dumps(found)
