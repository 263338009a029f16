"""The reference solution of a problem: a function, a table or a mesh file."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import torch
from torch import Tensor

from ..domains import Points
from ..errors import InputError, NameNotFound
from .problem import Problem

VALIDATION_POINTS = 10_000


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
        with torch.no_grad():
            values = problem.reference(points)
        if not isinstance(values, dict):
            if len(problem.unknowns) > 1:
                raise InputError("the reference of several unknowns must return a dict of tensors by unknown.")
            values = {problem.unknowns[0]: values}
        found = {name: torch.as_tensor(v, dtype=torch.float64) for name, v in values.items()}
    else:
        path = Path(problem.reference)
        if not path.is_file():
            raise InputError(f"the reference file {str(path)!r} does not exist.")
        columns = read_columns(path) if path.suffix == ".csv" else _mesh_data(path, problem.coordinates.names)
        for name in problem.coordinates.names:
            if name not in columns:
                raise NameNotFound(f"column of the reference {path.name}", name, columns)
        coordinates = torch.stack([columns[name] for name in problem.coordinates.names], 1)
        points = Points(coordinates, problem.coordinates.names)
        found = {name: columns[name] for name in problem.unknowns if name in columns}
    if not found:
        raise InputError(f"the reference knows none of the unknowns {', '.join(problem.unknowns)}.")
    for name, v in found.items():
        if name not in problem.unknowns:
            raise NameNotFound("unknown of the problem in the reference", name, problem.unknowns)
        if v.shape != (len(points),) or not torch.isfinite(v).all():
            raise InputError(
                f"the reference of {name!r} must be {len(points)} finite numbers, got shape {tuple(v.shape)} with "
                f"{int((~torch.isfinite(v)).sum())} not finite."
            )
    return points, found


def validation_points(problem: Problem, n: int = VALIDATION_POINTS) -> Points:
    """Draw points that no method trains on, the same in every run."""
    return problem.domain.interior(n, torch.Generator().manual_seed(20_231_219), "uniform")


def read_columns(path: Path) -> dict[str, Tensor]:
    """Read a CSV table with one line of names.

    Args:
        path: the file.

    Returns:
        The columns by name, float64 ``(n,)``.

    Raises:
        InputError: it does not exist or is not such a table.
    """
    try:
        with path.open(newline="") as file:
            rows = [row for row in csv.reader(file) if row]
        numbers = torch.tensor([[float(cell) for cell in row] for row in rows[1:]], dtype=torch.float64)
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"{path.name}: a table has one line of names, then numbers only ({error}).") from None
    if numbers.ndim != 2 or numbers.shape[1] != len(rows[0]):
        raise InputError(f"{path.name}: expected a line of names, then as many numbers in each line.")
    if not torch.isfinite(numbers).all():
        raise InputError(f"{path.name}: {int((~torch.isfinite(numbers)).sum())} numbers are NaN or infinite.")
    return {name.strip(): numbers[:, i] for i, name in enumerate(rows[0])}


def read_points(path: Path, names: tuple[str, ...]) -> Tensor:
    """Read points from a CSV table with a column for each coordinate.

    Args:
        path: the file.
        names: of the coordinates.

    Returns:
        Points, shape ``(n, d)``, in the order of the names.

    Raises:
        NameNotFound: a column is missing.
    """
    columns = read_columns(path)
    for name in names:
        if name not in columns:
            raise NameNotFound(f"column of {path.name}", name, columns)
    return torch.stack([columns[name] for name in names], 1)


def _mesh_data(path: Path, names: tuple[str, ...]) -> dict[str, Tensor]:
    import meshio

    mesh = meshio.read(path)
    columns = {name: torch.as_tensor(mesh.points[:, i], dtype=torch.float64) for i, name in enumerate(names)}
    for name, data in mesh.point_data.items():
        if math.prod(data.shape) == len(mesh.points):
            columns[name] = torch.as_tensor(data.reshape(-1), dtype=torch.float64)
    return columns
