import torch

import pinnkit as pk


def problem(width: float = 4.0, poisson: float = 0.3) -> pk.Problem:
    """Quarter of a plate in plane stress with a hole of radius 1 under unit tension along x (Kirsch 1898)."""
    if not (width > 1 and -1 < poisson < 0.5):
        raise pk.InputError(f"width must exceed 1 and poisson lie in (-1, 0.5), got {width!r} and {poisson!r}.")
    plate = pk.Box([0, 0], [width, width]) - pk.Disk([0, 0], 1)
    # Young's modulus and the stress far away are 1.
    shear, kappa = 1 / (2 * (1 + poisson)), (3 - poisson) / (1 + poisson)
    lame = poisson / (1 - poisson**2)

    def stress(u, v):
        pressure = lame * (u.x + v.y)
        return pressure + 2 * shear * u.x, pressure + 2 * shear * v.y, shear * (u.y + v.x)

    def kirsch(p):
        """Kirsch's stresses in a plate without end: xx, yy, xy."""
        t, a = torch.atan2(p.y, p.x), 1 / (p.x**2 + p.y**2)
        cos2, cos4, sin2, sin4 = torch.cos(2 * t), torch.cos(4 * t), torch.sin(2 * t), torch.sin(4 * t)
        xx = 1 - a * (1.5 * cos2 + cos4) + 1.5 * a**2 * cos4
        yy = -a * (0.5 * cos2 - cos4) - 1.5 * a**2 * cos4
        return xx, yy, -a * (0.5 * sin2 + sin4) + 1.5 * a**2 * sin4

    def exact(p):
        r, t = torch.sqrt(p.x**2 + p.y**2), torch.atan2(p.y, p.x)
        u = (r + 2 / r) * (kappa + 1) * torch.cos(t) + 2 * (1 / r - 1 / r**3) * torch.cos(3 * t)
        v = (r * (kappa - 3) + 2 / r * (1 - kappa)) * torch.sin(t) + 2 * (1 / r - 1 / r**3) * torch.sin(3 * t)
        return {"u": u / (8 * shear), "v": v / (8 * shear)}

    def traction(given):
        """What the stress on a boundary differs by from the given one, along x and y."""
        def difference(u, v, p):
            xx, yy, xy = (s - g for s, g in zip(stress(u, v), given(p), strict=True))
            n = p.normal
            return xx * n[:, 0] + xy * n[:, 1], xy * n[:, 0] + yy * n[:, 1]

        return [lambda u, v, p: difference(u, v, p)[0], lambda u, v, p: difference(u, v, p)[1]]

    sides = {"hole": ("circle", lambda p: (0.0, 0.0, 0.0)), "load": (("right", "top"), kirsch)}
    return pk.Problem(
        domain=plate,
        unknowns="u v",
        equations={
            "balance x": lambda u, v: (lame + 2 * shear) * u.xx + shear * u.yy + (lame + shear) * v.xy,
            "balance y": lambda u, v: (lame + 2 * shear) * v.yy + shear * v.xx + (lame + shear) * u.xy,
        },
        conditions=[
            pk.Dirichlet(u=0.0, v_x=0.0, on=plate.boundary["left"]),  # symmetry
            pk.Dirichlet(v=0.0, u_y=0.0, on=plate.boundary["bottom"]),
            *(
                pk.Condition(residual, on=plate.boundary[where], name=f"{name} {axis}")
                for name, (where, given) in sides.items()
                for axis, residual in zip("xy", traction(given), strict=True)
            ),
        ],
        reference=exact,
        quantities={"stress concentration": pk.Quantity(lambda u, v: stress(u, v)[0], at=[[0.0, 1.0]], expected=3.0)},
    )
