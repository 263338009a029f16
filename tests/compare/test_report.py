import csv
import json
import math
import re
import shlex
import shutil
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from commandline import run
from run_folders import write_comparison, write_failure, write_run

import pinnkit as pk
from pinnkit.compare.figures import error_against_parameters
from pinnkit.compare.records import read_runs
from pinnkit.compare.report import repeat, report
from pinnkit.compare.study import study
from pinnkit.compare.tables import escaped, number, whole

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags close in order, and collects what a reader gets."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.tags, self.tables = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = write_comparison(tmp_path_factory.mktemp("runs"))
    report([root])
    return root


def rows(file):
    with file.open(newline="") as lines:
        return [*csv.DictReader(lines)]


def test_the_page_needs_nothing_else_and_says_what_came_out(folder):
    text = (folder / "report.html").read_text()
    page = Page(text)
    said = " ".join(" ".join(page.texts).split())
    assert "18 runs: 15 budget spent, 2 failed, 1 unfinished" in said
    assert "lrnn had the lowest median relative L2 error: 1.3e-4 over 6 seeds." in said
    assert "lower than that of mlp (by a factor of 10): the 95 % interval excludes equality." in said
    assert "Against siren these runs cannot tell." in said
    assert "2 of 18 runs failed. 1 of 18 runs have not ended." in said
    assert "NaN in step 3" in said
    outside = [v for _, a in page.tags for k, v in a.items() if k in ("src", "href", "xlink:href") and v]
    assert outside and all(v.startswith(("#", "data:")) for v in outside)
    assert "@import" not in text and not re.search(r"url\((?!#)", text)
    pictures = [a for tag, a in page.tags if tag == "img" or a.get("role") == "img"]
    assert len(pictures) >= 3 and all(a.get("alt") or a.get("aria-label") for a in pictures)
    anchors = {a["id"] for _, a in page.tags if "id" in a}
    assert {v[1:] for tag, a in page.tags if tag == "a" and (v := a["href"])} <= anchors
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(headings, headings[1:], strict=False))


def test_csv_and_markdown_have_the_same_numbers(folder):
    results, summary = rows(folder / "results.csv"), rows(folder / "summary.csv")
    assert len(results) == 18
    states = [r["state"] for r in results if r["space"] == "siren"]
    assert states == ["budget spent"] * 3 + ["failed"] * 2 + ["unfinished"]
    lrnn = next(r for r in summary if r["space"] == "lrnn")
    mine = [float(r["relative_l2"]) for r in results if r["space"] == "lrnn"]
    assert float(lrnn["relative_l2_median"]) == pytest.approx(np.median(mine), rel=1e-14)
    assert float(lrnn["relative_h1_median"]) == pytest.approx(3 * np.median(mine), rel=1e-14)
    low, high = float(lrnn["relative_l2_interval_low"]), float(lrnn["relative_l2_interval_high"])
    assert min(mine) <= low < np.median(mine) < high <= max(mine)
    siren = next(r for r in summary if r["space"] == "siren")
    assert (siren["runs"], siren["failed"], siren["not_ended"]) == ("5", "2", "1")
    assert float(siren["relative_l2_median"]) == pytest.approx(1.4e-4)
    assert float(siren["relative_l2_upper_quartile"]) == math.inf
    markdown = (folder / "report.md").read_text()
    assert "| lrnn | adam | 6 | 400 | 1.3e-4 |" in markdown and "| siren | adam | 5, 2 failed, 1 missing |" in markdown


def test_the_same_runs_give_the_same_report(folder, tmp_path):
    report([folder], tmp_path)
    for name in ("report.html", "report.md", "results.csv", "summary.csv"):
        assert (tmp_path / name).read_text() == (folder / name).read_text()


def test_times_are_those_of_the_estimates(folder):
    found = study(read_runs([folder]).records)
    groups = {group.space: group for group in found.contests[0].groups}
    # The estimate falls by ten every half second, to 1e-4 and more at the end.
    assert groups["lrnn"].times_below(5e-3, "estimated_error") == [1.5] * 6
    assert groups["siren"].times_below(1e-4, "estimated_error") == [math.inf, 1.0, 1.0, math.inf, math.inf]
    assert [*found.ranks][0] in ("lrnn by adam", "siren by adam") and found.ranks["mlp by adam"][0] > 2
    assert found.ranks["siren by adam"][2] == 5
    assert groups["lrnn"].typical.seed == 2


def test_bars_of_failures_leave_the_figure(folder):
    figure = error_against_parameters(study(read_runs([folder]).records).contests[0], "bars")
    ticks = re.findall(r"<text[^>]*>([^<]*)</text>", figure.svg)
    assert {"1e-4", "0.001"} <= {*ticks} and "10" not in ticks
    assert figure.caption.endswith("bars that leave the figure end in failures.")


def test_everything_typed_is_escaped(tmp_path):
    evil = "<script>alert(1)</script>\"'&{{ 7*7 }}|$x$"
    for seed in range(2):
        write_run(tmp_path / f"a/seed-{seed}", seed, 0.1 + seed, problem=evil, space=evil, method=evil, reason=evil)
        other = {"problem": evil, "space": "_mlp", "status": "diverged", "reason": evil}
        write_run(tmp_path / f"b/seed-{seed}", seed, 0.2 + seed, **other)
    write_failure(tmp_path / "c/seed-0", evil, problem=evil, space="<b>", seed=0)
    file, _ = report([tmp_path])
    text = file.read_text()
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 1 and "b" not in [tag for tag, _ in page.tags]
    assert text.count("alert(1)") == text.count("&lt;script&gt;alert(1)")
    assert "{{ 7*7 }}" in text and "alert(1)" in text
    markdown = (tmp_path / "report.md").read_text().split("## Commands")[0]
    assert "<script>" not in markdown and "\\|" in markdown


def test_runs_are_told_apart_by_the_options_in_which_they_differ(tmp_path):
    for n in (2, 4):
        write_run(tmp_path / f"{n}", 0, 0.1, arguments={"n": n})
    write_run(tmp_path / "same/again", 0, 0.3, arguments={"n": 2})
    runs = read_runs([tmp_path])
    assert [record.problem for record in runs.records] == ["poisson-hf (n = 2)", "poisson-hf (n = 4)"]
    assert len(runs.left_out) == 1 and "settings and seed are those of" in runs.left_out[0]


def test_of_two_that_are_the_same_the_one_that_has_ended_counts(tmp_path):
    (write_run(tmp_path / "a", 0, 0.1) / "metrics.json").unlink()
    write_run(tmp_path / "b", 0, 0.2)
    (record,) = read_runs([tmp_path]).records
    assert record.folder.name == "b" and record.ended


@pytest.mark.parametrize(("settings", "counted"), [([{}, {"omega": 7.0}], 2), ([{}, {}], 1)])
def test_comparisons_of_one_size_differ_in_what_was_asked(tmp_path, settings, counted):
    for name, options in zip("ab", settings, strict=True):
        folder = write_run(tmp_path / name / "poisson-hf/lrnn/adam/seed-0", 0, 0.1)
        specification = json.loads((folder / "run.json").read_text()) | {"space_options": {"rank": 30, **options}}
        (folder / "run.json").write_text(json.dumps(specification))
        cell = {"folder": "poisson-hf/lrnn/adam", "row": "lrnn", "specification": specification}
        asked = {"seeds": [0], "parameters": 400, "options": {"lrnn": options}, "cells": [cell]}
        (tmp_path / name / "comparison.json").write_text(json.dumps(asked))
    runs = read_runs([tmp_path])
    assert len(runs.records) == counted and len(runs.left_out) == 2 - counted
    assert {record.space for record in runs.records} in ({"lrnn (default)", "lrnn (omega = 7.0)"}, {"lrnn"})


def test_a_group_without_an_end_has_not_failed(tmp_path):
    write_run(tmp_path / "lrnn", 0, 0.1)
    (write_run(tmp_path / "mlp", 0, 0.1, space="mlp") / "metrics.json").unlink()
    report([tmp_path])
    assert "| mlp | adam | 0, 1 missing | – | – | – | – |" in (tmp_path / "report.md").read_text()


def test_what_a_comparison_asked_for_but_has_not_is_counted(tmp_path):
    write_run(tmp_path / "poisson-hf/lrnn/adam/seed-0", 0, 0.1)
    write_failure(tmp_path / "poisson-hf/lrnn/adam/seed-1", "too large")
    write_run(tmp_path / "poisson-hf/lrnn/adam/seed-2", 2, 0.2)
    specification = json.loads((tmp_path / "poisson-hf/lrnn/adam/seed-0/run.json").read_text())
    cell = {"folder": "poisson-hf/lrnn/adam", "row": "lrnn", "specification": specification}
    asked = {"seeds": [0, 1, 2, 3], "parameters": 400, "command": "compare it", "cells": [cell]}
    (tmp_path / "comparison.json").write_text(json.dumps(asked))
    runs = read_runs([tmp_path])
    assert [(r.key, r.state) for r in runs.records] == [
        (("poisson-hf", "lrnn", "adam"), state) for state in ("budget spent", "failed", "budget spent", "not started")
    ]
    text = report([tmp_path])[0].read_text()
    assert "compare it" in text and "1 of 4 runs failed. 1 of 4 runs have not ended." in text
    (tmp_path / "comparison.json").write_text("{")
    assert "comparison.json is damaged" in read_runs([tmp_path]).left_out[0]


def test_damaged_folders_are_named_and_left_out(tmp_path):
    write_run(tmp_path / "good", 0, 0.1)
    write_run(tmp_path / "bad", 1, 0.1)
    (tmp_path / "bad/metrics.json").write_text('{"relative_l2": ')
    write_run(tmp_path / "list", 2, 0.1)
    (tmp_path / "list/run.json").write_text("[]")
    for name, content in (("options", {"space_options": [1]}), ("seed", {"seed": "x"})):
        file = write_run(tmp_path / name, 5, 0.1) / "run.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | content))
    torn = write_run(tmp_path / "torn", 3, 0.1) / "history.jsonl"
    torn.write_text("nonsense\n" + torn.read_text())
    cut = write_run(tmp_path / "cut", 4, 0.1) / "history.jsonl"
    cut.write_text(cut.read_text()[:-20])
    ended = run("report", tmp_path)
    assert ended.code == 0 and "2 runs; written to" in ended.out
    notes = sorted(ended.err.strip().splitlines())
    assert len(notes) == 5
    said = ("bad: metrics.json is damaged", "list: run.json is damaged", "options: run.json is damaged (space_options",
            "seed: it is damaged (its seed is 'x')", "torn: history.jsonl is damaged (line 1)")  # fmt: skip
    assert all(words in note for words, note in zip(said, notes, strict=True))
    assert "bad: metrics.json is damaged" in (tmp_path / "report.html").read_text()


def test_bad_input(tmp_path, monkeypatch):
    for folder, said in ((tmp_path, "no runs in"), (tmp_path / "none", "is no folder")):
        ended = run("report", folder)
        assert ended.code == 2 and said in ended.err and ended.err.count("\n") == 1
    bad = write_run(tmp_path / "bad", 0, 0.1)
    (bad / "run.json").write_text("{")
    assert "no runs in" in run("report", tmp_path).err and "run.json is damaged" in run("report", tmp_path).err
    write_run(tmp_path / "good", 0, 0.1)
    (tmp_path / "file").write_text("")
    assert "cannot write to the folder" in run("report", tmp_path, "--out", tmp_path / "file").err
    with pytest.raises(pk.InputError, match="a report needs a folder"):
        report([])
    monkeypatch.setitem(sys.modules, "jinja2", None)
    ended = run("report", tmp_path)
    assert ended.code == 2 and "reports need the package jinja2" in ended.err


def test_without_a_reference_the_estimate_counts_and_says_so(tmp_path):
    for space, error in (("lrnn", 1e-3), ("mlp", 1e-2)):
        known = {"relative_l2": None, "relative_h1": None, "max_error": None}
        write_run(tmp_path / space, 0, error, space=space, **known)
    text = report([tmp_path])[0].read_text()
    assert "lrnn had the lowest median estimated relative error" in text and "There is no reference" in text
    assert "because 1 seed is too few" in text


def test_nothing_but_failures_is_a_report_too(tmp_path):
    write_failure(tmp_path / "poisson-hf/lrnn/adam/seed-0", "all wrong")
    text = report([tmp_path])[0].read_text()
    assert "No space and method solved this problem" in text and "all wrong" in text


def test_numbers_are_written_as_people_read_them():
    values = {1.3e-9: "1.3e-9", 0.17: "0.17", 4000.0: "4000", 0.0: "0", math.inf: "failed", 3.14e12: "3.1e12"}
    assert {value: number(value) for value in values} == values
    assert number(None) == number(math.nan) == whole(None) == "–"
    assert number(0.00999) == "0.010" and number(9.96) == "10" and number(1.0, 1) == "1"
    assert whole(12345.0) == "12\N{NARROW NO-BREAK SPACE}345"
    assert escaped("a|b <i>_x_") == "a\\|b &lt;i&gt;\\_x\\_"


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    root = tmp_path_factory.mktemp("solved")
    settings = ("problem.n=2", "method.start_size=40", "method.max_size=80")
    options = [word for setting in settings for word in ("--set", setting)]
    command = ("solve", "poisson-hf", "--space", "random-features", "--method", "least-squares", *options)
    for seed in (0, 1):
        assert run(*command, "--seed", seed, "--out", root / str(seed)).code == 0
    return root


def test_real_runs_have_pictures_spectra_and_commands_that_repeat_them(solved, tmp_path):
    text = report([solved], tmp_path)[0].read_text()
    assert "Spectra of the error" in text and "data:image/png;base64," in text and "No spectrum" not in text
    record = read_runs([solved]).records[1]
    words = shlex.split(repeat(record))
    assert words[:3] == ["python", "-m", "pinnkit"] and record.number("relative_h1") is not None
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert run(*words[3:]).code == 0
    again = json.loads((tmp_path / "again/metrics.json").read_text())
    assert again["relative_l2"] == record.number("relative_l2")


def test_a_file_that_has_changed_gives_no_spectrum(tmp_path):
    file = tmp_path / "mine.py"
    shutil.copy(pk.gallery.gallery()["poisson-hf"], file)
    small = ("--space", "random-features", "--method", "least-squares", "--set", "method.start_size=20")
    assert run("solve", file, *small, "--budget", "1steps", "--out", tmp_path / "run").code == 0
    assert "mine.py has changed" not in report([tmp_path])[0].read_text()
    file.write_text(file.read_text() + "# changed\n")
    assert "mine.py has changed since the run" in report([tmp_path])[0].read_text()


def test_runs_made_in_python_are_reported_without_a_command(tmp_path):
    interval = pk.Interval(0, 1)
    problem = pk.Problem(
        domain=interval,
        unknowns="u",
        equations={"e": lambda u, p: u.xx - 2.0},
        conditions=[pk.Dirichlet(u=lambda p: p.x**2, on=interval.boundary)],
        reference=lambda p: p.x**2,
    )
    pk.solve(problem, pk.RandomFeatures(), pk.LeastSquares(), budget="1steps", out=tmp_path / "run")
    text = report([tmp_path])[0].read_text()
    assert "1 of the runs cannot" in text and "repeat it in Python" in text


def test_the_method_that_auto_chose_is_named(tmp_path):
    for seed, chosen in enumerate(["least-squares: it is linear", "gauss-newton: it is not", None]):
        folder = write_run(tmp_path / f"{seed}", seed, 1e-3, method="auto")
        content = json.loads((folder / "run.json").read_text()) | {"chosen": chosen}
        (folder / "run.json").write_text(json.dumps(content))
    report([tmp_path])
    assert "| auto: gauss-newton or least-squares |" in (tmp_path / "report.md").read_text()
