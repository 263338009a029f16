"""The papers' experiments: what is kept of them, the document, and their statistics and baselines against oracles."""

import importlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks" / "papers"


def load(name):
    """Import a file of the folder, which is in the path only meanwhile."""
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))


classification, document, experiment = (load(name) for name in ("classification", "document", "experiment"))
Claim, Experiment, Table = experiment.Claim, experiment.Experiment, experiment.Table
MADE_UP = Experiment(
    title="Made up: 2|3",
    paper="Nobody 2026.",
    setting="None.",
    tables=[Table("Numbers", ["name", "a|b"], [["x", 1], ["y", 2.5]])],
    claims=[Claim("one", "1", "1.0", experiment.HELD), Claim("|b| < 2", "2", "3", experiment.FAILED)],
    remarks=["Nothing was seen."],
    figures=["made-up.png"],
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(document, "RUNS", tmp_path)
    monkeypatch.setattr(experiment, "RUNS", tmp_path)
    monkeypatch.setattr(document, "TARGET", tmp_path / "papers.md")
    return tmp_path


def keep(monkeypatch, name, found, *options):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *options])
    experiment.main(lambda full: found, "A doc.")


def test_markdown_of_an_experiment():
    lines = MADE_UP.markdown()
    assert lines[0] == "## Made up: 2|3"
    at = lines.index("Numbers:")
    assert lines[at + 2 : at + 7] == [r"| name | a\|b |", "| --- | ---: |", "| x | 1 |", "| y | 2.5 |", ""]
    assert "![Made up: 2|3](figures/papers/made-up.png)" in lines
    assert r"| \|b\| < 2 | 2 | 3 | **did not hold** |" in lines
    assert lines[-1] == "Nothing was seen.\n"


def test_wrong_verdicts_and_ragged_tables():
    with pytest.raises(ValueError, match="'nearly' is none of 'held', 'did not hold', 'cannot tell"):
        Claim("one", "1", "1", "nearly")
    with pytest.raises(ValueError, match="Numbers: 1 cells under 2 heads"):
        Table("Numbers", ["a", "b"], [[1, 2], [3]])
    assert [experiment.verdict(held) for held in (True, False)] == ["held", "did not hold"]


def test_what_is_kept_is_what_was_found(folder, monkeypatch, capsys):
    keep(monkeypatch, "lau_tabular", MADE_UP)
    keep(monkeypatch, "acl_digits", MADE_UP, "--full")
    assert sorted(file.name for file in folder.iterdir()) == ["acl_digits-full.json", "lau_tabular.json"]
    found, extra = document.read(folder / "lau_tabular.json")
    assert found == MADE_UP and extra["full"] is False and 0 <= extra["seconds"] < 10
    assert "| y | 2.5 |" in capsys.readouterr().out


def test_document(folder, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="there are no experiments in"):
        document.write()
    keep(monkeypatch, "acl_digits", MADE_UP)
    keep(monkeypatch, "lau_tabular", MADE_UP)
    document.write()
    text = (folder / "papers.md").read_text()
    assert text.count("\n## Made up: 2|3\n") == 2
    assert r"| [Made up: 2\|3](#made-up-23) | 1 | 1 | 0 | 0 |" in text
    assert "| together | 2 | 2 | 0 | 0 |" in text
    assert text.index("papers/lau_tabular.py`") < text.index("papers/acl_digits.py`")  # in the order of NAMES
    missing = [name for name in document.NAMES if name not in ("lau_tabular", "acl_digits")]
    assert text.endswith(f"Not run: {', '.join(missing)}.\n")


def test_an_experiment_that_fails_does_not_stop_the_others(folder, monkeypatch):
    def run(command, **_):
        name = command[1].stem
        if name != "acl_digits":
            keep(monkeypatch, name, MADE_UP)
        return type("Done", (), {"returncode": name == "acl_digits"})

    monkeypatch.setattr(document, "NAMES", ("lau_tabular", "acl_digits", "acl_kernels"))
    monkeypatch.setattr(document.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["document.py"])
    with pytest.raises(SystemExit, match="failed: acl_digits"):
        document.main()
    assert (folder / "papers.md").read_text().endswith("Not run: acl_digits.\n")
    kept = json.loads((folder / "acl_kernels.json").read_text())
    assert kept["title"] == MADE_UP.title


def test_the_document_knows_every_experiment():
    files = {file.stem for file in FOLDER.glob("*.py") if '__name__ == "__main__"' in file.read_text()}
    assert files == {*document.NAMES, "document"}


def test_error_of_a_mean_over_splits():
    # Nadeau and Bengio: variance (1 / 4 + 0.3 / 0.7) times that of the values, 20 / 3.
    assert classification.error([1.0, 3.0, 5.0, 7.0]) == pytest.approx(math.sqrt((1 / 4 + 3 / 7) * 20 / 3))
    assert classification.mean_error([-0.01, -0.01]) == "+0.0 ± 0.0"


def test_networks_side_by_side_train_as_lehmer_classifiers_alone(monkeypatch):
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_iris

    from pinnkit.spaces.lehmer.classifier import LehmerClassifier

    tabular = load("lau_tabular")
    monkeypatch.setattr(tabular, "DECAY_STEPS", 7)
    x, y = load_iris(return_X_y=True)
    parts = [slice(0, None, 2), slice(1, None, 2)]
    alone = [LehmerClassifier(epochs=2, batch=8, decay_steps=7, random_state=7) for _ in parts]
    seed = int(np.random.RandomState(7).randint(2**31 - 1))  # as LehmerClassifier draws it
    generators = [torch.Generator().manual_seed(seed) for _ in parts]
    nets = [tabular.LehmerNetwork(tabular.Lehmer, 4, 3, generator) for generator in generators]
    inputs = torch.stack([tabular.by_columns(x[part], x[part]) for part in parts])
    labels = torch.as_tensor(np.stack([y[part] for part in parts]))
    classification.train(nets, inputs, labels, 8, 2, generators, tabular.adam, tabular.penalty)
    for net, made, part, own in zip(nets, alone, parts, inputs, strict=True):
        made.fit(x[part], y[part])
        with torch.no_grad():
            found = torch.softmax(net(own), -1).numpy()
        np.testing.assert_allclose(found, made.predict_proba(x[part]), atol=1e-12)
        right = 100 * (made.predict(x[part]) == y[part]).mean()
        assert classification.accuracy(net, own, torch.as_tensor(y[part])) == pytest.approx(right)


def test_the_leak_is_in_the_scaler_alone():
    pytest.importorskip("sklearn")
    tabular = load("lau_tabular")
    x = np.random.default_rng(0).normal(size=(20, 3)) * [1.0, 5.0, 0.2]
    for scale in tabular.by_columns, tabular.by_rows, tabular.standard:
        assert torch.equal(scale(x, x[:9])[:9], scale(x[:9], x[:9]))
        assert not torch.allclose(scale(x, x), scale(x, x[:9]))
    assert torch.equal(tabular.by_raw_rows(x, x), tabular.by_raw_rows(x, x[:9]))


def test_free_numbers_against_kernels_they_can_hold():
    pytest.importorskip("sklearn")
    kernels = load("acl_kernels")
    line = torch.arange(1.0, 6.0, dtype=torch.float64)
    made = torch.zeros(3, 5, 5, dtype=torch.float64)
    made[0] = -2.0  # constant: one cosine, rank one
    made[1, 1, 2], made[1, 3, 0] = 3.0, 4.0  # two entries
    made[2] = torch.outer(line, line)  # rank one
    cosines, entries, rank_one = kernels.by_free_numbers(made, torch.tensor([1, 1, 24]))
    np.testing.assert_allclose(cosines[0], 0, atol=1e-12)
    np.testing.assert_allclose(entries, [math.sqrt(24 / 25), 3 / 5, 1 / line.square().sum().item()], atol=1e-12)
    np.testing.assert_allclose(rank_one, [0, 3 / 5, 0], atol=1e-12)


def test_synthetic_kernels_have_the_noise_asked_for():
    pytest.importorskip("sklearn")
    kernels = load("acl_kernels")
    clean, noisy = kernels.synthetic(4, 0.3)
    assert clean.shape == noisy.shape == (5, 4, 5, 5)
    torch.testing.assert_close(clean.flatten(2).norm(dim=2), torch.ones(5, 4, dtype=torch.float64))
    torch.testing.assert_close((noisy - clean).flatten(2).norm(dim=2), torch.full((5, 4), 0.3, dtype=torch.float64))
