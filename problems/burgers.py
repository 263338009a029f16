import math

import numpy as np
import torch

import pinnkit as pk


def reference(nu: float, nodes: int = 100):
    """Cole-Hopf: u = -(heat kernel * sin) / (heat kernel * 1) with the weight exp(-cos(pi y) / (2 pi nu))."""
    z, w = np.polynomial.hermite.hermgauss(nodes)
    z, w = torch.from_numpy(z), torch.from_numpy(w)

    def exact(p):
        y = math.pi * (p.x[:, None] - 2 * torch.sqrt(nu * p.t[:, None]) * z)
        weight = w * torch.exp(-(torch.cos(y) + 1) / (2 * math.pi * nu))
        return -(weight * torch.sin(y)).sum(1) / weight.sum(1)

    return exact


def problem(nu: float = 0.01 / math.pi) -> pk.Problem:
    """Viscous Burgers, u_t + u u_x = nu u_xx on [-1, 1] x [0, 1], u0 = -sin(pi x) (Raissi et al. 2019)."""
    space_time = pk.Interval(-1, 1, name="x") * pk.Time(0, 1)
    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"momentum": lambda u: u.t + u * u.x - nu * u.xx},
        conditions=[
            pk.Initial(u=lambda p: -torch.sin(math.pi * p.x), hard=True),
            pk.Dirichlet(u=0.0, on=space_time.boundary, hard=True),
        ],
        reference=reference(nu),
    )
