"""What a comparison is asked for, and the runs that this makes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, NameNotFound
from ..gallery import find_problem
from ..methods import Task
from ..problem import Problem
from ..runs import Specification, make_space
from ..runs.names import make_method
from ..runs.solve import digest
from ..spaces import Chebyshev
from .sizing import sized

SPACES = ("lrnn", "siren", "mlp", "kan", "random-features")
METHODS = ("auto", "adam+lbfgs")
"""The method that a user gets who asks for none, and the one that the literature trains networks with."""
CLASSICAL = "chebyshev"
FEW = 3
"""Coordinates up to which a classical spectral method is at home."""


@dataclass(frozen=True)
class Cell:
    """One problem, one space and one method; it has a run for each seed.

    Attributes:
        problem: title of the problem, with its arguments.
        space: name of the space.
        method: name of the method.
        row: what tables call the space.
        folder: of its runs, in the folder of the comparison.
        parameters: number of parameters; None where the space keeps its own size.
        at_most: whether that is a limit, because the method finds the size.
        difference: from what was asked for; None where nothing was.
        problem_sha256: of the problem file.
        specification: of its runs, but for the seed.
    """

    problem: str
    space: str
    method: str
    row: str
    folder: str
    parameters: int | None
    at_most: bool
    difference: int | None
    problem_sha256: str
    specification: dict[str, Any]

    def run(self, seed: int) -> dict[str, Any]:
        """Give the specification of the run with a seed, as keywords."""
        return self.specification | {"seed": seed}

    def summary(self) -> str:
        """Say in one line how large the space is."""
        options = ", ".join(f"{key} {value}" for key, value in self.specification["space_options"].items())
        text = f"{self.problem}, {self.row}, {self.method}" + f": {options}" * bool(options)
        if self.parameters is None:
            return text
        limit = "at most " * self.at_most
        return f"{text}: {limit}{self.parameters} parameters" + (f" ({self.difference:+d})" if self.difference else "")


@dataclass(frozen=True)
class Comparison:
    """What a comparison is asked for: every problem in every space by every method from every seed.

    Attributes:
        problems: gallery names or paths of problem files.
        spaces: names of spaces.
        methods: names of methods.
        seeds: of all random numbers.
        parameters: number of parameters of each space; None leaves their sizes as they are.
        budget: of each run, as text.
        tolerance: relative error to stop at.
        dtype: name of the number type.
        device: "auto" or a torch device.
        options: by what they belong to: "problem", the name of a space, or that of a method.
        classical: whether linear problems of few coordinates get a row of Chebyshev polynomials.
    """

    problems: tuple[str, ...]
    spaces: tuple[str, ...] = SPACES
    methods: tuple[str, ...] = METHODS
    seeds: tuple[int, ...] = tuple(range(5))
    parameters: int | None = None
    budget: str = "20s"
    tolerance: float = 1e-10
    dtype: str = "float64"
    device: str = "auto"
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    classical: bool = True

    def cells(self) -> list[Cell]:
        """Check everything, size the spaces, and list the cells.

        Returns:
            The cells, problem by problem.

        Raises:
            InputError: something does not fit, or a space cannot have that many parameters.
            NameNotFound: options of something that takes no part.
        """
        for name in ("problems", "spaces", "methods", "seeds"):
            if not getattr(self, name):
                raise InputError(f"a comparison needs at least one of the {name}, got none.")
        if self.parameters is not None and self.parameters < 1:
            raise InputError(f"the number of parameters must be positive, got {self.parameters}.")
        parts = ("problem", *self.spaces, *self.methods)
        if unknown := [part for part in self.options if part not in parts]:
            raise NameNotFound("part of the options", unknown[0], parts)
        found = [cell for problem in self.problems for cell in self._of_problem(problem)]
        folders = [cell.folder for cell in found]
        if twice := next((folder for folder in folders if folders.count(folder) > 1), None):
            raise InputError(f"{twice.partition('/')[0]!r} stands for two problems: rename one of the files.")
        return found

    def _of_problem(self, name: str) -> Iterator[Cell]:
        arguments = dict(self.options.get("problem", {}))
        # Names are checked here, before anything is sized.
        specifications = [
            self._specification(name, arguments, space, self.options.get(space, {}), method)
            for space in self.spaces
            for method in self.methods
        ]
        problem = specifications[0].loaded
        if not isinstance(problem, Problem):
            raise InputError(
                f"{name} is a CT scan, which has no equations to compare spaces on: reconstruct it with "
                "python -m pinnkit reconstruct; benchmarks/tomography.py compares images."
            )
        title = title_of(problem.name, arguments)
        for specification in specifications:
            specification.__dict__["loaded"] = problem
            task, method = specification.prepare()
            assert specification.space is not None
            options, count = specification.space_options, None
            if self.parameters is not None:
                options, count = sized(specification.space, options, problem, method, self.parameters)
            yield self._cell(title, specification, options, count)
        if self.classical and CLASSICAL not in self.spaces and suits_classical(task):
            name_of_method = "ritz" if problem.energies else "least-squares"
            limit = None
            if self.parameters is not None:
                # The method refines the space up to this size.
                limit = {"max_size": max(1, self.parameters // len(problem.unknowns) - 1)}
            classical = self._specification(name, arguments, CLASSICAL, {}, name_of_method, limit)
            yield self._cell(title, classical, {}, self.parameters, f"{CLASSICAL} (classical)")

    def _specification(
        self,
        problem: str,
        arguments: dict[str, Any],
        space: str,
        options: Mapping[str, Any],
        method: str,
        method_options: Mapping[str, Any] | None = None,
    ) -> Specification:
        method_options = {**self.options.get(method, {}), **(method_options or {})}
        make_space(space, options)
        make_method(method, method_options)
        return Specification(
            problem, arguments, space, dict(options), method, method_options,
            self.budget, self.tolerance, 0, self.dtype, self.device,
        ).settled()  # fmt: skip

    def _cell(
        self, title: str, specification: Specification, options: dict[str, Any], count: int | None, row: str = ""
    ) -> Cell:
        settled = asdict(specification) | {"space_options": options}
        del settled["seed"]
        space, method = str(specification.space), specification.method
        return Cell(
            problem=title,
            space=space,
            method=method,
            row=row or space,
            folder=f"{title}/{space}/{method}",
            parameters=count,
            at_most=bool(row),
            difference=None if count is None or self.parameters is None or row else count - self.parameters,
            problem_sha256=digest(find_problem(specification.problem)),
            specification=settled,
        )

    def command(self, out: Path, jobs: int, backend: str, address: str | None) -> str:
        """Write the command line that asks for this comparison, from any folder."""
        problems = [Specification(problem).settled().problem for problem in self.problems]
        words = ["python", "-m", "pinnkit", "compare", *problems]
        listed: list[tuple[str, Sequence[Any]]] = [("spaces", self.spaces), ("methods", self.methods)]
        # A trailing comma, because a single number is a count.
        words += [word for name, values in listed for word in (f"--{name}", ",".join(values))]
        words += ["--seeds", ",".join(map(str, self.seeds)) + "," * (len(self.seeds) == 1)]
        words += ["--parameters", str(self.parameters)] if self.parameters is not None else []
        words += ["--budget", self.budget, "--tol", str(self.tolerance), "--dtype", self.dtype]
        words += ["--device", self.device]
        words += [
            word
            for part, options in self.options.items()
            for key, value in options.items()
            for word in ("--set", f"{part}.{key}={value}")
        ]
        words += [] if self.classical else ["--no-classical"]
        words += ["--jobs", str(jobs), "--backend", backend, *(["--address", address] if address else [])]
        return shlex.join([*words, "--out", str(out)])


def suits_classical(task: Task) -> bool:
    """Tell whether a problem is linear, has few coordinates, and needs no charts around holes or corners."""
    problem = task.problem
    inputs = len(problem.coordinates.names) + len(problem.periodic_axes)
    space = Chebyshev()
    return inputs <= FEW and problem.nonlinear is None and task.suited(space) is space


def title_of(name: str, arguments: Mapping[str, Any]) -> str:
    """Name a problem with its arguments so that a folder can have the name."""
    shown = {key: Path(value).stem if isinstance(value, str) else value for key, value in arguments.items()}
    return re.sub(r"[^\w.+=-]+", "-", "-".join([name, *(f"{key}={value}" for key, value in shown.items())])).lstrip(".")
