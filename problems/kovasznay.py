import math

import torch

import pinnkit as pk


def problem(reynolds: float = 40.0) -> pk.Problem:
    """Steady Navier-Stokes behind a grid on [-0.5, 1] x [-0.5, 1.5]; u, v and pressure q (Kovasznay 1948)."""
    box = pk.Box([-0.5, -0.5], [1, 1.5])
    rate = reynolds / 2 - math.sqrt(reynolds**2 / 4 + 4 * math.pi**2)

    def exact(p):
        decay, angle = torch.exp(rate * p.x), 2 * math.pi * p.y
        return {
            "u": 1 - decay * torch.cos(angle),
            "v": rate / (2 * math.pi) * decay * torch.sin(angle),
            "q": (1 - decay**2) / 2,
        }

    return pk.Problem(
        domain=box,
        unknowns="u v q",
        equations={
            "momentum x": lambda u, v, q: u * u.x + v * u.y + q.x - u.laplacian / reynolds,
            "momentum y": lambda u, v, q: u * v.x + v * v.y + q.y - v.laplacian / reynolds,
            "mass": lambda u, v: u.x + v.y,
        },
        conditions=[
            pk.Dirichlet(u=lambda p: exact(p)["u"], v=lambda p: exact(p)["v"], on=box.boundary),
            pk.Observations([[0.0, 0.0]], q=[0.0]),
        ],
        reference=exact,
    )
