"""Paths and texts that readers share."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError


def existing(path: str | Path) -> Path:
    """Give the path of a file, if there is one.

    Args:
        path: of the file.

    Returns:
        The same path.

    Raises:
        InputError: there is none, or it is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; name one file in it: a single scan or slice is expected, not a volume.")
    if not path.is_file():
        raise InputError(f"there is no file {path}.")
    return path


def one_line(error: BaseException) -> str:
    """Give the text of a library's error without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
