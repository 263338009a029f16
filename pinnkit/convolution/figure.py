"""Pictures of a layer's kernels in the mosaic layout."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from .families import FAMILIES
from .layer import AnalyticConv2d
from .mosaic import PLAIN

COLOURS = {"G": "#2f6fc4", "Lg": "#d1394f", "Lt": "#f0a51f", "Tf": "#159a80", "Ts": "#8b4fb0", PLAIN: "#b9b9b9"}
TITLES = {**{name: family.title for name, family in FAMILIES.items()}, PLAIN: "plain"}
KERNEL_INCHES = 0.5
MOST_INCHES = 40.0
NARROWEST = 6.5
HEAD, FOOT, SIDE = 1.0, 0.45, 0.3
DOTS_PER_INCH = 150


def draw_kernels(layer: AnalyticConv2d, path: str | Path, title: str = "") -> None:
    """Draw all kernels of a layer, output channels across and input channels down, framed by family.

    Many output channels go on in further bands below. Every kernel has a grey scale of its own, in which the middle
    grey is zero and white is positive. For a layer made by `AnalyticConv2d.from_conv2d`, the relative error of its
    weights is given.

    Args:
        layer: the layer.
        path: of the PNG file.
        title: a line above the mosaic.

    Raises:
        InputError: this is no analytic layer.
    """
    if not isinstance(layer, AnalyticConv2d):
        raise InputError(f"draw_kernels draws an AnalyticConv2d, got {type(layer).__name__}.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    weight = layer.weight.detach().to("cpu", torch.float64)
    outputs, inputs, height, width = weight.shape
    gap = 0.3 * max(height, width)
    left, top, columns, rows = _places(outputs, inputs, height + gap, width + gap, gap)
    inch = min(KERNEL_INCHES / max(height, width), MOST_INCHES / max(rows, columns))
    size = (max(columns * inch + 2 * SIDE, NARROWEST), rows * inch + HEAD + FOOT)
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    start = (size[0] - columns * inch) / 2
    axes = figure.add_axes((start / size[0], FOOT / size[1], columns * inch / size[0], rows * inch / size[1]))
    for o, names in enumerate(layer.kinds):
        for i, name in enumerate(names):
            x, y = float(left[o, i]), float(top[o, i])
            scale = float(weight[o, i].abs().max()) or 1.0
            axes.imshow((weight[o, i] / scale).numpy(), "gray", vmin=-1, vmax=1, extent=(x, x + width, y + height, y))
            frame = (x - gap / 5, y - gap / 5), width + gap / 2.5, height + gap / 2.5
            axes.add_patch(Rectangle(*frame, fill=False, edgecolor=COLOURS[name], linewidth=72 * inch * gap / 4))
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    axes.set_axis_off()
    figure.text(0.5, 1 - 0.15 / size[1], _title(layer, title), ha="center", va="top", fontsize=11)
    figure.legend(
        handles=[Patch(facecolor=COLOURS[name], label=f"{name}  {TITLES[name]}") for name in layer.counts],
        loc="lower center", bbox_to_anchor=(0.5, 1 - HEAD / size[1]), ncols=3 if size[0] < 9 else 6, frameon=False,
        fontsize=8.5, borderaxespad=0.2,
    )  # fmt: skip
    down, across = ("s" * (number > 1) for number in (inputs, outputs))
    caption = f"down: {inputs} input channel{down}; across: {outputs} output channel{across}"
    figure.text(0.5, 0.15 / size[1], caption, ha="center", va="bottom", fontsize=9)
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _places(outputs: int, inputs: int, height: float, width: float, gap: float) -> tuple[Tensor, Tensor, float, float]:
    """Lay out kernels in bands; return their left and top edges ``(outputs, inputs)`` and the sizes of the sheet."""
    across = min(outputs, max(16, math.ceil(math.sqrt(1.6 * outputs * inputs))))
    bands = -(-outputs // across)
    number = torch.arange(outputs)[:, None].expand(-1, inputs)
    band_height = inputs * height + gap
    left = (number % across) * width + gap / 2
    top = (number // across) * band_height + torch.arange(inputs) * height + gap / 2
    return left, top, across * width, bands * band_height - gap


def _title(layer: AnalyticConv2d, title: str) -> str:
    line = f"({layer.in_channels // layer.groups}x{layer.out_channels}) {layer.mosaic}"
    if layer.errors is not None:
        line += f", relative error {layer.relative_error:.2g}"
    return f"{title}\n{line}" if title else line
