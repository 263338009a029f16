from functools import cache

import torch

import pinnkit as pk

MODES, STEPS, STENCIL = 2048, 1000, 4


def parabola(n):
    """Fourier coefficients of x^2, periodic: means of x^2 cos(n pi x)."""
    return torch.where(n == 0, 1 / 3, 2 * torch.cos(torch.pi * n) / (torch.pi * n) ** 2)


def heat(x, t):
    """Heat flow (diffusion 1) from x^2, which has kinks where periods meet: each gives a kernel integrated twice."""
    total, width = x**2 + 2 * t, torch.sqrt(4 * t).clamp_min(1e-99)
    for end in (-3, -1, 1, 3):
        s = (x - end).abs()
        kernel = width / torch.pi**0.5 * torch.exp(-((s / width) ** 2)) - s * torch.special.erfc(s / width)
        total = total - 2 * kernel
    return total


@cache
def fourier_coefficients(diffusion: float):
    """Runge-Kutta 4 for the Fourier coefficients of u (even, real), exact in the diffusion (integrating factor)."""
    n = torch.arange(MODES // 2 + 1, dtype=torch.float64)
    k, dt = torch.pi * n, 1 / STEPS
    half = torch.exp(-diffusion * k**2 * dt / 2)

    def reaction(v):
        return 5 * (v - torch.fft.rfft(torch.fft.irfft(v * MODES) ** 3).real / MODES)

    v, levels = (parabola(n - 1) + parabola(n + 1)) / 2, []
    for _ in range(STEPS + 1):
        levels.append(v)
        a = reaction(v)
        b = reaction(half * (v + dt / 2 * a))
        c = reaction(half * v + dt / 2 * b)
        d = reaction(half**2 * v + dt * half * c)
        v = half**2 * v + dt / 6 * (half**2 * a + 2 * half * (b + c) + d)
    return k, parabola(n), torch.stack(levels)


def reference(diffusion: float):
    """A Fourier series, and apart from it the kink of u0 where periods meet, that of -x^2 in heat flow: good to 1e-9.

    There the reaction damps differences from u = -1 at the rate 10.
    """

    def exact(x, t):
        k, kink, levels = fourier_coefficients(diffusion)
        at = t * STEPS
        first = (at.floor().long() - STENCIL // 2 + 1).clamp(0, STEPS + 1 - STENCIL)
        total = kink * torch.exp(-(10 + diffusion * k**2) * t[:, None])
        for i in range(STENCIL):  # polynomials in time through the nearest levels, exact in the diffusion
            others = [j for j in range(STENCIL) if j != i]
            weight = torch.stack([(at - first - j) / (i - j) for j in others]).prod(0)
            since = (at - first - i) / STEPS
            total = total + weight[:, None] * torch.exp(-diffusion * k**2 * since[:, None]) * levels[first + i]
        total[:, 1:] *= 2
        return (total * torch.cos(x[:, None] * k)).sum(1) - torch.exp(-10 * t) * heat(x, diffusion * t)

    return lambda p: torch.cat([exact(x, t) for x, t in zip(p.x.split(500), p.t.split(500), strict=True)])


def problem(diffusion: float = 1e-4) -> pk.Problem:
    """Allen-Cahn, u_t = D u_xx + 5 (u - u^3) on [-1, 1] x [0, 1], periodic, u0 = x^2 cos(pi x)."""
    return pk.Problem(
        domain=pk.Interval(-1, 1) * pk.Time(0, 1),
        unknowns="u",
        equations={"reaction": lambda u: u.t - diffusion * u.xx - 5 * (u - u**3)},
        conditions=[pk.Initial(u=lambda p: p.x**2 * torch.cos(torch.pi * p.x)), pk.Periodic("x")],
        reference=reference(diffusion),
    )
