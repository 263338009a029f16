"""The command `list`: plain text, with the formula, options and source of every space."""

from commandline import run

import pinnkit as pk
from pinnkit.runs import PARTS, SPACES


def test_list_is_plain_text_with_options():
    code, out, err = run("list")
    assert (code, err) == (0, "")
    assert "  siren            A network of sines with its authors' initialisation.\n" in out
    assert "  poisson-hf       -Laplace u = f on [-1, 1]^2" in out
    assert "  least-squares    Least squares over frozen spaces of growing size, with Newton" in out
    assert not any(mark in out for mark in ("`", ":math:", "\\"))
    sections = [line for line in out.splitlines() if not line.startswith(" ")]
    assert sections == ["problems", "spaces", "methods"]
    for line in out.splitlines():
        assert line in sections or line[18:].strip()
    for kind in sections:
        part = run("list", kind).out
        assert part.startswith(kind + "\n") and part in out


def test_parts_of_methods_are_listed_with_their_owners_and_options():
    lines = run("list", "methods").out.splitlines()
    for kind, makers in PARTS.items():
        start = next(i for i, line in enumerate(lines) if line.startswith(f"  {kind} "))
        assert f"--set method.{kind}=NAME --set method.{kind}.OPTION=VALUE" in lines[start]
        assert "Of adam, lbfgs, ssbroyden, soap:" in lines[start]
        below = lines[start + 1 : start + 1 + len(makers)]
        assert [line.split()[0] for line in below] == list(makers)
    assert lines[-1].endswith("[every=100, add=25, candidates=4]")


def test_each_space_is_listed_with_its_formula_options_and_reference():
    out = run("list", "spaces").out
    assert max(map(len, out.splitlines())) <= 120
    siren = out[out.index("  siren ") :].splitlines()
    assert siren[1].split(maxsplit=1) == ["formula", pk.SIREN.formula]
    assert siren[2].split(maxsplit=1) == ["options", "width, depth, omega=30"]
    assert siren[3].split(maxsplit=1) == ["reference", "Sitzmann et al. 2020, arXiv:2006.09661"]
    # A name stands at the left, what belongs to it is indented, and every space has all of it.
    names = [line.split()[0] for line in out.splitlines()[1:] if not line.startswith(" " * 3)]
    assert names == [*SPACES, "deep-image-prior"]
    assert out.count("  formula    ") == out.count("  options    ") == out.count("  reference  ") == len(names)
