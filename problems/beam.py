import math

import torch

import pinnkit as pk


def problem(stiffness: float = 1.0) -> pk.Problem:
    """Euler-Bernoulli beam, u_tt + stiffness u_xxxx = 0 on [0, pi] x [0, 1], simply supported, two modes at rest."""
    space_time = pk.Interval(0, math.pi) * pk.Time(0, 1)
    ends = space_time.boundary

    def exact(p):
        pace = math.sqrt(stiffness)
        return torch.sin(p.x) * torch.cos(pace * p.t) + 0.25 * torch.sin(2 * p.x) * torch.cos(4 * pace * p.t)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"beam": lambda u: u.tt + stiffness * u.xxxx},
        conditions=[
            pk.Initial(u=exact),
            pk.Initial(u_t=0.0),
            pk.Dirichlet(u=0.0, on=ends),
            pk.Condition(lambda u: u.xx, on=ends),
        ],
        reference=exact,
    )
