"""Hard conditions: built into the trial function by a lift, a factor, and corrections of normal derivatives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..domains import Boundary, Domain, Piece, Points
from ..domains.approximate_distance import Distances, floor, joined
from ..domains.points import NoNormals
from ..errors import InputError
from ..jets import Derivatives, Key
from .conditions import Datum, Neumann, Robin, evaluate_datum, split_key
from .parameter import trace_parameters

Columns = Callable[[Any], Any]
"""Maps points ``(n, d)``, or a jet of them, to functions ``(n, m)``."""


@dataclass(frozen=True, eq=False)
class _Part:
    """A piece of the boundary where an unknown is prescribed: itself (Dirichlet, Initial), or alpha u + beta du/dn."""

    piece: Piece
    datum: Datum
    title: str
    alpha: Datum = 1.0
    beta: Datum = 0.0

    @property
    def face(self) -> tuple[int, int] | None:
        """Axis and side where the piece is a whole face of a box, or of any domain times time."""
        whole = self.piece.keep is None or self.title.startswith("Initial")
        return self.piece.face if whole else None

    @property
    def axis(self) -> int | None:
        """The axis across which a whole face lies; None for other pieces."""
        return None if self.face is None else self.face[0]

    @property
    def distances(self) -> Distances:
        """The approximate distances to the piece."""
        assert self.piece.distances is not None
        return self.piece.distances


class HardConditions(nn.Module):
    r"""Exact conditions on faces of boxes, and by approximate distances on the pieces of other boundaries.

    Values first: v = L + F w for a free function w. On faces of boxes the lift L is a Boolean sum over the axes, time
    last: :math:`L \leftarrow L + P_a (g - L)`, where P_a takes values on the faces of axis a and interpolates linearly
    between them (Coons); F is the product of the distances to the faces. It meets all data exactly wherever they agree
    at edges. On other pieces :math:`\phi_i` is an approximate distance, :math:`L = \sum_i g_i \phi_i^{-1} / \sum_i
    \phi_i^{-1}`, the data being continued into the domain as they are written, and F the product of the distances. All
    of F is scaled to be O(1).

    Then normal derivatives, :math:`\alpha_i v + \beta_i \partial_n v = g_i` on pieces with the normalised distance
    :math:`\phi_i`: from :math:`\nabla \phi_i = -n` there,

    .. math:: u = v + \sum_i W_i \phi_i (\alpha_i v / \beta_i - \nabla\phi_i \cdot \nabla v - g_i / \beta_i),

    with weights W_i that are one on their own piece, zero on those of values, and zero to second order on the other
    ones. u is affine in w.

    All this is smooth, and spectrally accurate, on smooth boundaries and in convex corners between values. It loses
    accuracy where a distance is not smooth, at re-entrant corners and on meshes, and where pieces of slopes meet
    others, because the weights W_i jump there. Soft conditions are the better ones for both.

    Args:
        conditions: the conditions of the problem; the soft ones are passed over.
        unknowns: names of the unknowns.
        domain: its domain.

    Raises:
        InputError: a hard condition where the geometry or the kind of data does not allow it.

    Reference:
        Sukumar and Srivastava 2022, doi:10.1016/j.cma.2021.114333. The factor as a product, which is smoother in convex
        corners than their R-equivalence, and the weights W_i are our choice.
    """

    def __init__(self, conditions: Sequence[Any], unknowns: tuple[str, ...], domain: Domain) -> None:
        """Sort the conditions by unknown and axis; see the class."""
        super().__init__()
        self.unknowns, self.names, self.regions = unknowns, domain.names, domain.regions or None
        self.bounds = domain.bounds
        self.faces: dict[int, list[_Part]] = {}
        self.slopes: dict[int, list[_Part]] = {}
        for condition in conditions:
            if condition.hard:
                self._add(condition, condition.region(domain))
        # With one piece that is no face, all are taken by their distances.
        self.boxed = {k for k, parts in self.faces.items() if all(part.face for part in parts)}
        self.scale = 2 / (self.bounds[1] - self.bounds[0]).max().item()
        self.trainable: list[Tensor] = []

    def _add(self, condition: Any, region: Boundary) -> None:
        for key, datum in condition.data.items():
            unknown, derivative = split_key(key, self.unknowns, condition.verb)
            if derivative:
                raise InputError(f"{condition.verb}({key}=..., hard=True): only values can be hard, not derivatives.")
            k, normal = self.unknowns.index(unknown), isinstance(condition, Neumann)
            for piece in region.pieces:
                title = f"{condition.verb} {key} on {piece.name} (hard)"
                part = _Part(piece, datum, title, *((0.0, 1.0) if normal else (1.0, 0.0)))
                if isinstance(condition, Robin):
                    part = _Part(piece, datum, title, condition.alpha, condition.beta)
                if piece.distances is None and (part.face is None or normal):
                    raise InputError(
                        f"{condition.verb}({key}=..., hard=True) on {piece.name!r}: hard conditions need whole pieces "
                        "of the boundary of a domain of boxes, balls, polygons and plane meshes; use the soft "
                        "condition here."
                    )
                taken = [*self.faces.get(k, []), *self.slopes.get(k, [])]
                if clash := [old for old in taken if _same(old.piece, piece)]:
                    both = f"{clash[0].title} and {part.title}"
                    raise InputError(f"{both} prescribe the same face twice; keep one of them.")
                (self.slopes if normal else self.faces).setdefault(k, []).append(part)

    def __deepcopy__(self, memo: dict[int, Any]) -> HardConditions:
        """Stay one and the same for all trial functions: data may have parameters in them, which are the problem's."""
        return self

    def check(self, points: Points, trainable: Sequence[Tensor] = ()) -> None:
        """Evaluate all data once, at points moved onto their faces, or of the domain where there are no faces.

        The trainable parameters that they were computed from are noted in `trainable`.

        Args:
            points: some points of the domain.
            trainable: the trainable parameters of the problem.

        Raises:
            InputError: data have a wrong shape or are not finite; the message says where.
        """
        for part in itertools.chain(*self.slopes.values()):
            self._check_normalised(part)
            beta = torch.as_tensor(self._evaluate(part.beta, part, points.coordinates))
            if (beta == 0).any():
                raise InputError(f"{part.title}: beta is zero somewhere; where it is, prescribe values by Dirichlet.")
        boxed = [part for k in self.boxed for part in self.faces[k]]
        for part in itertools.chain(*self.faces.values(), *self.slopes.values()):
            x, projected = points.coordinates, part in boxed
            if projected:
                axis, side = _face(part)
                x = self._project(x, axis, self.bounds[side, axis].item())
            for what, datum in [("data", part.datum), ("alpha", part.alpha), ("beta", part.beta)]:
                found, used = trace_parameters(part.title, partial(self._evaluate, datum, part, x), trainable)
                self.trainable += used
                values = torch.as_tensor(found, dtype=x.dtype).detach().expand(len(points))
                if (bad := ~torch.isfinite(values)).any():
                    at = ", ".join(f"{v:.6g}" for v in x[bad.nonzero()[0, 0]].tolist())
                    inside = "" if projected else "; hard data are continued into the domain as written"
                    raise InputError(f"{part.title}: the {what} are {values[bad][0].item()} at ({at}){inside}.")

    def _check_normalised(self, part: _Part) -> None:
        """Check that the distance has a unit slope on its piece: not so where boundaries of operands coincide."""
        x, normal = part.piece.sample(64, torch.Generator().manual_seed(0))
        keys: list[Key] = [(axis,) for axis in range(x.shape[1])]
        found = Derivatives(keys, ())(lambda y: part.distances.within(y)[:, None], x)
        inward = -torch.stack([found[key][:, 0] * normal[:, i] for i, key in enumerate(keys)]).sum(0)
        bad = ~((inward - 1).abs() < 1e-6)
        if bad.any():
            at = ", ".join(f"{v:.6g}" for v in x[bad][0].tolist())
            raise InputError(
                f"{part.title}: there is no smooth distance to this piece at {int(bad.sum())} of {len(x)} points, "
                f"first ({at}): the boundaries of two operands of a set operation coincide there; draw the domain "
                "without that, or use the soft condition."
            )

    def free(self, unknown: int) -> bool:
        """Tell whether an unknown has no hard condition at all."""
        return unknown not in self.faces and unknown not in self.slopes

    @property
    def by_distance(self) -> bool:
        """Whether some conditions go by approximate distances."""
        return bool(self.slopes) or len(self.boxed) < len(self.faces)

    @property
    def rough(self) -> bool:
        """Whether a factor of values is not smooth at ends of pieces, which no space of smooth functions makes good."""
        parts = (part for k, parts in self.faces.items() if k not in self.boxed for part in parts)
        return any(not part.distances.smooth for part in parts)

    def fit(self, x: Any, values: Any) -> Any:
        """Turn free values ``(n, K)`` at points ``(n, d)`` into values that meet the conditions on values.

        Args:
            x: points ``(n, d)``, or a jet of them.
            values: free values.

        Returns:
            Values ``(n, K)``.
        """
        self._refuse_slopes()
        return self._fit(x, values)

    def _fit(self, x: Any, values: Any) -> Any:
        if not self.faces:
            return values
        columns = []
        for k in range(len(self.unknowns)):
            factor = self._factor(x, k)
            columns.append(values[:, k] if factor is None else self._lift(x, k) + factor * values[:, k])
        return torch.stack(columns, -1)

    def meet(self, x: Any, function: Columns) -> Any:
        """Turn free functions, one for each unknown, into functions that meet all conditions.

        Args:
            x: points ``(n, d)``, or a jet of them.
            function: gives free values ``(n, K)``.

        Returns:
            Values ``(n, K)``.
        """
        if not self.slopes:
            return self._fit(x, function(x))

        def one(k: int) -> Any:
            return self.columns(x, k, lambda y: function(y)[:, k : k + 1], lifted=True)

        return torch.cat([one(k) for k in range(len(self.unknowns))], -1)

    def columns(self, x: Any, unknown: int, function: Columns, lifted: bool = False) -> Any:
        """Apply the linear part of the conditions on one unknown to several functions at once.

        Args:
            x: points ``(n, d)``, or a jet of them.
            unknown: which of the K unknowns.
            function: gives free functions ``(n, m)``.
            lifted: whether to add what is prescribed, too.

        Returns:
            Values ``(n, m)``.
        """

        def valued(y: Any) -> Any:
            factor, values = self._factor(y, unknown), function(y)
            if factor is None:
                return values
            values = values * factor[:, None]
            return values + self._lift(y, unknown)[:, None] if lifted else values

        if unknown not in self.slopes:
            return valued(x)
        parts = self.slopes[unknown]
        axes: list[Key] = [(axis,) for axis in range(x.shape[-1])]
        found = Derivatives([(), *axes], ())(valued, x)
        distances = Derivatives([(), *axes], ())(
            lambda y: torch.stack([part.distances.within(y) for part in parts], -1), x
        )
        total = found[()]
        for i, part in enumerate(parts):
            alpha, beta, datum = (self._evaluate(value, part, x) for value in (part.alpha, part.beta, part.datum))
            missing = found[()] * _column(alpha / beta)
            for axis in axes:
                missing = missing - distances[axis][:, i : i + 1] * found[axis]
            if lifted:
                missing = missing - _column(datum / beta)
            weight = self._weight(x, unknown, i) * distances[()][:, i]
            total = total + weight[:, None] * missing
        return total

    def _weight(self, x: Any, unknown: int, number: int) -> Any:
        """Evaluate W_i, which is one on its own piece, zero on those of values, zero to second order on the others."""
        own = self.slopes[unknown][number]
        others: Any = 1.0
        for part in self.faces.get(unknown, []):
            others = others * self._scaled(part, x)
        for part in self.slopes[unknown]:
            others = others if part is own else others * self._scaled(part, x) ** 2
        if isinstance(others, float):
            return torch.ones_like(x[:, 0])
        distance = self._scaled(own, x)
        # One half at corners, where both vanish.
        least = floor(x.dtype)
        return (others + least) / (others + distance * distance + 2 * least)

    def factor(self, x: Any, unknown: int) -> Any:
        """Evaluate the unknown's factor, shape ``(n,)``; None where no values of it are prescribed."""
        self._refuse_slopes()
        return self._factor(x, unknown)

    def _refuse_slopes(self) -> None:
        for parts in self.slopes.values():
            raise InputError(f"{parts[0].title}: this method builds in hard values only; use the soft condition here.")

    def _factor(self, x: Any, unknown: int) -> Any:
        if unknown not in self.faces:
            return None
        if unknown not in self.boxed:
            return self._product(self.faces[unknown], x)
        product: Any = 1.0
        for part in self.faces[unknown]:
            axis, side = _face(part)
            low, high = self.bounds[:, axis].tolist()
            distance = x[:, axis] - low if side == 0 else high - x[:, axis]
            product = product * (distance * (2 / (high - low)))
        return product

    def _scaled(self, part: _Part, x: Any) -> Any:
        scale = self.scale
        if part.face is not None:
            low, high = self.bounds[:, part.face[0]].tolist()
            scale = 2 / (high - low)
        return part.distances.within(x) * scale

    def _product(self, parts: Sequence[_Part], x: Any) -> Any:
        """Multiply distances; those that are not smooth are joined first, so that re-entrant corners are no r^2."""
        smooth = [self._scaled(part, x) for part in parts if part.distances.smooth]
        rough = [self._scaled(part, x) for part in parts if not part.distances.smooth]
        if rough:
            smooth.append(joined(torch.stack(rough, -1)) if len(rough) > 1 else rough[0])
        return math.prod(smooth[1:], start=smooth[0])

    def lift(self, x: Any) -> Any:
        """Evaluate what the conditions prescribe, for free functions that are zero, shape ``(n, K)``."""
        return self.meet(x, lambda y: torch.zeros_like(y[:, :1]).expand(y.shape[0], len(self.unknowns)) * y[:, :1])

    def _lift(self, x: Any, unknown: int) -> Any:
        if unknown in self.boxed:
            return self._coons(x, self.faces[unknown])
        parts = self.faces[unknown]
        data = {id(part.datum): part.datum for part in parts}
        groups = [[part for part in parts if part.datum is datum] for datum in data.values()]
        values = [self._evaluate(group[0].datum, group[0], x) + 0.0 * x[:, 0] for group in groups]
        if len(groups) == 1:
            return values[0]
        distances = [self._product(group, x) for group in groups]
        least = floor(x.dtype)
        shares = [math.prod(distances[:i] + distances[i + 1 :]) + least for i in range(len(groups))]
        return sum(share * value for share, value in zip(shares, values, strict=True)) / sum(shares)

    def _coons(self, x: Any, faces: list[_Part]) -> Any:
        lift: Any = x[:, 0] * 0.0
        for axis in dict.fromkeys(_face(face)[0] for face in faces):
            done = [face for face in faces if _face(face)[0] < axis]
            here = [face for face in faces if _face(face)[0] == axis]
            low, high = self.bounds[:, axis].tolist()
            for face in here:
                side = _face(face)[1]
                on_face = self._project(x, axis, (low, high)[side])
                missing = self._evaluate(face.datum, face, on_face) - (self._coons(on_face, done) if done else 0.0)
                if len(here) == 2:
                    share = (x[:, axis] - low) / (high - low)
                    missing = missing * (share if side == 1 else 1 - share)
                lift = lift + missing
        return lift

    def _evaluate(self, datum: Datum, part: _Part, x: Any) -> Any:
        try:
            return evaluate_datum(datum, Points(x, self.names, regions=self.regions), part.title)
        except NoNormals:
            raise InputError(
                f"{part.title}: p.normal is known on the boundary only, and hard data are continued into the domain; "
                "write them as functions of the coordinates, or use the soft condition."
            ) from None

    def _project(self, x: Any, axis: int, value: float) -> Any:
        keep = torch.ones(x.shape[-1], dtype=x.dtype, device=x.device)
        keep[axis] = 0
        return x * keep + (1 - keep) * value


def _face(part: _Part) -> tuple[int, int]:
    assert part.face is not None
    return part.face


def _same(one: Piece, other: Piece) -> bool:
    return one is other or (one.face is not None and one.face == other.face and one.name == other.name)


def _column(value: Any) -> Any:
    return value[:, None] if getattr(value, "shape", ()) else value
