"""The gallery of problems that comes with the package, and problem files of users."""

from __future__ import annotations

import importlib.util
import inspect
import math
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import InputError, NameNotFound
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
        InputError: the path is no file.
    """
    if name in (known := gallery()):
        return known[name]
    path = Path(name).expanduser()
    if path.suffix == ".py" or path.exists():
        if not path.is_file():
            raise InputError(f"the problem file {name!r} does not exist.")
        return path.resolve()
    raise NameNotFound("problem", name, [*known, "or the path of a problem file"])


def problem_function(path: Path) -> Callable[..., Problem]:
    """Import a problem file and give its function ``problem``.

    Args:
        path: the file.

    Returns:
        The function.

    Raises:
        InputError: the file does not import or has no such function.
    """
    spec = importlib.util.spec_from_file_location(f"pinnkit_problem_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path.name} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except InputError:
        raise
    except Exception as error:  # a user's file may raise anything
        raise InputError(f"{path.name} does not import: {_where(error, path)}") from error
    function = getattr(module, "problem", None)
    if not callable(function):
        raise InputError(f"{path.name} has no function problem(); start from: python -m pinnkit new my_problem.py")
    return function


def load_problem(name: str, arguments: Mapping[str, Any] | None = None) -> Problem:
    """Make a problem of the gallery or of a file.

    Args:
        name: a gallery name or the path of a problem file.
        arguments: of its function ``problem``.

    Returns:
        The problem, named after the file.

    Raises:
        InputError: the file, its arguments or the problem itself are wrong.
    """
    path = find_problem(name)
    function, arguments = problem_function(path), dict(arguments or {})
    parameters = inspect.signature(function).parameters
    for key, value in arguments.items():
        if key not in parameters:
            raise NameNotFound(f"argument of problem {path.stem}", key, parameters)
        default = parameters[key].default
        numeric = isinstance(default, (int, float)) and not isinstance(default, bool)
        if numeric and (isinstance(value, (str, bool)) or not math.isfinite(value)):
            raise InputError(f"problem.{key} must be a number like its default {default}, got {value!r}.")
    try:
        problem = function(**arguments)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path.name}: problem() failed: {_where(error, path)}") from error
    if not isinstance(problem, Problem):
        raise InputError(f"{path.name}: problem() must return a pk.Problem, got {type(problem).__name__}.")
    problem.name = path.stem.replace("_", "-")
    return problem


def _where(error: Exception, path: Path) -> str:
    """Say what an exception is and in which line of the file it arose."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    place = f" (line {line})" if line else ""
    return f"{type(error).__name__}: {error}{place}"


def summary(path: Path) -> str:
    """Give the first line of the docstring of a file's function ``problem``."""
    return (inspect.getdoc(problem_function(path)) or "").partition("\n")[0]
