"""The reference solution of a problem: a function, a table or a mesh file."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..domains import Points
from ..domains.mesh_files import read_raw_mesh
from ..errors import InputError, NameNotFound

if TYPE_CHECKING:
    from .problem import Problem

VALIDATION_POINTS = 10_000
CHUNK = 4096
"""Points differentiated at a time."""
TRIED = 256
"""Points at which a derivative of the reference is compared with differences."""


def reference_values(problem: Problem) -> tuple[Points, dict[str, Tensor]] | None:
    """Give validation points, the same in every run, and the reference there.

    Args:
        problem: the problem.

    Returns:
        The points, and for each unknown that the reference knows its values ``(n,)``; None without a reference.

    Raises:
        InputError: the reference does not fit the problem.
    """
    if problem.reference is None:
        return None
    if callable(problem.reference):
        points = validation_points(problem)
        return points, _called(problem, points)
    return _from_file(problem, Path(problem.reference))


def check_reference(problem: Problem, points: Points) -> None:
    """Read or evaluate the reference once.

    Args:
        problem: the problem.
        points: some points of its domain.

    Raises:
        InputError: the reference does not fit the problem.
    """
    if callable(problem.reference):
        _called(problem, points)
    elif problem.reference is not None:
        _from_file(problem, Path(problem.reference))


def evaluate_reference(problem: Problem, points: Points) -> dict[str, Tensor]:
    """Evaluate a reference that is a function.

    Args:
        problem: the problem.
        points: n points.

    Returns:
        What it gives, float64 by unknown.

    Raises:
        InputError: it does not tell which of several unknowns it gives.
    """
    assert callable(problem.reference)
    with torch.no_grad():
        values = problem.reference(points)
    if not isinstance(values, dict):
        if len(problem.unknowns) > 1:
            raise InputError("the reference of several unknowns must return a dict of tensors by unknown.")
        values = {problem.unknowns[0]: values}
    return {name: torch.as_tensor(v, dtype=torch.float64) for name, v in values.items()}


def reference_gradients(problem: Problem, points: Points) -> dict[str, Tensor] | None:
    """Differentiate a reference that is a function, by automatic differentiation.

    A function that leaves torch on the way, wholly or in part, would get a derivative that is wrong without a sign of
    it. So differences along one direction have the last word (our choice: they must agree to 1e-3 at half the points).

    Args:
        problem: the problem.
        points: n points.

    Returns:
        For each unknown that the reference knows its derivatives by the s space coordinates, float64 ``(n, s)``; None
        where there is no such function, or it cannot be differentiated.
    """
    if not callable(problem.reference):
        return None
    x = points.coordinates.to(torch.float64)
    parts = [_gradients_by_autograd(problem, chunk) for chunk in x.split(CHUNK)]
    if not parts or any(part is None for part in parts):
        return None
    gradients = {name: torch.cat([part[name] for part in parts if part is not None]) for name in parts[0] or ()}
    axes = list(problem.coordinates.space)
    tried = x[:TRIED]
    direction = torch.zeros(x.shape[1], dtype=torch.float64)
    extent = (problem.domain.bounds[1] - problem.domain.bounds[0])[axes].to(direction)
    # Components of unlike size, so that errors in two of them do not cancel.
    direction[axes] = 1e-5 * extent * torch.linspace(1, 2, len(axes), dtype=torch.float64)
    ahead, behind = (evaluate_reference(problem, points.replace(tried + s * direction)) for s in (0.5, -0.5))
    for name, gradient in gradients.items():
        along = gradient[:TRIED] @ direction[axes]
        off = (along - (ahead[name] - behind[name])).abs().median()
        if not torch.isfinite(gradient).all() or not off <= 1e-3 * along.square().mean().sqrt() + 1e-12:
            return None
    return gradients


def _gradients_by_autograd(problem: Problem, x: Tensor) -> dict[str, Tensor] | None:
    assert callable(problem.reference)
    x = x.detach().clone().requires_grad_()
    try:
        with torch.enable_grad():
            found = problem.reference(Points(x, problem.coordinates.names))
            values = found if isinstance(found, dict) else {problem.unknowns[0]: found}
            sums = {name: torch.as_tensor(v).sum() for name, v in values.items()}
            gradients = {
                name: torch.autograd.grad(total, x, retain_graph=True, materialize_grads=True)[0]
                for name, total in sums.items()
                if total.requires_grad
            }
    except Exception:  # a user's function, which without gradients has worked: NumPy refuses tensors that need them
        return None
    # What does not depend on x for torch is either constant or hidden from it; the differences will tell.
    zero = torch.zeros_like(x)
    return {name: gradients.get(name, zero)[:, list(problem.coordinates.space)] for name in sums}


def _called(problem: Problem, points: Points) -> dict[str, Tensor]:
    found = evaluate_reference(problem, points)
    _check(found, len(points), problem.unknowns)
    return found


def _from_file(problem: Problem, path: Path) -> tuple[Points, dict[str, Tensor]]:
    if not path.is_file():
        raise InputError(f"the reference file {str(path)!r} does not exist.")
    names = problem.coordinates.names
    columns = read_columns(path, names, problem.unknowns) if path.suffix == ".csv" else _mesh_data(path, names)
    for name in names:
        if name not in columns:
            raise NameNotFound(f"column of the reference {path.name}", name, columns)
    points = Points(torch.stack([columns[name] for name in names], 1), names)
    found = {name: columns[name] for name in problem.unknowns if name in columns}
    if not found:
        raise InputError(f"the reference {path.name} knows none of the unknowns {', '.join(problem.unknowns)}.")
    _check(found, len(points), problem.unknowns)
    return points, found


def _check(found: dict[str, Tensor], n: int, unknowns: tuple[str, ...]) -> None:
    for name, v in found.items():
        if name not in unknowns:
            raise NameNotFound("field in the reference", name, unknowns)
        if v.shape != (n,) or not torch.isfinite(v).all():
            raise InputError(
                f"the reference of {name!r} must be {n} finite numbers, got shape {tuple(v.shape)} with "
                f"{int((~torch.isfinite(v)).sum())} not finite."
            )


def validation_points(problem: Problem, n: int = VALIDATION_POINTS) -> Points:
    """Draw points that no method trains on, the same in every run."""
    return problem.domain.interior(n, torch.Generator().manual_seed(20_231_219), "uniform")


def read_columns(path: Path, needed: Sequence[str], welcome: Sequence[str] = ()) -> dict[str, Tensor]:
    """Read columns of numbers from a CSV table with one line of names.

    Args:
        path: the file.
        needed: names of columns that must be there.
        welcome: names of columns to read if they are there; all others are passed over, whatever they hold.

    Returns:
        The columns by name, float64 ``(n,)``.

    Raises:
        InputError: the file does not exist or is not such a table.
        NameNotFound: a column is missing.
    """
    try:
        # Spreadsheets put a byte-order mark in front of the first name.
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if row]
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}.") from None
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path.name} is no CSV table ({error}).") from None
    if len(rows) < 2:
        raise InputError(f"{path.name}: expected a line of names, then lines of numbers, got {len(rows)} lines.")
    names = [name.strip() for name in rows[0][1]]
    for name in needed:
        if name not in names:
            raise NameNotFound(f"column of {path.name}", name, names)
    columns: dict[str, Tensor] = {}
    for i, name in enumerate(names):
        if name in needed or name in welcome:
            numbers = [_number(row, i, f"{path.name}, line {line}: column {name!r}") for line, row in rows[1:]]
            columns[name] = torch.tensor(numbers, dtype=torch.float64)
    return columns


def _number(row: list[str], i: int, where: str) -> float:
    text = row[i] if i < len(row) else ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where} must hold finite numbers, got {text!r}.")
    return value


def read_points(path: Path, names: tuple[str, ...]) -> Tensor:
    """Read points from a CSV table with a column for each coordinate.

    Args:
        path: the file.
        names: of the coordinates.

    Returns:
        Points, shape ``(n, d)``, in the order of the names.
    """
    columns = read_columns(path, names)
    return torch.stack([columns[name] for name in names], 1)


def _mesh_data(path: Path, names: tuple[str, ...]) -> dict[str, Tensor]:
    mesh = read_raw_mesh(path)
    columns = {name: torch.as_tensor(mesh.points[:, i], dtype=torch.float64) for i, name in enumerate(names)}
    for name, data in mesh.point_data.items():
        if math.prod(data.shape) == len(mesh.points):
            columns[name] = torch.as_tensor(data.reshape(-1), dtype=torch.float64)
    return columns
