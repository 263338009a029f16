"""Named parameters of a problem, fixed or to be found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from ..errors import InputError

PROBE = 1e-6
"""How much a parameter is changed by, relative to one or its value, to see what follows it."""


class Parameter(nn.Parameter):
    """A number in the equations; trainable, it is found together with the solution (an inverse problem).

    It is a float64 scalar tensor, used in residuals like a number: ``nu * u.xx``.

    Args:
        name: its name in metrics and reports.
        value: its value, or the first guess, from which every solve starts.
        trainable: whether methods change it.
        true: its true value where it is known, to report the error of what was found; no method sees it.

    Raises:
        InputError: a value is not finite.

    Attributes:
        first: the first guess.
        true: the true value, or None.
    """

    first: float
    true: float | None
    _name: str

    # Tensors have a `name` of their own, which cannot be set.
    @property
    def name(self) -> str:
        """Its name in metrics and reports."""
        return self._name

    def __new__(cls, name: str, value: float, trainable: bool = True, true: float | None = None) -> Parameter:
        """Make the scalar; see the class."""
        for number in (value, 0.0 if true is None else true):
            if not math.isfinite(number):
                raise InputError(f"parameter {name!r} must be a finite number, got {number}.")
        made = super().__new__(cls, torch.tensor(float(value), dtype=torch.float64), trainable)
        made._name, made.first, made.true = name, float(value), true
        return made

    @torch.no_grad()
    def reset(self) -> None:
        """Take the first guess again."""
        self.fill_(self.first)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        """Copy with name and first guess; torch's own copy would take the value for the name."""
        if id(self) not in memo:
            memo[id(self)] = _restored(self.name, self.first, self.item(), self.requires_grad, self.true)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as name, first guess and value."""
        return _restored, (self.name, self.first, self.item(), self.requires_grad, self.true)


def _restored(name: str, first: float, value: float, trainable: bool, true: float | None = None) -> Parameter:
    made = Parameter(name, first, trainable, true)
    with torch.no_grad():
        made.fill_(value)
    return made


def trace_parameters(what: str, evaluate: Callable[[], Any], known: Sequence[Tensor]) -> tuple[Any, list[Tensor]]:
    """Evaluate something, and find the trainable parameters that it depends on.

    Args:
        what: it is, for messages.
        evaluate: gives a tensor, or a number.
        known: the trainable parameters of the problem.

    Returns:
        The result, and those of the parameters that it was computed from.

    Raises:
        InputError: it was computed from another tensor that requires gradients, or from a number that does not follow
            a parameter because it was computed once and for all.
    """
    with torch.enable_grad():
        result = evaluate()
    found = _leaves(result) if isinstance(result, Tensor) else []
    for leaf in found:
        if not any(leaf is parameter for parameter in known):
            name = getattr(leaf, "name", None)
            unnamed = f"a tensor {tuple(leaf.shape)} with requires_grad"
            raise InputError(
                f"{what} uses {f'the trainable parameter {name!r}' if name else unnamed}, which no method would train: "
                "list it in parameters= of the problem, or detach it."
            )
    slopes = torch.autograd.grad(result.sum(), found, retain_graph=True) if found else ()
    for leaf, slope in zip(found, slopes, strict=True):
        if not _follows(evaluate, leaf, slope.item()):
            name = getattr(leaf, "name", None)
            raise InputError(
                f"{what} uses a number that was computed from the parameter {name!r} once and for all; compute it "
                "inside of the function, such as lambda p: 2 * C in place of 2 * C."
            )
    return result, found


@torch.no_grad()
def _follows(evaluate: Callable[[], Any], leaf: Tensor, slope: float) -> bool:
    """Compare the sum of a result with its slope, where a parameter moves to either side."""
    before, sums, sizes = leaf.item(), [], []
    step = PROBE * max(1.0, abs(before))
    for moved in (before + step, before - step):
        leaf.fill_(moved)
        result = torch.as_tensor(evaluate())
        sums.append(result.sum().item())
        sizes.append(result.abs().sum().item())
    leaf.fill_(before)
    rounding = 10 * torch.finfo(torch.float64).eps * max(sizes) / step
    return not abs((sums[0] - sums[1]) / (2 * step) - slope) > 0.1 * abs(slope) + rounding


def _leaves(result: Tensor) -> list[Tensor]:
    """Find the tensors requiring gradients that a result was computed from."""
    if result.grad_fn is None:
        return [result] if result.requires_grad else []
    found: list[Tensor] = []
    todo: list[Node | None] = [result.grad_fn]
    seen = set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (leaf := getattr(node, "variable", None)) is not None:
            found.append(leaf)
        todo += [following for following, _ in node.next_functions]
    return found


def parameter_slopes(result: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Differentiate numbers, one a point, by parameters.

    Args:
        result: shape ``(n,)``, computed where gradients are recorded.
        parameters: scalars that require gradients.

    Returns:
        The derivatives, shape ``(n, number of parameters)``.
    """
    columns = [torch.zeros_like(result) for _ in parameters]
    if parameters and result.requires_grad:
        with torch.enable_grad():
            factors = torch.zeros_like(result, requires_grad=True)
            # The gradient of sum_i v_i R_i is linear in v: its gradient by v holds every point's own derivative.
            sums = torch.autograd.grad((factors * result).sum(), parameters, create_graph=True, allow_unused=True)
            for i, total in enumerate(sums):
                if total is not None:
                    columns[i] = torch.autograd.grad(total, factors, retain_graph=True)[0]
    return torch.stack([column.detach() for column in columns], 1) if columns else result.new_zeros(len(result), 0)
