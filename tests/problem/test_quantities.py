"""Quantities read off solutions, and known parts that are added to them."""

import math

import pytest
import torch

import pinnkit as pk

SQUARE = pk.Box([0, 0], [1, 1])


def saddle(**more):
    return pk.Problem(
        domain=SQUARE, unknowns="u", equations={"e": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=lambda p: p.x**2 - p.y**2 + p.x, on=SQUARE.boundary)], **more,
    )  # fmt: skip


def test_values_errors_and_metrics():
    problem = saddle(quantities={
        "slope": pk.Quantity(lambda u: u.x, at=[[0.25, 0.5]], expected=1.5),
        "values": pk.Quantity(lambda u, p: u.value - p.x, at=[[1.0, 0.0], [0.5, 0.5]], expected=[1.0, 0.1]),
        "twist": pk.Quantity(lambda u: u.xy, at=[[0.5, 0.5]]),
    })  # fmt: skip
    solution = pk.solve(problem)
    found = solution.metrics["quantities"]
    assert found == solution.quantities()
    assert found["slope"]["value"] == pytest.approx(1.5) and found["slope"]["relative_error"] < 1e-8
    assert found["values"]["value"] == pytest.approx([1.0, 0.0], abs=1e-8)
    assert found["values"]["error"] == pytest.approx(0.1) and found["values"]["relative_error"] == pytest.approx(0.1)
    assert found["twist"]["value"] == pytest.approx(0.0, abs=1e-6) and found["twist"]["error"] is None


def test_the_command_line_prints_them(tmp_path, capsys):
    file = tmp_path / "slope.py"
    file.write_text(
        "import pinnkit as pk\n\n\ndef problem(a: float = 1.0):\n    line = pk.Interval(0, 1)\n"
        '    return pk.Problem(domain=line, unknowns="u", equations={"e": lambda u: u.xx - a},\n'
        "        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],\n"
        '        quantities={"slope": pk.Quantity(lambda u: u.x, [[1.0]], 0.5),\n'
        '            "both": pk.Quantity(lambda u: u.x, [[0.0], [1.0]], [-0.5, 0.5])})\n'
    )
    from pinnkit.cli import main

    with pytest.raises(SystemExit) as end:
        main(["solve", str(file), "--out", str(tmp_path / "run"), "--budget", "20s"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert "slope = 0.5, off by" in out and "both = 2 values, off by" in out


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pk.Quantity(lambda u: u.x, [0.0, 1.0]), r"at= takes points of shape \(n, d\)"),
        (lambda: pk.Quantity(lambda u: u.x, [[math.nan, 1.0]]), r"at= takes points of shape \(n, d\)"),
        (lambda: pk.Quantity(lambda u: u.x, [[0.0, 1.0]], [1.0, 2.0]), "or one for each of the 1 points"),
        (lambda: pk.Quantity(lambda u: u.x, [[0.0, 1.0]], math.inf), "takes a finite number"),
        (lambda: saddle(quantities={"q": pk.Quantity(lambda u: u.x, [[0.5]])}), r"shape \(n, 2\), got \(1, 1\)"),
        (lambda: saddle(quantities={"q": pk.Quantity(lambda u: u.x, [[2.0, 0.5]])}),
         "1 of 1 points are outside the domain"),
        (lambda: saddle(quantities={"q": lambda u: u.x}), "quantities must be a dict such as"),
        (lambda: saddle(lift=3.0), "lift must be a function of points"),
        (lambda: saddle(lift=lambda p: 1 / (p.x - p.x)), "the lift is not finite at some points"),
        (lambda: saddle(lift=lambda p: {"v": p.x}), "unknown field in the lift 'v'"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(pk.InputError, match=message):
        make()


def test_a_lift_of_several_unknowns_is_a_dict_and_goes_with_no_hard_condition():
    box, both = SQUARE, {"e": lambda u: u.laplacian, "f": lambda v: v.laplacian}
    with pytest.raises(pk.InputError, match="the lift of several unknowns must return a dict"):
        pk.Problem(domain=box, unknowns="u v", equations=both, lift=lambda p: p.x)
    hard = [pk.Dirichlet(u=0.0, on=box.boundary, hard=True)]
    with pytest.raises(pk.InputError, match="a lift and hard conditions would disagree"):
        pk.Problem(domain=box, unknowns="u v", equations=both, conditions=hard, lift=lambda p: {"u": p.x})


def test_a_quantity_in_the_notch_of_an_l_is_outside():
    notched = SQUARE - pk.Box([0.5, 0.5], [1, 1])
    where = pk.Quantity(lambda u: u.x, [[0.75, 0.75], [0.5, 0.5]])
    with pytest.raises(pk.InputError, match=r"quantity 'q': 1 of 2 points are outside .*, first \(0.75, 0.75\)"):
        pk.Problem(domain=notched, unknowns="u", equations={"e": lambda u: u.laplacian}, quantities={"q": where})


def test_a_singular_lift_leaves_a_smooth_rest():
    """theta = atan2(y, x) jumps at the origin: no space of smooth functions comes near, unless it is taken off."""
    def theta(p):
        return 2 * torch.atan(p.y / (p.x + torch.sqrt(p.x**2 + p.y**2)))

    def exact(p):
        return theta(p) + torch.exp(p.x) * torch.sin(p.y)

    def problem(lift):
        return pk.Problem(
            domain=SQUARE, unknowns="u", equations={"e": lambda u: u.laplacian}, reference=exact, lift=lift,
            conditions=[pk.Dirichlet(u=exact, on=SQUARE.boundary)],
        )  # fmt: skip

    method = pk.LeastSquares(max_size=300)
    assert pk.solve(problem(None), method=method).relative_l2 > 1e-4
    with_lift = pk.solve(problem(theta), method=method)
    assert with_lift.relative_l2 < 1e-9
    assert 0.1 < with_lift.metrics["relative_variation"] / with_lift.estimated_error < 10
