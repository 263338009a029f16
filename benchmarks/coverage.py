"""How far standard deviations can be trusted: shares of true parameters within one and two of them, over noise draws.

    python benchmarks/coverage.py                        # all problems, 30 draws; prints the table
    python benchmarks/coverage.py --only fin --draws 5   # those whose name holds "fin"

Finished runs are lines of the cache: the same command goes on where another one was stopped, and --report prints what
is there.
"""

import argparse
import json
import math
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.integrate import solve_ivp

import pinnkit as pk

CACHE = Path(tempfile.gettempdir()) / "pinnkit-coverage.jsonl"
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


PROBLEMS = {make.__name__: make for make in (decay, lorenz, transport, diffusion, fin)}


def run(name, seed):
    """Solve a problem for one draw of its noise and give what is to be known of it."""
    torch.set_num_threads(1)
    problem, began = PROBLEMS[name](seed), time.perf_counter()
    solution = pk.solve(problem, budget=BUDGET)
    parameters = {
        p.name: {"found": p.item(), "true": p.true, "deviation": solution.parameter_errors[p.name]}
        for p in problem.parameters
    }
    record = {"problem": name, "seed": seed, "budget": BUDGET, "seconds": round(time.perf_counter() - began, 1)}
    ending = {"status": solution.status.value, "reason": solution.reason, "estimated": solution.estimated_error}
    return record | ending | {"parameters": parameters}


@dataclass
class Row:
    """A parameter of a problem with what was found for it.

    Attributes:
        problem: its name.
        parameter: its name.
        off: (found - true) / deviation, for each draw that was not refused.
        refused: draws that ended without a deviation, or with one larger than the number itself: the reason says so.
    """

    problem: str
    parameter: str
    off: list = field(default_factory=list)
    refused: int = 0

    def within(self, deviations):
        """Count the draws for which the truth is so near."""
        return sum(abs(z) <= deviations for z in self.off)


def rows_of(records):
    """Sort records by parameters, a row for each."""
    rows = {}
    for record in records:
        for name, p in record["parameters"].items():
            row = rows.setdefault((record["problem"], name), Row(record["problem"], name))
            if p["deviation"] is None or not p["deviation"] <= abs(p["found"]):
                row.refused += 1
            else:
                row.off.append((p["found"] - p["true"]) / p["deviation"])
    return [*rows.values()]


def table(rows):
    """Give the lines of a Markdown table, and one with what all rows together say."""
    lines = [
        "| problem | parameter | draws | refused | within 1 | within 2 | rms of error / deviation |",
        "|---" * 7 + "|",
    ]
    for row in rows:
        count = max(len(row.off), 1)
        shares = " | ".join(f"{row.within(k) / count:.0%}" for k in (1, 2))
        size = math.sqrt(sum(z**2 for z in row.off) / count)
        draws = len(row.off) + row.refused
        lines.append(f"| {row.problem} | {row.parameter} | {draws} | {row.refused} | {shares} | {size:.2f} |")
    count, refused = sum(len(row.off) for row in rows), sum(row.refused for row in rows)
    one, two = (sum(row.within(k) for row in rows) / max(count, 1) for k in (1, 2))
    whole = f"Within one stated standard deviation {one:.0%}, within two {two:.0%} of {count} numbers found"
    other = f"; {refused} more were refused, by a deviation larger than the number" if refused else ""
    return [*lines, "", f"{whole} (a normal distribution has 68 % and 95 %){other}."]


def cached(path):
    """Read the finished runs; the last line may be half written."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def report(path=CACHE):
    """Give the Markdown lines of the table of all finished runs; none where there are no runs."""
    known = {(r["problem"], r["seed"]): r for r in cached(path) if r["budget"] == BUDGET}
    order = [*PROBLEMS]
    records = [known[key] for key in sorted(known, key=lambda key: (order.index(key[0]), key[1]))]
    return table(rows_of(records)) if records else []


def main():
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of the name of a problem")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the noise, for each problem")
    parser.add_argument("--cache", type=Path, default=CACHE, help="finished runs, one a line")
    parser.add_argument("--report", action="store_true", help="run nothing, print what the cache has")
    given = parser.parse_args()
    known = {(r["problem"], r["seed"]) for r in cached(given.cache) if r["budget"] == BUDGET}
    asked = [(name, seed) for name in PROBLEMS if given.only in name for seed in range(given.draws)]
    missing = [] if given.report else [key for key in asked if key not in known]
    with given.cache.open("a") as file:
        for done, key in enumerate(missing, 1):
            record = run(*key)
            file.write(json.dumps(record) + "\n")
            file.flush()
            found = ", ".join(
                f"{n} {p['found']:.4g} +- {p['deviation'] or math.nan:.2g}" for n, p in record["parameters"].items()
            )
            ending = f"{record['status']}, {found}, {record['seconds']} s"
            print(f"[{done}/{len(missing)}] {key[0]}, draw {key[1]}: {ending}", flush=True)
    print("\n".join(report(given.cache)))


if __name__ == "__main__":
    main()
