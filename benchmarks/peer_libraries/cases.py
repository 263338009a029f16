"""The problems that every library solves, stated once for numpy, torch and jax.

A residual is written in coordinates x, y (for Burgers' equation y is the time) with a function `d` that gives
derivatives by name: ``d("xx")`` is the second derivative by x. `meet` turns any function into one that meets all
boundary and initial conditions: every library that can gets its conditions this way.
"""

import math
from dataclasses import dataclass

import numpy as np

POINTS = 2500
"""Residual points of every peer."""
NU = 0.01 / math.pi


@dataclass(frozen=True)
class Linear:
    """-Laplace u - k2 u = f on a square, u = sin(a pi x) sin(b pi y), which vanishes on the boundary."""

    title: str
    lower: float
    a: int
    b: int
    k2: float = 0.0
    upper: float = 1.0

    @property
    def bounds(self):
        """The ranges of x and y."""
        return (self.lower, self.upper), (self.lower, self.upper)

    def exact(self, xp, x, y):
        """The solution."""
        return xp.sin(self.a * math.pi * x) * xp.sin(self.b * math.pi * y)

    def residual(self, xp, x, y, u, d):
        """What the equation makes zero, scaled so that the source is of order one: regularisations expect that."""
        factor = (self.a**2 + self.b**2) * math.pi**2 - self.k2
        return (-d("xx") - d("yy") - self.k2 * u) / factor - self.exact(xp, x, y)

    def meet(self, xp, x, y, free):
        """A function that vanishes on the boundary."""
        scale = 4 / (self.upper - self.lower) ** 2
        return free * scale**2 * (x - self.lower) * (self.upper - x) * (y - self.lower) * (self.upper - y)

    def held(self, x, y):
        """1 where a point of the boundary has a condition, else 0."""
        return 0 * x + 1


@dataclass(frozen=True)
class Burgers:
    """u_t + u u_x = nu u_xx on [-1, 1] x [0, 1], u = -sin(pi x) at first and 0 at both ends."""

    title: str
    bounds = (-1.0, 1.0), (0.0, 1.0)

    def exact(self, xp, x, y):
        """Cole-Hopf: a quotient of two convolutions with the heat kernel, by Gauss-Hermite quadrature."""
        z, w = np.polynomial.hermite.hermgauss(100)
        s = math.pi * (x[:, None] - 2 * np.sqrt(NU * y[:, None]) * z)
        weight = w * np.exp(-(np.cos(s) + 1) / (2 * math.pi * NU))
        return -(weight * np.sin(s)).sum(1) / weight.sum(1)

    def residual(self, xp, x, y, u, d):
        """What the equation makes zero."""
        return d("y") + u * d("x") - NU * d("xx")

    def meet(self, xp, x, y, free):
        """A function with the initial and boundary values."""
        return -xp.sin(math.pi * x) + (1 - x**2) * y * free

    def held(self, x, y):
        """1 where a point of the boundary has a condition, else 0: nothing is given at the end of time."""
        return 1.0 * (y < 1 - 1e-9)


CASES = {
    "poisson-1": Linear("-Lap u = f on [0, 1]^2, u = sin(pi x) sin(pi y)", 0.0, 1, 1),
    "poisson-4": Linear("-Lap u = f on [0, 1]^2, u = sin(4 pi x) sin(4 pi y)", 0.0, 4, 4),
    "poisson-10": Linear("-Lap u = f on [0, 1]^2, u = sin(10 pi x) sin(10 pi y)", 0.0, 10, 10),
    "helmholtz-1": Linear("-Lap u - u = f on [-1, 1]^2, u = sin(pi x) sin(4 pi y)", -1.0, 1, 4, 1.0),
    "helmholtz-10": Linear("-Lap u - 100 u = f on [-1, 1]^2, u = sin(pi x) sin(4 pi y)", -1.0, 1, 4, 100.0),
    "burgers": Burgers("u_t + u u_x = 0.01/pi u_xx on [-1, 1] x [0, 1], u0 = -sin(pi x)"),
}


def test_points(case, count=10_000):
    """Draw the points at which errors are measured, and the solution there."""
    (x0, x1), (y0, y1) = case.bounds
    points = np.array([x0, y0]) + np.random.default_rng(2024).random((count, 2)) * np.array([x1 - x0, y1 - y0])
    return points, case.exact(np, *points.T)
