"""The problem file that ``python -m pinnkit new`` writes."""

TEMPLATE = '''\
"""A problem file: one function problem() that returns a pk.Problem.

Run it with:  python -m pinnkit solve THIS_FILE
Change an argument with:  --set problem.k=5
"""

import math

import torch

import pinnkit as pk


def problem(k: float = 2.0) -> pk.Problem:
    """-Laplace u = f on a square, u = 0 on its boundary."""
    # Where: Interval, Box, Disk, Ball, Annulus, Polygon, Mesh("file.msh"); combine them with | & -,
    # and multiply by Time(0, 1) for problems in time.
    square = pk.Box([0, 0], [1, 1])

    # A function of the points p; p.x, p.y (and p.t) are tensors, one number a point.
    def exact(p):
        return torch.sin(k * math.pi * p.x) * torch.sin(math.pi * p.y)

    def source(p):
        return (k**2 + 1) * math.pi**2 * exact(p)

    return pk.Problem(
        domain=square,
        unknowns="u",  # several: "u v q"
        # What shall be zero. Derivatives: u.x, u.xy, u.t, u.xxxx; u.grad, u.laplacian, u.hessian.
        equations={"poisson": lambda u, p: -u.laplacian - source(p)},
        # Dirichlet, Neumann, Robin, Periodic, Initial, Observations, or any Condition(residual, on=...).
        # One part of the boundary: square.boundary["left"]; a mesh's own groups go by their names.
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        # Optional: the exact solution (or a CSV or mesh file), for true errors; methods never see it.
        reference=exact if float(k).is_integer() else None,
    )
'''
