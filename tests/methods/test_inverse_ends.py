"""Newton's method for inverse problems ends at wrong stationary points, too: which end is believed, and which told."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Status
from pinnkit.methods.inverse.frozen import newton_inverse, set_values
from pinnkit.methods.inverse.posterior import LinearisedInverse, Weighing
from pinnkit.methods.task import Task

SIGMA = 0.03
RATES = torch.tensor([(math.pi / 2) ** 2, (3 * math.pi / 2) ** 2], dtype=torch.float64)
SIZES = torch.tensor([1.2, 0.5], dtype=torch.float64)


def modes(x, t, rate):
    """What each mode of a rod of length two that cools down contributes, for u_t = rate u_xx - u / 2."""
    waves = torch.sin(RATES.sqrt() * x[:, None])
    return SIZES * waves * torch.exp(-(rate * RATES + 0.5) * t[:, None])


def rod(seed, guess, noise=SIGMA):
    """Its diffusivity, 0.09, from three sensors; the problem, their places and what they say."""
    rate = pk.Parameter("rate", guess, true=0.09)
    space_time = pk.Interval(0, 2, name="x") * pk.Time(0, 1.5)
    x, t = (
        part.reshape(-1)
        for part in torch.meshgrid(
            torch.tensor([0.4, 0.9, 1.3], dtype=torch.float64),
            torch.linspace(0.1, 1.5, 10, dtype=torch.float64),
            indexing="ij",
        )
    )
    rough = torch.randn(len(x), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    data = modes(x, t, 0.09).sum(1) + noise * rough
    problem = pk.Problem(
        domain=space_time, unknowns="u", parameters=[rate], equations={"e": lambda u: u.t - rate * u.xx + u / 2},
        conditions=[pk.Initial(u=lambda p: 1.2 * torch.sin(math.pi * p.x / 2) + torch.sin(1.5 * math.pi * p.x) / 2),
                    pk.Dirichlet(u=0.0, on=space_time.boundary["x_min", "x_max"]),
                    pk.Observations(torch.stack([x, t], 1), u=data, noise=noise)],
    )  # fmt: skip
    return problem, x, t, data


def likeliest(x, t, data):
    """The rate that makes the exact model's misfit least, and its standard deviation."""
    rate = 0.09
    for _ in range(30):
        parts = modes(x, t, rate)
        slope = (-RATES * t[:, None] * parts).sum(1)
        rate += ((slope @ (data - parts.sum(1))) / (slope @ slope)).item()
    return rate, SIGMA / slope.norm().item()


@pytest.mark.parametrize("seed", [0, 1])
def test_an_end_where_the_model_is_soft_is_not_believed(seed):
    problem, *data = rod(seed, 0.3)
    task, best, deviation = Task(problem), *likeliest(*data)
    fits = []
    for spread in (1.0, 2.0):
        for draw in (0, 1):
            set_values(problem.parameters, [0.3])
            trial = task.trial(pk.LRNN(100), task.generator(0, draw), spread)
            fits.append(newton_inverse(trial, task, task.points(draw)))
    off = {abs(fit.values[0] - best) / deviation: fit for fit in fits}
    assert off[max(off)].lost and max(off) > 5, "no end is wrong: this test sees nothing"
    assert min(fits, key=lambda fit: fit.order) is off[min(off)]


@pytest.mark.parametrize("guess", [0.002, 3.0])
def test_the_likeliest_rate_is_found_from_far_away(guess):
    problem, *data = rod(0, guess)
    best, deviation = likeliest(*data)
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=100, max_size=200))
    assert abs(solution.parameters["rate"] - best) < 0.2 * deviation
    assert solution.parameter_errors["rate"] == pytest.approx(deviation, rel=0.1)


def test_a_firm_model_is_never_softer_than_asked_for():
    problem, *_ = rod(0, 0.002)
    task = Task(problem)
    found = []
    for firmness in (0.0, 1e2):
        set_values(problem.parameters, [0.002])
        trial = task.trial(pk.LRNN(60), task.generator(0, 0), 1.0)
        fit = newton_inverse(trial, task, task.points(0), firmness=firmness)
        found.append(fit.posterior.stiffness / Weighing(task.collocation(240, 60, task.points(0))).unit)
    assert found[0] < 50 and found[1] > 50  # units depend on the points, a little


def test_the_comparison_estimates_the_true_error():
    """For a linear problem, chi squared - n + 2 f is right on average: about the squared error at the data."""
    line, n = pk.Interval(0, 1), 12
    x = torch.linspace(0.1, 1, n, dtype=torch.float64)[:, None]
    exact, generator = torch.exp(-2 * x[:, 0]), torch.Generator().manual_seed(2)
    gained, lost = [], []
    for _ in range(150):
        data = exact + 0.1 * torch.randn(n, generator=generator, dtype=torch.float64)
        problem = pk.Problem(
            domain=line, unknowns="u", equations={"e": lambda u: u.x + u},  # not what the data come from
            conditions=[pk.Dirichlet(u=1.0, on=line.boundary["left"]), pk.Observations(x, u=data, noise=0.1)],
        )  # fmt: skip
        task = Task(problem)
        trial = task.trial(pk.LRNN(8), task.generator(0, 0), 1.0)
        weighing = Weighing(task.collocation(60, 4, task.points(0)))
        system = LinearisedInverse(weighing, [trial], trial.lift)
        pair = []
        for firmness in (0.1, 10.0):
            posterior = system.solve(firmness * weighing.unit, 0.0)
            posterior.count = n
            trial.set_head(posterior.mean[None])
            error = ((trial(x)[:, 0] - exact) / 0.1).square().sum().item()
            said = posterior.disbelief(posterior.misfits) - posterior.doubt(posterior.misfits) - n
            pair.append((said, error))
        gained.append([said - error for said, error in pair])
        lost.append([error for _, error in pair])
    mean, spread = torch.tensor(gained).mean(0), torch.tensor(gained).std(0) / 150**0.5
    assert (mean.abs() < 4 * spread).all()
    errors = torch.tensor(lost).mean(0)
    assert errors.max() > 1.5 * errors.min()  # the two are really different


@pytest.mark.parametrize("noise", [0.01, None])
def test_a_model_that_does_not_hold_is_told(noise):
    line, k = pk.Interval(0, 1), pk.Parameter("k", 1.0)
    x = torch.linspace(0.05, 1, 24, dtype=torch.float64)
    rough = torch.randn(24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    data = torch.exp(-3 * x) + 0.25 * (x > 0.4) + 0.01 * rough
    problem = pk.Problem(
        domain=line, unknowns="u", parameters=[k], equations={"e": lambda u: u.x + k * u},
        conditions=[pk.Dirichlet(u=1.0, on=line.boundary["left"]),
                    pk.Observations(x[:, None], u=data, noise=noise)],
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=100, max_size=100))
    assert solution.status is not Status.CONVERGED
    assert "the data follow no solution of the model, which leaves" in solution.reason


def test_a_function_that_is_looked_at_in_part_only_is_undetermined():
    """u' = f, with f unknown and data of u on the left half: nothing tells what is on the right one."""
    line, x = pk.Interval(0, 2), torch.linspace(0, 1, 9, dtype=torch.float64)
    rough = torch.randn(9, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    problem = pk.Problem(
        domain=line, unknowns="u f", equations={"e": lambda u, f: u.x - f},
        conditions=[pk.Observations(x[:, None], u=torch.cos(2 * x) + 0.01 * rough, noise=0.01)],
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=60, max_size=60))
    assert solution.status is Status.UNDETERMINED
    assert solution.reason.startswith("the data do not determine the solution: its deviation is")
