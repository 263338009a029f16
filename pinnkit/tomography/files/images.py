"""Greyscale pictures: PNG and TIFF in, and out for the eye (PNG) and for other programs (TIFF)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ...errors import InputError
from ..geometry import ImageGrid
from .paths import existing, one_line

WHITES = {"L": 255, "I;16": 65535, "I;16B": 65535, "I;16L": 65535}
"""The whitest grey of Pillow's modes of whole numbers."""
UNITS = {"HU": "attenuation [HU]", "1/mm": "attenuation [1/mm]"}


def read_image(path: str | Path, white: float | None = None, black: float = 0.0) -> np.ndarray:
    """Read a greyscale picture of 8 or 16 bits as numbers, ``black + (white - black) * grey / whitest``.

    Args:
        path: of the file, PNG or TIFF.
        white: what the whitest grey (255 or 65535) stands for; not for a TIFF of real numbers, which are kept.
        black: what the grey 0 stands for.

    Returns:
        Shape ``(rows, columns)``, float64.

    Raises:
        InputError: the file cannot be read, is not one greyscale picture, or ``white`` is missing.
    """
    from PIL import Image

    path = existing(path)
    try:
        with Image.open(path) as picture:
            mode, frames, kind = picture.mode, getattr(picture, "n_frames", 1), picture.format
            grey = np.asarray(picture, np.float64) if frames == 1 else np.empty(0)
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise InputError(f"{path.name} cannot be read as an image: {one_line(error)}") from None
    if frames != 1:
        raise InputError(f"{path.name} holds {frames} images, a volume; give a file of one.")
    if mode == "F":
        return grey
    whitest = 65535 if (mode, kind) == ("I", "PNG") else WHITES.get(mode)  # older Pillows read PNG of 16 bits as "I"
    if whitest is None:
        raise InputError(f"{path.name} is not a greyscale picture of 8 or 16 bits (mode {mode}); convert it first.")
    if white is None or not math.isfinite(white - black) or white == black:
        raise InputError(f"{path.name} holds greys from 0 to {whitest}: say what the whitest stands for, white=...")
    return black + (white - black) * (grey / whitest)


def write_png(
    image: np.ndarray,
    path: str | Path,
    grid: ImageGrid,
    window: tuple[float, float] | None = None,
    unit: str = "HU",
    title: str = "",
    colours: str = "gray",
) -> None:
    """Draw an image with a colour bar and a scale bar.

    Args:
        image: in that unit, shape ``(rows, columns)``.
        path: of the PNG file.
        grid: of the image.
        window: centre and width of the values between black and white; by default all but the lowest and the highest
            half per cent.
        unit: "HU" or "1/mm".
        title: above the picture.
        colours: a colour map of matplotlib, such as "magma" for a map of uncertainty.

    Raises:
        InputError: the image is not finite or does not fit the grid, or the unit or window makes no sense.
    """
    from matplotlib import patheffects
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    image = _checked(image, grid)
    if unit not in UNITS:
        raise InputError(f"the unit must be {' or '.join(UNITS)}, not {unit!r}.")
    low, high = np.percentile(image, (0.5, 99.5))
    if low == high:
        low, high = image.min(), image.max()
    if window is not None:
        if not (math.isfinite(window[0]) and 0 < window[1] < math.inf):
            raise InputError(f"a window is a finite centre and a positive width, got {window}.")
        low, high = window[0] - window[1] / 2, window[0] + window[1] / 2
    width, height = grid.columns * grid.pixel, grid.rows * grid.pixel
    left, bottom = grid.centre[0] - width / 2, grid.centre[1] - height / 2
    edges = (left, left + width, bottom, bottom + height)
    size = 5.0 / max(width, height)
    # The object interface leaves pyplot, and with it the host program's backend, alone.
    figure = Figure(figsize=(width * size + 1.1, height * size + (0.45 if title else 0.15)), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    shown = axis.imshow(image, colours, vmin=low, vmax=high, interpolation="nearest", extent=edges)
    axis.set_axis_off()
    axis.set_title(title, fontsize=11)
    clipped = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    extend = clipped[bool(image.min() < low), bool(image.max() > high)]
    bar = figure.colorbar(shown, ax=axis, extend=extend, fraction=0.046, pad=0.02)
    bar.set_label(UNITS[unit])
    bar.outline.set_linewidth(0.5)
    length = round_length(width / 4)
    start, base = left + 0.05 * width, bottom + 0.05 * height
    outlined = [patheffects.withStroke(linewidth=4, foreground="black")]
    axis.plot(
        [start, start + length], [base, base], color="white", linewidth=2.5, solid_capstyle="butt",
        path_effects=[patheffects.withStroke(linewidth=4.5, foreground="black", capstyle="projecting")],
    )  # fmt: skip
    axis.annotate(
        length_text(length), (start + length / 2, base), xytext=(0, 4), textcoords="offset points", color="white",
        ha="center", va="bottom", fontsize=10, path_effects=outlined,
    )  # fmt: skip
    axis.axis(edges)  # the scale bar must not widen it
    figure.savefig(path, dpi=150, format="png")


def write_tiff(
    image: np.ndarray, path: str | Path, grid: ImageGrid, black: float = 0.0, white: float | None = None
) -> None:
    """Write an image as a TIFF of real numbers of 32 bits, or of greys of 16 bits; `read_image` reads both.

    Args:
        image: in any unit, shape ``(rows, columns)``.
        path: of the file.
        grid: of the image, for the size of a pixel.
        black: what the grey 0 stands for.
        white: what the grey 65535 stands for; None keeps the numbers themselves, in float32.

    Raises:
        InputError: the image is not finite, does not fit the grid or goes beyond black and white.
    """
    from PIL import Image

    image = _checked(image, grid)
    dots = 25.4 / grid.pixel, 25.4 / grid.pixel
    if white is None:
        Image.fromarray(image.astype(np.float32)).save(path, format="TIFF", dpi=dots)
        return
    if not black <= image.min() <= image.max() <= white or black == white:
        raise InputError(
            f"the image goes from {image.min():g} to {image.max():g}, beyond black={black:g} and white={white:g}; "
            f"clip it or widen these."
        )
    grey = np.rint((image - black) / (white - black) * 65535).astype(np.uint16)
    Image.fromarray(grey).save(path, format="TIFF", dpi=dots)


def round_length(most: float) -> float:
    """Give the longest of 1, 2 and 5 times a power of ten that is not longer than a length."""
    power = 10.0 ** math.floor(math.log10(most) + 1e-9)
    return max(step * power for step in (1, 2, 5) if step == 1 or step * power <= most * (1 + 1e-9))


def length_text(length: float) -> str:
    """Write a length in mm with the unit that suits it."""
    for unit, size in (("m", 1000.0), ("cm", 10.0), ("mm", 1.0)):
        if length >= size * (1 - 1e-9):
            return f"{length / size:g} {unit}"
    return f"{1000 * length:g} µm"


def _checked(image: np.ndarray, grid: ImageGrid) -> np.ndarray:
    image = np.asarray(image, np.float64)
    if image.shape != grid.shape:
        raise InputError(f"the image has shape {image.shape}, the grid {grid.shape}.")
    if not np.isfinite(image).all():
        raise InputError(f"{(~np.isfinite(image)).sum()} of {image.size} values of the image are not finite.")
    return image
