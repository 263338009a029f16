import math

import torch

import pinnkit as pk


def problem(samples: int = 2000, noise: float = 0.01, data_seed: int = 0) -> pk.Problem:
    """Both coefficients of Burgers' equation from noisy samples inside [-1, 1] x [0, 1] (Raissi et al. 2019)."""
    nu = 0.01 / math.pi
    exact = pk.load_problem("burgers", {"nu": nu}).reference
    space_time = pk.Interval(-1, 1, name="x") * pk.Time(0, 1)
    generator = torch.Generator().manual_seed(data_seed)
    sensors = space_time.interior(samples, generator)
    u = exact(sensors)
    sigma = noise * u.std().item()
    speed = pk.Parameter("speed", 0.0, true=1.0)
    viscosity = pk.Parameter("viscosity", 0.05, true=nu)
    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"momentum": lambda u: u.t + speed * u * u.x - viscosity * u.xx},
        conditions=[
            pk.Observations(
                sensors.coordinates, u=u + sigma * torch.randn(samples, generator=generator, dtype=u.dtype), noise=sigma
            )
        ],
        parameters=[speed, viscosity],
        reference=exact,
        space=pk.MLP(width=20, depth=3),
    )
