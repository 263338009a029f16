"""Spaces get the number of parameters that is asked for, or an error says what they can have."""

import pytest

import pinnkit as pk
from pinnkit.compare.sizing import nearest, size_option, sized
from pinnkit.runs import SPACES, make_space
from pinnkit.runs.names import make_method

PROBLEM = pk.load_problem("poisson-hf", {"n": 1})
SIZED = [name for name in SPACES if name not in ("patches", "piecewise")]


@pytest.mark.parametrize("target", [1, 2, 3, 16, 17, 1000])
def test_bisection_finds_the_nearest_count(target):
    def count(size):
        return size * size + 3

    found = nearest(count, target)
    assert abs(count(found) - target) == min(abs(count(size) - target) for size in range(1, 50))


def test_a_count_that_does_not_grow_ends_the_search():
    assert nearest(lambda size: 5, 100) >= 1


@pytest.mark.parametrize("name", SIZED)
def test_every_space_comes_near_to_4000_parameters(name):
    options, count = sized(name, {}, PROBLEM, pk.Adam(), 4000)
    assert abs(count - 4000) <= 200
    space = make_space(name, options)
    assert space.resized(7) is space  # a method that grows spaces leaves it alone
    # One size more or less is no better.
    option = size_option(name)
    for other in (options[option] - 2, options[option] + 2):
        trial = PROBLEM.trial(make_space(name, {option: other}), pk.methods.Task(PROBLEM).generator(0))
        assert abs(sum(p.numel() for p in trial.parameters()) - 4000) >= abs(count - 4000)


@pytest.mark.parametrize("method", ["adam", "least-squares", "auto"])
@pytest.mark.parametrize(("name", "depth"), [("lrnn", 1), ("mlp", 2), ("wire", 3), ("lrnn", 2)])
def test_the_count_is_that_of_the_run(name, depth, method):
    options = {"depth": depth}
    found, count = sized(name, options, PROBLEM, make_method(method, {}), 300)
    solution = pk.solve(PROBLEM, make_space(name, found), make_method(method, {}), budget="1steps")
    assert solution.metrics["parameters"] == count
    assert options.items() <= found.items()


def test_charts_count_where_the_method_adds_them():
    problem = pk.load_problem("poisson-lshape")
    for method in (pk.LeastSquares(), pk.Adam()):
        options, count = sized("lrnn", {}, problem, method, 1000)
        solution = pk.solve(problem, make_space("lrnn", options), method, budget="1steps")
        assert solution.metrics["parameters"] == count


def test_least_squares_in_a_sized_space_is_one_round():
    options, _ = sized("lrnn", {}, PROBLEM, pk.Auto(), 1600)
    solution = pk.solve(PROBLEM, make_space("lrnn", options), pk.Auto(), budget="60s", tolerance=1e-15)
    assert solution.metrics["steps"] == 1 and "with all of" in solution.reason


@pytest.mark.parametrize(
    ("name", "options", "parameters", "message"),
    [
        ("lrnn", {}, 4, "4 parameters are too few for lrnn on poisson-hf, which has at least 12: ask for more"),
        ("piratenet", {}, 150, "150 parameters are out of reach for piratenet on poisson-hf, which can have 74, 2.."),
        ("lrnn", {"rank": 5}, 400, "lrnn.rank is what --parameters chooses: give one of the two"),
        ("patches", {}, 400, "no option of patches sets its number of parameters: leave out patches or --parameters"),
    ],
)
def test_what_cannot_be_had_is_an_error_that_says_what_can(name, options, parameters, message):
    with pytest.raises(pk.InputError, match=message):
        sized(name, options, PROBLEM, pk.Adam(), parameters)
