import csv
import json
import pathlib
import shutil
import subprocess
import sys
import textwrap

import meshio
import numpy as np
import pytest
from commandline import ENVIRONMENT, LONG, run

import pinnkit as pk

HEAD = "import math\nimport torch\nimport pinnkit as pk\n\ndef problem():\n"
SQUARE = """\
square = pk.Box([0, 0], [1, 1])
return pk.Problem(
    domain=square,
    unknowns="u",
    equations={"e": %s},
    conditions=[%s],
    %s
)
"""
ZERO = "pk.Dirichlet(u=0.0, on=square.boundary)"
PLATE = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]
CELLS = [("triangle", np.array([[0, 1, 2], [1, 3, 2]]))]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written():
    return {str(path) for path in pathlib.Path(".").rglob("*")}


def refused(*arguments):
    """Runs a command that must end in one line and code 2 and write nothing; returns the line."""
    before = written()
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.endswith("\n") and err.count("\n") == 1
    assert "Traceback" not in err and "\N{BOX DRAWINGS LIGHT HORIZONTAL}" not in err
    assert written() == before
    return err.removeprefix("error: ").rstrip("\n")


def problem_file(equation="lambda u: u.laplacian - 1", conditions=ZERO, more="", body=None):
    text = HEAD + textwrap.indent(body or SQUARE % (equation, conditions, more), "    ")
    pathlib.Path("mine.py").write_text(text)
    return "mine.py"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("poison-hf", "unknown problem 'poison-hf'. Did you mean 'poisson-hf'? Known: advection, "),
        ("burgers --space lrn", "unknown space 'lrn'. Did you mean 'lrnn'? Known: lrnn, iat, lehmer"),
        ("burgers --method adm", "unknown method 'adm'. Did you mean 'adam'? Known: auto, least-squares, ritz, adam"),
        ("burgers --method adam+", "unknown method ''. Known: auto, "),
        ("burgers --method adam+auto", "method adam+auto: auto chooses methods by itself"),
        ("poisson-hf --method adam+least-squares", "least-squares cannot be part of a sequence"),
        ("burgers --space mlp --set space.with=3", "unknown option of space mlp 'with'. Did you mean 'width'?"),
        ("burgers --space mlp --set space.width=0", "space mlp: width must be a positive whole number, got 0."),
        ("burgers --space mlp --set space.width=2.5", "space.width must be a whole number or None, got 2.5."),
        ("burgers --space lrnn --set space.rank=[1]", "space.rank must be a whole number or None, got [1]."),
        ("burgers --space lrnn --set space.offset=maybe", "space.offset must be true or false, such as its default"),
        ("burgers --space lrnn --set space.projection=a", "space lrnn: projection must be one of axes, free, identity"),
        ("burgers --set space.rank=3", "space.rank needs a space: add --space NAME; python -m pinnkit list spaces"),
        ("burgers --method adam --set method.rat=1", "unknown option of method adam 'rat'. Did you mean 'rate'?"),
        ("burgers --method adam --set method.rate=fast", "method.rate must be a number, such as its default 0.002"),
        ("burgers --method adam --set method.rate=-1", "method adam: rate must be positive, got -1."),
        ("burgers --method adam --set method.rate=nan", "method.rate must be a number"),
        ("burgers --method adam --set method.points=0", "method adam: points must be a positive whole number, got 0."),
        ("burgers --method adam --set method.points=1e999", "method.points must be a whole number"),
        ("burgers --set problem.mu=1", "unknown argument of problem burgers 'mu'. Known: nu."),
        ("burgers --set problem.nu=thick", "problem.nu must be a number, such as its default 0.003"),
        ("burgers --set problem.nu=[1,2]", "problem.nu must be a number"),
        ("burgers --set probl.nu=1", "unknown part of --set 'probl'. Did you mean 'problem'? Known: problem, space"),
        ("burgers --set nu=1", "--set 'nu=1': write it like --set problem.n=32 or --set space.rank=64."),
        ("burgers --set problem.nu", "--set 'problem.nu': write it like"),
        ("burgers --set problem.=1", "--set 'problem.=1': write it like"),
        ("burgers --dtype float16", "unknown dtype 'float16'. Did you mean 'float64'? Known: float32, float64."),
        ("burgers --device tpu9", "the device 'tpu9' does not work here"),
        ("burgers --device meta", "the device 'meta' does not work here"),
        ("burgers --budget 0", "the budget must be positive"),
        ("burgers --budget=-5s", "the budget must be positive"),
        ("burgers --budget nan", "cannot read the budget 'nan'; write it like 60s, 2min or 500steps."),
        ("burgers --budget 5days", "cannot read the budget '5days'"),
        ("burgers --budget 1.5steps", "the number of steps must be whole, got '1.5steps'."),
        ("burgers --tol 0", "the tolerance must be positive"),
        ("burgers --tol=-1e-3", "the tolerance must be positive"),
        ("burgers --tol nan", "Invalid value for '--tol': expected a number such as 1e-8, got 'nan'"),
        ("burgers --tol small", "Invalid value for '--tol': expected a number such as 1e-8, got 'small'"),
        ("burgers --seed lucky", "Invalid value for '--seed': expected a whole number, got 'lucky'"),
        ("burgers --budget", "Option '--budget' requires an argument."),
        ("burgers --sed 1", "No such option: --sed"),
        ("burgers helmholtz", "Got unexpected extra argument"),
        ("", "Missing argument"),
        ("missing.py", "there is no problem file 'missing.py': check the path (the current folder is "),
    ],
)
def test_bad_input_of_solve(arguments, message):
    assert refused("solve", *arguments.split()).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "Missing command."),
        ("slve", "No such command 'slve'."),
        ("list problem", "unknown kind of list 'problem'. Did you mean 'problems'? Known: problems, spaces, methods."),
        ("evaluate run", "Missing option '--points'."),
        ("resume", "Missing argument"),
    ],
)
def test_bad_commands(arguments, message):
    assert refused(*arguments.split()).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import math\ndef problem(:\n", "mine.py, line 2: does not import: SyntaxError: invalid syntax"),
        ("a = 1\nimport mth\n", "mine.py, line 2: does not import: ModuleNotFoundError: No module named 'mth'"),
        ("import sys\n\nsys.exit(3)\n", "mine.py, line 3: does not import: SystemExit: 3"),
        ("a = 1\n", "mine.py has no function problem(); start from: python -m pinnkit new my_problem.py"),
        ("def problem():\n    return 3\n",
         "mine.py: problem() must return a pk.Problem or a tomography.Scan, got int."),
        ("def problem():\n    raise KeyError('a')\n", "mine.py, line 2: problem() failed: KeyError: 'a'"),
        ("def problem():\n    assert 1 == 2\n", "mine.py, line 2: problem() failed: AssertionError"),
        ("def problem(n):\n    pass\n", "mine.py: problem() needs the argument 'n': add --set problem.n=..."),
    ],
)
def test_bad_problem_files(text, message):
    pathlib.Path("mine.py").write_text(text)
    assert refused("solve", "mine.py") == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"equation": "lambda u: u.zz"}, "mine.py, line 10: unknown derivative 'zz'. Known: x, y, xx, yy, grad"),
        ({"equation": "lambda u, p: u.xx - p.z"}, "mine.py, line 10: unknown coordinate 'z'. Known: x, y."),
        ({"equation": "lambda v: v.xx"}, "mine.py, line 7: unknown argument of equation 'e' 'v'. Known: u, p."),
        ({"equation": "lambda u: u.grad"}, "mine.py, line 7: equation 'e': the residual must be a tensor of shape "),
        ({"equation": "lambda u: q * u"}, "mine.py, line 10: problem() failed: NameError: name 'q' is not defined"),
        ({"equation": "lambda u, p: u - (p.x - 0.5).log()"}, "mine.py, line 7: equation 'e': the residual is nan at "),
        ({"conditions": "pk.Dirichlet(u=math.nan, on=square.boundary)"}, "mine.py, line 7: Dirichlet u on x_min"),
        (
            {"conditions": "pk.Dirichlet(u=lambda p: (p.x - 0.5).sqrt(), on=square.boundary)"},
            "mine.py, line 7: Dirichlet u on x_min, x_max, y_min, y_max: the residual is nan at ",
        ),
        (
            {"conditions": "pk.Dirichlet(u=math.nan, on=square.boundary, hard=True)"},
            "mine.py, line 7: Dirichlet u on x_min (hard): the data are nan at ",
        ),
        (
            {"conditions": "pk.Dirichlet(u=0.0, on=square.boundary.where(lambda p: p.x > 5))"},
            "mine.py, line 7: Dirichlet u on nothing: the boundary it is on is empty; check the selection.",
        ),
        (
            {"conditions": "pk.Dirichlet(u=0.0, on=square.boundary['lef'])"},
            "mine.py, line 11: unknown boundary group 'lef'. Known: x_min, x_max, y_min, y_max.",
        ),
        (
            {"conditions": ZERO + ", pk.Observations([[0.5, 0.5]], u=[math.nan])"},
            "mine.py, line 11: Observations: 1 of 1 numbers in 'u' are NaN or infinite.",
        ),
        ({"more": "reference=lambda p: p.q"}, "mine.py, line 12: unknown coordinate 'q'. Known: x, y."),
        ({"more": "reference=lambda p: p.coordinates"}, "mine.py, line 7: the reference of 'u' must be "),
        ({"more": "reference='no.csv'"}, "mine.py, line 7: the reference file 'no.csv' does not exist."),
        ({"body": "return pk.Box([0], [1]) & pk.Box([2], [3])\n"}, "mine.py, line 6: the domain is empty"),
    ],
)
def test_bad_problems(arguments, message):
    assert refused("solve", problem_file(**arguments)).startswith(message)


def test_a_residual_that_fails_only_later_is_blamed_too():
    late = "def late(u, p):\n    assert len(p) < 100, 'too many'\n    return u.laplacian\n"
    file = problem_file(body=late + SQUARE % ("late", ZERO, ""))
    assert refused("solve", file) == "mine.py, line 7: AssertionError: too many"


def test_problem_paths_that_are_no_python_file():
    pathlib.Path("folder.py").mkdir()
    pathlib.Path("table.csv").write_text("x\n1\n")
    assert refused("solve", "folder.py") == "'folder.py' is a folder; a problem is a gallery name or a Python file."
    assert refused("solve", "table.csv").startswith("'table.csv' is no Python file")


def test_mesh_files_that_cannot_be_used():
    def on(mesh):
        return refused("solve", "poisson-mesh", "--set", f"problem.mesh={mesh}")

    assert "there is no mesh file no.msh: check the path" in on("no.msh")
    pathlib.Path("text.msh").write_text("hello\n")
    assert "cannot read the mesh file text.msh" in on("text.msh")
    meshio.Mesh(np.array(PLATE, float), [("vertex", np.array([[0], [1]]))]).write("points.vtu")
    assert "points.vtu has no triangles and no tetrahedra, only vertex" in on("points.vtu")
    meshio.Mesh(np.array(PLATE, float), []).write("empty.vtu")
    assert "empty.vtu" in on("empty.vtu")
    nodes = np.array(PLATE, float)
    nodes[1, 0] = np.nan
    meshio.Mesh(nodes, CELLS).write("nan.vtu")
    assert "nan.vtu: 1 of 4 nodes have NaN or infinite coordinates" in on("nan.vtu")
    meshio.Mesh(np.array(PLATE, float), CELLS).write("plain.vtu")
    assert "unknown boundary group 'clamped'. Known: boundary." in on("plain.vtu")


def test_folders_that_cannot_be_used():
    pathlib.Path("file").write_text("")
    pathlib.Path("full").mkdir()
    pathlib.Path("full/letter.txt").write_text("dear")

    def to(folder):
        return refused("solve", "burgers", "--method", "adam", "--budget", "1steps", "--out", folder)

    assert to("file") == "cannot write to the folder 'file': File exists."
    assert to("file/run") == "cannot write to the folder 'file/run': Not a directory."
    assert to("full") == "the folder 'full' holds files that are no run; choose another with --out."


@pytest.mark.parametrize("command", [("resume",), ("evaluate", "--points", "points.csv")])
def test_folders_that_are_no_run(command):
    pathlib.Path("points.csv").write_text("x,y\n0,0\n")
    pathlib.Path("folder").mkdir()
    first, *rest = command
    for folder in ("missing", "folder", "points.csv"):
        assert refused(first, folder, *rest) == f"'{folder}' is no run folder: it has no run.json."
    for text, message in {
        '{"problem": ': "folder/run.json is damaged: Expecting value: line 1 column 13 (char 12).",
        "[1]": "folder/run.json is damaged: it holds no object.",
        '{"problem": 3}': "folder/run.json is damaged: 'problem' is missing or wrong.",
        '{"problem": null}': "'folder' was made by the library from a problem in memory; repeat it in Python.",
    }.items():
        pathlib.Path("folder/run.json").write_text(text)
        assert refused(first, "folder", *rest) == message


@pytest.fixture(scope="module")
def run_of_square(tmp_path_factory):
    base = tmp_path_factory.mktemp("module")
    ended = run("solve", "poisson-hf", "--set", "problem.n=2", "--set", "method.start_size=60",
                "--method", "least-squares", "--budget", "1steps", "--out", base / "run")  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    return base / "run"


def test_evaluate_takes_columns_in_any_order_and_gives_every_digit(run_of_square):
    rows = [["0.1", "first", "-0.25"], ["0.3333333333333333", "second", "7"]]
    with open("points.csv", "w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([["y", "name", " x "], *rows])
    ended = run("evaluate", run_of_square, "--points", "points.csv")
    note = "note: 1 of 2 points are outside the domain, first (7, 0.333333); the values there mean nothing.\n"
    assert (ended.code, ended.err) == (0, note)
    assert run("evaluate", run_of_square, "--points", "points.csv", "--out", "values.csv").code == 0
    assert pathlib.Path("values.csv").read_text() == ended.out
    head, *values = csv.reader(ended.out.splitlines())
    assert head == ["x", "y", "u"]
    numbers = np.array(values, float)
    assert numbers[:, :2].tolist() == [[-0.25, 0.1], [7.0, 0.3333333333333333]]
    with pytest.warns(UserWarning, match="outside the domain"):
        assert np.array_equal(pk.load_solution(run_of_square)(numbers[:, :2]), numbers[:, 2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read 'points.csv': No such file or directory."),
        ("", "points.csv: expected a line of names, then lines of numbers, got 0 lines."),
        ("x,z\n0,0\n", "unknown column of points.csv 'y'. Known: x, z."),
        ("x,y\n0,0\n1,one\n", "points.csv, line 3: column 'y' must hold finite numbers, got 'one'."),
        ("x,y\n0,nan\n", "points.csv, line 2: column 'y' must hold finite numbers, got 'nan'."),
        ("x,y\n0\n", "points.csv, line 2: column 'y' must hold finite numbers, got ''."),
    ],
)
def test_bad_points(run_of_square, text, message):
    if text is not None:
        pathlib.Path("points.csv").write_text(text)
    assert refused("evaluate", run_of_square, "--points", "points.csv") == message


def test_values_that_cannot_be_written(run_of_square):
    pathlib.Path("points.csv").write_text("x,y\n0,0\n")
    message = refused("evaluate", run_of_square, "--points", "points.csv", "--out", "points.csv/values.csv")
    assert message == "cannot write 'points.csv/values.csv': Not a directory."


def test_checkpoints_that_cannot_be_used(run_of_square):
    def broken(change):
        shutil.rmtree("run", ignore_errors=True)
        shutil.copytree(run_of_square, "run")
        change(pathlib.Path("run"))
        return refused("resume", "run")

    def other_space(run):
        description = json.loads((run / "run.json").read_text())
        description.update(space="siren", space_options={"width": 5})
        (run / "run.json").write_text(json.dumps(description))

    tensors = next((run_of_square / "checkpoint").glob("*.safetensors")).name
    assert broken(lambda run: shutil.rmtree(run / "checkpoint")) == (
        "the checkpoint in run/checkpoint is missing; solve again."
    )
    assert broken(lambda run: (run / "checkpoint" / tensors).unlink()) == (
        f"the checkpoint in run/checkpoint is not whole: {tensors} is missing; solve again."
    )
    assert broken(lambda run: (run / "checkpoint" / tensors).write_bytes(b"abc")).startswith(
        "the checkpoint in run/checkpoint is damaged ("
    )
    assert broken(lambda run: (run / "checkpoint" / "state.json").write_text("{")).startswith(
        "the checkpoint in run/checkpoint is damaged ("
    )
    assert broken(other_space).startswith("the checkpoint in run/checkpoint does not fit what run.json says (")


def test_new_writes_a_file_that_runs():
    code, out, err = run("new", "my_problem.py")
    assert (code, out, err) == (
        0, "wrote my_problem.py; run it with: python -m pinnkit solve my_problem.py\n", ""
    )  # fmt: skip
    code, out, err = run("solve", "my_problem.py", "--set", "problem.k=1", "--budget", "2steps")
    assert (code, err) == (0, "")
    metrics = json.loads(pathlib.Path("runs/my_problem/metrics.json").read_text())
    assert metrics["relative_l2"] < 1e-3


def test_new_overwrites_nothing():
    pathlib.Path("mine.py").write_text("precious")
    assert refused("new", "mine.py") == "'mine.py' exists already; choose another name."
    assert refused("new", "nowhere/mine.py") == "cannot write 'nowhere/mine.py': No such file or directory."
    assert refused("new", "mine.txt") == "a problem file ends in .py, got 'mine.txt'."
    assert pathlib.Path("mine.py").read_text() == "precious"


def test_divergence_ends_with_code_3_and_keeps_a_checkpoint():
    code, out, err = run("solve", "burgers", "--method", "adam", "--set", "method.rate=1e200", "--budget", "50steps",
                         "--set", "method.points=50", "--set", "method.boundary_points=20", "--out", "run")  # fmt: skip
    assert code == 3
    assert out.startswith("burgers: diverged (")
    assert err == "  the last good checkpoint is in run/checkpoint\n"
    assert json.loads(pathlib.Path("run/metrics.json").read_text())["status"] == "diverged"
    assert np.isfinite(pk.load_solution("run")([[0.5, 0.5]])).all()
    code, out, err = run("resume", "run")
    assert code == 3
    assert out.startswith("finished already; nothing was done\nburgers: diverged (")


def test_a_reader_that_goes_away_is_no_disaster():
    command = [sys.executable, "-m", "pinnkit", "list"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 1
    process.stderr.close()


def test_the_steps_are_announced_on_standard_error_only(run_of_square, monkeypatch):
    monkeypatch.setattr("pinnkit.runs.progress_line.PLAIN_SECONDS", 0.0)
    code, out, err = run(*LONG, "--budget", "3steps")
    assert code == 0
    lines = err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("step 1  loss ") and lines[0].endswith(" left")
    assert out.splitlines()[-1] == "  written to run"


def test_a_disk_that_fails_in_mid_run_is_one_line(monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device", "run/checkpoint")

    monkeypatch.setattr("pinnkit.runs.folder.save_state", full)
    code, out, err = run(*LONG, "--budget", "2steps")
    assert (code, err) == (1, "error: No space left on device: 'run/checkpoint'\n")
