import sys
import textwrap

import pytest

import pinnkit as pk
from pinnkit.errors import NameNotFound
from pinnkit.gallery import find_problem, gallery, load_problem, summary
from pinnkit.options import describe, options_of

SQUARE = """
import torch

import pinnkit as pk

def problem(n: int = 2, k=1, mesh: str = "", data=None):
    '''A square.

    More.'''
    square = pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"e": lambda u, p: u.laplacian - n * p.x},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
    )
"""


def write(folder, text, name="mine.py"):
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


@pytest.mark.parametrize("name", [name for name in gallery() if name != "ct-htc2022"])  # needs a measured file
def test_every_problem_of_the_gallery_loads_and_says_what_it_is(name):
    problem = load_problem(name)
    assert problem.name == name
    said, arguments = summary(gallery()[name])
    assert said.endswith(".")
    assert "`" not in said and ":math:" not in said
    assert arguments


def test_a_file_is_a_problem_too_and_leaves_no_byte_code_beside_it(tmp_path):
    path = write(tmp_path, SQUARE, "my_square.py")
    assert load_problem(str(path), {"n": 3}).name == "my-square"
    assert [file.name for file in tmp_path.iterdir()] == ["my_square.py"]
    assert summary(path) == ("A square.", "n=2, k=1, mesh, data")


def test_a_changed_file_is_read_again(tmp_path):
    path = write(tmp_path, SQUARE)
    load_problem(str(path))
    other = SQUARE.replace('"u"', '"v"').replace("Dirichlet(u", "Dirichlet(v").replace("u, p: u.", "v, p: v.")
    write(tmp_path, other)
    assert load_problem(str(path)).unknowns == ("v",)


def test_dataclasses_in_a_problem_file_find_their_module(tmp_path):
    head = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    head += "@dataclass\nclass A:\n    x: int = 0\n"
    path = write(tmp_path, head + SQUARE)
    assert load_problem(str(path)).unknowns == ("u",)
    assert "pinnkit_problem_mine" in sys.modules


def test_arguments_are_checked_against_annotations_or_else_defaults(tmp_path):
    path = str(write(tmp_path, SQUARE))
    load_problem(path, {"n": 3.0, "k": 0.5, "mesh": "a.msh", "data": [1, 2]})
    with pytest.raises(pk.InputError, match=r"problem.n must be a whole number, such as its default 2, got 1.5\."):
        load_problem(path, {"n": 1.5})
    with pytest.raises(pk.InputError, match=r"problem.k must be a number, such as its default 1, got 'x'\."):
        load_problem(path, {"k": "x"})
    with pytest.raises(pk.InputError, match=r"problem.mesh must be a word, got 3\."):
        load_problem(path, {"mesh": 3})
    with pytest.raises(NameNotFound, match="unknown argument of problem mine 'm'.* Known: n, k, mesh, data"):
        load_problem(path, {"m": 3})


def test_the_line_at_fault_is_named(tmp_path):
    path = write(tmp_path, SQUARE.replace("u.laplacian", "u.zz"))
    number = 1 + path.read_text().splitlines().index('        equations={"e": lambda u, p: u.zz - n * p.x},')
    with pytest.raises(pk.InputError, match=f"mine.py, line {number}: unknown derivative 'zz'. Known: x, y, xx"):
        load_problem(str(path))


def test_errors_that_are_not_the_files_keep_their_traceback(tmp_path):
    from pinnkit.gallery import blaming

    with pytest.raises(ZeroDivisionError), blaming(tmp_path / "mine.py"):
        1 / 0  # noqa: B018


def test_neither_a_name_nor_a_file(tmp_path):
    with pytest.raises(NameNotFound, match="unknown problem 'burger'. Did you mean 'burgers'?"):
        find_problem("burger")
    with pytest.raises(pk.InputError, match="is a folder"):
        find_problem(str(tmp_path))


def test_options_with_and_without_defaults_are_described():
    def maker(a: int, b: float = 0.25, c: str = "word", d: int | None = None, e=print, *f, **g):
        pass

    assert list(options_of(maker)) == ["a", "b", "c", "d"]
    assert describe(maker) == "a, b=0.25, c=word, d"
