import math

import torch

import pinnkit as pk


def problem(k: float = 1.0, a1: int = 1, a2: int = 4) -> pk.Problem:
    """Laplace u + k^2 u = f on [-1, 1]^2, u = 0 on the boundary; u = sin(a1 pi x) sin(a2 pi y)."""
    square = pk.Box([-1, -1], [1, 1])

    def exact(p):
        return torch.sin(a1 * math.pi * p.x) * torch.sin(a2 * math.pi * p.y)

    def source(p):
        return (k**2 - (a1**2 + a2**2) * math.pi**2) * exact(p)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"helmholtz": lambda u, p: u.laplacian + k**2 * u - source(p)},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=exact,
    )
