"""What a run from the command line is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..gallery import find_problem, gallery, load_problem
from ..methods import Budget, Method, Task, check_tolerance
from ..problem import Problem
from .names import make_device, make_dtype, make_method, make_space

if TYPE_CHECKING:
    from ..tomography import Scan


@dataclass
class Specification:
    """Everything needed to repeat a run from the command line; part of run.json.

    Attributes:
        problem: a gallery name or the path of a problem file.
        problem_arguments: of the file's function ``problem``.
        space: name of the space, or None.
        space_options: of the space.
        method: name of the method.
        method_options: of the method.
        budget: as text.
        tolerance: relative error to stop at.
        seed: of all random numbers.
        dtype: name of the number type.
        device: "auto" or a torch device.
    """

    problem: str
    problem_arguments: dict[str, Any] = field(default_factory=dict)
    space: str | None = None
    space_options: dict[str, Any] = field(default_factory=dict)
    method: str = "auto"
    method_options: dict[str, Any] = field(default_factory=dict)
    budget: str = "60s"
    tolerance: float = 1e-10
    seed: int = 0
    dtype: str = "float64"
    device: str = "auto"

    @cached_property
    def loaded(self) -> Problem | Scan:
        """The problem or, of a CT problem, the scan."""
        return load_problem(self.problem, self.problem_arguments)

    def prepare(self) -> tuple[Task, Method]:
        """Make the task and the method; raises InputError where something does not fit."""
        check_tolerance(self.tolerance)
        space = make_space(self.space, self.space_options)
        method = make_method(self.method, self.method_options)
        Budget.parse(self.budget)
        dtype = make_dtype(self.dtype)
        device = make_device(self.device, dtype)
        problem = self.loaded
        if not isinstance(problem, Problem):
            raise InputError(f"{self.problem} is a CT scan: reconstruct it with pinnkit.tomography.reconstruct.")
        return Task(problem, space or problem.space, self.seed, self.tolerance, dtype, device), method

    def settled(self) -> Specification:
        """Replace paths by absolute ones, so that the run can be repeated from any folder."""
        problem = self.problem if self.problem in gallery() else str(find_problem(self.problem))
        arguments = {
            key: str(Path(value).resolve()) if isinstance(value, str) and Path(value).is_file() else value
            for key, value in self.problem_arguments.items()
        }
        return replace(self, problem=problem, problem_arguments=arguments)
