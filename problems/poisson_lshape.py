import math

import torch

import pinnkit as pk


def problem(opening: float = 270.0) -> pk.Problem:
    """Laplace u = 0 on [-1, 1]^2 less a sector; opening in degrees, u = r^(pi/opening) sin(pi theta/opening)."""
    if not 180 < opening < 360:
        raise pk.InputError(f"opening must be an angle between 180 and 360 degrees, got {opening!r}.")
    angle = math.radians(opening)
    # The sector left out is [opening, 360]: for 270 degrees the quadrant x > 0, y < 0. Its second edge ends at (1, 0).
    end = (3 * math.cos(angle), 3 * math.sin(angle))
    left_out = [[0, 0], [3, 0], [3, -3], *([[-3, -3]] if opening < 270 else []), end]
    domain = pk.Box([-1, -1], [1, 1]) - pk.Polygon(left_out)
    power = math.pi / angle

    def exact(p):
        theta = torch.remainder(torch.atan2(p.y, p.x), 2 * math.pi)
        # Rounding may put points of the edge y = 0 just below it.
        theta = torch.where(theta > (angle + 2 * math.pi) / 2, theta - 2 * math.pi, theta)
        return (p.x**2 + p.y**2) ** (power / 2) * torch.sin(power * theta)

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"laplace": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=exact, on=domain.boundary)],
        reference=exact,
    )
