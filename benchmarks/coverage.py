"""How far standard deviations can be trusted: shares of true parameters within one and two of them, over noise draws.

    python benchmarks/coverage.py               # prints the table

Of a normal error 68 % and 95 % would be there.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.integrate import solve_ivp

import pinnkit as pk

DRAWS = 30
BUDGET = "20s"


def decay(seed):
    """Two reactions in a row, A to B to C, both looked at."""
    fast, slow = pk.Parameter("fast", 1.0, true=1.7), pk.Parameter("slow", 1.0, true=0.6)
    time, generator = pk.Interval(0, 4, name="t"), np.random.default_rng(seed)
    t = np.linspace(0.2, 4, 20)
    a = np.exp(-1.7 * t)
    b = 1.7 / (1.7 - 0.6) * (np.exp(-0.6 * t) - a)
    a, b = (values + 0.02 * generator.normal(size=20) for values in (a, b))
    return pk.Problem(
        domain=time, unknowns="a b", parameters=[fast, slow],
        equations={"a": lambda a: a.t + fast * a, "b": lambda a, b: b.t - fast * a + slow * b},
        conditions=[pk.Dirichlet(a=1.0, b=0.0, on=time.boundary["left"]),
                    pk.Observations(t[:, None], a=a, b=b, noise=0.02)],
    )  # fmt: skip


def lorenz(seed):
    """The equations of Lorenz from an unknown start, over a short time."""
    truth = (9.0, 26.0, 2.4)
    sigma, rho, beta = (
        pk.Parameter(name, guess, true=true)
        for name, guess, true in zip(("sigma", "rho", "beta"), (7.0, 20.0, 2.0), truth, strict=True)
    )
    time, generator = pk.Interval(0, 1.5, name="t"), np.random.default_rng(seed)
    t = np.linspace(0.0, 1.5, 60)

    def rate(_, state):
        x, y, z = state
        return truth[0] * (y - x), x * (truth[1] - z) - y, x * y - truth[2] * z

    exact = solve_ivp(rate, (0, 1.5), (-6.0, -5.0, 20.0), t_eval=t, rtol=1e-10, atol=1e-10).y
    x, y, z = exact + 0.2 * generator.normal(size=exact.shape)
    return pk.Problem(
        domain=time, unknowns="x y z", parameters=[sigma, rho, beta],
        equations={"x": lambda x, y: x.t - sigma * (y - x), "y": lambda x, y, z: y.t - x * (rho - z) + y,
                   "z": lambda x, y, z: z.t - x * y + beta * z},
        conditions=[pk.Observations(t[:, None], x=x, y=y, z=z, noise=0.2)],
    )  # fmt: skip


def transport(seed):
    """The speed of a wave that passes six sensors."""
    speed = pk.Parameter("speed", 0.5, true=0.8)
    space_time, generator = pk.Interval(0, 1, name="x") * pk.Time(0, 1), np.random.default_rng(seed)

    def wave(s):
        return torch.exp(-((s + 0.2) ** 2) / 0.08)

    x, t = (part.reshape(-1) for part in np.meshgrid(np.linspace(0.1, 0.9, 6), np.linspace(0.1, 1, 10)))
    u = wave(torch.from_numpy(x - 0.8 * t)).numpy() + 0.02 * generator.normal(size=60)
    return pk.Problem(
        domain=space_time, unknowns="u", parameters=[speed], equations={"e": lambda u: u.t + speed * u.x},
        conditions=[pk.Initial(u=lambda p: wave(p.x)),
                    pk.Observations(np.stack([x, t], 1), u=u, noise=0.02)],
    )  # fmt: skip


def diffusion(seed):
    """The diffusivity of a rod that cools down."""
    rate = pk.Parameter("diffusivity", 0.2, true=0.07)
    space_time, generator = pk.Interval(0, 1, name="x") * pk.Time(0, 1), np.random.default_rng(seed)

    def exact(x, t):
        first, third = (np.exp(-0.07 * (n * math.pi) ** 2 * t) * np.sin(n * math.pi * x) for n in (1, 3))
        return first + third / 2

    x, t = (part.reshape(-1) for part in np.meshgrid((0.3, 0.6), np.linspace(0.05, 1, 15)))
    u = exact(x, t) + 0.02 * generator.normal(size=30)
    return pk.Problem(
        domain=space_time, unknowns="u", parameters=[rate], equations={"e": lambda u: u.t - rate * u.xx},
        conditions=[pk.Initial(u=lambda p: torch.sin(math.pi * p.x) + torch.sin(3 * math.pi * p.x) / 2),
                    pk.Dirichlet(u=0.0, on=space_time.boundary["x_min", "x_max"]),
                    pk.Observations(np.stack([x, t], 1), u=u, noise=0.02)],
    )  # fmt: skip


def fin(seed):
    """What a fin loses at its tip."""
    loss = pk.Parameter("loss", 1.0, true=4.0)
    fin, generator = pk.Interval(0, 1), np.random.default_rng(seed)
    x = np.linspace(0.2, 1.0, 7)
    m = 1.5
    exact = (np.cosh(m * (1 - x)) + 4 / m * np.sinh(m * (1 - x))) / (math.cosh(m) + 4 / m * math.sinh(m))
    u = exact + 0.005 * generator.normal(size=7)
    return pk.Problem(
        domain=fin, unknowns="u", parameters=[loss], equations={"e": lambda u: u.xx - m**2 * u},
        conditions=[pk.Dirichlet(u=1.0, on=fin.boundary["left"]),
                    pk.Condition(lambda u: u.normal + loss * u, on=fin.boundary["right"], name="tip"),
                    pk.Observations(x[:, None], u=u, noise=0.005)],
    )  # fmt: skip


PROBLEMS = (decay, lorenz, transport, diffusion, fin)


@dataclass
class Row:
    """A parameter of a problem with what was found for it.

    Attributes:
        problem: its name.
        parameter: its name.
        off: (found - true) / deviation, for each draw whose run named a deviation.
        errors: found - true with the deviation, for the same draws.
        refused: runs that ended with none, or as undetermined.
    """

    problem: str
    parameter: str
    off: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    refused: int = 0

    def within(self, deviations):
        """Count the draws for which the truth is so near."""
        return sum(abs(z) <= deviations for z in self.off)


def coverage(make, draws=DRAWS):
    """Solve a problem for several draws of its noise; a row for each parameter."""
    rows = {}
    for seed in range(draws):
        problem = make(seed)
        solution = pk.solve(problem, budget=BUDGET)
        for parameter in problem.parameters:
            row = rows.setdefault(parameter.name, Row(make.__name__, parameter.name))
            deviation = solution.parameter_errors[parameter.name]
            if deviation is None or solution.status is pk.Status.UNDETERMINED:
                row.refused += 1
            else:
                row.off.append((parameter.item() - parameter.true) / deviation)
                row.errors.append((solution.parameters[parameter.name] - parameter.true, deviation))
    return [*rows.values()]


def table(rows):
    """Give the lines of a table, and what all rows together say."""
    lines = ["| problem | parameter | runs | within 1 | within 2 | rms of error / deviation |", "|---" * 6 + "|"]
    for row in rows:
        shares = " | ".join(f"{row.within(k) / max(len(row.off), 1):.0%}" for k in (1, 2))
        size = math.sqrt(sum(z**2 for z in row.off) / max(len(row.off), 1))
        lines.append(f"| {row.problem} | {row.parameter} | {len(row.off)} | {shares} | {size:.2f} |")
    count = sum(len(row.off) for row in rows)
    one, two = (sum(row.within(k) for row in rows) / max(count, 1) for k in (1, 2))
    return lines, f"Within one deviation {one:.0%}, within two {two:.0%} of {count} numbers."


def main():
    """Print the table."""
    rows = [row for make in PROBLEMS for row in coverage(make)]
    lines, summary = table(rows)
    print("\n".join([*lines, "", summary]))


if __name__ == "__main__":
    main()
