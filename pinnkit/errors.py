"""Errors that a user can mend; the command line prints them in one line and exits with code 2."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """A wrong input: the message says what was wrong, with its value, and how to mend it."""


class NameNotFound(InputError, AttributeError, KeyError):
    """A name that is not among the known ones, which the message lists."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Compose the message from what was looked for and what there is.

        Args:
            kind: what the name stands for, such as "boundary group".
            name: the name that was not found.
            known: the names that would have been found.
        """
        known = list(known)
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        listed = ", ".join(map(str, known)) or "none"
        self.message = f"unknown {kind} {name!r}.{hint} Known: {listed}."
        super().__init__(self.message)

    def __str__(self) -> str:
        """Return the message itself (KeyError would quote it)."""
        return self.message
