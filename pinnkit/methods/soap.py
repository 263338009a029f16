"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..spaces.space import whole
from .first_order import FirstOrder


@dataclass(frozen=True)
class SOAP(FirstOrder):
    """SOAP on all parameters, full batch; the optimiser is that of the package pytorch-optimizer.

    Args:
        rate: learning rate, the largest one of its schedule.
        frequency: steps between two updates of the eigenbases.

    The other options are those of `FirstOrder`.

    Reference:
        Vyas et al. 2025, arXiv:2409.11321; for physics-informed networks Wang et al. 2025, arXiv:2502.00604.
    """

    rate: float = 1e-2
    frequency: int = 2
    name = "soap"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        super().__post_init__()
        whole("frequency", self.frequency)

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser.

        Args:
            parameters: what is trained.

        Returns:
            The optimiser, without weight decay.

        Raises:
            InputError: the package is missing.
        """
        try:
            from pytorch_optimizer import SOAP as Optimizer
        except ModuleNotFoundError:
            raise InputError(
                "soap needs the package pytorch-optimizer: python -m pip install pytorch-optimizer "
                "(or the extra pinnkit[soap])."
            ) from None
        made = Optimizer(
            parameters,
            lr=self.rate,
            betas=(0.95, 0.95),
            weight_decay=0.0,
            precondition_frequency=self.frequency,
        )
        made.register_step_post_hook(_in_row_major_order)
        return made


def _in_row_major_order(optimizer: torch.optim.Optimizer, *unused: Any) -> None:
    # Rounding depends on how a matrix lies in memory, and a checkpoint keeps only one way.
    for state in optimizer.state.values():
        state["Q"] = [basis.contiguous() if isinstance(basis, Tensor) else basis for basis in state.get("Q", [])]
