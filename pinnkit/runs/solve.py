"""From a problem to a solution, with or without a run folder."""

from __future__ import annotations

import hashlib
import math
import signal
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..domains import Mesh
from ..errors import InputError
from ..gallery import blaming, find_problem, gallery, load_problem
from ..methods import Auto, Budget, Method, Outcome, Progress, Run, Status, Stop, Task, check_tolerance, drive
from ..options import kinds_of, parameters_of
from ..problem import Collocation, Problem, reference_values
from ..solution import Solution
from ..spaces import as_space
from .checkpoint import on_device
from .folder import RunFolder, write_solution
from .names import DTYPES, make_device, make_dtype, make_method, make_space
from .progress_line import ProgressLine
from .provenance import peak_memory, provenance

BOTH = (signal.SIGINT, signal.SIGTERM)
"""A run of the command line keeps its work on either; in a program, ending is left to the program."""

Observer = Callable[[Progress, Budget], None]


def solve(
    problem: Problem,
    space: nn.Module | None = None,
    method: Method | None = None,
    *,
    budget: str | float | Budget = "60s",
    tolerance: float = 1e-10,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: str = "cpu",
    out: str | Path | None = None,
    observer: Observer | None = None,
) -> Solution:
    """Solve a problem.

    Args:
        problem: the problem.
        space: a trial space, or any module whose last layer is linear; None lets the method choose.
        method: None chooses by what the problem is (`Auto`).
        budget: wall-clock seconds or steps, such as "60s", "500steps" or both with a comma.
        tolerance: relative error at which to stop, by the error estimate.
        seed: of all random numbers.
        dtype: number type of the trial function.
        device: "auto" or a torch device.
        out: a run folder to write to; checkpoints go there while solving.
        observer: called after every step; None shows a progress line on a terminal.

    Returns:
        The solution, with status, reason and metrics.

    Raises:
        InputError: something does not fit; nothing has been written then.
    """
    if not isinstance(problem, Problem):
        raise InputError(f"expected a pk.Problem, got {problem!r}; pk.load_problem(name) makes one from the gallery.")
    method = Auto() if method is None else method
    if isinstance(method, type) or not hasattr(method, "start"):
        raise InputError(f"method must be an object such as pk.Adam(rate=1e-3), got {method!r}.")
    if dtype not in DTYPES.values():
        raise InputError(f"dtype must be one of {', '.join(map(str, DTYPES.values()))}, got {dtype!r}.")
    task = Task(
        problem,
        None if space is None else as_space(space),
        int(seed),
        check_tolerance(tolerance),
        dtype,
        make_device(device, dtype),
    )
    folder = None if out is None else RunFolder(out)
    description = {"problem": None, "name": problem.name, "note": "made by the library from a problem in memory"}
    return _execute(task, method, Budget.parse(budget), folder, description, observer)[0]


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

    def task(self) -> Task:
        """Make the problem and its task; raises InputError where something does not fit."""
        check_tolerance(self.tolerance)
        space = make_space(self.space, self.space_options)
        make_method(self.method, self.method_options)
        Budget.parse(self.budget)
        dtype = make_dtype(self.dtype)
        device = make_device(self.device, dtype)
        problem = load_problem(self.problem, self.problem_arguments)
        return Task(problem, space, self.seed, self.tolerance, dtype, device)

    def settled(self) -> Specification:
        """Replace paths by absolute ones, so that the run can be repeated from any folder."""
        problem = self.problem if self.problem in gallery() else str(find_problem(self.problem))
        arguments = {
            key: str(Path(value).resolve()) if isinstance(value, str) and Path(value).is_file() else value
            for key, value in self.problem_arguments.items()
        }
        return replace(self, problem=problem, problem_arguments=arguments)


def solve_specification(
    specification: Specification,
    out: str | Path,
    observer: Observer | None = None,
    announce: Callable[[str], None] = lambda line: None,
) -> tuple[Solution, Outcome]:
    """Solve what a specification says, into a run folder.

    Args:
        specification: the run.
        out: the run folder.
        observer: called after every step.
        announce: called with one line that says what the automatic method chose and why.

    Returns:
        The solution, and how the run ended.
    """
    file = find_problem(specification.problem)
    task = specification.task()
    method = make_method(specification.method, specification.method_options)
    description = asdict(specification.settled()) | {"problem_sha256": _digest(file)}
    budget = Budget.parse(specification.budget)
    with blaming(file):
        return _execute(task, method, budget, RunFolder(out), description, observer, announce, BOTH)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def read_run(out: str | Path) -> Specification:
    """Read what a run was asked for.

    Args:
        out: the run folder.

    Returns:
        The specification in its run.json.

    Raises:
        InputError: the folder holds no run, or one that only the library can make again.
    """
    folder = RunFolder(out)
    description = folder.description()
    if "problem" in description and description["problem"] is None:
        raise InputError(f"{str(out)!r} was made by the library from a problem in memory; repeat it in Python.")
    for name, parameter in parameters_of(Specification).items():
        # Nothing is to be guessed here: a run goes on with exactly what it began with.
        kinds = kinds_of(parameter) or {dict}
        if type(description.get(name, ...)) not in kinds | ({int} if float in kinds else set()):
            raise InputError(f"{folder.path / 'run.json'} is damaged: {name!r} is missing or wrong.")
    return Specification(**{name: description[name] for name in Specification.__dataclass_fields__})


def open_run(out: str | Path) -> tuple[Specification, Task, Run, Method, Progress]:
    """Make a run again as its checkpoint left it, or as it began if there is none yet.

    Args:
        out: the run folder.

    Returns:
        What was asked for, the task, the run, its method and its progress.

    Raises:
        InputError: the checkpoint does not fit.
    """
    folder, specification = RunFolder(out), read_run(out)
    file = find_problem(specification.problem)
    if folder.description().get("problem_sha256") != _digest(file):
        warnings.warn(f"{file.name} has changed since the run {str(out)!r} began.", stacklevel=2)
    task = specification.task()
    method = make_method(specification.method, specification.method_options)
    saved = folder.load()
    with blaming(file):
        run = method.start(task)
    if saved is None:
        return specification, task, run, method, Progress()
    state, progress = saved
    try:
        run.load_state_dict(on_device(state, task.device))
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        cause = " ".join(str(error).split())[:200]
        raise InputError(f"the checkpoint in {folder.checkpoint} does not fit what run.json says ({cause}).") from error
    return specification, task, run, method, progress


def resume(out: str | Path, observer: Observer | None = None, budget: str | None = None) -> tuple[Solution, Outcome]:
    """Continue a run from its checkpoint to the end of its budget; a run that has ended is left as it is.

    With a budget counted in steps, the result equals that of an uninterrupted run.

    Args:
        out: the run folder.
        observer: called after every step.
        budget: a new one instead of that of the run, counted from the run's begin; it also continues a run that has
            spent its budget.

    Returns:
        The solution, and how the run ended.

    Raises:
        InputError: the new budget is spent already.
    """
    specification, task, run, method, progress = open_run(out)
    folder, limit = RunFolder(out), Budget.parse(budget or specification.budget)
    if budget is not None:
        limit.start(progress.seconds, progress.steps)
        if limit.spent >= 1:
            spent = f"{progress.steps} steps and {progress.seconds:.1f} s"
            raise InputError(f"the run has spent {spent} already; the new budget counts from its begin, got {budget}.")
        if progress.stop is not None and progress.stop.status is Status.BUDGET_SPENT:
            progress.stop = None
        if progress.stop is None:
            folder.rewrite({"budget": budget})
    with blaming(find_problem(specification.problem)):
        if progress.stop is None:
            return _finish(task, run, method, limit, folder, progress, observer, BOTH)
        outcome = Outcome(progress.stop, progress)
        if (metrics := folder.metrics()) is not None:
            stop = progress.stop
            return Solution(task, run.trial, stop.status, stop.reason, metrics, progress.history), outcome
        return _conclude(task, run, method, outcome, folder), outcome


def load_solution(out: str | Path) -> Solution:
    """Load the solution of a run folder.

    Args:
        out: the run folder.

    Returns:
        The solution at its last checkpoint.

    Raises:
        InputError: there is no checkpoint yet.
    """
    folder = RunFolder(out)
    _, task, run, method, progress = open_run(out)
    if not folder.has_checkpoint():
        raise InputError(f"{str(out)!r} holds no checkpoint yet; continue it with: python -m pinnkit resume {out}")
    stop = progress.stop or Stop(Status.INTERRUPTED, f"loaded from {Path(out).name} at step {progress.steps}")
    metrics = folder.metrics()
    if metrics is None or metrics.get("steps") != progress.steps:
        metrics = {"estimated_error": progress.estimated_error, "method": method.name}
    return Solution(task, run.trial, stop.status, stop.reason, metrics, progress.history)


def _execute(
    task: Task,
    method: Method,
    budget: Budget,
    folder: RunFolder | None,
    description: dict[str, Any],
    observer: Observer | None,
    announce: Callable[[str], None] = lambda line: None,
    signals: tuple[signal.Signals, ...] = (signal.SIGINT,),
) -> tuple[Solution, Outcome]:
    run = method.start(task)
    # A reference that does not fit shall be known now, not after the work.
    reference_values(task.problem)
    choice = chosen(method, task)
    if folder is not None:
        folder.begin(description | {"chosen": choice} | provenance())
    if choice is not None:
        announce(choice)
    return _finish(task, run, method, budget, folder, Progress(), observer, signals)


def chosen(method: Method, task: Task) -> str | None:
    """Say what the automatic method chose and why; None for other methods."""
    if not isinstance(method, Auto):
        return None
    picked, why = method.choose(task)
    return f"{picked.name}: {why}"


def _finish(
    task: Task,
    run: Run,
    method: Method,
    budget: Budget,
    folder: RunFolder | None,
    progress: Progress,
    observer: Observer | None,
    signals: tuple[signal.Signals, ...],
) -> tuple[Solution, Outcome]:
    save = folder.save if folder is not None else lambda state, progress: None
    with ProgressLine() as line:
        shown: Observer = observer or (line if line.terminal else lambda progress, budget: None)
        outcome = drive(run, task, budget, progress, shown, save, signals)
    return _conclude(task, run, method, outcome, folder), outcome


def _conclude(task: Task, run: Run, method: Method, outcome: Outcome, folder: RunFolder | None) -> Solution:
    """Measure a run that has ended, and write its results."""
    solution = Solution(task, run.trial, outcome.stop.status, outcome.stop.reason, history=outcome.progress.history)
    solution.metrics = measure(solution, run, method, outcome)
    if folder is not None:
        write_solution(solution, folder.path)
    return solution


def measure(solution: Solution, run: Run, method: Method, outcome: Outcome) -> dict[str, Any]:
    """Collect the metrics of a solution.

    Args:
        solution: the solution.
        run: its run.
        method: its method.
        outcome: how the run ended.

    Returns:
        The content of metrics.json.
    """
    task, trial, progress = solution.task, solution.trial, outcome.progress
    picked = method.choose(task)[0] if isinstance(method, Auto) else method
    fresh: Collocation = task.collocation(2000, 1000, task.generator(9, 9))
    fresh.balance(trial)
    errors = solution.errors()
    numbers = [*trial.parameters()]
    last = [r["estimated_error"] for r in progress.history if r["estimated_error"] is not None]
    metrics: dict[str, Any] = {
        "problem": task.problem.name,
        "space": trial.space.title,
        "method": picked.name,
        "parameters": sum(p.numel() for p in numbers),
        "trainable": sum(p.numel() for p in numbers if p.requires_grad) if hasattr(run, "training")
        else trial.space.head.weight.numel() + trial.space.head.bias.numel(),
        "basis_functions": trial.space.size,
        "steps": progress.steps,
        "seconds": progress.seconds,
        "status": solution.status.value,
        "reason": solution.reason,
        "loss": progress.loss,
        "residual": fresh.relative_residual(trial),
        "estimated_error": last[-1] if last else None,
        "relative_l2": max((e["relative_l2"] for e in errors.values()), default=None),
        "max_error": max((e["max_error"] for e in errors.values()), default=None),
        "seed": task.seed,
        "dtype": str(task.dtype).removeprefix("torch."),
        "device": task.device,
        "peak_memory_bytes": peak_memory(task.device),
    }
    if len(errors) > 1:
        metrics["errors"] = errors
    if task.problem.parameters:
        metrics["problem_parameters"] = {p.name: p.item() for p in task.problem.parameters}
    if isinstance(task.problem.domain, Mesh):
        metrics["mesh"] = {"nodes": len(task.problem.domain.nodes), "cells": len(task.problem.domain.cells)}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in metrics.items()}
