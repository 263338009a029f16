"""Objects whose line integrals have closed forms: bells and ellipses, the oracle of the projector's tests.

Both are functions of the quadratic form q = (x - c)^T M (x - c); along a line p + t d the form is the parabola
a t^2 + 2 b t + e with a = d^T M d, b = d^T M (p - c), e = (p - c)^T M (p - c), whose minimum is e - b^2 / a.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ellipse:
    """One inside an ellipse; `axes` are its half axes, of which the first is turned by `angle` degrees from x."""

    centre: tuple[float, float]
    axes: tuple[float, float]
    angle: float = 0.0
    value: float = 1.0

    @property
    def form(self):
        """M."""
        c, s = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        turn = np.array([[c, -s], [s, c]])
        return turn @ np.diag(1 / np.square(self.axes)) @ turn.T

    def parabola(self, origins, directions):
        """Curvature and minimum of the form along lines."""
        p, m = origins - np.array(self.centre), self.form
        a, b, e = (np.einsum("...i,ij,...j", u, m, v) for u, v in ((directions, directions), (directions, p), (p, p)))
        return a, e - b**2 / a

    def __call__(self, points):
        """Values at points ``(..., 2)``."""
        p = points - np.array(self.centre)
        return self.value * (np.einsum("...i,ij,...j", p, self.form, p) < 1)

    def along(self, origins, directions):
        """Line integrals: the chord 2 sqrt((1 - minimum) / a)."""
        a, least = self.parabola(origins, directions)
        return 2 * self.value * np.sqrt(np.maximum(1 - least, 0) / a)

    def mean_over(self, angle, low, high):
        """Mean over s in [low, high] of the parallel line integrals at a view angle in degrees."""
        along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        width = np.sqrt(along @ np.linalg.inv(self.form) @ along)  # half the shadow's width
        t = np.clip((np.stack([low, high]) - along @ np.array(self.centre)) / width, -1, 1)
        area = np.prod(self.axes) * (t * np.sqrt(1 - t**2) + np.arcsin(t))  # left of t
        return self.value * (area[1] - area[0]) / (high - low)

    def pixel_means(self, grid, parts=8):
        """Means over the pixels of a grid: exact along y, by midpoints of parts along x."""
        offsets = (np.arange(parts) + 0.5) / parts - 0.5
        x = (grid.x[:, None] + grid.pixel * offsets).ravel()
        origins = np.stack([x, np.zeros_like(x)], 1)
        directions = np.broadcast_to([0.0, 1.0], origins.shape)
        a, least = self.parabola(origins, directions)
        p = origins - np.array(self.centre)
        middle = -(p @ self.form @ [0.0, 1.0]) / a
        half = np.sqrt(np.maximum(1 - least, 0) / a)
        edges = grid.y[:, None] + grid.pixel / 2 * np.array([[1.0], [-1.0]])[..., None]  # (2, rows, 1)
        high, low = np.clip(edges, middle - half, middle + half)
        return self.value * ((high - low) / grid.pixel).reshape(grid.rows, grid.columns, parts).mean(-1)


class Gaussian(Ellipse):
    """exp(-q / 2): `axes` are its standard deviations."""

    def __call__(self, points):
        """Values at points ``(..., 2)``."""
        p = points - np.array(self.centre)
        return self.value * np.exp(-0.5 * np.einsum("...i,ij,...j", p, self.form, p))

    def along(self, origins, directions):
        """Line integrals."""
        a, least = self.parabola(origins, directions)
        return self.value * np.sqrt(2 * np.pi / a) * np.exp(-0.5 * least)


def total(objects, *arguments, method="along"):
    """Sum of what several objects give."""
    return sum(getattr(item, method)(*arguments) for item in objects)


def sampled(objects, grid):
    """Values of several objects at the pixels' centres."""
    return total(objects, grid.points(), method="__call__").reshape(grid.shape)
