"""The mosaic notation: how many kernels of a layer belong to each family."""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from .families import FAMILIES

PLAIN = "P"
NAMES = (*FAMILIES, PLAIN)
EVEN = " ".join(FAMILIES)


def parse_names(text: str, known: Iterable[str] = NAMES) -> dict[str, int | None]:
    """Read families with or without counts.

    Args:
        text: such as ``"G30 Lg15 Lt"``.
        known: the names that may occur.

    Returns:
        The count of each family, None where none is given.

    Raises:
        NameNotFound: a family is unknown.
        InputError: an entry is malformed or repeated, or there is none.
    """
    if not isinstance(text, str):
        raise InputError(f"a mosaic is text such as 'G30 Lg15 P', got {text!r}.")
    counts: dict[str, int | None] = {}
    for entry in text.split():
        match = re.fullmatch(r"([A-Za-z]+)([0-9]*)", entry)
        if match is None:
            raise InputError(f"{entry!r} in {text!r} is no family with a count; write entries such as 'G30' or 'G'.")
        name, count = match.groups()
        if name not in known:
            raise NameNotFound("family of kernels", name, known)
        if name in counts:
            raise InputError(f"{name} occurs twice in {text!r}; write one entry for each family.")
        counts[name] = int(count) if count else None
    if not counts:
        raise InputError(f"a mosaic names one family at least ({', '.join(known)}), got {text!r}.")
    return counts


def parse_mosaic(text: str, kernels: int) -> dict[str, int]:
    """Read a mosaic such as ``"G30 Lg15 Lt15 Tf30 Ts6 P96"``.

    Names without a count share what the counts leave over as evenly as can be, the first ones taking the odd kernels.

    Args:
        text: the mosaic.
        kernels: number of single-channel kernels of the layer.

    Returns:
        The count of every family that has kernels, in the order of `NAMES`.

    Raises:
        InputError: the text is malformed, or its counts do not sum to ``kernels``.
    """
    given = parse_names(text)
    counts = {name: count for name, count in given.items() if count is not None}
    open_names = [name for name in given if name not in counts]
    rest = kernels - sum(counts.values())
    if rest < 0 or (rest > 0 and not open_names):
        raise InputError(
            f"the mosaic {text!r} counts {kernels - rest} kernels, but the layer has {kernels}, one for each output "
            "channel and each input channel of its group; leave one count out to give that family the rest."
        )
    for position, name in enumerate(open_names):
        counts[name] = rest // len(open_names) + (position < rest % len(open_names))
    return {name: counts[name] for name in NAMES if counts.get(name)}


def write_mosaic(counts: dict[str, int]) -> str:
    """Write counts in the mosaic notation."""
    return " ".join(f"{name}{count}" for name, count in counts.items())


def spread(counts: Iterable[int]) -> Tensor:
    """Lay the families out over a layer, each as evenly as can be (our choice).

    Args:
        counts: of each family.

    Returns:
        For each place of the layer the position of its kernel in the stack of all families, shape ``(sum(counts),)``.
    """
    places = [(torch.arange(count, dtype=torch.float64) + 0.5) / count for count in counts]
    return torch.cat(places).argsort(stable=True)
