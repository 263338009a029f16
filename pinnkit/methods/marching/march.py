"""A march: trial functions on windows of time, one after the other."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...jets import plain
from ...problem import HardConditions, PeriodicEmbedding
from ...spaces import Space

ROUNDING = 1e-6
"""Times this far beyond the last window, relative to its length, belong to it."""


class Window(nn.Module):
    r"""A trial function on a window of time, :math:`u_k = L_k + \Phi_k \sum_j P_j(t) \sum_m c_{kjm} \phi_m(x)`.

    P are Legendre polynomials over the window, phi the functions of a space over the domain without time, L and Phi
    come from the hard conditions on the boundary of space.

    Args:
        space: built for the spatial domain, with an output for each unknown and polynomial.
        embedding: of periodic axes, or None.
        hard: the hard conditions in space.
        start: where the window begins.
        length: how long it is.
    """

    def __init__(
        self, space: Space, embedding: PeriodicEmbedding | None, hard: HardConditions, start: float, length: float
    ) -> None:
        """Join the pieces; see the class."""
        super().__init__()
        self.space, self.embedding, self.hard = space, embedding, hard
        self.start, self.length = start, length
        self.unknowns = len(hard.unknowns)

    @property
    def end(self) -> float:
        """Where the window ends."""
        return self.start + self.length

    def columns(self, x: Any, unknown: int) -> Any:
        """Evaluate the functions of space, and a constant, times the unknown's factor, shape ``(n, M + 1)``."""
        basis = self.space.basis(x if self.embedding is None else self.embedding(x))
        columns = torch.cat([basis, torch.ones_like(basis[:, :1])], -1)
        factor = self.hard.factor(x, unknown)
        return columns if factor is None else columns * factor[:, None]

    def lift(self, x: Any) -> Any:
        """Evaluate what the hard conditions prescribe at points ``(n, d + 1)``, shape ``(n, K)``."""
        return self.hard.fit(x, torch.zeros(x.shape[0], self.unknowns, dtype=x.dtype, device=x.device))

    def forward(self, x: Any) -> Any:
        """Evaluate the unknowns at points ``(n, d + 1)``, shape ``(n, K)``."""
        space, time = x[:, :-1], x[:, -1:]
        found = self.space.head(self.space.basis(space if self.embedding is None else self.embedding(space)))
        degree = self.space.head.out_features // self.unknowns - 1
        powers = legendre_columns((time - self.start) * (2 / self.length) - 1, degree)
        values = (found.reshape(x.shape[0], self.unknowns, degree + 1) * powers[:, None, :]).sum(-1)
        return self.hard.fit(x, values)

    @torch.no_grad()
    def set_head(self, coefficients: list[Tensor]) -> None:
        """Set the head from coefficients of `columns` and Legendre polynomials, ``(M + 1, degree + 1)`` each."""
        whole = torch.cat([c.T for c in coefficients])
        self.space.head.weight.copy_(whole[:, :-1])
        self.space.head.bias.copy_(whole[:, -1])


def legendre_columns(s: Any, degree: int) -> Any:
    """Evaluate the Legendre polynomials up to a degree at a column ``(n, 1)``, shape ``(n, degree + 1)``."""
    columns = [torch.ones_like(s), s]
    for n in range(1, degree):
        columns.append(((2 * n + 1) * s * columns[n] - n * columns[n - 1]) / (n + 1))
    return torch.cat(columns[: degree + 1], -1)


class March(nn.Module):
    """Windows one after the other as one trial function; it stands still beyond the last one.

    Args:
        windows: in the order of time.
    """

    def __init__(self, windows: list[Window]) -> None:
        """Keep the windows; see the class."""
        super().__init__()
        self.windows = nn.ModuleList(windows)

    @property
    def spaces(self) -> list[Space]:
        """The spaces of the windows."""
        windows: Any = self.windows
        return [window.space for window in windows]

    @property
    def space(self) -> Space:
        """The space of the last window."""
        return self.spaces[-1]

    def forward(self, x: Any) -> Any:
        """Evaluate the unknowns at points ``(n, d + 1)``, each in its window, shape ``(n, K)``."""
        time, windows = plain(x)[:, -1], list[Any](self.windows)
        last = windows[-1]
        ends = [*(w.end for w in windows[:-1]), last.end + ROUNDING * last.length]
        bounds = torch.tensor(ends, dtype=time.dtype, device=time.device)
        number = torch.searchsorted(bounds, time.detach().contiguous())
        parts, places = [], []
        for i in number.unique().tolist():
            here = (number == i).nonzero()[:, 0]
            if i < len(windows):
                parts.append(windows[i](x[here]))
            else:
                parts.append(last(torch.cat([x[here][:, :-1], x[here][:, -1:] * 0.0 + last.end], -1)))
            places.append(here)
        if not parts:
            return last(x)
        order = torch.argsort(torch.cat(places))
        return torch.cat(parts)[order]
