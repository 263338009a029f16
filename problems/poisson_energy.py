import math

import torch

import pinnkit as pk


def problem(n: int = 1) -> pk.Problem:
    """-Laplace u = f on [-1, 1]^2, u = 0 on the boundary, as the least energy in an IAT-ReLU space."""
    square = pk.Box([-1, -1], [1, 1])

    def exact(p):
        return torch.sin(n * math.pi * p.x) * torch.sin(n * math.pi * p.y)

    return pk.Problem(
        domain=square,
        unknowns="u",
        energy=lambda u, p: (u.x**2 + u.y**2) / 2 - 2 * (n * math.pi) ** 2 * exact(p) * u,
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary, hard=True)],
        reference=exact,
        space=pk.IAT(),
    )
