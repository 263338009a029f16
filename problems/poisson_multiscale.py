import math

import torch

import pinnkit as pk


def problem(largest: int = 16) -> pk.Problem:
    """-Laplace u = f on [-1, 1]^2, u = 0 on the boundary; u = mean of sin(w pi x) sin(w pi y), w = 4, 8 ... largest."""
    square = pk.Box([-1, -1], [1, 1])
    waves = range(4, largest + 1, 4)

    def mode(p, w):
        return torch.sin(w * math.pi * p.x) * torch.sin(w * math.pi * p.y) / len(waves)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - sum(2 * (w * math.pi) ** 2 * mode(p, w) for w in waves)},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=lambda p: sum(mode(p, w) for w in waves),
    )
