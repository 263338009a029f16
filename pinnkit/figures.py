"""Pictures of solutions and histories."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .domains import SpaceTime
from .export import cells_of, fields_on, reference_points

if TYPE_CHECKING:
    from .solution import Solution

PLANE_GRID = 201
DOTS_PER_INCH = 110
VALUES, ERRORS = "viridis", "RdBu_r"


def draw_solution(solution: Solution, path: Path) -> None:
    """Draw each unknown, and its error where a reference is known.

    Curves in one dimension, maps in two (space-time counts). Above that a plane of the first two coordinates, at the
    last time and in the middle of the other coordinates.

    Args:
        solution: the solution.
        path: of the PNG file.
    """
    nodes, triangles, note = _plane(solution)
    fields = fields_on(solution, nodes)
    known = reference_points(solution) if nodes.shape[1] <= 2 else None
    unknowns = solution.problem.unknowns
    columns = 2 if known or any(f"{name}_error" in fields for name in unknowns) else 1
    height, width = _shape(nodes, triangles, solution)
    figure = _figure(width * columns, height * len(unknowns) + 0.4)
    axes = figure.subplots(len(unknowns), columns, squeeze=False)
    for row, name in zip(axes, unknowns, strict=True):
        error = fields.get(f"{name}_error")
        if triangles is None:
            _curve(row[0], nodes, fields[name], fields.get(f"{name}_reference"), name, solution)
        else:
            _map(row[0], nodes, triangles, fields[name], name + note, solution, VALUES)
        if error is not None and triangles is None:
            _curve(row[1], nodes, error, None, f"error of {name}", solution)
        elif error is not None and triangles is not None:
            _map(row[1], nodes, triangles, error, f"error of {name}{note}", solution, ERRORS)
        elif known and name in known[1]:
            _scatter(row[1], known[0], known[1][name], f"error of {name} at reference points", solution)
        elif columns == 2:
            row[1].set_axis_off()
    figure.suptitle(_title(solution), fontsize=11)
    _write(figure, path)


def draw_history(history: Sequence[dict[str, Any]], path: Path, title: str = "") -> None:
    """Draw loss and error estimate against steps.

    Args:
        history: records with ``step``, ``loss`` and ``estimated_error``.
        path: of the PNG file.
        title: above the picture.
    """
    figure = _figure(6.0, 4.0)
    axis = figure.subplots()
    steps = np.array([record["step"] for record in history], dtype=float)
    loss = np.array([record["loss"] for record in history], dtype=float)
    estimate = np.array([record["estimated_error"] for record in history], dtype=float)
    # Logarithms have no place for zero, and a run that ends at once has no curve.
    name = "loss"
    if (loss < 0).any():  # an energy: only how far it is above its minimum tells something
        loss, name = loss - np.nanmin(loss), "energy above its least"
    loss, estimate = (np.where(y > 0, y, np.nan) for y in (loss, estimate))
    if np.isfinite(loss).any() or np.isfinite(estimate).any():
        axis.set_yscale("log")
        axis.plot(steps, loss, "o-" if len(steps) < 40 else "-", label=name, lw=1.0, ms=4)
        there = np.isfinite(estimate)
        axis.plot(steps[there], estimate[there], "s--", label="estimated error", lw=1.0, ms=5)
        axis.legend()
        axis.grid(alpha=0.3)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if len(steps) == 1:
            axis.set_xlim(steps[0] - 1, steps[0] + 1)
    else:
        axis.text(0.5, 0.5, "no finite step", ha="center", va="center", transform=axis.transAxes)
    axis.set_xlabel("step")
    axis.set_title(title, fontsize=11)
    _write(figure, path)


def _figure(width: float, height: float) -> Any:
    # The object interface leaves pyplot, and with it the host program's backend, alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _write(figure: Any, path: Path) -> None:
    """Write a PNG in the colours of the two maps and of the curves, a quarter of the size of one with all colours."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb
    from PIL import Image

    maps = [colormaps[name](np.linspace(0, 1, 108))[:, :3] for name in (VALUES, ERRORS)]
    others = [np.linspace(0, 1, 30)[:, None] * np.ones(3), *([to_rgb(c)] for c in ("C0", "C1"))]
    colours = (255 * np.concatenate([*maps, *others])).round().astype(np.uint8)
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.tobytes())
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DOTS_PER_INCH, format="png")
    picture = Image.open(buffer).convert("RGB")
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, format="png", optimize=True)


def _title(solution: Solution) -> str:
    for key, words in (("relative_l2", "relative L2 error"), ("estimated_error", "estimated error")):
        if (value := solution.metrics.get(key)) is not None:
            return f"{solution.problem.name}: {words} {value:.1e}"
    return solution.problem.name


def _shape(nodes: np.ndarray, triangles: np.ndarray | None, solution: Solution) -> tuple[float, float]:
    """Choose height and width of one picture from the shape of the domain."""
    if triangles is None or 1 not in solution.problem.coordinates.space:
        return 3.6, 5.2
    width, height = np.ptp(nodes[:, :2], axis=0)
    aspect = min(max(height / width, 0.35), 2.5)
    # Room for the colour bar beside, the labels and the title around.
    return (4.0 * aspect + 0.9, 5.4) if aspect <= 1 else (4.9, 4.0 / aspect + 1.4)


def _plane(solution: Solution) -> tuple[np.ndarray, np.ndarray | None, str]:
    domain = solution.problem.domain
    if domain.dimension == 1:
        return cells_of(domain)[0], None, ""
    if domain.dimension == 2:
        nodes, _, cells = cells_of(domain, PLANE_GRID)
        return nodes, _triangles(cells), ""
    low, high = domain.bounds.numpy()
    at = (low + high) / 2
    if isinstance(domain, SpaceTime):
        at[-1] = high[-1]  # mostly it is the end of the time that is asked for
    note = " at " + _place(domain.names[2:], at[2:].tolist())
    if isinstance(domain, SpaceTime) and domain.dimension == 3:
        nodes, _, cells = cells_of(domain.space, PLANE_GRID)
        return np.concatenate([nodes, np.full_like(nodes[:, :1], at[-1])], 1), _triangles(cells), note
    u, v = (np.linspace(low[i], high[i], PLANE_GRID) for i in (0, 1))
    grid = np.tile(at, (PLANE_GRID**2, 1))
    grid[:, :2] = np.stack(np.meshgrid(u, v, indexing="ij"), -1).reshape(-1, 2)
    number = np.arange(len(grid)).reshape(PLANE_GRID, PLANE_GRID)
    square = [number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]]
    triangles = _triangles(np.stack(square, -1).reshape(-1, 4))
    inside = domain.contains(torch.from_numpy(grid[triangles].mean(1))).numpy()
    used, triangles = np.unique(triangles[inside], return_inverse=True)
    return grid[used], triangles.reshape(-1, 3), note


def _place(names: Sequence[str], values: Sequence[float]) -> str:
    """Write coordinates; equal ones in a row together, such as "x3, ..., x10 = 0.5"."""
    texts = []
    for value, pairs in itertools.groupby(zip(names, values, strict=True), key=lambda pair: pair[1]):
        group = [name for name, _ in pairs]
        several = f"{group[0]}, ..., {group[-1]}" if len(group) > 2 else " = ".join(group)
        texts.append(f"{several} = {value:.3g}")
    return ", ".join(texts)


def _triangles(cells: np.ndarray) -> np.ndarray:
    return cells if cells.shape[1] == 3 else np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])


def _curve(
    axis: Any, nodes: np.ndarray, values: np.ndarray, reference: np.ndarray | None, title: str, solution: Solution
) -> None:
    order = np.argsort(nodes[:, 0])
    axis.plot(nodes[order, 0], values[order], lw=1.5, label="solution")
    if reference is not None:
        axis.plot(nodes[order, 0], reference[order], "k--", lw=1.0, label="reference")
        axis.legend()
    axis.grid(alpha=0.3)
    axis.ticklabel_format(axis="y", scilimits=(-3, 3))
    axis.set_xlabel(solution.problem.coordinates.names[0])
    axis.set_title(title, fontsize=10)


def _map(
    axis: Any, nodes: np.ndarray, triangles: np.ndarray, values: np.ndarray, title: str, solution: Solution, cmap: str
) -> None:
    limits = _symmetric(values) if cmap == ERRORS else {}
    finite = np.nan_to_num(values)
    drawn = axis.tripcolor(nodes[:, 0], nodes[:, 1], triangles, finite, shading="gouraud", cmap=cmap, **limits)
    _finish(axis, drawn, title, solution)


def _scatter(axis: Any, points: np.ndarray, values: np.ndarray, title: str, solution: Solution) -> None:
    if points.shape[1] == 1:
        axis.plot(points[:, 0], values, ".")
        axis.grid(alpha=0.3)
        axis.set_xlabel(solution.problem.coordinates.names[0])
        axis.set_title(title, fontsize=10)
        return
    drawn = axis.scatter(points[:, 0], points[:, 1], c=values, s=6, cmap=ERRORS, **_symmetric(values))
    _finish(axis, drawn, title, solution)


def _symmetric(values: np.ndarray) -> dict[str, float]:
    finite = np.abs(values[np.isfinite(values)])
    limit = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    return {"vmin": -limit, "vmax": limit}


def _finish(axis: Any, drawn: Any, title: str, solution: Solution) -> None:
    names = solution.problem.coordinates.names
    axis.set_xlabel(names[0])
    axis.set_ylabel(names[1])
    axis.set_title(title, fontsize=10)
    slim = 1.0
    if 1 in solution.problem.coordinates.space:
        axis.set_aspect("equal")
        slim = max(1.0, np.ptp(axis.get_ylim()) / np.ptp(axis.get_xlim()))
    axis.locator_params(axis="x", nbins=max(1, int(5 / slim)), min_n_ticks=1)
    # Inset, so that it is as high as the map whatever the aspect.
    bar = axis.figure.colorbar(drawn, cax=axis.inset_axes((1 + 0.03 * slim, 0.0, 0.04 * slim, 1.0)))
    bar.formatter.set_powerlimits((-3, 3))
