"""What a comparison is made of, and which calls fit to which folder."""

import importlib
import itertools
import json
import shlex
import shutil

import pytest
import torch
from commandline import run

import pinnkit as pk
from pinnkit.compare.comparison import Comparison
from pinnkit.compare.folder import prepare, read_description
from pinnkit.methods import Task
from pinnkit.runs import Specification, make_space


def cells(*problems, **changes):
    return Comparison(problems, **{"spaces": ("lrnn", "siren"), "methods": ("auto", "adam"), **changes}).cells()


def test_each_with_each_and_the_classical_row():
    found = cells("poisson-hf", parameters=300)
    assert [cell.folder for cell in found] == [
        "poisson-hf/lrnn/auto", "poisson-hf/lrnn/adam", "poisson-hf/siren/auto", "poisson-hf/siren/adam",
        "poisson-hf/chebyshev/least-squares",
    ]  # fmt: skip
    assert [cell.row for cell in found][-2:] == ["siren", "chebyshev (classical)"]
    assert all(cell.difference == cell.parameters - 300 for cell in found[:-1])
    classical = found[-1]
    assert classical.at_most and classical.specification["method_options"] == {"max_size": 299}
    solution = pk.solve(pk.load_problem("poisson-hf"), pk.Chebyshev(), pk.LeastSquares(max_size=299), budget="9steps")
    assert solution.metrics["parameters"] == 300
    assert classical.summary().endswith("chebyshev (classical), least-squares: at most 300 parameters")
    assert found[0].summary() == "poisson-hf, lrnn, auto: rank 27: 298 parameters (-2)"


@pytest.mark.parametrize(
    ("problem", "changes", "row"),
    [
        ("poisson-energy", {}, "ritz"),
        ("heat-disk", {}, "least-squares"),  # linear, with time as its third coordinate
        ("burgers", {}, None),  # not linear
        ("poisson-10d", {}, None),
        ("poisson-lshape", {}, None),  # charts at its corner are not classical
        ("poisson-hf", {"classical": False}, None),
        ("poisson-hf", {"spaces": ("chebyshev",)}, None),  # asked for anyway
    ],
)
def test_who_gets_a_classical_row(problem, changes, row):
    found = [cell.method for cell in cells(problem, methods=("adam",), **changes) if cell.at_most]
    assert found == [row] * (row is not None)


def test_options_go_where_they_belong():
    options = {"problem": {"n": 2}, "siren": {"omega": 7.0}, "adam": {"rate": 0.5}}
    found = cells("poisson-hf", options=options)
    assert {cell.problem for cell in found} == {"poisson-hf-n=2"}
    assert [cell.specification["space_options"] for cell in found] == [{}, {}, {"omega": 7.0}, {"omega": 7.0}, {}]
    assert [cell.specification["method_options"] for cell in found] == [{}, {"rate": 0.5}, {}, {"rate": 0.5}, {}]
    assert Specification(**found[2].run(3)).prepare()[0].seed == 3


def test_options_of_nothing_are_an_error():
    with pytest.raises(pk.InputError, match="part of the options 'kan'"):
        cells("poisson-hf", options={"kan": {"grid": 5}})


@pytest.mark.parametrize("name", ["random-features", "siren", "kan"])
def test_spaces_are_trained_on_the_same_points(name):
    """Points depend on problem, method and seed only."""
    problem = pk.load_problem("poisson-hf")

    def points(space, seed):
        begun = pk.Adam(points=30, boundary_points=9).start(Task(problem, make_space(space, {}), seed))
        return torch.cat([block.points.coordinates for block in begun.training.blocks])

    assert torch.equal(points("lrnn", 3), points(name, 3))
    assert not torch.equal(points(name, 3), points(name, 4))


@pytest.mark.parametrize("problem", ["poisson-hf", "poisson-lshape", "kovasznay"])
def test_least_squares_takes_points_of_one_sequence(problem, monkeypatch):
    """The points of a smaller space are among those of a larger one, and rounds share theirs."""
    problem, taken = pk.load_problem(problem), []
    collocation = Task.collocation

    def recorded(task, *arguments):
        found = collocation(task, *arguments)
        taken[-1].append([block.points.coordinates for block in found.blocks])
        return found

    monkeypatch.setattr(Task, "collocation", recorded)
    sizes = {"features": 12}, {"rank": 20}, {"features": 30}
    for name, options in zip(("random-features", "lrnn", "random-features"), sizes, strict=True):
        taken.append([])
        run = pk.LeastSquares().start(Task(problem, make_space(name, options), 3))
        run._candidate(0, 1.0, False)
        run.round = 1
        run._candidate(0, 2.0, False)
        run._candidate(1, 2.0, False)
    for found in taken:
        for first, again, other in zip(*found, strict=True):
            assert torch.equal(first, again) and (len(first) == 1 or not torch.equal(first, other))
    for (small, *_), (large, *_) in itertools.pairwise(taken):
        for few, many in zip(small, large, strict=True):
            assert {*map(tuple, few.tolist())} <= {*map(tuple, many.tolist())}
            assert len(few) < len(many) or len(many) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["poisson-hg"], "unknown problem 'poisson-hg'. Did you mean 'poisson-hf'?"),
        (["poisson-hf", "--spaces", "lrnn,sirren"], "unknown space 'sirren'. Did you mean 'siren'?"),
        (["poisson-hf", "--methods", "auto,adamm"], "unknown method 'adamm'. Did you mean 'adam'?"),
        (["poisson-hf", "--seeds", "0"], "a comparison needs at least one of the seeds, got none."),
        (["poisson-hf", "--seeds", "1,x"], "expected a whole number, got 'x'"),
        (["poisson-hf", "--seeds", ""], "expected a whole number, got ''"),
        (["poisson-hf", "--seeds", ","], "expected a whole number, got ''"),
        (["poisson-hf", "--spaces", "kan", "--set", "grid=3"], "like --set problem.n=32; parts are problem, kan, auto"),
        (["poisson-hf", "--parameters", "0"], "the number of parameters must be positive, got 0."),
        (["poisson-hf", "--parameters", "4"], "4 parameters are too few for lrnn on poisson-hf, which has at least 12"),
        (["poisson-hf", "--budget", "0s"], "the budget must be positive and finite, got '0s'."),
        (["poisson-hf", "--tol", "0"], "the tolerance must be positive and finite"),
        (["poisson-hf", "--dtype", "float16"], "unknown dtype 'float16'"),
        (["poisson-hf", "--jobs", "0"], "jobs must be a positive whole number, got 0."),
        (["poisson-hf", "--backend", "ray"], "unknown backend 'ray'. Known: loky, dask."),
        (["poisson-hf", "--address", "host:1"], "is one of a Dask scheduler: add --backend dask."),
        (["poisson-hf", "--set", "kan.grid=3", "--spaces", "lrnn"], "unknown part of --set 'kan'."),
        (["poisson-hf", "--set", "lrnn.rang=3"], "unknown option of space lrnn 'rang'. Did you mean 'rank'?"),
        (["poisson-hf", "--set", "problem.m=3"], "unknown argument of problem poisson_hf 'm'"),
        (["ct-shepp-logan"], "ct-shepp-logan is a CT scan, which has no equations to compare spaces on: reconstruct it "
                             "with python -m pinnkit reconstruct; benchmarks/tomography.py"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_before_anything_runs(tmp_path, arguments, message):
    code, out, err = run("compare", *arguments, "--out", tmp_path / "new")
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_two_files_of_one_name_are_told_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assert run("new", tmp_path / folder / "mine.py").code == 0
    with pytest.raises(pk.InputError, match="'mine' stands for two problems: rename one of the files"):
        cells(str(tmp_path / "a" / "mine.py"), str(tmp_path / "b" / "mine.py"), methods=("adam",))


def write(folder, threads=1, problems=("poisson-hf",), **changes):
    asked = Comparison(problems, **{"spaces": ("lrnn",), "methods": ("adam",), "seeds": (0, 1), **changes})
    prepare(folder, asked, asked.cells(), threads, asked.command(folder, 2, "loky", None))
    return read_description(folder)


def test_a_comparison_can_be_extended(tmp_path):
    old = write(tmp_path)
    assert old == write(tmp_path)
    new = write(tmp_path, seeds=(0, 1, 5), spaces=("siren", "lrnn"), methods=("auto", "adam"))
    assert new["seeds"] == [0, 1, 5] and len(new["cells"]) == 5
    assert all(cell in new["cells"] for cell in old["cells"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": (0,)}, "it has the seed 1, too; ask for that one, with more of everything if you like, or choose"),
        ({"threads": 2}, "its runs have 1 threads each, not 2"),
        ({"spaces": ("siren",)}, "it has poisson-hf/lrnn/adam, too"),
        ({"classical": False}, "it has poisson-hf/chebyshev/least-squares, too"),
        ({"budget": "21s"}, "poisson-hf/lrnn/adam has budget '20s' there, not '21s'"),
        ({"parameters": 300}, "its runs have None parameters each, not 300"),
        ({"options": {"lrnn": {"omega": 3.0}}}, r"has space options \{\} there, not \{'omega': 3.0\}"),
    ],
)
def test_a_comparison_is_not_changed(tmp_path, changes, message):
    write(tmp_path)
    with pytest.raises(pk.InputError, match=message):
        write(tmp_path, **changes)


def test_a_problem_file_that_has_changed_is_another_problem(tmp_path):
    file = tmp_path / "mine.py"
    shutil.copy(pk.gallery.gallery()["poisson-hf"], file)
    write(tmp_path / "out", problems=(str(file),))
    file.write_text(file.read_text() + "# changed\n")
    with pytest.raises(pk.InputError, match="the file of problem mine has changed since"):
        write(tmp_path / "out", problems=(str(file),))


def test_folders_that_are_no_comparison(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("")
    with pytest.raises(pk.InputError, match="holds files that are no comparison; choose another with --out"):
        write(tmp_path / "mine")
    with pytest.raises(pk.InputError, match="cannot write to the folder"):
        write(tmp_path / "mine" / "notes.txt")
    with pytest.raises(pk.InputError, match="holds no comparison: it has no comparison.json"):
        read_description(tmp_path)
    for text, complaint in (("{", "is damaged"), ("[]", "it holds no object"), ('{"cells": [1]}', "lists no cells")):
        (tmp_path / "comparison.json").write_text(text)
        with pytest.raises(pk.InputError, match=complaint):
            read_description(tmp_path)


def test_the_command_asks_for_the_same_again(tmp_path, monkeypatch):
    """From another folder, too: the recorded command makes the same description."""
    shutil.copy(pk.gallery.gallery()["poisson-hf"], tmp_path / "my problem.py")
    monkeypatch.chdir(tmp_path)
    asked = {"problems": ("my problem.py",), "seeds": (4,), "parameters": 250, "budget": "3steps",
             "tolerance": 1.2345678e-7, "options": {"problem": {"n": 2}, "lrnn": {"activation": "tanh"}},
             "classical": False}  # fmt: skip
    old = write(tmp_path / "out", **asked)
    monkeypatch.chdir("/")
    words = shlex.split(old["command"])
    assert words[:3] == ["python", "-m", "pinnkit"]
    module = importlib.import_module("pinnkit.compare.compare")  # pk.compare is its function
    monkeypatch.setattr(module, "execute", lambda *unused: None)
    monkeypatch.setattr(module, "cores", lambda: 2)
    code, _, err = run(*words[3:])
    assert (code, err) == (0, "")
    new = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert new["cells"] == old["cells"] and new["seeds"] == [4] and new["command"] == old["command"]
