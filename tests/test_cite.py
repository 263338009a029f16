"""The literature: the BibTeX file, and what a solution cites."""

import re

import pytest
import torch

import pinnkit as pk
from pinnkit.references import METHODS, cite, entries
from pinnkit.runs import SPACES
from pinnkit.spaces import Charts, Space

REQUIRED = {
    "article": {"journal", "volume"}, "inproceedings": {"booktitle"}, "misc": {"eprint"}, "software": {"version"},
    "book": {"publisher"},
}  # fmt: skip
SOURCE = pk.references.__file__.replace(".py", ".bib")
TEXT = open(SOURCE, encoding="utf-8").read()


def keys(text):
    return re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE)


def kinds(cls):
    for kind in cls.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_the_file_is_whole():
    assert TEXT.count("@") == len(entries()) == len(set(keys(TEXT)))
    assert TEXT.isascii()
    for key, entry in entries().items():
        assert entry.text.count("{") == entry.text.count("}"), key
        # Every line is the start of an entry, of a field that was read, its continuation, or the end.
        lines = [line for line in entry.text.splitlines() if not line.startswith(" " * 11)]
        assert len(lines) == len(entry.fields) + 2, key
        kind = re.match(r"@(\w+)", entry.text)[1]
        assert entry.fields.keys() >= {"author", "title", "year"} | REQUIRED[kind], key
        assert re.fullmatch(r"\d{4}", entry.fields["year"]), key
        assert re.fullmatch(r"\d{4}\.\d{4,5}", entry.fields.get("eprint", "0000.00000")), key
        assert re.fullmatch(r"10\.\d{4,}/\S+", entry.fields.get("doi", "10.1000/x")), key
        if "eprint" in entry.fields:
            assert entry.fields["archiveprefix"] == "arXiv", key


def test_short_forms():
    found = {key: entries()[key].short for key in ("sitzmann2020siren", "shah2023spder", "huang2006elm", "pinnkit")}
    assert found == {
        "sitzmann2020siren": "Sitzmann et al. 2020, arXiv:2006.09661",
        "shah2023spder": "Shah and Sitawarin 2023, arXiv:2306.15242",
        "huang2006elm": "Huang et al. 2006, doi:10.1016/j.neucom.2005.12.126",
        "pinnkit": "The pinnkit developers 2026",
    }
    assert entries()["maharaj2026lrnn"].short.endswith("2026, https://openreview.net/forum?id=EB2Qgp5Vb0")


def test_every_reference_of_a_space_or_method_is_there():
    found = [kind for kind in {*kinds(Space), *SPACES.values()} if kind.__module__.startswith("pinnkit.")]
    assert len(found) > 5
    for kind in found:
        # Where references depend on options they are a property.
        references = kind().references if isinstance(kind.references, property) else kind.references
        assert isinstance(references, tuple) and set(references) <= entries().keys(), kind
        assert kind.formula.isascii() and "\n" not in kind.formula, kind
    assert {key for names in METHODS.values() for key in names} <= entries().keys()


def test_a_solution_cites_what_it_was_made_with(tmp_path):
    problem = pk.load_problem("poisson-hf", {"n": 1})
    method = pk.LeastSquares(start_size=20, max_size=20)
    solution = pk.solve(problem, pk.RandomFeatures(), method, budget="1steps")
    expected = ["pinnkit", *pk.RandomFeatures.references, "huang2006elm", "dwivedi2020pielm"]
    assert keys(cite(solution)) == expected
    trained = pk.solve(problem, pk.SIREN(4, 1), pk.Sequence([pk.Adam(), pk.LBFGS()]), budget="2steps")
    text = cite(trained)
    assert keys(text) == ["pinnkit", "sitzmann2020siren", "raissi2019pinn", "kingma2015adam", "liu1989lbfgs"]
    assert text == "\n\n".join(entries()[key].text for key in keys(text)) + "\n"
    assert "Implicit Neural Representations" in text


def test_a_run_folder_cites_alike(tmp_path):
    from pinnkit.runs import Specification, solve_specification

    specification = Specification(problem="poisson-hf", space="siren", space_options={"width": 4, "depth": 1},
                                  method="adam", budget="1steps")  # fmt: skip
    solution, _ = solve_specification(specification, tmp_path / "run", None, print)
    loaded = cite(pk.load_solution(tmp_path / "run"))
    assert loaded == cite(solution) and keys(loaded)[1] == "sitzmann2020siren"


def test_the_spaces_inside_charts_are_cited():
    solution = pk.solve(pk.load_problem("poisson-hf", {"n": 1}), pk.SIREN(4, 1), pk.Adam(), budget="1steps")
    hole = (torch.tensor([3.0, 0.0], dtype=torch.float64), 0.5)
    charts = Charts(pk.SIREN(4, 1), [hole], around=pk.RandomFeatures(5))
    bounds = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
    solution.trial.space = charts.build(bounds, 1, torch.Generator().manual_seed(0))
    assert keys(cite(solution))[1:4] == ["sitzmann2020siren", "rahimi2007random", "zhang2023transnet"]


def test_the_form_of_the_problem_is_cited():
    disk, square = pk.Disk([0, 0], 1), pk.Box([0, 0], [1, 1])
    hard = pk.Problem(domain=disk, unknowns="u", equations={"e": lambda u: u.laplacian + 4},
                      conditions=[pk.Dirichlet(u=0.0, on=disk.boundary, hard=True)])  # fmt: skip
    weak = pk.Problem(domain=square, unknowns="u", weak=lambda u, v: u.x * v.x + u.y * v.y - v,
                      conditions=[pk.Dirichlet(u=0.0, on=square.boundary, hard=True)])  # fmt: skip
    for problem, key in ((hard, "sukumar2022exact"), (weak, "kharazmi2021hpvpinns")):
        solution = pk.solve(problem, pk.RandomFeatures(), pk.LeastSquares(start_size=20, max_size=20), budget="1steps")
        forms = set(keys(cite(solution))) & {"sukumar2022exact", "kharazmi2021hpvpinns"}
        assert forms == {key}
    corner = pk.PolarMap([0, 0], 0.8, 1.6)
    assert Charts(pk.LRNN(), corners=[corner]).references == ("kondratiev1967boundary",)
    assert set(Charts(pk.LRNN(), corners=[corner]).references) <= entries().keys()
    with pytest.raises(pk.InputError, match="charts need at least one cavity or corner"):
        Charts(pk.LRNN())


def test_literature_of_a_space_of_the_users_own_is_named():
    class Own(pk.MLP):
        references = ("somebody2026",)

    solution = pk.solve(pk.load_problem("poisson-hf", {"n": 1}), Own(4, 1), pk.Adam(), budget="1steps")
    assert "\n% somebody2026: see the space itself\n" in cite(solution)


@pytest.mark.parametrize("thing", [None, "siren", 3, pk.SIREN()])
def test_only_a_solution_can_be_cited(thing):
    with pytest.raises(pk.InputError, match="cite takes a solution, as solve and load_solution give it, got "):
        cite(thing)
