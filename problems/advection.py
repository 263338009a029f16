import math

import torch

import pinnkit as pk


def problem(beta: float = 40.0) -> pk.Problem:
    """u_t + beta u_x = 0 on [0, 2 pi] x [0, 1], periodic, u0 = sin x."""
    space_time = pk.Interval(0, 2 * math.pi) * pk.Time(0, 1)
    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"advection": lambda u: u.t + beta * u.x},
        conditions=[pk.Initial(u=lambda p: torch.sin(p.x)), pk.Periodic("x")],
        reference=lambda p: torch.sin(p.x - beta * p.t),
    )
