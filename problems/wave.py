import math

import torch

import pinnkit as pk


def problem(c: float = 2.0) -> pk.Problem:
    """u_tt = c^2 u_xx on [0, 1]^2, u = 0 at both ends, two waves at rest: sin(pi x) + sin(4 pi x) / 2."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 1)

    def exact(p):
        pi = math.pi
        first = torch.sin(pi * p.x) * torch.cos(c * pi * p.t)
        return first + 0.5 * torch.sin(4 * pi * p.x) * torch.cos(4 * c * pi * p.t)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"wave": lambda u: u.tt - c**2 * u.xx},
        conditions=[
            pk.Initial(u=exact),
            pk.Initial(u_t=0.0),
            pk.Dirichlet(u=0.0, on=space_time.boundary),
        ],
        reference=exact,
    )
