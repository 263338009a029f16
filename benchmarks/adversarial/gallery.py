"""Smooth problems of the gallery: least squares at every size of its enrichment, and networks trained for some steps.

At sizes of their own the errors from 1e-1 to 1e-14 are in the sample.
"""

import pinnkit as pk

from .case import Case

SIZES = (150, 300, 600, 1200)
LINEAR = [
    ("poisson-hf", {"n": 2}),
    ("poisson-hf", {"n": 4}),
    ("poisson-hf", {"n": 32}),
    ("helmholtz", {}),
    ("helmholtz", {"k": 10.0}),
    ("helmholtz", {"a1": 16, "a2": 16}),
    ("poisson-mesh", {}),
]
TRAINED = [
    ("poisson-hf", pk.MLP(), pk.Adam(), "300steps"),
    ("poisson-hf", pk.SIREN(), pk.Sequence([pk.Adam(), pk.LBFGS()]), "300steps"),
    ("burgers", pk.MLP(), pk.Adam(), "300steps"),
    ("burgers", pk.MLP(), pk.Sequence([pk.Adam(), pk.LBFGS()]), "600steps"),
]


def loaded(name, arguments):
    return lambda: pk.load_problem(name, arguments)


def title(name, arguments):
    return name + "".join(f", {key} = {value:g}" for key, value in arguments.items())


CASES = [
    Case(
        f"{title(name, arguments)}, {size} functions",
        loaded(name, arguments),
        method=pk.LeastSquares(start_size=size, max_size=size),
        budget="120s",
        tolerance=1e-300,
        exact=name != "poisson-mesh",  # its reference is a table
    )
    for name, arguments in LINEAR
    for size in SIZES
] + [
    Case(f"{name}, {type(space).__name__}, {method.name}, {budget}", loaded(name, {}), space, method, budget)
    for name, space, method, budget in TRAINED
]
