r"""Filtered backprojection for parallel and fan beams, in physical units: a disc of attenuation mu comes out as mu.

For parallel rays, with the ramp filter h and the coordinate s of a point in the view at the angle :math:`\theta`,

.. math:: f(x) = \int_0^\pi \int p(\theta, s') h(s(x, \theta) - s') \, ds' \, d\theta.

For a fan, :math:`t(\gamma) = D \sin\gamma - o \cos\gamma` is the distance of a ray from the rotation axis, which the
central ray misses by o, and :math:`h(a s) = h(s) / a^2` gives

.. math:: f(x) = \int w \, \frac{L}{U^2} \int p \, t'(\gamma) h(u(x) - u') \, du' \, d\beta, \qquad
   f(x) = \int w \, \frac{1}{R^2} \int p \, t'(\gamma) \frac{\delta^2}{\sin^2\delta} h(\delta) \, d\gamma' \, d\beta

on a flat and on a curved detector, where U and R are the distances from the source along the central ray and in all,
L is that to the detector, :math:`\delta = \gamma(x) - \gamma'`, and w shares a line among the rays along it.

References: Kak and Slaney, Principles of Computerized Tomographic Imaging (1988), chapter 3,
doi:10.1137/1.9780898719277; Gullberg et al., IEEE Transactions on Medical Imaging 5 (1986), 23-29,
doi:10.1109/TMI.1986.4307735 (a displaced axis).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy import pi
from torch import Tensor

from ...errors import InputError
from ..coverage import check_coverage
from ..geometry import FanBeam
from ..projector import Projector
from ..scan import Scan
from .reconstruction import Classical, Reconstruction, fitting
from .redundancy import arc_of, fan_weights

WINDOWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ramp": np.ones_like,
    "shepp-logan": lambda f: np.sinc(f / 2),
    "hann": lambda f: np.cos(pi * f / 2) ** 2,
}
"""Windows as functions of the frequency divided by the highest one that the bins resolve."""


@dataclass(frozen=True)
class FilteredBackprojection(Classical):
    """Filtered backprojection; see the module for the formulas.

    Args:
        filter: "ramp", "shepp-logan" or "hann", from sharp to smooth.
        name: for tables.

    Raises:
        InputError: there is no such filter.
    """

    filter: str = "ramp"
    name: str = "FBP"

    def __post_init__(self) -> None:
        """Check the filter; see the class."""
        if self.filter not in WINDOWS:
            raise InputError(f"filter must be one of {', '.join(WINDOWS)}, got {self.filter!r}.")

    def solve(self, scan: Scan, projector: Projector | None = None) -> Reconstruction:
        """Reconstruct a scan; see `Classical.solve`."""
        dtype, device = torch.float32, torch.device("cpu")
        if projector is None:
            check_coverage(scan.geometry, scan.grid)
        else:
            projector = fitting(scan, projector)
            dtype, device = projector.dtype, projector.device
        filtered = torch.as_tensor(self._filtered(scan), dtype=dtype, device=device)
        return Reconstruction(backproject(scan, filtered), 1, f"{self.filter} filter")

    def _filtered(self, scan: Scan) -> np.ndarray:
        """Weigh and filter every view, float64."""
        geometry, detector = scan.geometry, scan.geometry.detector
        angles = np.radians(geometry.angles)
        values, step, curve = scan.sinogram, detector.pitch, 0.0
        if isinstance(geometry, FanBeam):
            arc = arc_of(angles, 2 * pi)
            u, distance = detector.positions(), geometry.source_detector
            gamma = u / distance if detector.curved else np.arctan2(u, distance)
            to_axis = np.arctan2(geometry.axis_offset, geometry.source_origin)
            shares = fan_weights(angles, gamma - to_axis, arc)
            jacobian = geometry.source_origin * np.cos(gamma) + geometry.axis_offset * np.sin(gamma)
            values = values * shares * jacobian
            if detector.curved:
                step = curve = detector.pitch / distance
        else:
            arc = arc_of(angles, pi)
        return filter_rows(values, step, self.filter, curve) * arc.gaps[:, None]


def filter_rows(rows: np.ndarray, step: float, window: str, curve: float = 0.0) -> np.ndarray:
    r"""Apply the ramp filter, band-limited in space, so that the mean of a view is kept as it is.

    Args:
        rows: shape ``(views, bins)``.
        step: between bins.
        window: of the frequencies.
        curve: step of the angle on a curved detector, radians, or 0; multiplies the kernel by
            :math:`\delta^2 / \sin^2 \delta`.

    Returns:
        Same shape, divided by the step's unit.

    Reference: Ramachandran and Lakshminarayanan, PNAS 68 (1971), 2236-2240, doi:10.1073/pnas.68.9.2236.
    """
    count = rows.shape[1]
    size = 2 ** int(np.ceil(np.log2(2 * count)))  # no wrapping round
    n = np.abs(np.fft.fftfreq(size, 1 / size))
    kernel = np.zeros(size)
    odd = n % 2 == 1
    kernel[odd] = -1 / (pi * n[odd] * step) ** 2
    kernel[0] = 1 / (4 * step**2)
    if curve:
        reach = n < count  # farther apart no two bins are
        kernel = np.where(reach, kernel / np.sinc(np.where(reach, n, 0) * curve / pi) ** 2, 0.0)
    gain = np.fft.rfft(kernel).real * WINDOWS[window](2 * np.fft.rfftfreq(size)) * step
    return np.fft.irfft(np.fft.rfft(rows, size) * gain, size)[:, :count]


def backproject(scan: Scan, filtered: Tensor) -> Tensor:
    """Add up filtered views, each interpolated linearly on the detector, zero beside it.

    Args:
        scan: for geometry and grid.
        filtered: shape ``(views, bins)``.

    Returns:
        Shape ``(rows, columns)``.
    """
    geometry, grid, detector = scan.geometry, scan.grid, scan.geometry.detector
    x, y = (torch.as_tensor(axis, dtype=filtered.dtype, device=filtered.device) for axis in (grid.x, grid.y))
    image = filtered.new_zeros(grid.shape)
    first, last = float(detector.positions()[0]), detector.count - 1
    for angle, row in zip(np.radians(geometry.angles), filtered, strict=True):
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        along = x * cos + y[:, None] * sin + geometry.axis_offset
        if isinstance(geometry, FanBeam):
            depth = y[:, None] * cos - x * sin + geometry.source_origin
            length = geometry.source_detector
            if detector.curved:
                weight, s = 1 / (along**2 + depth**2), length * torch.atan2(along, depth)
            else:
                weight, s = length / depth**2, length * along / depth
            weight = weight * (depth > 0)
        else:
            weight, s = torch.ones_like(along), along
        place = (s - first) / detector.pitch
        before = place.floor().clamp(0, max(last - 1, 0))
        share, at = place - before, before.long()
        seen = (place >= 0) & (place <= last)
        value = row[at] * (1 - share) + row[(at + 1).clamp(max=last)] * share
        image += torch.where(seen, weight * value, 0.0)
    return image
