"""The gallery of problems that comes with the package, and problem files of users."""

from __future__ import annotations

import ast
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import InputError, NameNotFound
from .options import fitting, options_of, parameters_of
from .problem import Problem


def gallery_folder() -> Path:
    """Find the gallery: inside the installed package, or beside it in the repository."""
    package = Path(__file__).parent
    inside = package / "problems"
    return inside if inside.is_dir() else package.parent / "problems"


def gallery() -> dict[str, Path]:
    """List the gallery: problem files by name, such as "poisson-hf"."""
    files = sorted(gallery_folder().glob("[!_]*.py"))
    return {file.stem.replace("_", "-"): file for file in files}


def find_problem(name: str) -> Path:
    """Find a problem file.

    Args:
        name: a gallery name or the path of a problem file.

    Returns:
        The file.

    Raises:
        NameNotFound: there is neither.
        InputError: the path is no Python file.
    """
    if name in (known := gallery()):
        return known[name]
    path = Path(name).expanduser()
    if name and path.is_dir():
        raise InputError(f"{name!r} is a folder; a problem is a gallery name or a Python file.")
    if path.is_file() and path.suffix != ".py":
        raise InputError(f"{name!r} is no Python file; start from: python -m pinnkit new my_problem.py")
    if path.is_file():
        return path.resolve()
    if path.suffix == ".py":
        raise InputError(f"there is no problem file {name!r}: check the path (the current folder is {Path.cwd()}).")
    raise NameNotFound("problem", name, [*known, "or the path of a problem file"])


@contextmanager
def blaming(path: Path, doing: str = "") -> Iterator[None]:
    """Turn whatever the code of a problem file raises into one line that names file and line.

    Errors that never passed through the file are left alone: they are ours.

    Args:
        path: the problem file.
        doing: what was being done, for the message.

    Yields:
        Nothing.

    Raises:
        InputError: the file, or what it called, raised.
        SystemExit: somebody else's.
    """
    try:
        yield
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        own = isinstance(error, SyntaxError) and error.filename == str(path)
        line = error.lineno if own and isinstance(error, SyntaxError) else (lines[-1] if lines else None)
        if line is None:
            raise
        # Our own errors explain themselves; others go by their type.
        said = getattr(error, "msg", str(error)) if own else str(error)
        what = said if isinstance(error, InputError) else f"{doing}{type(error).__name__}{': ' * bool(said)}{said}"
        raise InputError(f"{path.name}, line {line}: {what}") from error


def problem_function(path: Path) -> Callable[..., Any]:
    """Import a problem file and give its function ``problem``.

    Args:
        path: the file.

    Returns:
        The function.

    Raises:
        InputError: the file does not import or has no such function.
    """
    module = ModuleType(f"pinnkit_problem_{path.stem}")
    module.__file__ = str(path)
    # Dataclasses and pickles look their module up here.
    sys.modules[module.__name__] = module
    try:
        with blaming(path, "does not import: "):
            # Not through the import system, which would write byte code beside the file.
            exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}.") from None
    function = getattr(module, "problem", None)
    if not callable(function):
        raise InputError(f"{path.name} has no function problem(); start from: python -m pinnkit new my_problem.py")
    return function


def load_problem(name: str, arguments: Mapping[str, Any] | None = None) -> Any:
    """Make a problem of the gallery or of a file.

    Args:
        name: a gallery name or the path of a problem file.
        arguments: of its function ``problem``.

    Returns:
        The `Problem`, or the `tomography.Scan` of a CT problem, named after the file.

    Raises:
        InputError: the file, its arguments or the problem itself are wrong.
        NameNotFound: the problem has no such argument.
    """
    path = find_problem(name)
    function, arguments = problem_function(path), dict(arguments or {})
    parameters, plain = parameters_of(function), options_of(function)
    for key, value in arguments.items():
        if key not in parameters:
            raise NameNotFound(f"argument of problem {path.stem}", key, parameters)
        arguments[key] = fitting(f"problem.{key}", value, plain[key]) if key in plain else value
    for key, parameter in parameters.items():
        needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        if needed and key not in arguments:
            raise InputError(f"{path.name}: problem() needs the argument {key!r}: add --set problem.{key}=...")
    with blaming(path, "problem() failed: "):
        problem = function(**arguments)
    name = path.stem.replace("_", "-")
    if not isinstance(problem, Problem):
        from .tomography import Scan

        if isinstance(problem, Scan):
            return replace(problem, name=name)
        raise InputError(
            f"{path.name}: problem() must return a pk.Problem or a tomography.Scan, got {type(problem).__name__}."
        )
    problem.name = name
    return problem


def summary(path: Path) -> tuple[str, str]:
    """Read what a problem file says of itself, without running it.

    Args:
        path: the file.

    Returns:
        The first line of the docstring of its function ``problem``, and the function's arguments with their defaults.
    """
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.name == "problem":
            names = [argument.arg for argument in node.args.args]
            defaults = [""] * (len(names) - len(node.args.defaults)) + [ast.unparse(d) for d in node.args.defaults]
            shown = [f"{n}={d}" if d not in ("", "''", "None") else n for n, d in zip(names, defaults, strict=True)]
            return (ast.get_docstring(node) or "").partition("\n")[0], ", ".join(shown)
    return "", ""
