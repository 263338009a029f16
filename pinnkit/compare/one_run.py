"""One run of a comparison, in a process of this machine or of a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..methods import Status
from ..runs import RunFolder, Specification, solve_specification
from ..runs.checkpoint import write_atomically
from ..runs.folder import dump

FAILURE = "failure.json"
WATCH = "pinnkit parent watch"
WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class Ending:
    """How a run of a comparison ended.

    Attributes:
        folder: of the run.
        failure: why there is no result, in one line; None if there is one.
        signal: the number of the signal that interrupted it, if one did.
        notes: its warnings.
    """

    folder: str
    failure: str | None = None
    signal: int | None = None
    notes: tuple[str, ...] = ()


def finished(folder: Path) -> bool:
    """Tell whether a run need not be made again: it has a result, or has failed; an interrupted one has neither."""
    metrics = RunFolder(folder).metrics()
    if metrics is not None:
        return metrics.get("status") != Status.INTERRUPTED.value
    return (folder / FAILURE).exists()


def failure_of(folder: Path) -> str | None:
    """Read why a run has failed, in one line; None if it has not."""
    try:
        return str(json.loads((folder / FAILURE).read_text())["reason"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError):
        return f"unknown: its {FAILURE} is damaged"


def write_failure(folder: Path, reason: str, kind: str, details: str = "") -> None:
    """Write down that a run has failed.

    Args:
        folder: of the run.
        reason: in one line.
        kind: name of the exception.
        details: its traceback.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FAILURE, dump({"reason": reason, "kind": kind, "traceback": details}))


def run_one(specification: Mapping[str, Any], folder: str, threads: int, owner: int | None) -> Ending:
    """Make one run; whatever it raises is written down as its failure.

    A run that was killed begins anew, so that all runs have their budget in one piece. One that another process is at
    work on, such as a worker that a killed comparison left behind, is waited for; its result is taken if it has one.

    Args:
        specification: keywords of a `Specification`.
        folder: of the run; an unfinished one is replaced.
        threads: that torch may use.
        owner: the parent process, with which the run ends; None where it may outlive it.

    Returns:
        How it ended.
    """
    if owner is not None:
        _end_with(owner)
    path, before = Path(folder), torch.get_num_threads()
    torch.set_num_threads(threads)
    _forget_peak_memory()
    try:
        with _claimed(path):
            return Ending(folder, failure_of(path)) if finished(path) else _run(specification, path)
    finally:
        torch.set_num_threads(before)


def _run(specification: Mapping[str, Any], folder: Path) -> Ending:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for old in folder.iterdir():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            # An observer, because without one there would be a progress line.
            _, outcome = solve_specification(Specification(**specification), folder, lambda progress, budget: None)
        notes = [" ".join(str(w.message).split()) for w in caught if issubclass(w.category, UserWarning)]
        return Ending(str(folder), signal=outcome.signal, notes=tuple(dict.fromkeys(notes)))
    except Exception as error:
        kind = type(error).__name__
        said = " ".join(str(error).split())
        reason = said if isinstance(error, InputError) else f"{kind}: {said}".removesuffix(": ")
        write_failure(folder, reason, kind, traceback.format_exc())
        return Ending(str(folder), reason)


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Make a run's folder, which tells that it has begun, and hold it alone.

    The system lets go of it when the holder dies. Where it has no such locks, nothing is held.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _end_with(owner: int) -> None:
    """End this process when its parent does: a comparison that was killed may be started again at any time."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    if os.getppid() != owner:
        os._exit(1)
    if not any(thread.name == WATCH for thread in threading.enumerate()):
        threading.Thread(target=watch, name=WATCH, daemon=True).start()


def _forget_peak_memory() -> None:
    """Let the peak of memory be that of this run, where the system can: processes make several runs."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    if torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(device)
