"""Where a residual stopped being a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..jets import Key
from ..problem import Collocation, EnergyIntegral
from ..problem.collocation import Block


@torch.no_grad()
def first_not_finite(discretisation: Collocation | EnergyIntegral, trial: Callable[[Any], Any]) -> str | None:
    """Find the first residual, or density of an energy, that is not finite.

    Args:
        discretisation: the residuals at their points.
        trial: the trial function.

    Returns:
        A clause that names the equation, its value, the point, and what of the unknowns is not finite there; None where
        all are finite.
    """
    if isinstance(discretisation, EnergyIntegral):
        blocks = [block for block, _ in discretisation.parts]
    else:
        blocks = [block for block in discretisation.blocks if isinstance(block, Block)]
    for block in blocks:
        values = block.values(trial, block.points)
        result = block.residual(values, block.points)
        bad = (~torch.isfinite(result)).nonzero()
        if not len(bad):
            continue
        row, names = int(bad[0]), block.points.names
        at = ", ".join(f"{c}={v:.6g}" for c, v in zip(names, block.points.coordinates[row].tolist(), strict=True))
        causes = [
            f"{_named(unknown, key, names)} is {value[row].item()}"
            for unknown, found in values.items()
            for key, value in found.items()
            if not _finite(value[row])
        ]
        why = f", where {causes[0]}" if causes else ""
        return f"{block.residual.name} is {result[row].item()} at ({at}){why}"
    return None


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value))


def _named(unknown: str, key: Key, names: tuple[str, ...]) -> str:
    derivative = key if isinstance(key, str) else "".join(names[axis] for axis in key)
    return f"{unknown}.{derivative}" if derivative else unknown
