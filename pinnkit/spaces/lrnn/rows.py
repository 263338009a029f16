"""Functions of many independent rows, evaluated block by block without a graph and differentiated by recomputation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

Tensors = tuple[Tensor, ...]


class Blocked(Protocol):
    """A function of tensors with a way to evaluate it in little memory."""

    def __call__(self, *arguments: Tensor) -> Tensors:
        """Evaluate by differentiable operations."""

    def evaluate(self, *arguments: Tensor) -> Tensors:
        """Evaluate without a graph, block by block."""

    def pulled_back(self, needed: Sequence[bool]) -> Blocked:
        """Give the map from output gradients and arguments to the gradients by all arguments.

        Args:
            needed: for each argument, whether its gradient counts; any value may stand for the others.

        Returns:
            A blocked function again, so that derivatives of every order take little memory.
        """


class Recomputed(torch.autograd.Function):
    """Applies a `Blocked` function: only its arguments are saved, and everything else is computed again."""

    @staticmethod
    def forward(function: Blocked, *arguments: Tensor) -> Tensors:
        """Evaluate."""
        return function.evaluate(*arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Save the arguments."""
        ctx.function, *arguments = inputs
        ctx.save_for_backward(*arguments)
        ctx.save_for_forward(*arguments)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Pull gradients back, by a function of the same kind."""
        back = ctx.function.pulled_back(ctx.needs_input_grad[1:])
        with torch.autocast(gradients[0].device.type, enabled=False):
            found = Recomputed.apply(back, *gradients, *ctx.saved_tensors)
        return (None, *(g if needed else None for g, needed in zip(found, ctx.needs_input_grad[1:], strict=True)))

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> Tensors:
        """Push tangents forward, by differentiable operations."""
        arguments = ctx.saved_tensors
        full = [torch.zeros_like(a) if t is None else t for a, t in zip(arguments, tangents, strict=True)]
        return torch.func.jvp(ctx.function, arguments, tuple(full))[1]

    @staticmethod
    def vmap(info: Any, in_dims: Any, function: Blocked, *arguments: Tensor) -> tuple[Tensors, Any]:
        """Evaluate a batch of arguments by differentiable operations."""
        found = torch.vmap(function, in_dims[1:])(*arguments)
        return found, (0,) * len(found)


@dataclass(frozen=True)
class RowFunction:
    """Any function of tensors that treats rows, their last dimension but one, independently.

    Args:
        function: from tensors to a tuple of tensors, differentiable.
        by_rows: for each argument, whether it has the rows; the others are shared by all.
        summed: for each output, whether it is a sum over rows; the others have the rows.
        block: rows to evaluate at a time.
    """

    function: Callable[..., Tensors]
    by_rows: tuple[bool, ...]
    summed: tuple[bool, ...]
    block: int

    def __call__(self, *arguments: Tensor) -> Tensors:
        """Evaluate by differentiable operations."""
        return self.function(*arguments)

    def evaluate(self, *arguments: Tensor) -> Tensors:
        """Evaluate without a graph, block by block."""
        cut = [a.split(self.block, -2) if rows else None for a, rows in zip(arguments, self.by_rows, strict=True)]
        count = next(len(pieces) for pieces in cut if pieces is not None)
        blocks = (
            self.function(*(a if pieces is None else pieces[i] for a, pieces in zip(arguments, cut, strict=True)))
            for i in range(count)
        )
        found: list[Any] = list(zip(*blocks, strict=True))
        return tuple(sum(parts) if s else torch.cat(parts, -2) for parts, s in zip(found, self.summed, strict=True))

    def pulled_back(self, needed: Sequence[bool]) -> RowFunction:
        """Give the map from output gradients and arguments to gradients, as a row function."""
        outputs = len(self.summed)

        def back(*tensors: Tensor) -> Tensors:
            pull = torch.func.vjp(self.function, *tensors[outputs:])[1]
            return pull(tensors[:outputs])

        by_rows = (*(not s for s in self.summed), *self.by_rows)
        return RowFunction(back, by_rows, tuple(not rows for rows in self.by_rows), self.block)
