import io
import json
import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Budget, Progress
from pinnkit.runs import ProgressLine, Specification, solve_specification
from pinnkit.runs.checkpoint import load_state, save_state

WANTED = """problem space method parameters trainable steps seconds status reason residual estimated_error relative_l2
max_error seed dtype device peak_memory_bytes"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "a" / "run"
    options = {"problem_arguments": {"n": 2}, "method": "least-squares", "method_options": {"start_size": 40}}
    solve_specification(Specification("poisson-hf", **options, budget="2steps", seed=5), path)
    return path


def strict(path):
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def test_run_json_holds_all_that_repeats_the_run(folder, tmp_path):
    description = strict(folder / "run.json")
    assert description["versions"]["pinnkit"] == pk.__version__
    assert {"python", "torch", "numpy", "scipy"} <= set(description["versions"])
    assert {"system", "processor", "threads", "gpu"} <= set(description["machine"])
    assert "git" in description and len(description["problem_sha256"]) == 64
    fields = {name: description[name] for name in Specification.__dataclass_fields__}
    assert fields["problem_arguments"] == {"n": 2} and fields["seed"] == 5 and fields["dtype"] == "float64"
    solve_specification(Specification(**fields), tmp_path / "again")
    assert (tmp_path / "again" / "weights.safetensors").read_bytes() == (folder / "weights.safetensors").read_bytes()


def test_metrics_and_history_are_strict_json(folder):
    metrics = strict(folder / "metrics.json")
    assert set(WANTED.split()) <= set(metrics)
    assert (metrics["problem"], metrics["space"], metrics["method"]) == ("poisson-hf", "LRNN", "least-squares")
    assert (metrics["steps"], metrics["seed"], metrics["device"]) == (2, 5, "cpu")
    assert 0 < metrics["relative_l2"] < 1 and metrics["trainable"] < metrics["parameters"]
    records = [json.loads(line, parse_constant=pytest.fail) for line in (folder / "history.jsonl").open()]
    assert [record["step"] for record in records] == [1, 2]
    assert records[-1]["relative_l2"] == pytest.approx(metrics["relative_l2"], rel=1e-9)


def test_the_true_error_of_the_history_is_of_its_step_and_off_the_clock(monkeypatch):
    rounds = pk.LeastSquares(start_size=40)
    solution = pk.solve(pk.load_problem("poisson-hf", {"n": 2}), method=rounds, budget="3steps", tolerance=1e-15)
    after = [pk.solve(solution.problem, method=rounds, budget=f"{k}steps").relative_l2 for k in (1, 2, 3)]
    assert [record["relative_l2"] for record in solution.history] == pytest.approx(after, rel=1e-9)
    clock = iter([10.0, 12.0, 17.0, 18.0])  # start, begin and end of the pause, look
    monkeypatch.setattr("pinnkit.methods.stopping.time.perf_counter", lambda: next(clock))
    budget = Budget(60)
    budget.start()
    with budget.paused():
        pass
    assert budget.elapsed == 3


def test_paths_in_run_json_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "import pinnkit as pk\ndef problem(table: str = ''):\n    return pk.Problem(domain=pk.Interval(0, 1), "
    (tmp_path / "mine.py").write_text(text + "unknowns='u', equations={'e': lambda u: u - 1})\n")
    (tmp_path / "data.csv").write_text("x,u\n0,1\n")
    settled = Specification("mine.py", {"table": "data.csv"}).settled()
    assert settled.problem == str(tmp_path / "mine.py")
    assert settled.problem_arguments == {"table": str(tmp_path / "data.csv")}


def test_a_new_run_replaces_an_old_one(folder, tmp_path):
    specification = Specification("poisson-hf", method="least-squares", method_options={"start_size": 20})
    specification.budget = "1steps"
    solve_specification(specification, tmp_path)
    (tmp_path / "checkpoint" / "tensors-old.safetensors").write_bytes(b"")
    solve_specification(specification, tmp_path)
    assert len(list((tmp_path / "checkpoint").iterdir())) == 2
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 1


def test_states_come_back_to_the_last_bit(tmp_path):
    shared = torch.randn(3, dtype=torch.float64)
    state = {
        "a": shared, "b": [shared, shared[1:]], "c": (1, 0.1, "word", None, True), 5: {},
        "d": [math.inf, -math.inf], "e": torch.tensor(3), "f": [], "nan": math.nan,
    }  # fmt: skip
    save_state(tmp_path / "one", state, "1")
    save_state(tmp_path / "one", state, "2")
    json.loads((tmp_path / "one" / "state.json").read_text(), parse_constant=pytest.fail)
    assert sorted(f.name for f in (tmp_path / "one").iterdir()) == ["state.json", "tensors-2.safetensors"]
    found = load_state(tmp_path / "one")
    assert found["a"].equal(shared) and found["b"][1].equal(shared[1:]) and found["e"].item() == 3
    assert (found["c"], found[5], found["d"], found["f"]) == (state["c"], {}, state["d"], [])
    assert math.isnan(found["nan"])
    with pytest.raises(TypeError, match="a checkpoint cannot hold set"):
        save_state(tmp_path / "one", {1, 2}, "3")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, monkeypatch, columns=200):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("pinnkit.runs.progress_line.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("pinnkit.runs.progress_line.REFRESH_SECONDS", 0.0)
    budget = Budget.parse("100steps")
    budget.start(50.0, 10)
    with ProgressLine(stream) as line:
        line(Progress(10, 50.0, 0.5, 0.25), budget)
        line(Progress(20, 50.0, 0.25), budget)
    return stream.getvalue()


def test_the_progress_line_keeps_to_one_line_of_a_terminal(monkeypatch):
    text = shown(Terminal(), monkeypatch, 40)
    first, second, cleared = text.split("\r")[1:4]
    assert first.rstrip() == "step 10  loss 5.000e-01  estimated erro"
    assert "\n" not in text and cleared == " " * 39


def test_the_progress_line_is_lines_in_a_log(monkeypatch):
    first, second = shown(io.StringIO(), monkeypatch).splitlines()
    assert first == "step 10  loss 5.000e-01  estimated error 2.5e-01  at most 7 min 30 s left"
    assert second.startswith("step 20  loss 2.500e-01  estimated error 2.5e-01  ")
