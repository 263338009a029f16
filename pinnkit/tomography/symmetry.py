r"""Views that see an image as others see the turned or mirrored image.

Turning the image back by a quarter of a turn and projecting along the angle :math:`\theta` is projecting it along
:math:`\theta + 90`, bin by bin; for parallel rays, mirroring it is projecting along :math:`180 - \theta`. On a square
grid about the rotation axis pixels go to pixels, so that only an eighth to a half of the views need rows of a matrix of
their own, which products then read once for several images.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from .geometry import Geometry, ImageGrid, ParallelBeam

SAME = 1e-9
"""Degrees below which angles are the same."""
WASTE = 1.3
"""Rows that may be computed for one that is used."""


class Symmetry:
    """How the views of a scan follow from some of them.

    Args:
        geometry: of the scan.
        grid: of the image.

    Attributes:
        geometry: with the views that have rows of their own, which are all where nothing is gained.
    """

    def __init__(self, geometry: Geometry, grid: ImageGrid) -> None:
        """Look for a turn or mirror image among the views before each; see the class."""
        turns = [(0, 0)]
        if grid.rows == grid.columns and grid.centre == (0.0, 0.0):
            parallel = isinstance(geometry, ParallelBeam)
            turns = [(quarters, mirrored) for mirrored in range(1 + parallel) for quarters in range(4)]
        found: dict[int, tuple[int, int]] = {}
        own: list[float] = []
        places: list[tuple[int, int]] = []
        for angle in geometry.angles:
            place = found.get(_key(angle))
            if place is None or place in places:  # a repeated view has rows of its own, too
                place = 0, len(own)
                own.append(angle)
                for number, (quarters, mirrored) in enumerate(turns):
                    found.setdefault(_key((180 - angle if mirrored else angle) + 90 * quarters), (number, place[1]))
            places.append(place)
        used = sorted({number for number, _ in places})
        if len(used) == 1 or len(used) * len(own) > WASTE * geometry.views:
            used, own, places = [0], list(geometry.angles), [(0, view) for view in range(geometry.views)]
        self.geometry: Geometry = dataclasses.replace(geometry, angles=tuple(own))  # type: ignore[type-var]
        self._turns = [turns[number] for number in used]
        self._place = torch.tensor([used.index(number) for number, _ in places]), torch.tensor([of for _, of in places])
        self._sides = grid.shape

    @property
    def trivial(self) -> bool:
        """Whether every view has rows of its own."""
        return len(self._turns) == 1

    def turned(self, batch: Tensor) -> Tensor:
        """Give images as the views with rows of their own are to see them.

        Args:
            batch: shape ``(batch, rows * columns)``.

        Returns:
            Shape ``(turns * batch, rows * columns)``.
        """
        images = batch.reshape(-1, *self._sides)
        parts = []
        for quarters, mirrored in self._turns:
            turned = torch.rot90(images, -quarters, (1, 2))
            parts.append(turned.flip(2) if mirrored else turned)
        return torch.cat(parts).reshape(-1, batch.shape[1])

    def turned_back(self, batch: Tensor) -> Tensor:
        """Add up images over the turns, each turned back: the transpose of `turned`."""
        total: Tensor | None = None
        for (quarters, mirrored), part in zip(self._turns, batch.chunk(len(self._turns)), strict=True):
            images = part.reshape(-1, *self._sides)
            back = torch.rot90(images.flip(2) if mirrored else images, quarters, (1, 2))
            total = back if total is None else total + back
        assert total is not None
        return total.reshape(len(total), -1)

    def gathered(self, batch: Tensor) -> Tensor:
        """Put rows of turned images together to sinograms.

        Args:
            batch: shape ``(turns * batch, own views * bins)``.

        Returns:
            Shape ``(batch, views * bins)``.
        """
        turn, view = (index.to(batch.device) for index in self._place)
        rows = batch.reshape(len(self._turns), -1, self.geometry.views, self.geometry.detector.count)
        return rows[turn, :, view].movedim(0, 1).reshape(rows.shape[1], -1)

    def scattered(self, batch: Tensor) -> Tensor:
        """Put sinograms where `gathered` takes them from, with zeros elsewhere: its transpose."""
        turn, view = (index.to(batch.device) for index in self._place)
        bins = self.geometry.detector.count
        rows = batch.new_zeros(len(self._turns), len(batch), self.geometry.views, bins)
        rows[turn, :, view] = batch.reshape(len(batch), -1, bins).movedim(1, 0)
        return rows.reshape(len(self._turns) * len(batch), -1)


def _key(angle: float) -> int:
    return round(angle / SAME) % round(360 / SAME)
