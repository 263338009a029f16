"""The loop that every method runs in: budget, tolerance, history, checkpoints, Ctrl-C."""

from __future__ import annotations

import copy
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from .diagnosis import first_not_finite
from .error_estimate import correction_size
from .inverse.posterior import has_noise
from .inverse.uncertainty import doubted
from .stopping import Budget, Status, Step, Stop
from .task import Run, Task
from .training import due
from .verification import examine, foregone, resolved

CHECKPOINT_SECONDS = 5.0
RETRIES = 3
"""A run that diverges goes on from its last good state so often, if it knows how to be more careful."""
EXPLOSION = 1e8
"""A loss this many times the first one counts as divergence, finite or not."""


@dataclass
class Progress:
    """Where a run stands; handed to observers after every step.

    Attributes:
        steps: steps done.
        seconds: seconds spent.
        loss: the last loss.
        estimated_error: the last error estimate.
        stop: why the run is over; None while it can go on.
        history: one record a step.
        parameters: the values of the problem's trainable parameters, by name.
        note: what else happened in the last step.
        residual: the relative residual on fresh points, where the last step was doubted.
    """

    steps: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    estimated_error: float | None = None
    stop: Stop | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    parameters: dict[str, float] = field(default_factory=dict)
    note: str | None = None
    residual: float | None = None

    def record(self) -> dict[str, Any]:
        """Give the step as a line of the history; parameters and note only where there are any."""
        parts: dict[str, Any] = {
            "step": self.steps,
            "seconds": round(self.seconds, 4),
            "loss": self.loss,
            "estimated_error": self.estimated_error,
        }
        if self.parameters:
            parts["parameters"] = self.parameters
        return parts | ({"note": self.note} if self.note else {})


@dataclass
class Outcome:
    """How a drive ended.

    Attributes:
        stop: status and reason.
        progress: the last state of progress.
        signal: the number of the signal that interrupted it, if one did.
    """

    stop: Stop
    progress: Progress
    signal: int | None = None


def drive(
    run: Run,
    task: Task,
    budget: Budget,
    progress: Progress,
    on_step: Callable[[Progress, Budget], None] = lambda progress, budget: None,
    checkpoint: Callable[[dict[str, Any], Progress], None] = lambda state, progress: None,
    signals: tuple[signal.Signals, ...] = (signal.SIGINT,),
) -> Outcome:
    """Step until the method is done, the error estimate meets the tolerance, the budget is spent, or Ctrl-C.

    Args:
        run: the method at work.
        task: its task.
        budget: started by this function; what `progress` has spent counts.
        progress: where the run stands; updated in place.
        on_step: called after every step.
        checkpoint: called with the run's state now and then and at the end; never with a state that diverged.
        signals: which of them end the run with its work kept, instead of ending the process.

    Returns:
        How it ended. After divergence the run holds the last good state; a run with a method `calm` has tried again
        from there, each time more carefully, and the reason names the residual, the point and the step.
    """
    budget.start(progress.seconds, progress.steps)
    good = (copy.deepcopy(run.state_dict()), copy.deepcopy(progress))
    saved = time.monotonic()
    retries, again = 0, None
    with interrupts(signals) as interrupted:
        while True:
            before = budget.spent
            step = run.step(budget)
            budget.steps_done += step.steps
            stop = step.stop or _exploded(step, progress)
            if stop is not None and stop.status is Status.DIVERGED:
                reason = _diagnosis(stop.reason, run, budget.steps_done)
                run.load_state_dict(copy.deepcopy(good[0]))
                vars(progress).update(vars(copy.deepcopy(good[1])))
                if retries < RETRIES and budget.spent < 1 and hasattr(run, "calm"):
                    retries += 1
                    budget.steps_done = progress.steps
                    run.calm(retries)
                    again = f"{reason}; going on from step {progress.steps}, more carefully"
                    continue
                stop = Stop(Status.DIVERGED, reason + (f", after {retries} more careful tries" if retries else ""))
                # What was lost has been spent all the same.
                progress.stop, progress.seconds = stop, budget.elapsed
                break
            progress.steps, progress.seconds, progress.loss = budget.steps_done, budget.elapsed, step.loss
            if stop is None and budget.spent >= 1:
                stop = Stop(Status.BUDGET_SPENT, f"the budget of {budget} is spent")
            progress.estimated_error = _estimate(step, run, task, before, budget, stop)
            if _within(progress.estimated_error, task) and (stop is None or stop.status is Status.BUDGET_SPENT):
                reason = f"estimated error {progress.estimated_error:.1e} within {task.tolerance:g}"
                stop = Stop(Status.CONVERGED, reason)
            if stop is not None:
                stop = doubted(stop, run.trial, task)
                progress.estimated_error, stop = _judged(stop, progress.estimated_error, step.checked, run, task)
                if stop is None and budget.spent >= 1:
                    stop = Stop(Status.BUDGET_SPENT, f"the budget of {budget} is spent")
            progress.parameters = {p.name: p.item() for p in task.problem.trainable_parameters}
            progress.note, progress.residual, again = again or step.note, step.residual, None
            progress.history.append(progress.record())
            on_step(progress, budget)
            # Last, so that a signal changes nothing of what the step itself led to.
            progress.stop, stop = stop, stop or _interruption(interrupted, budget)
            if stop is not None:
                break
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                good = (copy.deepcopy(run.state_dict()), copy.deepcopy(progress))
                checkpoint(*good)
                saved = time.monotonic()
    checkpoint(run.state_dict(), progress)
    return Outcome(stop, progress, interrupted[0] if stop.status is Status.INTERRUPTED else None)


def _diagnosis(reason: str, run: Run, step: int) -> str:
    """Add to a reason the step and, while the state is still the bad one, the residual that is not finite."""
    training = getattr(run, "training", None)
    found = training and first_not_finite(training.discretisation, training.trial)
    return f"{reason} in step {step}" + (f": {found}" if found else "")


def _exploded(step: Step, progress: Progress) -> Stop | None:
    first = progress.history[0]["loss"] if progress.history else None
    if first is None or step.checked or step.loss <= EXPLOSION * abs(first):
        return None
    return Stop(Status.DIVERGED, f"the loss grew from {first:.1e} to {step.loss:.1e}")


def _interruption(interrupted: list[int], budget: Budget) -> Stop | None:
    if not interrupted:
        return None
    name = signal.Signals(interrupted[0]).name
    return Stop(Status.INTERRUPTED, f"{name} after {budget.steps_done} steps; the work is kept")


def _estimate(step: Step, run: Run, task: Task, before: float, budget: Budget, stop: Stop | None) -> float | None:
    if step.estimated_error is not None:
        return step.estimated_error
    ended = stop is not None and stop.status is not Status.INTERRUPTED
    return correction_size(run.trial, task) if ended or due(before, budget) else None


def _judged(
    stop: Stop, estimate: float | None, checked: bool, run: Run, task: Task
) -> tuple[float | None, Stop | None]:
    """Doubt a stop: what is unsaid or a mistake overrules any answer, and `converged` must stand a check."""
    if stop.status in (Status.DIVERGED, Status.INTERRUPTED, Status.CONTRADICTORY):
        return estimate, stop
    if (verdict := foregone(task)) is not None and verdict.status is not None:
        also = f"; {stop.reason}" if stop.status is Status.UNDETERMINED else ""
        return max(estimate or 0.0, verdict.error), Stop(verdict.status, verdict.reason + also)
    if (short := getattr(run, "shortfall", None)) is not None:
        return estimate, replace(short, reason=f"{short.reason}; {stop.reason}")
    if stop.status is not Status.CONVERGED or checked or has_noise(task.problem):
        return estimate, resolved(stop, estimate, task)
    verdict = examine(run.trial, task, estimate or 0.0)
    if estimate is not None:
        estimate = max(estimate, verdict.error)
    if verdict.status is not None:
        return estimate, Stop(verdict.status, f"{stop.reason}; {verdict.reason}")
    if estimate is not None and estimate > task.tolerance:
        return estimate, None  # the method goes on
    return estimate, Stop(stop.status, f"{stop.reason}; {verdict.reason}") if verdict.reason else stop


def _within(estimate: float | None, task: Task) -> bool:
    return estimate is not None and estimate <= task.tolerance


@contextmanager
def interrupts(signals: tuple[signal.Signals, ...]) -> Iterator[list[int]]:
    """Collect signals instead of dying of them; a second one acts as usual."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {number: signal.getsignal(number) for number in signals}

    def note(number: int, frame: Any) -> None:
        caught.append(number)
        signal.signal(number, before[signal.Signals(number)])

    try:
        for number in before:
            signal.signal(number, note)
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
