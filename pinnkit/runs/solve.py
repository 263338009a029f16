"""From a problem to a solution, with or without a run folder."""

from __future__ import annotations

import hashlib
import signal
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..domains import Points
from ..errors import InputError
from ..gallery import blaming, find_problem
from ..methods import Auto, Budget, Method, Outcome, Progress, Run, Status, Stop, Task, check_tolerance, drive
from ..options import kinds_of, parameters_of
from ..problem import Problem, reference_values
from ..solution import Solution
from ..spaces import as_space
from .checkpoint import on_device
from .folder import RunFolder, write_solution
from .metrics import measure
from .names import DTYPES, make_device
from .progress_line import ProgressLine
from .provenance import provenance
from .specification import Specification

BOTH = (signal.SIGINT, signal.SIGTERM)
OPEN = (Status.BUDGET_SPENT, Status.UNRESOLVED)
"""Endings from which a larger budget leads on."""
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
        space: a trial space, or any module whose last layer is linear; None takes the
            problem's own, or lets the method choose.
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
        raise InputError(_mend(problem))
    method = Auto() if method is None else method
    if isinstance(method, type) or not hasattr(method, "start"):
        raise InputError(f"method must be an object such as pk.Adam(rate=1e-3), got {method!r}.")
    if dtype not in DTYPES.values():
        raise InputError(f"dtype must be one of {', '.join(map(str, DTYPES.values()))}, got {dtype!r}.")
    task = Task(
        problem,
        problem.space if space is None else as_space(space),
        int(seed),
        check_tolerance(tolerance),
        dtype,
        make_device(device, dtype),
    )
    folder = None if out is None else RunFolder(out)
    description = {"problem": None, "name": problem.name, "note": "made by the library from a problem in memory"}
    return _execute(task, method, Budget.parse(budget), folder, description, observer)[0]


def _mend(value: Any) -> str:
    """Say what to do with something that is no problem."""
    from ..tomography import Scan

    if isinstance(value, Scan):
        return f"{value.name} is a CT scan: pinnkit.tomography.reconstruct(scan) gives its image."
    return f"expected a pk.Problem, got {value!r}; pk.load_problem(name) makes one from the gallery."


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
        announce: called with one line that says what the automatic method chose and why, and one for each feature of
            the data.

    Returns:
        The solution, and how the run ended.
    """
    file = find_problem(specification.problem)
    task, method = specification.prepare()
    description = asdict(specification.settled()) | {"problem_sha256": digest(file)}
    budget = Budget.parse(specification.budget)
    with blaming(file):
        return _execute(task, method, budget, RunFolder(out), description, observer, announce, BOTH)


def digest(file: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal digits."""
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
    if "regulariser" in description:
        raise InputError(f"{str(out)!r} holds an image, which cannot be continued or evaluated: make it again.")
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
    if folder.description().get("problem_sha256") != digest(file):
        warnings.warn(f"{file.name} has changed since the run {str(out)!r} began.", stacklevel=2)
    task, method = specification.prepare()
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
            spent its budget, left something unresolved, or marched to an earlier time only.

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
        if progress.stop is not None and (progress.stop.status in OPEN or getattr(run, "shortfall", None)):
            progress.stop = None
        if progress.stop is None:
            folder.rewrite({"budget": budget})
    with blaming(find_problem(specification.problem)):
        if progress.stop is None:
            reference = reference_values(task.problem)
            return _finish(task, run, method, limit, folder, progress, observer, BOTH, reference)
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
    reference = reference_values(task.problem)
    choice = chosen(method, task)
    if folder is not None:
        folder.begin(description | {"chosen": choice} | provenance())
    if choice is not None:
        announce(choice)
    for sight in task.problem.survey.sights:
        announce(sight.text)
    # What will end badly is told before the work, too.
    for text in [*task.problem.unsaid, *task.problem.survey.doubts]:
        announce(f"beware: {text}")
    return _finish(task, run, method, budget, folder, Progress(), observer, signals, reference)


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
    reference: tuple[Points, dict[str, Tensor]] | None,
) -> tuple[Solution, Outcome]:
    save = folder.save if folder is not None else lambda state, progress: None
    with ProgressLine() as line:
        shown: Observer = observer or (line if line.terminal else lambda progress, budget: None)
        outcome = drive(run, task, budget, progress, _recording(task, run, reference, shown), save, signals)
    return _conclude(task, run, method, outcome, folder), outcome


def _recording(
    task: Task, run: Run, reference: tuple[Points, dict[str, Tensor]] | None, shown: Observer
) -> Observer:
    """Add the true error to the history wherever the error was estimated; the run's clock stands still meanwhile."""
    if reference is None:
        return shown

    def record(progress: Progress, budget: Budget) -> None:
        if progress.estimated_error is not None:
            with budget.paused():
                so_far = Solution(task, run.trial, Status.INTERRUPTED, "")
                progress.history[-1]["relative_l2"] = max(so_far.relative_l2_against(*reference).values())
        shown(progress, budget)

    return record


def _conclude(task: Task, run: Run, method: Method, outcome: Outcome, folder: RunFolder | None) -> Solution:
    """Measure a run that has ended, and write its results."""
    solution = Solution(task, run.trial, outcome.stop.status, outcome.stop.reason, history=outcome.progress.history)
    solution.metrics = measure(solution, run, method, outcome)
    if folder is not None:
        write_solution(solution, folder.path)
    return solution
