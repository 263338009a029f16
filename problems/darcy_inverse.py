import math

import torch

import pinnkit as pk


def problem(noise: float = 0.01, samples: int = 500, data_seed: int = 0) -> pk.Problem:
    """-div(kappa grad u) = f on [0, 1]^2, u = 0 on the boundary: the field kappa from noisy samples of u."""
    square = pk.Box([0, 0], [1, 1])
    pi = math.pi

    def bump(p):
        return torch.exp(-10 * ((p.x - 0.6) ** 2 + (p.y - 0.4) ** 2))

    def exact(p):
        return {"u": torch.sin(pi * p.x) * torch.sin(pi * p.y), "kappa": 1 + bump(p)}

    def source(p):
        u, kappa = exact(p).values()
        u_x, u_y = pi * torch.cos(pi * p.x) * torch.sin(pi * p.y), pi * torch.sin(pi * p.x) * torch.cos(pi * p.y)
        return 2 * pi**2 * kappa * u + 20 * bump(p) * ((p.x - 0.6) * u_x + (p.y - 0.4) * u_y)

    generator = torch.Generator().manual_seed(data_seed)
    sensors = square.interior(samples, generator)
    u = exact(sensors)["u"]
    sigma = noise * u.std().item()
    measured = u + sigma * torch.randn(samples, generator=generator, dtype=u.dtype)
    return pk.Problem(
        domain=square,
        unknowns="u kappa",
        equations={"darcy": lambda u, kappa, p: kappa * u.laplacian + kappa.x * u.x + kappa.y * u.y + source(p)},
        conditions=[
            pk.Dirichlet(u=0.0, on=square.boundary),
            pk.Observations(sensors.coordinates, u=measured, noise=sigma),
            pk.Regularisation(lambda kappa: kappa.laplacian, on=square),
        ],
        reference=exact,
    )
