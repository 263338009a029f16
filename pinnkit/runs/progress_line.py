"""The progress line of a long run."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Callable
from typing import Self, TextIO

from ..methods import Budget, Progress

REFRESH_SECONDS = 0.25
PLAIN_SECONDS = 10.0


class ProgressLine:
    """Shows step, loss, error estimate and time left; redrawn on a terminal, a line now and then elsewhere.

    Args:
        stream: where to write.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        """Start the clock; see the class."""
        self.stream = stream or sys.stderr
        self.terminal = self.stream.isatty()
        self.last = time.monotonic()
        self.width = 0
        self.estimate: float | None = None
        self.called = False

    def __call__(self, progress: Progress, budget: Budget) -> None:
        """Show a step, if the last one shown is old enough."""
        self.called = True
        self.estimate = progress.estimated_error if progress.estimated_error is not None else self.estimate
        self.show(lambda: self.text(progress, budget))

    def show(self, compose: Callable[[], str]) -> None:
        """Show a text, if the last one shown is old enough.

        Args:
            compose: gives the text; not called otherwise.
        """
        now = time.monotonic()
        if now - self.last < (REFRESH_SECONDS if self.terminal else PLAIN_SECONDS):
            return
        self.last = now
        text = compose()
        if self.terminal:
            # A line that wraps cannot be taken back.
            text = text[: shutil.get_terminal_size().columns - 1]
            self.stream.write("\r" + text.ljust(self.width))
            self.width = len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def text(self, progress: Progress, budget: Budget) -> str:
        """Compose the line."""
        estimate = "-" if self.estimate is None else f"{self.estimate:.1e}"
        left = f"at most {_left(budget)} left"
        return f"step {progress.steps}  loss {progress.loss:.3e}  estimated error {estimate}  {left}"

    def close(self) -> None:
        """Clear the line."""
        if self.terminal and self.width:
            self.stream.write("\r" + " " * self.width + "\r")
            self.stream.flush()
            self.width = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *unused: object) -> None:
        """Clear the line."""
        self.close()


def _left(budget: Budget) -> str:
    by_steps = math.inf
    if budget.steps_done and math.isfinite(budget.steps):
        by_steps = budget.elapsed / budget.steps_done * budget.remaining_steps
    return duration(max(0.0, min(budget.remaining_seconds, by_steps)))


def duration(seconds: float) -> str:
    """Write a duration such as "2 min 5 s"."""
    if math.isinf(seconds):
        return "unknown time"
    minutes, hours = divmod(round(seconds), 60), divmod(round(seconds / 60), 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes[0]} min {minutes[1]} s" if seconds < 3600 else f"{hours[0]} h {hours[1]} min"
