"""The corners of a domain at which the derivatives of a solution are unbounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from ..domains import Corner, Domain
from .residual import Residual, order

SAMPLES = 512
SHARPEST = 8
REGULAR = 0.95
"""Exponents from here on are no matter of corners; and there are charts for so many of them at most."""


def singular_corners(domain: Domain, conditions: Sequence[Residual]) -> list[Corner]:
    """Find the corners that make a solution singular, with the exponents that the kinds of their conditions give.

    Where one edge has values of an unknown prescribed and the other derivatives, exponents are half as large.

    Args:
        domain: the domain.
        conditions: the soft conditions, traced.

    Returns:
        The sharpest corners with an exponent well below one.
    """
    possible = [corner for corner in domain.corners if corner.exponent / 2 < REGULAR]
    if not possible:
        return []
    generator = torch.Generator().manual_seed(0)
    drawn = [(c, c.sample(SAMPLES, generator).coordinates) for c in conditions if c.outer]
    found = []
    for corner in possible:
        kinds = [_kinds(corner, edge, drawn) for edge in corner.edges]
        mixed = any(kinds[0][name] != kinds[1][name] for name in set(kinds[0]) & set(kinds[1]))
        found.append(replace(corner, exponent=corner.exponent / 2) if mixed else corner)
    return sorted((c for c in found if c.exponent < REGULAR), key=lambda corner: corner.exponent)[:SHARPEST]


def _kinds(corner: Corner, edge: torch.Tensor, drawn: list[tuple[Residual, torch.Tensor]]) -> dict[str, bool]:
    """Tell for each unknown whether the condition on an edge is one on derivatives."""
    nearest: dict[str, tuple[float, bool]] = {}
    for condition, x in drawn:
        away = x - corner.vertex
        along, across = away @ edge, away[:, 0] * edge[1] - away[:, 1] * edge[0]
        on = (along > 0) & (across.abs() < 1e-9 * corner.farthest)
        if on.any():
            distance = along[on].min().item()
            for name, keys in condition.keys.items():
                if keys and distance < nearest.get(name, (math.inf, False))[0]:
                    nearest[name] = distance, order(keys) > 0
    return {name: kind for name, (_, kind) in nearest.items()}
