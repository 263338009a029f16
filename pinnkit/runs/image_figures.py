"""Pictures of a reconstruction: beside the classical ones, and in the course of its making."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .image_metrics import Rating

SHOWN = ("FBP", "SIRT", "TV")
"""The classical methods that the comparison shows."""
PANEL = 2.55
"""Side of a panel, inches."""
DOTS_PER_INCH = 130
SATURATED = 1.0
"""Per cent of TV's errors that are beyond the colours (our choice)."""
LEFT_OUT, BOTH, ADDED = "#d1495b", "#b8b8b8", "#2e86ab"


def display_window(scan: Any, image: np.ndarray) -> tuple[float, float, str]:
    """Choose what is black and white: the window in the scan's notes (HU), or else nearly all of an image (1/mm).

    Args:
        scan: the scan.
        image: the truth, or the best guess of it, 1/mm.

    Returns:
        Centre, width and unit.
    """
    if "window" in scan.notes:
        centre, width = scan.notes["window"]
        return float(centre), float(width), "HU"
    low, high = np.percentile(image, (0.5, 99.5))
    return (low + high) / 2, max(high - low, 1e-12), "1/mm"


def draw_comparison(
    images: Mapping[str, np.ndarray], ratings: Mapping[str, Mapping[str, Any]], rating: Rating, path: Path
) -> None:
    """Draw the truth (or what stands in for it) and the images, and below them the data and the errors.

    Args:
        images: by name, 1/mm, the neural one last.
        ratings: their metrics, by the same names.
        rating: that made these.
        path: of the PNG file.
    """
    scan = rating.scan
    shown = {name: image for name, image in images.items() if name in SHOWN or name == [*images][-1]}
    target = scan.truth if scan.truth is not None else rating.stand_in
    centre, width, unit = display_window(scan, images["TV"] if target is None else target)
    convert = scan.hounsfield if unit == "HU" else np.asarray
    figure, axes = _panels(1 if target is None else 2, len(shown) + 1, scan.grid.rows / scan.grid.columns)
    grey = {"cmap": "gray", "vmin": centre - width / 2, "vmax": centre + width / 2, "interpolation": "nearest"}
    for axis, (name, image) in zip(axes[0, 1:], shown.items(), strict=True):
        drawn = axis.imshow(convert(image), **grey)
        axis.set_title(f"{name}\n{_score(ratings[name])}", fontsize=10)
    _bar(axes[0, -1], drawn, f"attenuation [{unit}]")
    if target is not None:
        axes[0, 0].imshow(convert(target), **grey)
        stand_in = f"stand-in for the truth:\nTV, {getattr(rating.reference, 'name', '')}"
        axes[0, 0].set_title("truth" if scan.truth is not None else stand_in, fontsize=10)
    if scan.truth is not None:
        errors = {name: convert(image) - convert(scan.truth) for name, image in shown.items()}
        limit = max(float(np.percentile(abs(errors["TV"]), 100 - SATURATED)), 1e-12)
        for axis, error in zip(axes[1, 1:], errors.values(), strict=True):
            drawn = axis.imshow(error, "RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        _bar(axes[1, -1], drawn, f"error [{unit}]")
    elif target is not None:
        for axis, image in zip(axes[1, 1:], shown.values(), strict=True):
            _segmentation(axis, image, rating.disc)
        axes[1, -1].set_xlabel("segmented; red: left out, blue: added", fontsize=9)
    _scale_bar(axes[0, 1 if target is None else 0], scan.grid)
    axes[-1, 0].imshow(scan.sinogram, "gray", aspect="auto", interpolation="nearest")
    views, bins = scan.sinogram.shape
    axes[-1, 0].set_xlabel(f"data: {views} views of {bins} bins", fontsize=9)
    figure.savefig(path, dpi=DOTS_PER_INCH, format="png")


def _panels(rows: int, columns: int, aspect: float) -> tuple[Any, np.ndarray]:
    """Make a figure whose panels stand exactly below each other; margins and gaps are in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    high, left, right, top, bottom, gap = PANEL * aspect, 0.1, 1.05, 0.5, 0.25, 0.06
    size = (left + columns * (PANEL + gap) + right, top + rows * (high + gap) + bottom)
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    axes = np.empty((rows, columns), object)
    for row, column in np.ndindex(rows, columns):
        place = left + column * (PANEL + gap), bottom + (rows - 1 - row) * (high + gap), PANEL, high
        axes[row, column] = figure.add_axes(tuple(np.divide(place, 2 * size).tolist()), xticks=[], yticks=[])
    return figure, axes


def _segmentation(axis: Any, image: np.ndarray, expected: np.ndarray) -> None:
    """Draw where a segmented image agrees with the expected mask, and where it leaves out or adds."""
    from matplotlib.colors import ListedColormap

    from ..tomography import segment

    mask = segment(image)
    kinds = np.where(mask == expected, 1 + mask, np.where(mask, 3, 0))
    axis.imshow(kinds, ListedColormap([LEFT_OUT, "white", BOTH, ADDED]), vmin=-0.5, vmax=3.5, interpolation="nearest")


def draw_progress(
    history: Sequence[Mapping[str, Any]], references: Mapping[str, Mapping[str, Any]], path: Path, title: str
) -> None:
    """Draw the loss and the data residual and, where the truth is known, the PSNR beside that of classical methods.

    Args:
        history: records with ``seconds``, ``loss``, ``data_residual`` and perhaps ``psnr``.
        references: metrics of the classical methods, by name.
        path: of the PNG file.
        title: above the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    known = any(record.get("psnr") is not None for record in history)
    figure = Figure(figsize=(9.6 if known else 5.2, 3.7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 1 + known, squeeze=False)[0]
    marker = "o-" if len(history) < 40 else "-"
    for name, words in (("loss", "loss"), ("data_residual", "data residual"), ("chi_squared", "$\\chi^2$ a ray")):
        curve = [(r["seconds"], r[name]) for r in history if (r.get(name) or 0) > 0]
        if curve:
            axes[0].semilogy(*zip(*curve, strict=True), marker, ms=3, lw=1.2, label=words)
    if axes[0].lines:
        axes[0].legend()
    if known:
        curve = [(r["seconds"], r["psnr"]) for r in history if r.get("psnr") is not None]
        axes[1].plot(*zip(*curve, strict=True), marker, ms=3, lw=1.6, color="C3")
        for name, found in references.items():
            axes[1].axhline(found["psnr"], color="0.6", lw=0.8, ls="--")
            axes[1].annotate(name, (1, found["psnr"]), xycoords=("axes fraction", "data"), fontsize=8, color="0.35",
                             xytext=(3, -3), textcoords="offset points")  # fmt: skip
        axes[1].set_ylabel("PSNR [dB], which the run never sees")
    for axis in axes:
        axis.set_xlabel("seconds")
        axis.grid(alpha=0.3)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=110, format="png")


def _score(found: Mapping[str, Any]) -> str:
    if found["psnr"] is not None:
        return f"{found['psnr']:.2f} dB, SSIM {found['ssim']:.3f}"
    if "correlation" in found:
        return f"correlation {found['correlation']:.3f}"
    return f"data residual {found['data_residual']:.2g}"


def _bar(axis: Any, drawn: Any, label: str) -> None:
    bar = axis.figure.colorbar(drawn, cax=axis.inset_axes((1.03, 0.0, 0.05, 1.0)), extend="both")
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.ax.locator_params(nbins=6)
    bar.outline.set_linewidth(0.5)


def _scale_bar(axis: Any, grid: Any) -> None:
    from matplotlib import patheffects

    from ..tomography.files.images import length_text, round_length

    length = round_length(grid.columns * grid.pixel / 4)
    start, pixels, row = 0.06 * grid.columns, length / grid.pixel, 0.94 * grid.rows
    outline = [patheffects.withStroke(linewidth=3.5, foreground="black")]
    axis.plot([start, start + pixels], [row, row], color="white", lw=2, path_effects=outline)
    axis.annotate(length_text(length), (start + pixels / 2, row), xytext=(0, 3), textcoords="offset points",
                  color="white", ha="center", fontsize=8, path_effects=outline)  # fmt: skip
