"""How large a space must be to have a given number of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

from ..errors import InputError
from ..methods import Auto, Method, Task
from ..methods.frozen.rounds import FrozenSpaces
from ..problem import Problem
from ..runs import SPACES, make_space
from ..spaces import IAT, LRNN, AnalyticKernels, Chebyshev, LehmerNetwork, PirateNet, RandomFeatures
from ..spaces.network import Network

SIZE: dict[type, str] = {
    LRNN: "rank",
    IAT: "width",
    LehmerNetwork: "units",
    AnalyticKernels: "features",
    RandomFeatures: "features",
    Chebyshev: "functions",
    Network: "width",
}
"""The option that sets how many functions a space of a kind has; depth and all others stay as they are."""
STEP: dict[type, int] = {PirateNet: 2}
"""Sizes must be multiples of this."""
TOLERATED = 0.1
"""The largest share of the number of parameters by which a space may be off. (Our choice.)"""


def size_option(name: str) -> str:
    """Give the option that sets the size of a space.

    Args:
        name: of the space.

    Returns:
        The option's name.

    Raises:
        InputError: it has none.
    """
    found = next((option for kind, option in SIZE.items() if issubclass(SPACES[name], kind)), None)
    if found is None:
        raise InputError(f"no option of {name} sets its number of parameters: leave out {name} or --parameters.")
    return found


def sized(
    name: str, options: Mapping[str, Any], problem: Problem, method: Method, parameters: int
) -> tuple[dict[str, Any], int]:
    """Find the size at which a space has a number of parameters, as nearly as it can.

    All numbers count that the trial function of this problem and method needs, frozen ones, too.

    Args:
        name: of the space.
        options: its other options.
        problem: the problem.
        method: the method.
        parameters: the number wanted.

    Returns:
        The options with the size, and the number of parameters.

    Raises:
        InputError: the size is among the options already, or no size comes near the number.
    """
    option, step = size_option(name), STEP.get(SPACES[name], 1)
    if option in options:
        raise InputError(f"{name}.{option} is what --parameters chooses: give one of the two.")

    @cache
    def count(size: int) -> int:
        return parameters_of_trial(Task(problem, make_space(name, {**options, option: step * size})), method)

    size = nearest(count, parameters)
    if abs(count(size) - parameters) <= TOLERATED * parameters:
        return {**options, option: step * size}, count(size)
    if count(1) > parameters:
        raise InputError(
            f"{parameters} parameters are too few for {name} on {problem.name}, which has at least {count(1)}: "
            f"ask for more, or leave {name} out."
        )
    around = sorted({count(other) for other in (size - 1, size, size + 1) if other})
    raise InputError(
        f"{parameters} parameters are out of reach for {name} on {problem.name}, which can have "
        f"{', '.join(map(str, around))}: ask for one of these, or leave {name} out."
    )


def parameters_of_trial(task: Task, method: Method) -> int:
    """Count the numbers in the trial function that a method begins with."""
    assert task.space is not None
    picked = method.choose(task)[0] if isinstance(method, Auto) else method
    space = task.suited(task.space) if isinstance(picked, FrozenSpaces) else task.space
    trial = task.problem.trial(space, torch.Generator().manual_seed(0))
    return sum(parameter.numel() for parameter in trial.parameters())


def nearest(count: Callable[[int], int], target: int) -> int:
    """Find the positive whole number at which a count that does not fall is nearest to a target, by bisection."""
    low, high = 1, 1
    while count(high) < target and high <= target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= target else (low, middle)
    return min(low, high, key=lambda size: abs(count(size) - target))
