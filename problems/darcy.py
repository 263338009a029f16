import math

import torch

import pinnkit as pk


def problem(contrast: float = 100.0) -> pk.Problem:
    """-div(kappa grad u) = f on [0, 1]^2, u = 0 on the boundary; kappa varies by the contrast, u is manufactured."""
    square = pk.Box([0, 0], [1, 1])
    half = math.log(contrast) / 2
    pi = math.pi

    def log_kappa(p):
        return half * torch.sin(pi * p.x) * torch.cos(2 * pi * p.y)

    def exact(p):
        return torch.sin(pi * p.x) * torch.sin(2 * pi * p.y) * torch.exp(p.x)

    def darcy(u, p):
        slope_x = half * pi * torch.cos(pi * p.x) * torch.cos(2 * pi * p.y)
        slope_y = -half * 2 * pi * torch.sin(pi * p.x) * torch.sin(2 * pi * p.y)
        # f / kappa, for the exact solution
        s, c = torch.sin(pi * p.x), torch.cos(pi * p.x)
        e_x = torch.exp(p.x) * (s + pi * c) * torch.sin(2 * pi * p.y)
        e_y = 2 * pi * torch.exp(p.x) * s * torch.cos(2 * pi * p.y)
        e_laplacian = torch.exp(p.x) * ((1 - pi**2) * s + 2 * pi * c) * torch.sin(2 * pi * p.y) - 4 * pi**2 * exact(p)
        kappa = torch.exp(log_kappa(p))
        return kappa * ((e_laplacian - u.laplacian) + slope_x * (e_x - u.x) + slope_y * (e_y - u.y))

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"darcy": darcy},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=exact,
    )
