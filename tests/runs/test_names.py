"""Weights and sampling by name, with options of their own."""

from __future__ import annotations

import json

import pytest
from commandline import run

import pinnkit as pk
from pinnkit.runs.names import PARTS, make_method


def test_names_make_the_objects():
    made = make_method("adam", {"weights": "causal", "sampling": "rad"})
    assert made == pk.Adam(weights=pk.Causal(), sampling=pk.RAD())
    made = make_method("lbfgs", {"sampling": "rar", "sampling.every": 5, "sampling.add": 3, "history": 7})
    assert made == pk.LBFGS(history=7, sampling=pk.RAR(every=5, add=3))
    for kind, makers in PARTS.items():
        for name, maker in makers.items():
            assert getattr(make_method("ssbroyden", {kind: name}), kind) == maker()
            assert maker.name == name


def test_methods_in_turn_all_get_them():
    both = make_method("adam+lbfgs", {"weights": "gradient-norm", "directions": 2})
    assert [method.weights for method in both.methods] == [pk.GradientNorm()] * 2
    assert both.methods[0].directions == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adam", {"weights": "casual"}, "'casual'.*causal"),
        ("adam", {"sampling": "sobol"}, "'sobol'.*resample"),
        ("adam", {"sampling": "rad", "sampling.evry": 3}, "'evry'.*every"),
        ("adam", {"sampling": "rad", "sampling.k": -1}, "sampling rad: k must not be negative"),
        ("adam", {"weights.eps": 1}, "need a name: add --set method.weights=NAME, one of gradient-norm, "),
        ("least-squares", {"weights": "causal"}, "'weights'.*max_size"),
    ],
)
def test_what_does_not_fit_is_an_error_that_lists_what_does(name, options, message):
    with pytest.raises(pk.InputError, match=message):
        make_method(name, options)


def test_the_command_line_runs_and_records_them(tmp_path):
    where = tmp_path / "run"
    settings = ["method.weights=causal", "method.weights.slabs=8", "method.sampling=rad", "method.sampling.every=2"]
    options = [part for setting in (*settings, "method.points=50") for part in ("--set", setting)]
    code, _, err = run("solve", "burgers", "--method", "adam", "--budget", "4steps", "--out", where, *options)
    assert (code, err) == (0, "")
    recorded = json.loads((where / "run.json").read_text())["method_options"]
    assert recorded["weights.slabs"] == 8 and recorded["sampling"] == "rad"
    code, _, err = run("resume", where, "--budget", "6steps")
    assert (code, err) == (0, "")
    ended = run("solve", "poisson-hf", "--method", "adam", "--set", "method.weights=causal", "--budget", "2steps")
    assert ended.code == 2 and "causal weights follow time" in ended.err
