"""From a problem to a solution, with or without a run folder."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..domains import Mesh
from ..errors import InputError
from ..gallery import find_problem, gallery, load_problem
from ..methods import Auto, Budget, Method, Outcome, Progress, Run, Status, Task, check_tolerance, drive
from ..problem import Collocation, Problem
from ..solution import Solution
from ..spaces import as_space
from .checkpoint import on_device
from .folder import RunFolder, write_solution
from .names import make_device, make_dtype, make_method, make_space
from .progress_line import ProgressLine
from .provenance import peak_memory, provenance

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
        device: a torch device.
        out: a run folder to write to; checkpoints go there while solving.
        observer: called after every step; None shows a progress line on a terminal.

    Returns:
        The solution, with status, reason and metrics.

    Raises:
        InputError: something does not fit; nothing has been written then.
    """
    task = Task(
        problem, None if space is None else as_space(space), int(seed), check_tolerance(tolerance), dtype, device
    )
    folder = None if out is None else RunFolder(out)
    description = {"problem": None, "note": "made by the library; it can be evaluated and resumed only in Python"}
    return _execute(task, method or Auto(), Budget.parse(budget), folder, description, observer)[0]


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
        problem = load_problem(self.problem, self.problem_arguments)
        device, dtype = make_device(self.device), make_dtype(self.dtype)
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
    task = specification.task()
    method = make_method(specification.method, specification.method_options)
    if (choice := chosen(method, task)) is not None:
        announce(choice)
    description = asdict(specification.settled())
    return _execute(task, method, Budget.parse(specification.budget), RunFolder(out), description, observer)


def open_run(out: str | Path) -> tuple[Specification, Task, Run, Method, Progress]:
    """Make a run again as its checkpoint left it.

    Args:
        out: the run folder.

    Returns:
        What was asked for, the task, the run, its method and its progress.

    Raises:
        InputError: the folder holds no run, or one that only the library can make again.
    """
    folder = RunFolder(out)
    description = folder.description()
    known = {f for f in Specification.__dataclass_fields__ if f in description}
    if not description.get("problem") or "method" not in known:
        raise InputError(f"{str(out)!r} was made by the library from a problem in memory; repeat it in Python.")
    specification = Specification(**{name: description[name] for name in known})
    task = specification.task()
    method = make_method(specification.method, specification.method_options)
    state, progress = folder.load()
    run = method.start(task)
    run.load_state_dict(on_device(state, task.device))
    return specification, task, run, method, progress


def resume(out: str | Path, observer: Observer | None = None) -> tuple[Solution, Outcome]:
    """Continue a run from its checkpoint to the end of its budget.

    Args:
        out: the run folder.
        observer: called after every step.

    Returns:
        The solution, and how the run ended.
    """
    specification, task, run, method, progress = open_run(out)
    return _finish(task, run, method, Budget.parse(specification.budget), RunFolder(out), progress, observer)


def load_solution(out: str | Path) -> Solution:
    """Load the solution of a run folder.

    Args:
        out: the run folder.

    Returns:
        The solution at its last checkpoint.
    """
    _, task, run, method, progress = open_run(out)
    reason = f"loaded from {Path(out).name} at step {progress.steps}"
    solution = Solution(task, run.trial, Status.INTERRUPTED, reason, history=progress.history)
    solution.metrics = {"estimated_error": progress.estimated_error, "method": method.name}
    return solution


def _execute(
    task: Task,
    method: Method,
    budget: Budget,
    folder: RunFolder | None,
    description: dict[str, Any],
    observer: Observer | None,
) -> tuple[Solution, Outcome]:
    run = method.start(task)
    if folder is not None:
        folder.begin(description | {"chosen": chosen(method, task)} | provenance())
    return _finish(task, run, method, budget, folder, Progress(), observer)


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
) -> tuple[Solution, Outcome]:
    line = ProgressLine()
    shown: Observer = observer or (line if line.terminal else lambda progress, budget: None)
    save = folder.save if folder is not None else lambda state, progress: None
    try:
        outcome = drive(run, task, budget, progress, shown, save)
    finally:
        line.close()
    stop = outcome.stop
    solution = Solution(task, run.trial, stop.status, stop.reason, history=progress.history)
    solution.metrics = measure(solution, run, method, outcome)
    if folder is not None:
        write_solution(solution, folder.path)
    return solution, outcome


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
        "space": type(trial.space).__name__,
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
