"""What a reconstruction leaves in its run folder."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from .checkpoint import write_atomically
from .folder import dump, write_history
from .image_figures import display_window, draw_comparison, draw_progress
from .image_metrics import Rating


def write_image(
    folder: Path, image: Any, classical: Mapping[str, Tensor], metrics: dict[str, Any], rating: Rating
) -> None:
    """Write image, uncertainty, history and pictures, and metrics last: they tell that all else is there.

    Args:
        folder: of the run.
        image: how the run ended.
        classical: the images of the classical methods by name.
        metrics: the content of metrics.json.
        rating: of images.
    """
    from ..tomography import write_dicom, write_png, write_tiff

    scan, title = rating.scan, metrics["space"]
    values = {name: one.cpu().double().numpy() for name, one in [*classical.items(), (title, image.image)]}
    found = values[title]
    write_history(image.history, folder)
    np.save(folder / "image.npy", image.image.cpu().numpy())
    if image.uncertainty is not None:
        np.save(folder / "uncertainty.npy", image.uncertainty.cpu().numpy())
    if np.isfinite(found).all():
        write_tiff(found, folder / "image.tiff", scan.grid)
        centre, width, unit = display_window(scan, values["TV"] if scan.truth is None else scan.truth)
        shown = scan.hounsfield(found) if unit == "HU" else found
        write_png(shown, folder / "image.png", scan.grid, (centre, width), unit, f"{scan.name}, {title}")
        if find_spec("pydicom") is not None:
            water = 1 if unit == "HU" else 1000 / scan.water
            span = (centre, width) if unit == "HU" else (water * centre - 1000, max(1.0, water * width))
            write_dicom(scan.hounsfield(found), folder / "image.dcm", scan.grid.pixel, span, f"{scan.name}, {title}")
        draw_comparison(values, metrics["references"] | {title: metrics}, rating, folder / "comparison.png")
        if image.uncertainty is not None:
            spread = image.uncertainty.cpu().double().numpy()
            most = max(float(spread.max()), 1e-12)
            about = f"{scan.name}, {title}: standard deviation of {metrics['members']} networks"
            write_png(spread, folder / "uncertainty.png", scan.grid, (most / 2, most), "1/mm", about, "magma")
    draw_progress(image.history, metrics["references"], folder / "history.png", f"{scan.name}, {title}")
    write_atomically(folder / "metrics.json", dump(metrics))
