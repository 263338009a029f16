import math

import torch

import pinnkit as pk


def problem(n: int = 4) -> pk.Problem:
    """-Laplace u = f on [-1, 1]^2, u = 0 on the boundary; u = sin(n pi x) sin(n pi y)."""
    square = pk.Box([-1, -1], [1, 1])

    def exact(p):
        return torch.sin(n * math.pi * p.x) * torch.sin(n * math.pi * p.y)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - 2 * (n * math.pi) ** 2 * exact(p)},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=exact,
    )
