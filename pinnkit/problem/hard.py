"""Hard conditions: a lift that takes the prescribed values and a factor that vanishes where they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..domains import Boundary, Domain, Points
from ..errors import InputError
from .conditions import Datum, Dirichlet, Initial, evaluate_datum, split_key


@dataclass(frozen=True)
class _Face:
    axis: int
    side: int
    datum: Datum
    title: str


class HardConditions(nn.Module):
    r"""Exact Dirichlet and initial values on faces of a box or of a box times time.

    The lift is a Boolean sum over the axes, time last: :math:`L \leftarrow L + P_a (g - L)`, where P_a takes values on
    the faces of axis a and interpolates linearly between them (Coons). It meets all data exactly wherever the data
    agree at edges. The factor is the product of the distances to the faces, scaled to be O(1). (Our choice.)

    Args:
        conditions: the conditions of the problem; the soft ones are passed over.
        unknowns: names of the unknowns.
        domain: its domain.

    Raises:
        InputError: a hard condition where the geometry or the kind of data does not allow it.
    """

    def __init__(self, conditions: Sequence[Any], unknowns: tuple[str, ...], domain: Domain) -> None:
        """Sort the conditions by unknown and axis; see the class."""
        super().__init__()
        self.unknowns, self.names = unknowns, domain.names
        self.bounds = domain.bounds
        self.faces: dict[int, list[_Face]] = {}
        for condition in conditions:
            if condition.hard:
                self._add(condition, condition.region(domain))

    def _add(self, condition: Dirichlet | Initial, region: Boundary) -> None:
        for key, datum in condition.data.items():
            unknown, derivative = split_key(key, self.unknowns, condition.verb)
            if derivative:
                raise InputError(f"{condition.verb}({key}=..., hard=True): only values can be hard, not derivatives.")
            for piece in region.pieces:
                if piece.face is None or piece.keep is not None and condition.verb != "Initial":
                    raise InputError(
                        f"{condition.verb}({key}=..., hard=True) on {piece.name!r}: hard conditions need whole faces "
                        "of a box (or of a box times time); use the soft condition here."
                    )
                face = _Face(*piece.face, datum, f"{condition.verb} {key} on {piece.name} (hard)")
                taken = self.faces.setdefault(self.unknowns.index(unknown), [])
                if clash := [old for old in taken if (old.axis, old.side) == (face.axis, face.side)]:
                    both = f"{clash[0].title} and {face.title}"
                    raise InputError(f"{both} prescribe the same face twice; keep one of them.")
                taken.append(face)

    def check(self, points: Points) -> None:
        """Evaluate all data once, at points moved onto their faces.

        Args:
            points: some points of the domain.

        Raises:
            InputError: data have a wrong shape or are not finite; the message says where.
        """
        for face in (face for faces in self.faces.values() for face in faces):
            on_face = self._project(points.coordinates, face.axis, self.bounds[face.side, face.axis].item())
            values = torch.as_tensor(self._datum(face, on_face)).expand(len(points))
            if (bad := ~torch.isfinite(values)).any():
                at = ", ".join(f"{v:.6g}" for v in on_face[bad.nonzero()[0, 0]].tolist())
                raise InputError(f"{face.title}: the data are {values[bad][0].item()} at ({at}).")

    def fit(self, x: Any, values: Any) -> Any:
        """Turn free values ``(n, K)`` at points ``(n, d)`` into values that meet the conditions."""
        if not self.faces:
            return values
        columns = []
        for k in range(len(self.unknowns)):
            column = values[:, k]
            factor = self.factor(x, k)
            columns.append(column if factor is None else self._lift(x, self.faces[k]) + factor * column)
        return torch.stack(columns, -1)

    def factor(self, x: Any, unknown: int) -> Any:
        """Evaluate the unknown's factor, shape ``(n,)``; None where it has no hard condition."""
        if unknown not in self.faces:
            return None
        product: Any = 1.0
        for face in self.faces[unknown]:
            low, high = self.bounds[:, face.axis].tolist()
            distance = x[:, face.axis] - low if face.side == 0 else high - x[:, face.axis]
            product = product * (distance * (2 / (high - low)))
        return product

    def _lift(self, x: Any, faces: list[_Face]) -> Any:
        lift: Any = x[:, 0] * 0.0
        for axis in dict.fromkeys(face.axis for face in faces):
            done = [face for face in faces if face.axis < axis]
            here = [face for face in faces if face.axis == axis]
            low, high = self.bounds[:, axis].tolist()
            for face in here:
                on_face = self._project(x, axis, (low, high)[face.side])
                missing = self._datum(face, on_face) - (self._lift(on_face, done) if done else 0.0)
                if len(here) == 2:
                    share = (x[:, axis] - low) / (high - low)
                    missing = missing * (share if face.side == 1 else 1 - share)
                lift = lift + missing
        return lift

    def _datum(self, face: _Face, x: Any) -> Any:
        return evaluate_datum(face.datum, Points(x, self.names), face.title)

    def _project(self, x: Any, axis: int, value: float) -> Any:
        keep = torch.ones(x.shape[-1], dtype=x.dtype, device=x.device)
        keep[axis] = 0
        return x * keep + (1 - keep) * value


