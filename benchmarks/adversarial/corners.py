"""Re-entrant corners, changes of condition on an edge, and data that do not agree where pieces meet."""

import math

import torch

import pinnkit as pk

from .case import Case

PI = math.pi
L_SHAPE = [[0, 0], [-1, -1], [0, -2], [2, 0], [0, 2], [-1, 1]]  # the notch is to the left


def polar(p):
    return torch.sqrt(p.x**2 + p.y**2), torch.atan2(p.y, p.x)


def turned_l_shape():
    """-Laplace u = f on a polygon with a corner of 270 degrees: the singular function and a wave."""
    domain = pk.Polygon(L_SHAPE)

    def wave(p):
        return 0.3 * torch.cos(2 * p.x - p.y)

    def exact(p):
        r, angle = polar(p)
        return r ** (2 / 3) * torch.cos(2 / 3 * angle) + wave(p)

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - 5 * wave(p)},
        conditions=[pk.Dirichlet(u=exact, on=domain.boundary)],
        reference=exact,
    )


def changing_condition():
    """Laplace's equation above a line on which u = 0 gives way to du/dn = 0: u = r^(1/2) sin(angle / 2)."""
    domain = pk.Box([-1, 0], [1, 1])
    b = domain.boundary

    def exact(p):
        r, angle = polar(p)
        return torch.sqrt(r) * torch.sin(angle / 2)

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"laplace": lambda u: u.laplacian},
        conditions=[
            pk.Dirichlet(u=0.0, on=b["bottom"].where(lambda p: p.x > 0)),
            pk.Neumann(u=0.0, on=b["bottom"].where(lambda p: p.x < 0)),
            pk.Dirichlet(u=exact, on=b["left", "right", "top"]),
        ],
        reference=exact,
    )


def elastic_exponent():
    """The least a > 0 with sin(3 pi/2 a) + a sin(3 pi/2) = 0: the opening mode of a corner of 270 degrees."""
    from scipy.optimize import brentq

    return brentq(lambda a: math.sin(1.5 * PI * a) + a * math.sin(1.5 * PI), 0.4, 0.7, xtol=1e-15)


def elastic_l_shape(free=True, poisson=0.3):
    """Plane strain around a corner of 270 degrees, whose edges are free: the opening mode; shear modulus 1."""
    domain = pk.Polygon(L_SHAPE)
    kappa, lame = 3 - 4 * poisson, 2 * poisson / (1 - 2 * poisson)
    a = elastic_exponent()
    q = -math.cos((a - 1) * 0.75 * PI) / math.cos((a + 1) * 0.75 * PI)

    def exact(p):
        r, angle = polar(p)
        size = r**a / 2
        u = (kappa - q * (a + 1)) * torch.cos(a * angle) - a * torch.cos((a - 2) * angle)
        v = (kappa + q * (a + 1)) * torch.sin(a * angle) + a * torch.sin((a - 2) * angle)
        return {"u": size * u, "v": size * v}

    def traction_x(u, v, p):
        return (lame * (u.x + v.y) + 2 * u.x) * p.normal[:, 0] + (u.y + v.x) * p.normal[:, 1]

    def traction_y(u, v, p):
        return (u.y + v.x) * p.normal[:, 0] + (lame * (u.x + v.y) + 2 * v.y) * p.normal[:, 1]

    notch = domain.boundary["edge0", "edge5"]
    others = domain.boundary["edge1", "edge2", "edge3", "edge4"]
    prescribed = {name: (lambda p, name=name: exact(p)[name]) for name in "uv"}
    conditions = [pk.Dirichlet(**prescribed, on=others if free else domain.boundary)]
    if free:
        conditions.append(pk.Condition(traction_x, on=notch, name="free x"))
        conditions.append(pk.Condition(traction_y, on=notch, name="free y"))
    return pk.Problem(
        domain=domain,
        unknowns="u v",
        equations={
            "balance x": lambda u, v: (lame + 2) * u.xx + u.yy + (lame + 1) * v.xy,
            "balance y": lambda u, v: (lame + 2) * v.yy + v.xx + (lame + 1) * u.xy,
        },
        conditions=conditions,
        reference=exact,
    )


def smooth_elastic_l_shape():
    """Plane strain with body forces on the same polygon, and a smooth solution."""
    domain = pk.Polygon(L_SHAPE)
    lame = 1.5

    def exact(p):
        return {"u": torch.sin(p.x) * torch.cos(2 * p.y), "v": torch.cos(p.x + p.y)}

    def force_x(p):
        v_xy = -torch.cos(p.x + p.y)
        return (lame + 2) * -exact(p)["u"] - 4 * exact(p)["u"] + (lame + 1) * v_xy

    def force_y(p):
        u_xy = -2 * torch.cos(p.x) * torch.sin(2 * p.y)
        return -(lame + 3) * exact(p)["v"] + (lame + 1) * u_xy

    prescribed = {name: (lambda p, name=name: exact(p)[name]) for name in "uv"}
    return pk.Problem(
        domain=domain,
        unknowns="u v",
        equations={
            "balance x": lambda u, v, p: (lame + 2) * u.xx + u.yy + (lame + 1) * v.xy - force_x(p),
            "balance y": lambda u, v, p: (lame + 2) * v.yy + v.xx + (lame + 1) * u.xy - force_y(p),
        },
        conditions=[pk.Dirichlet(**prescribed, on=domain.boundary)],
        reference=exact,
    )


def hot_lid():
    """Laplace's equation on the unit square, u = 1 on top and 0 on the other sides: data that jump in the corners."""
    square = pk.Box([0, 0], [1, 1])
    n = torch.arange(1, 40, 2, dtype=torch.float64)

    def exact(p):
        # That of a half-infinite strip below the lid, and a series for what the bottom changes.
        strip = 2 / PI * torch.atan2(torch.sin(PI * p.x), torch.sinh(PI * (1 - p.y)))
        k, x, y = n * PI, p.x[:, None], p.y[:, None]
        change = (torch.exp(k * (y - 3)) - torch.exp(-k * (y + 1))) / (1 - torch.exp(-2 * k))
        return strip + (4 / k * torch.sin(k * x) * change).sum(1)

    b = square.boundary
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"laplace": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=1.0, on=b["top"]), pk.Dirichlet(u=0.0, on=b["left", "right", "bottom"])],
        reference=exact,
    )


def quench(dimension=1, end=0.2):
    """The heat equation from u = 1 with u = 0 around: odd, periodic images of the start."""
    space = pk.Interval(0, 1) if dimension == 1 else pk.Box([0, 0], [1, 1])
    domain = space * pk.Time(0, end)
    images = torch.arange(-6, 7, dtype=torch.float64)
    signs = 1 - 2 * torch.remainder(images, 2)

    def along(x, t):
        width = torch.sqrt(4 * t[:, None]).clamp_min(1e-99)
        s = (x[:, None] - images) / width
        return (signs * (torch.erf(s) - torch.erf(s - 1 / width))).sum(1) / 2

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"heat": lambda u: u.t - u.laplacian},
        conditions=[pk.Initial(u=1.0), pk.Dirichlet(u=0.0, on=domain.boundary)],
        reference=lambda p: along(p.x, p.t) * (along(p.y, p.t) if dimension == 2 else 1),
    )


def membrane():
    """-Laplace u = 1 on the unit square, u = 0 around: second derivatives that do not agree in the corners."""
    square = pk.Box([0, 0], [1, 1])
    k = PI * torch.arange(1, 1200, 2, dtype=torch.float64)

    def exact(p):
        x, y = p.x[:, None], p.y[:, None]
        arch = (torch.exp(-k * y) + torch.exp(-k * (1 - y))) / (1 + torch.exp(-k))
        return p.x * (1 - p.x) / 2 - (4 / k**3 * torch.sin(k * x) * arch).sum(1)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u: -u.laplacian - 1},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=exact,
    )


CASES = [
    Case("poisson-lshape of the gallery", lambda: pk.load_problem("poisson-lshape", {})),
    Case("poisson-lshape, opening = 340", lambda: pk.load_problem("poisson-lshape", {"opening": 340.0})),
    Case("turned L-shape with a wave", turned_l_shape),
    Case("Dirichlet gives way to Neumann on an edge", changing_condition),
    Case("elastic L-shape, free notch", elastic_l_shape),
    Case("elastic L-shape, displacements prescribed", lambda: elastic_l_shape(free=False)),
    Case("elastic L-shape, smooth solution", smooth_elastic_l_shape),
    Case("square with a hot lid", hot_lid),
    Case("quenched rod", quench),
    Case("quenched square", lambda: quench(2)),
    Case("membrane under load", membrane),
]
