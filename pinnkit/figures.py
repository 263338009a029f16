"""Pictures of solutions and histories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .export import cells_of, fields_on, reference_points

if TYPE_CHECKING:
    from .solution import Solution

MIDDLE_GRID = 121


def draw_solution(solution: Solution, path: Path) -> None:
    """Draw each unknown, and its error where a reference is known.

    Curves in one dimension, maps in two (space-time counts), the middle plane of the last axis in three; above that the
    first two coordinates with all others in the middle.

    Args:
        solution: the solution.
        path: of the PNG file.
    """
    nodes, triangles, note = _plane(solution)
    fields = fields_on(solution, nodes)
    known = reference_points(solution) if nodes.shape[1] == 2 else None
    unknowns = solution.problem.unknowns
    columns = 2 if any(f"{name}_error" in fields for name in unknowns) or known else 1
    figure = _figure(5.2 * columns, 4.2 * len(unknowns))
    axes = figure.subplots(len(unknowns), columns, squeeze=False)
    for row, name in zip(axes, unknowns, strict=True):
        _draw(row[0], nodes, triangles, fields[name], name + note, solution, "viridis")
        if f"{name}_error" in fields:
            _draw(row[1], nodes, triangles, fields[f"{name}_error"], f"error of {name}", solution, "RdBu_r")
        elif known and name in known[1]:
            _scatter(row[1], *known[0].T[:2], known[1][name], f"error of {name} at reference points", solution)
        elif columns == 2:
            row[1].set_axis_off()
    figure.suptitle(_title(solution), fontsize=10)
    figure.savefig(path, dpi=110)


def draw_history(history: Sequence[dict[str, Any]], path: Path, title: str = "") -> None:
    """Draw loss and error estimate against steps.

    Args:
        history: records with ``step``, ``loss`` and ``estimated_error``.
        path: of the PNG file.
        title: above the picture.
    """
    figure = _figure(6.0, 4.0)
    axis = figure.subplots()
    few = "o-" if len(history) < 40 else "-"
    axis.semilogy([r["step"] for r in history], [r["loss"] for r in history], few, label="loss", lw=1.2)
    estimates = [(r["step"], r["estimated_error"]) for r in history if r["estimated_error"] is not None]
    if estimates:
        axis.semilogy(*zip(*estimates, strict=True), "s--", label="estimated error", lw=1.2)
    axis.set_xlabel("step")
    axis.grid(alpha=0.3)
    axis.legend()
    axis.set_title(title, fontsize=10)
    figure.savefig(path, dpi=110)


def _figure(width: float, height: float) -> Any:
    # The object interface leaves pyplot, and with it the host program's backend, alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _title(solution: Solution) -> str:
    error = solution.metrics.get("relative_l2")
    shown = f"relative L2 error {error:.1e}" if error is not None else ""
    estimate = solution.metrics.get("estimated_error")
    shown = shown or (f"estimated error {estimate:.1e}" if estimate is not None else "")
    return f"{solution.problem.name}: {shown}" if shown else solution.problem.name


def _plane(solution: Solution) -> tuple[np.ndarray, np.ndarray | None, str]:
    domain = solution.problem.domain
    if domain.dimension == 1:
        return cells_of(domain)[0], None, ""
    if domain.dimension == 2:
        nodes, _, triangles = cells_of(domain)
        return nodes, triangles, ""
    import torch
    from scipy.spatial import Delaunay

    low, high = domain.bounds.numpy()
    grid = np.tile((low + high) / 2, (MIDDLE_GRID**2, 1))
    u, v = (np.linspace(low[i], high[i], MIDDLE_GRID) for i in (0, 1))
    grid[:, :2] = np.stack(np.meshgrid(u, v, indexing="ij"), -1).reshape(-1, 2)
    grid = grid[domain.contains(torch.from_numpy(grid)).numpy()]
    names = domain.names[2:]
    middles = ", ".join(f"{n} = {m:.3g}" for n, m in zip(names, (low + high)[2:] / 2, strict=True))
    return grid, Delaunay(grid[:, :2]).simplices, f" at {middles}"


def _draw(
    axis: Any, nodes: np.ndarray, triangles: np.ndarray | None, values: np.ndarray, title: str, s: Solution, cmap: str
) -> None:
    names = s.problem.coordinates.names
    axis.set_xlabel(names[0])
    axis.set_title(title, fontsize=10)
    if triangles is None:
        order = np.argsort(nodes[:, 0])
        axis.plot(nodes[order, 0], values[order])
        axis.grid(alpha=0.3)
        return
    limit = np.abs(values).max() if cmap == "RdBu_r" else None
    drawn = axis.tripcolor(nodes[:, 0], nodes[:, 1], triangles, values, shading="gouraud", cmap=cmap)
    if limit:
        drawn.set_clim(-limit, limit)
    axis.set_ylabel(names[1])
    if 1 in s.problem.coordinates.space:
        axis.set_aspect("equal")
    axis.figure.colorbar(drawn, ax=axis, shrink=0.85)


def _scatter(axis: Any, x: np.ndarray, y: np.ndarray, values: np.ndarray, title: str, s: Solution) -> None:
    limit = np.abs(values).max() or 1.0
    drawn = axis.scatter(x, y, c=values, s=6, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel(s.problem.coordinates.names[0])
    axis.set_ylabel(s.problem.coordinates.names[1])
    if 1 in s.problem.coordinates.space:
        axis.set_aspect("equal")
    axis.figure.colorbar(drawn, ax=axis, shrink=0.85)
