import torch

import pinnkit as pk


def problem(h: float = 2.0) -> pk.Problem:
    """Heat equation on the unit disk, u_t = Laplace u, with heat loss u_n + h u = 0; a Bessel series."""
    disk = pk.Disk([0, 0], 1)
    space_time = disk * pk.Time(0, 0.5)
    modes = [(0, 1.0), (1, 0.7), (2, 0.5)]  # angular number, amplitude
    roots = [_root(m, h) for m, _ in modes]

    def exact(p):
        r, angle = torch.sqrt(p.x**2 + p.y**2), torch.atan2(p.y, p.x)
        terms = [
            a * _bessel(m, k * r) * torch.cos(m * angle) * torch.exp(-(k**2) * p.t)
            for (m, a), k in zip(modes, roots, strict=True)
        ]
        return sum(terms)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u: u.t - u.laplacian},
        conditions=[pk.Initial(u=exact), pk.Robin(u=0.0, alpha=h, on=space_time.boundary)],
        reference=exact,
    )


def _root(m: int, h: float) -> float:
    """The first k with k J_m'(k) + h J_m(k) = 0."""
    from scipy.optimize import brentq
    from scipy.special import jv, jvp

    return brentq(lambda k: k * jvp(m, k) + h * jv(m, k), 0.1 + m, 2.2 + 1.3 * m)


def _bessel(m: int, x: torch.Tensor) -> torch.Tensor:
    from scipy.special import jv

    return torch.from_numpy(jv(m, x.numpy()))
