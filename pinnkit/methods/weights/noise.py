"""Weights by the noise of the data, for inverse problems."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...spaces.space import whole
from ..inverse.posterior import Weighing

if TYPE_CHECKING:
    from ..training import Training

LOOKS = 4
"""After so many looks at most, the model joins the data."""
FASTEST = 10.0
"""How much stiffer the model may become from one look to the next."""
STIFFEST = 1.0
"""How much more the model may weigh than the data, on functions like the solution."""


@dataclass(frozen=True)
class Noise:
    r"""The loss is :math:`\Lambda M + \chi^2`: data weigh by their noise, the model as much as they allow.

    At first the data alone are fitted. Then :math:`\Lambda = n / M`, so that the residuals M of the model count as
    much as the n data, and it grows as M falls, until the model weighs as much as the data on functions like the
    solution, or chi squared exceeds n (the discrepancy principle). Each row of the model is divided by the norm of its
    linearisation at the point, so that steep layers do not outweigh the rest. Noise that is not stated is estimated by
    the misfit. (Our choices.)

    Args:
        every: number of steps between two looks.

    Reference:
        Morozov 1966 (the discrepancy principle).
    """

    every: int = 10
    name = "noise"
    pointwise = False
    in_time = False

    def __post_init__(self) -> None:
        """Check the option; see the class."""
        whole("every", self.every)

    @torch.no_grad()
    def update(self, training: Training, memory: dict[str, Any]) -> None:
        """Compare the misfits of model and data."""
        collocation = training.collocation
        if "unit" not in memory:
            weighing = Weighing(collocation)
            memory.update(kinds=weighing.kinds, count=weighing.count, known=weighing.known, unit=weighing.unit)
            memory.update(looks=0, stiffness=0.0, variance=1.0, weights=[b.weight for b in collocation.blocks])
        memory["rows"] = [
            _row_weights(training, number) if kind == "model" else None for number, kind in enumerate(memory["kinds"])
        ]
        total = {"model": 0.0, "data": 0.0, "prior": 0.0}
        for kind, square, rows in zip(memory["kinds"], training.squares(), memory["rows"], strict=True):
            total[kind] += (square if rows is None else square * rows).mean().item()
        n = memory["count"]
        if not memory["known"]:
            memory["variance"] = max(total["data"] / n, 1e-300)
        explained = total["data"] / memory["variance"] <= n
        memory["looks"] += 1
        before = memory["stiffness"]
        if memory["stiffness"] == 0:
            if memory["looks"] > LOOKS or (memory["known"] and memory["looks"] > 1 and total["data"] <= 2 * n):
                memory["stiffness"] = n / max(total["model"], 1e-300)
        elif explained:
            wanted = min(n / max(total["model"], 1e-300), STIFFEST * memory["unit"])
            memory["stiffness"] = max(memory["stiffness"], min(wanted, FASTEST * memory["stiffness"]))
        memory["grown"] = memory["stiffness"] > before

    def factors(self, training: Training, memory: dict[str, Any]) -> list[Tensor | None]:
        """Give Lambda for the model's rows, one over the variance for the data, little for prior knowledge."""
        # Those of the data were set when the memory was new; a run that goes on has other ones at first.
        for block, weight in zip(training.blocks, memory["weights"], strict=True):
            block.weight = weight
        like = training.blocks[0].points.coordinates
        found: list[Tensor | None] = []
        for kind, rows in zip(memory["kinds"], memory["rows"], strict=True):
            if kind == "data":
                found.append(like.new_tensor(1 / memory["variance"]))
            else:
                stiffness = memory["stiffness"] if kind == "model" else 1e-8 * memory["unit"]
                found.append(stiffness * (like.new_ones(()) if rows is None else rows))
        return found


def _row_weights(training: Training, number: int) -> Tensor | None:
    """Give one over the squared norm of the linearisation at each point, relative to the usual one."""
    block = training.blocks[number]
    _, slopes = block.residual.linearise(block.values(training.trial, block.points), block.points)
    size = torch.stack([s for found in slopes.values() for s in found.values()]).square().sum(0)
    size = block.points.average(size)
    usual = size.median()
    if not (usual > 0 and math.isfinite(usual.item())):
        return None
    return usual / size.clamp_min(1e-3 * usual.item())
