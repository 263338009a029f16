import math

import torch

import pinnkit as pk


def problem(d: int = 10) -> pk.Problem:
    """-Laplace u = f on the unit cube in d dimensions, u = sum over i < d of sin(pi x_i x_(i+1))."""
    cube = pk.Box([0] * d, [1] * d)

    def neighbours(p):
        return p.coordinates[:, :-1], p.coordinates[:, 1:]

    def exact(p):
        a, b = neighbours(p)
        return torch.sin(math.pi * a * b).sum(1)

    def source(p):
        a, b = neighbours(p)
        return math.pi**2 * ((a**2 + b**2) * torch.sin(math.pi * a * b)).sum(1)

    return pk.Problem(
        domain=cube,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - source(p)},
        conditions=[pk.Dirichlet(u=exact, on=cube.boundary)],
        reference=exact,
        space=pk.RandomFeatures(),
    )
