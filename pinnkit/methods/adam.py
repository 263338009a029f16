"""Adam."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from .first_order import FirstOrder


@dataclass(frozen=True)
class Adam(FirstOrder):
    """Adam (Kingma and Ba 2015) on all parameters, full batch; see FirstOrder for its options."""

    name = "adam"

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser."""
        return torch.optim.Adam(parameters, lr=self.rate)
