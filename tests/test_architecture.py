"""The house rules of docs/architecture.md: imports point down, and no file is long."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pinnkit"
ROOMS = {
    "errors": set(),
    "options": {"errors"},
    "jets": {"errors"},
    "spaces": {"errors", "jets"},
    "domains": {"errors", "jets"},
    "algebra": set(),
}
ROOMS["convolution"] = {"errors", "jets", "spaces"}
ROOMS["problem"] = {"errors", "jets", "spaces", "domains", "algebra"}
ROOMS["methods"] = ROOMS["problem"] | {"problem"}
ROOMS["tomography"] = ROOMS["methods"] | {"methods", "convolution"}
ROOMS["gallery"] = ROOMS["tomography"] | {"tomography", "options"}
ROOMS["solution"] = ROOMS["export"] = ROOMS["figures"] = ROOMS["methods"] | {"methods", "export", "solution", "runs"}
ROOMS["references"] = {"errors", "spaces", "solution"}
ROOMS["template"] = set()
ROOMS["runs"] = ROOMS["solution"] | {"options", "gallery", "figures", "tomography"}
ROOMS["compare"] = ROOMS["runs"] | {"runs", "references"}
ROOMS["cli"] = ROOMS["compare"] | {"compare", "template"}


def imports(file: Path) -> set[str]:
    """Rooms of our own that a file imports, at run time, from wherever in the file."""
    tree = ast.parse(file.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    depth = len(file.relative_to(PACKAGE).parts)
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
            found |= names - {"__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pinnkit"):
            pytest.fail(f"{file}: imports inside the package are relative")
    return found


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_down_and_files_are_short(file):
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if "problems" in file.relative_to(PACKAGE).parts:
        return
    if room not in ("__init__", "__main__"):
        assert room in ROOMS, f"{room} has no place in docs/architecture.md"
        assert imports(file) <= ROOMS[room]
    assert len(file.read_text().splitlines()) <= 400
