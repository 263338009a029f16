"""What every kind of weights has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor

if TYPE_CHECKING:
    from ..training import Training


class Weights(Protocol):
    """Factors of the squared residuals: small options, a name, `update` and `factors`.

    Attributes:
        name: on the command line.
        pointwise: whether each point has a weight with a memory of its own, so that points must stay.
        in_time: whether the problem must have time.
    """

    name: str
    pointwise: bool
    in_time: bool

    @property
    def every(self) -> int:
        """Number of steps between two updates."""

    def update(self, training: Training, memory: dict[str, Any]) -> None:
        """Look at the trial function and change the memory, empty at first: tensors, lists of them, and numbers."""

    def factors(self, training: Training, memory: dict[str, Any]) -> list[Tensor | None]:
        """Read from the memory the factors of each residual: a number, or one for each row; None is one."""


def unit(memory: dict[str, Any], size: Tensor) -> Tensor:
    """Give the size that a loss had first, as the unit to measure it in; one where that was zero or not finite."""
    if "unit" not in memory:
        usable = bool((size > 0) & size.isfinite())
        memory["unit"] = size.detach().clone() if usable else size.new_ones(())
    return memory["unit"]
