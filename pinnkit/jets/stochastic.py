"""Random estimates of the Laplacian, for many dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .derivatives import LAPLACIAN, Derivatives, Key
from .jet import Jet, MissingRule

ESTIMATES = ("directions", "dimensions")


class StochasticLaplacian:
    r"""Two independent unbiased estimates of the Laplacian in one forward pass of jets.

    - "directions": :math:`\frac1k \sum_{l \le k} v_l^T H v_l` with random signs v_l (Hutchinson), of variance
      :math:`\frac2k \sum_{i \ne j} H_{ij}^2`.
    - "dimensions": :math:`\frac dk \sum_{i \in I} H_{ii}` with k of the d dimensions, of variance
      :math:`\frac{d (d - k)}{k (d - 1)} \sum_i (H_{ii} - \bar H)^2`.

    Each point has its own. A jet carries 2 k directions and two second-order components, where the Laplacian takes d
    directions and one component.

    Args:
        keys: of values, first derivatives and `LAPLACIAN`.
        space_axes: the axes of the Laplacian.
        count: k.
        kind: one of the two.

    Raises:
        InputError: other derivatives, more dimensions than there are, or an unknown kind.

    Reference:
        Hu et al. 2023 (Hutchinson), arXiv:2312.14499, and 2023 (SDGD), arXiv:2307.12306; Shi et al. 2024 (STDE),
        arXiv:2412.00088.
    """

    def __init__(self, keys: Iterable[Key], space_axes: tuple[int, ...], count: int, kind: str = "directions") -> None:
        """Plan the directions; see the class."""
        self.keys, self.space, self.count, self.kind = tuple(dict.fromkeys(keys)), space_axes, count, kind
        if kind not in ESTIMATES:
            raise InputError(f"the kind of estimate must be one of {', '.join(ESTIMATES)}, got {kind!r}.")
        if other := [key for key in self.keys if key != LAPLACIAN and len(key) > 1]:
            raise InputError(
                f"a random estimate needs equations of values, first derivatives and u.laplacian; this one uses the "
                f"derivative along axes {other[0]}."
            )
        if kind == "dimensions" and count > len(space_axes):
            raise InputError(f"there are {len(space_axes)} dimensions to choose from, got {count} of them.")
        self.axes = [int(key[0]) for key in self.keys if key != LAPLACIAN and key]

    def __call__(
        self, module: Callable[[Any], Any], x: Tensor, generator: torch.Generator
    ) -> tuple[dict[Key, Tensor], dict[Key, Tensor]]:
        """Evaluate.

        Args:
            module: a map from points ``(n, d)`` to outputs ``(n, k)`` that treats points independently.
            x: points, shape ``(n, d)``, floating point.
            generator: source of the directions.

        Returns:
            Twice, for each key a tensor of the shape of the output; they differ in the Laplacian.
        """
        axes, k = len(self.axes), self.count
        unit = torch.eye(x.shape[1]).to(x)[self.axes, None].expand(-1, *x.shape)
        drawn = [self._draw(len(x), x.shape[1], generator).to(x) for _ in range(2)]
        pairs = tuple(tuple((axes + e * k + i,) * 2 for i in range(k)) for e in range(2))
        try:
            y = module(Jet(x, torch.cat([unit, *drawn]), x.new_zeros(()).expand(2, *x.shape), pairs))
        except MissingRule:
            exact = Derivatives(self.keys, self.space)(module, x)
            return exact, exact
        found = []
        for estimate in range(2):
            values: dict[Key, Tensor] = {}
            for key in self.keys:
                if key == LAPLACIAN:
                    values[key] = y.second[estimate] if isinstance(y, Jet) else torch.zeros_like(y)
                elif key:
                    values[key] = y.first[self.axes.index(int(key[0]))] if isinstance(y, Jet) else torch.zeros_like(y)
                else:
                    values[key] = y.value if isinstance(y, Jet) else y
            found.append(values)
        return found[0], found[1]

    def _draw(self, n: int, d: int, generator: torch.Generator) -> Tensor:
        """Draw k directions at each point, scaled so that the sum over them is the estimate; shape ``(k, n, d)``."""
        k, m = self.count, len(self.space)
        directions = torch.zeros(k, n, d, dtype=torch.float64)
        if self.kind == "directions":
            signs = torch.randint(0, 2, (k, n, m), generator=generator, dtype=torch.float64)
            directions[..., list(self.space)] = (2 * signs - 1) / math.sqrt(k)
        else:
            chosen = torch.rand(n, m, generator=generator).argsort(1)[:, :k].mT
            axes = torch.tensor(self.space)[chosen]
            directions.scatter_(2, axes[..., None], math.sqrt(m / k))
        return directions
