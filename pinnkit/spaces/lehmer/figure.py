"""A picture of what Lehmer units have learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...errors import InputError
from .units import ComplexLehmer, Lehmer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODES = {-math.inf: "minimum", 0: "harmonic", 1: "arithmetic", 2: "contraharmonic", math.inf: "maximum"}
MAX_NUMBERS = 12
"""Up to how many units numbers are written beside the colours."""


@torch.no_grad()
def plot_units(
    layer: Lehmer | ComplexLehmer, names: Sequence[str] | None = None, path: str | Path | None = None
) -> Figure:
    r"""Draw the aggregation mode and the weights of each unit.

    Above, the suddency s (its real part, if complex) on the scale :math:`\arctan(s - 1)`, which puts minimum,
    harmonic, arithmetic and contraharmonic mean and maximum at equal distances. Below, the share of each feature in
    the unit's weights.

    Args:
        layer: `Lehmer` or `ComplexLehmer`, for example ``classifier.units_``.
        names: of the features; numbers by default.
        path: a file to write, too.

    Returns:
        A figure of matplotlib, which no window shows by itself.

    Raises:
        InputError: the number of names is not that of the features.
    """
    from matplotlib.figure import Figure

    names = [f"feature {i + 1}" for i in range(layer.features)] if names is None else [str(name) for name in names]
    if len(names) != layer.features:
        raise InputError(f"{len(names)} names for {layer.features} features; give one for each.")
    shares = (layer.weights / layer.weights.sum(1, keepdim=True)).mT.cpu().numpy()
    real = (layer.a if isinstance(layer, ComplexLehmer) else layer.s).cpu().numpy()
    imaginary = layer.b.cpu().numpy() if isinstance(layer, ComplexLehmer) else None
    units = range(1, layer.units + 1)

    heights = 1.9, 0.26 * layer.features + 0.2
    widths = 1.05 * min(layer.units, MAX_NUMBERS), 0.085 * max(len(name) for name in names) + 1.2
    figure = Figure(figsize=(sum(widths) + 0.6, sum(heights) + 1.1), layout="constrained")
    mode, weights = figure.subplots(2, 1, sharex=True, height_ratios=heights)

    positions = [_position(s) for s in real]
    mode.axhline(_position(1), color="0.8", linewidth=0.8, zorder=0)
    mode.vlines(units, _position(1), positions, color="C0", linewidth=2)
    mode.plot(units, positions, "o", color="C0", markersize=8)
    for m, unit in enumerate(units if layer.units <= MAX_NUMBERS else ()):
        text = f"{real[m]:.2f}" + ("" if imaginary is None else f"\n{imaginary[m]:+.2f}i")
        mode.annotate(text, (unit, positions[m]), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8)
    mode.set_yticks([_position(s) for s in MODES], list(MODES.values()))
    mode.set_ylim(-1.15, 1.15)
    mode.set_title("aggregation (suddency s)", fontsize=10)

    extent = (0.5, layer.units + 0.5, layer.features - 0.5, -0.5)
    picture = weights.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=float(shares.max()), extent=extent)
    weights.set_yticks(range(layer.features), names)
    weights.set_title("weights (share of each feature, %)", fontsize=10)
    if layer.units <= MAX_NUMBERS:
        for (feature, m), share in np.ndenumerate(100 * shares):
            colour = "white" if share > 60 * shares.max() else "black"
            weights.text(m + 1, feature, f"{share:.0f}", ha="center", va="center", fontsize=8, color=colour)
        weights.set_xticks(units, [f"unit {unit}" for unit in units])
    else:
        weights.set_xlabel("unit")
        figure.colorbar(picture, ax=weights, format=lambda share, _: f"{100 * share:.0f}", pad=0.02)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _position(s: float) -> float:
    return 2 / math.pi * math.atan(s - 1)
