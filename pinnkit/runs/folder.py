"""The run folder: run.json, history.jsonl, checkpoint/, metrics.json, solution.vtu, pictures."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..methods import Progress, Status, Stop
from .checkpoint import STATE, load_state, save_state, write_atomically

if TYPE_CHECKING:
    from ..solution import Solution


class RunFolder:
    """Where one run keeps everything.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        """Keep the path; nothing is written yet."""
        self.path = Path(path).expanduser()

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's folder."""
        return self.path / "checkpoint"

    def begin(self, description: dict[str, Any]) -> None:
        """Make the folder for a new run; an earlier run in it is replaced.

        Args:
            description: the content of run.json.

        Raises:
            InputError: the folder cannot be written, or holds something that is no run.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise InputError(f"cannot write to the folder {str(self.path)!r}: {error.strerror}.") from None
        if any(self.path.iterdir()) and not (self.path / "run.json").exists():
            raise InputError(f"the folder {str(self.path)!r} holds files that are no run; choose another with --out.")
        for old in (*self.path.glob("checkpoint/*"), *(self.path / name for name in RESULTS)):
            old.unlink(missing_ok=True)
        write_atomically(self.path / "run.json", dump(description))
        (self.path / "history.jsonl").write_text("")

    def description(self) -> dict[str, Any]:
        """Read run.json.

        Returns:
            Its content.

        Raises:
            InputError: there is none, or it is damaged.
        """
        return read_object(self.path / "run.json", f"{str(self.path)!r} is no run folder: it has no run.json.")

    def rewrite(self, changes: dict[str, Any]) -> None:
        """Change entries of run.json."""
        write_atomically(self.path / "run.json", dump(self.description() | changes))

    def metrics(self) -> dict[str, Any] | None:
        """Read metrics.json; None where results have not been written to their end."""
        try:
            found = json.loads((self.path / "metrics.json").read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def has_checkpoint(self) -> bool:
        """Tell whether there is a checkpoint."""
        return (self.checkpoint / STATE).exists()

    def save(self, state: dict[str, Any], progress: Progress) -> None:
        """Write a checkpoint and the history up to it."""
        write_history(progress.history, self.path)
        entry = {
            "run": state,
            "steps": progress.steps,
            "seconds": progress.seconds,
            "loss": progress.loss,
            "estimated_error": progress.estimated_error,
            "residual": progress.residual,
            "stop": None if progress.stop is None else [progress.stop.status.value, progress.stop.reason],
        }
        save_state(self.checkpoint, entry, str(progress.steps))

    def load(self) -> tuple[dict[str, Any], Progress] | None:
        """Read the checkpoint, and cut the history back to it.

        Returns:
            The state of the run, and its progress; None if there is no checkpoint yet.

        Raises:
            InputError: the checkpoint is damaged.
        """
        if not self.has_checkpoint():
            if (self.path / "metrics.json").exists():
                raise InputError(f"the checkpoint in {self.checkpoint} is missing; solve again.")
            return None  # killed before the first one
        entry = load_state(self.checkpoint)
        try:
            stop = None if entry["stop"] is None else Stop(Status(entry["stop"][0]), entry["stop"][1])
            progress = Progress(entry["steps"], entry["seconds"], entry["loss"], entry["estimated_error"], stop)
            progress.residual = entry.get("residual")
            progress.history = [record for record in self._history() if record["step"] <= progress.steps]
            return entry["run"], progress
        except (LookupError, TypeError, ValueError) as error:
            raise InputError(f"the checkpoint in {self.checkpoint} is damaged ({error!r}); solve again.") from error

    def _history(self) -> list[dict[str, Any]]:
        file = self.path / "history.jsonl"
        records = []
        for line in file.read_text().splitlines() if file.exists() else []:
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                break  # a kill in the middle of a line; what follows a checkpoint is made again anyway
        return records


def read_object(file: Path, missing: str) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        file: the file.
        missing: what to say where there is none.

    Returns:
        Its content.

    Raises:
        InputError: it is missing, cannot be read, or is damaged.
    """
    try:
        found = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(missing) from None
    except OSError as error:
        raise InputError(f"cannot read {str(file)!r}: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"{file} is damaged: {error}.") from None
    if not isinstance(found, dict):
        raise InputError(f"{file} is damaged: it holds no object.")
    return found


def write_history(history: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write history.jsonl, one line a step; NaN is written as null."""
    lines = [json.dumps(plain(record)) for record in history]
    write_atomically(folder / "history.jsonl", "".join(line + "\n" for line in lines))


RESULTS = (
    *("metrics.json", "solution.vtu", "solution.png", "history.png", "history.jsonl", "weights.safetensors"),
    *("image.npy", "image.tiff", "image.png", "image.dcm", "comparison.png", "uncertainty.npy", "uncertainty.png"),
)


def plain(value: Any) -> Any:
    """Replace numbers that JSON does not have by None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def dump(value: Any) -> str:
    """Write readable JSON."""
    return json.dumps(plain(value), indent=2, allow_nan=False) + "\n"


def write_solution(solution: Solution, folder: Path) -> None:
    """Write history, weights, VTU file and pictures, and metrics last: they tell that all else is there.

    Args:
        solution: the solution.
        folder: made if it does not exist.

    Raises:
        InputError: the folder cannot be written.
    """
    from safetensors.torch import save

    from ..export import write_vtu
    from ..figures import draw_history, draw_solution

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to the folder {str(folder)!r}: {error.strerror}.") from None
    (folder / "metrics.json").unlink(missing_ok=True)
    write_history(solution.history, folder)
    weights = {name: t.detach().cpu().clone().contiguous() for name, t in solution.trial.state_dict().items()}
    # Not save_file, which makes files that others cannot read.
    (folder / "weights.safetensors").write_bytes(save(weights))
    write_vtu(solution, folder / "solution.vtu")
    draw_solution(solution, folder / "solution.png")
    title = " with ".join(str(solution.metrics[key]) for key in ("method", "space") if key in solution.metrics)
    draw_history(solution.history, folder / "history.png", f"{solution.problem.name}: {title}")
    write_atomically(folder / "metrics.json", dump(solution.metrics))
