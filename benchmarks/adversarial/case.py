"""A case of the suite: a problem, how it is to be solved, and which endings are acceptable."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pinnkit as pk


@dataclass(frozen=True)
class Case:
    """One problem of the suite.

    Attributes:
        name: its name, unique in the suite.
        make: makes the problem; takes the seed if `seeded`.
        space: the trial space; None leaves it to the problem and the method.
        method: the method; None is the default.
        budget: what it may spend; None is the runner's.
        tolerance: None is the runner's.
        accept: without a reference, the statuses that a user would not take for an answer.
        seeded: whether the data (their noise) depend on the seed.
        exact: whether the reference solves the problem as it is stated. It does not where the problem holds a mistake
            that users make, and the reference is what they meant.
        accuracy: relative error of the reference itself.
    """

    name: str
    make: Callable[..., pk.Problem]
    space: Any = None
    method: Any = None
    budget: str | None = None
    tolerance: float | None = None
    accept: tuple[str, ...] = ()
    seeded: bool = False
    exact: bool = True
    accuracy: float = 1e-14

    def problem(self, seed: int = 0) -> pk.Problem:
        """Make the problem."""
        return self.make(seed) if self.seeded else self.make()
