"""Points of the unit cube, low-discrepancy or uniform, and rejection."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from .arguments import count

RULES = ("sobol", "uniform")
CANDIDATES_BEFORE_EMPTY = 2**17
CANDIDATES_BEFORE_SPARSE = 2**27


class UnitStream:
    """An endless stream of points of the open unit cube (0, 1)^k."""

    def __init__(self, dimension: int, generator: torch.Generator, rule: str = "sobol") -> None:
        """Start the stream.

        Args:
            dimension: k; zero gives points without coordinates.
            generator: the source of randomness; on the CPU.
            rule: "sobol" (scrambled Sobol sequence) or "uniform" (independent).

        Raises:
            InputError: if the generator is not a CPU generator.
            NameNotFound: if the rule is unknown.
        """
        if not isinstance(generator, torch.Generator) or generator.device.type != "cpu":
            raise InputError(
                f"points are drawn with a torch.Generator on the CPU, got {generator!r}: pass "
                "torch.Generator().manual_seed(0)"
            )
        if rule not in RULES:
            raise NameNotFound("sampling rule", rule, RULES)
        self.dimension = dimension
        self._generator = generator
        self._engine = None
        if rule == "sobol" and dimension > 0:
            seed = int(torch.randint(2**62, (), generator=generator, device="cpu"))
            self._engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed)

    def draw(self, n: int) -> Tensor:
        """Draw the next points.

        Args:
            n: how many.

        Returns:
            float64 `(n, k)`, strictly inside the cube.
        """
        if self._engine is None:
            unit = torch.rand(n, self.dimension, generator=self._generator, dtype=torch.float64, device="cpu")
            return unit.clamp_min(2.0**-53)
        # Sobol points are multiples of 2^-30 that include 0; the middle of the cell is inside the cube.
        return self._engine.draw(n, dtype=torch.float64) + 2.0**-31


def accepted(
    n: int,
    stream: UnitStream,
    propose: Callable[[Tensor], tuple[Tensor, ...]],
    keep: Callable[..., Tensor],
    empty: str,
) -> tuple[Tensor, ...]:
    """Draw points by rejection.

    Args:
        n: how many to return.
        stream: the source of unit points.
        propose: maps unit points `(m, k)` to tensors of `m` rows.
        keep: maps these tensors to a bool mask `(m,)`.
        empty: the beginning of the error when nothing is kept.

    Returns:
        The tensors of `propose`, `n` rows each.

    Raises:
        InputError: if nothing, or far too little, is kept.
    """
    kept: list[tuple[Tensor, ...]] = []
    found = tried = 0
    while found < n:
        # The share that was kept so far says how many more candidates are needed.
        wanted = (n - found) * (tried / found if found else 2.0) * 1.1
        batch = min(max(int(wanted), 256), CANDIDATES_BEFORE_EMPTY)
        candidates = propose(stream.draw(batch))
        mask = keep(*candidates)
        kept.append(tuple(c[mask] for c in candidates))
        found += len(kept[-1][0])
        tried += batch
        if found == 0 and tried >= CANDIDATES_BEFORE_EMPTY or found < n and tried >= CANDIDATES_BEFORE_SPARSE:
            raise InputError(
                f"{empty}: {found} of {tried} candidates lie in it, {n} points are needed; check its "
                "operands, or choose a shape that fills more of its bounding box"
            )
    return tuple(torch.cat(parts)[:n] for parts in zip(*kept, strict=True))


def draw(
    n: Any,
    dimension: int,
    generator: torch.Generator,
    rule: str,
    propose: Callable[[Tensor], tuple[Tensor, ...]],
    keep: Callable[..., Tensor] | None,
    empty: str,
) -> tuple[Tensor, ...]:
    """Draw points through a map from the unit cube, with rejection only where it is needed.

    Args:
        n: how many; checked.
        dimension: k of the unit cube.
        generator: the source of randomness.
        rule: "sobol" or "uniform".
        propose: maps unit points `(m, k)` to tensors of `m` rows.
        keep: maps these tensors to a bool mask `(m,)`; None keeps all.
        empty: the beginning of the error when nothing is kept.

    Returns:
        The tensors of `propose`, `n` rows each.
    """
    n = count(n)
    stream = UnitStream(dimension, generator, rule)
    return propose(stream.draw(n)) if keep is None else accepted(n, stream, propose, keep, empty)
