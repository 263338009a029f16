import math

import torch

import pinnkit as pk

# Ghia, Ghia and Shin 1982, J. Comput. Phys. 48:387 (doi:10.1016/0021-9991(82)90058-4), Re = 100: u along x = 1/2 ...
Y = [0, 0.0547, 0.0625, 0.0703, 0.1016, 0.1719, 0.2813, 0.4531, 0.5, 0.6172, 0.7344, 0.8516, 0.9531, 0.9609, 0.9688,
     0.9766, 1]
U = [0, -0.03717, -0.04192, -0.04775, -0.06434, -0.10150, -0.15662, -0.21090, -0.20581, -0.13641, 0.00332, 0.23151,
     0.68717, 0.73722, 0.78871, 0.84123, 1]
# ... and v along y = 1/2. (Finite differences put the least v at -0.2538; the table is off by 0.9 % there.)
X = [0, 0.0625, 0.0703, 0.0781, 0.0938, 0.1563, 0.2266, 0.2344, 0.5, 0.8047, 0.8594, 0.9063, 0.9453, 0.9531, 0.9609,
     0.9688, 1]
V = [0, 0.09233, 0.10091, 0.10890, 0.12317, 0.16077, 0.17507, 0.17527, 0.05454, -0.24533, -0.22445, -0.16914,
     -0.10313, -0.08864, -0.07391, -0.05906, 0]


def problem(reynolds: float = 100.0) -> pk.Problem:
    """Lid-driven cavity on [0, 1]^2 by the stream function psi: velocity u = psi_y, v = -psi_x, on the lid u = 1."""
    box = pk.Box([0, 0], [1, 1])
    walls = box.boundary
    number = pk.Parameter("reynolds", reynolds, trainable=False)

    def scraping(x, y):
        """Taylor's flow at the corner of a wall x = 0 and one that slides along y = 0, whose velocity jumps there."""
        theta = 2 * torch.atan(y / (x + torch.sqrt(x**2 + y**2 + 1e-30)))
        return (math.pi**2 / 4 * y - theta * (math.pi / 2 * y + x)) / (1 - math.pi**2 / 4)

    def vorticity(psi, p):
        diffusion = psi.xxxx + 2 * psi.xxyy + psi.yyyy
        convection = psi.y * (psi.xxx + psi.xyy) - psi.x * (psi.xxy + psi.yyy)
        # Both grow like the inverse square of the distance from the upper corners.
        weight = (p.x**2 + (1 - p.y) ** 2) * ((1 - p.x) ** 2 + (1 - p.y) ** 2)
        return weight * (diffusion / number - convection)

    def centreline(velocity, at, values):
        points = torch.full((len(at), 2), 0.5, dtype=torch.float64)
        points[:, "vu".index(velocity)] = torch.tensor(at, dtype=torch.float64)
        return pk.Quantity((lambda psi: psi.y) if velocity == "u" else (lambda psi: -psi.x), points, values)

    table = {"u along x = 1/2": ("u", Y, U), "v along y = 1/2": ("v", X, V)}
    return pk.Problem(
        domain=box,
        unknowns="psi",
        equations={"vorticity": vorticity},
        conditions=[
            pk.Dirichlet(psi=0.0, on=walls),
            pk.Neumann(psi=0.0, on=walls["left", "right", "bottom"]),
            pk.Neumann(psi=1.0, on=walls["top"]),
        ],
        parameters=[number],
        lift=lambda p: scraping(p.x, 1 - p.y) + scraping(1 - p.x, 1 - p.y),
        quantities={name: centreline(*row) for name, row in table.items() if reynolds == 100},
        space=pk.Charts(
            pk.LRNN(),
            corners=[pk.PolarMap([side, 1], angle * math.pi / 4, math.pi / 2) for side, angle in ((0, -1), (1, 5))],
        ),
    )
