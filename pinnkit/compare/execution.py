"""Runs side by side: processes of this machine or workers of a Dask cluster, by joblib."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, NameNotFound
from ..runs.progress_line import duration
from .one_run import Ending, failure_of, finished, run_one, write_failure

BACKENDS = ("loky", "dask")
Task = tuple[dict[str, Any], str]
"""The keywords of a specification, and the folder of its run."""


@dataclass
class Tally:
    """How far a comparison is; handed to observers after every run.

    Attributes:
        total: number of runs.
        command: the command line that asks for the same again.
        before: how many of them an earlier call has finished.
        done: how many this one has finished, failed ones among them.
        failed: why runs failed, by folder.
        notes: warnings of runs.
        signal: the number of the signal that stopped the comparison, if one did.
    """

    total: int
    command: str = ""
    before: int = 0
    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    signal: int | None = None
    _started: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end at the pace so far; None before the first run has ended."""
        if not self.done:
            return None
        return (time.monotonic() - self._started) / self.done * (self.total - self.before - self.done)

    def text(self) -> str:
        """Say how far it is, in one line."""
        left = self.seconds_left
        parts = [f"{self.before + self.done} of {self.total} runs done", f"{len(self.failed)} failed"]
        parts += [f"{self.before} of them before"] if self.before else []
        parts += [f"about {duration(left)} left"] if left else []
        return ", ".join(parts)

    def count(self, ending: Ending) -> None:
        """Count a run that has ended."""
        self.done += 1
        if ending.failure is not None:
            self.failed[ending.folder] = ending.failure
        self.notes += [note for note in ending.notes if note not in self.notes]


class Stopped(BaseException):
    """A signal asks for the end; no run may take it for a failure of its own."""

    def __init__(self, number: int) -> None:
        """Keep the number of the signal."""
        super().__init__(number)
        self.number = number


def cores() -> int:
    """Count the processor cores that this process may use."""
    return _joblib().cpu_count()


def check_backend(backend: str, address: str | None) -> None:
    """Check that runs can be made this way.

    Args:
        backend: loky or dask.
        address: of a Dask scheduler; None without one.

    Raises:
        NameNotFound: an unknown backend.
        InputError: an address without Dask, or a package is missing.
    """
    if backend not in BACKENDS:
        raise NameNotFound("backend", backend, BACKENDS)
    if address is not None and backend != "dask":
        raise InputError(f"the address {address!r} is one of a Dask scheduler: add --backend dask.")
    _joblib()
    if backend == "dask":
        _distributed()


def execute(
    tasks: Sequence[Task],
    tally: Tally,
    threads: int,
    jobs: int,
    backend: str,
    address: str | None,
    observer: Callable[[Tally], None],
) -> None:
    """Make runs; SIGINT and SIGTERM end the workers and leave finished runs as they are.

    A worker that dies, such as for want of memory, takes others along. Then the runs that had begun are made again one
    by one, and one whose process dies alone has failed. Dask tries such a run several times before it says so.

    Args:
        tasks: the runs.
        tally: updated in place.
        threads: of each run.
        jobs: how many runs at a time.
        backend: loky or dask.
        address: of a Dask scheduler.
        observer: called after every run.

    Raises:
        InputError: the cluster cannot be reached, or processes die before they begin a run.
    """

    def go(some: Sequence[Task], at_a_time: int) -> None:
        with closing(_endings(some, threads, at_a_time, backend, address)) as endings:
            for ending in endings:
                if ending.signal is not None:
                    raise Stopped(ending.signal)
                tally.count(ending)
                observer(tally)

    try:
        with _stopping():
            left = list(tasks)
            while left:
                try:
                    go(left, jobs)
                    return
                except _deaths() as death:
                    left = [task for task in left if not finished(Path(task[1]))]
                    tally.done = tally.total - tally.before - len(left)
                    # Runs may have ended that this process has not heard of.
                    reasons = {where: failure_of(Path(where)) for _, where in tasks}
                    tally.failed |= {where: reason for where, reason in reasons.items() if reason is not None}
                    suspects = [task for task in left if Path(task[1]).exists()]
                    if not suspects:
                        said = f"processes die before they begin a run; try fewer --jobs ({death})."
                        raise InputError(said) from death
                    reason = str(death)
                for suspect in suspects:
                    _alone(suspect, go, reason, tally, observer)
                left = [task for task in left if not finished(Path(task[1]))]
    except Stopped as stopped:
        tally.signal = stopped.number


def _alone(
    task: Task,
    go: Callable[[Sequence[Task], int], None],
    reason: str,
    tally: Tally,
    observer: Callable[[Tally], None],
) -> None:
    """Make a run whose process may die, with no other beside it."""
    try:
        go([task], 1)
    except _deaths():
        because = "its process was killed, perhaps for want of memory"
        write_failure(Path(task[1]), because, "Killed", reason)
        tally.count(Ending(task[1], because))
        observer(tally)


def _endings(
    tasks: Sequence[Task], threads: int, jobs: int, backend: str, address: str | None
) -> Generator[Ending, None, None]:
    joblib = _joblib()
    owner = None if address is not None else os.getpid()
    calls = (joblib.delayed(run_one)(specification, folder, threads, owner) for specification, folder in tasks)
    if backend == "dask":
        from .cluster import on_cluster

        place, at_a_time, ahead = on_cluster(address, jobs), -1, "all"
    else:
        # A pool of one would be this process itself; of two, one works where one run at a time is dispatched.
        place, at_a_time, ahead = _processes(), max(2, jobs), str(jobs)
    with place:
        parallel = joblib.Parallel(at_a_time, pre_dispatch=ahead, return_as="generator_unordered", batch_size=1)
        yield from parallel(calls)


@contextmanager
def _processes() -> Iterator[None]:
    """Have processes of this machine; they are killed where the block is left early."""
    from joblib.externals.loky import get_reusable_executor

    with _joblib().parallel_config(backend="loky"):
        try:
            yield
        except BaseException:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)
            raise


@contextmanager
def _stopping() -> Iterator[None]:
    """Raise `Stopped` on SIGINT and SIGTERM, where this thread may handle signals."""

    def stop(number: int, frame: Any) -> None:
        raise Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _deaths() -> tuple[type[Exception], ...]:
    """Give what is raised where the process of a run has died."""
    from joblib.externals.loky.process_executor import BrokenProcessPool

    distributed = sys.modules.get("distributed")
    return (BrokenProcessPool,) if distributed is None else (BrokenProcessPool, distributed.KilledWorker)


def _joblib() -> Any:
    try:
        import joblib
    except ImportError:
        raise InputError("comparisons need the package joblib: pip install joblib.") from None
    return joblib


def _distributed() -> Any:
    try:
        import dask.distributed
    except ImportError:
        raise InputError("--backend dask needs the package distributed: pip install distributed.") from None
    return dask.distributed
