from functools import cache

import numpy as np
import torch

import pinnkit as pk

MODES, STEPS, EVERY, STENCIL = 4096, 4000, 4, 4


@cache
def fourier_coefficients(diffusion: float):
    """Runge-Kutta 4 for the Fourier coefficients of u, exact in the diffusion (integrating factor)."""
    x = np.arange(MODES) * 2 / MODES - 1
    k, dt = np.arange(MODES // 2 + 1) * np.pi, 1 / STEPS
    half = np.exp(-diffusion * k**2 * dt / 2)
    reaction = lambda v: 5 * (v - np.fft.rfft(np.fft.irfft(v) ** 3))  # noqa: E731
    v, levels = np.fft.rfft(x**2 * np.cos(np.pi * x)), []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            levels.append(v)
        a = reaction(v)
        b = reaction(half * (v + dt / 2 * a))
        c = reaction(half * v + dt / 2 * b)
        d = reaction(half**2 * v + dt * half * c)
        v = half**2 * v + dt / 6 * (half**2 * a + 2 * half * (b + c) + d)
    return k, np.array(levels) * np.exp(1j * k) * 2 / MODES


def reference(diffusion: float):
    """Fourier series in x, polynomials through the four nearest levels in t, exact in the diffusion."""

    def exact(x, t):
        k, levels = fourier_coefficients(diffusion)
        at = t * (len(levels) - 1)
        first = np.clip(np.floor(at).astype(int) - STENCIL // 2 + 1, 0, len(levels) - STENCIL)
        total = 0.0
        for i in range(STENCIL):
            others = [j for j in range(STENCIL) if j != i]
            weight = np.prod([(at - first - j) / (i - j) for j in others], 0)
            since = (at - first - i) / (len(levels) - 1)
            decay = np.exp(-diffusion * k**2 * since[:, None])
            total = total + weight[:, None] * decay * levels[first + i]
        total[:, 0] /= 2
        return (total * np.exp(1j * x[:, None] * k)).sum(1).real

    def chunked(p):
        chunks = zip(p.x.split(500), p.t.split(500), strict=True)
        return torch.from_numpy(np.concatenate([exact(x.numpy(), t.numpy()) for x, t in chunks]))

    return chunked


def problem(diffusion: float = 1e-4) -> pk.Problem:
    """Allen-Cahn, u_t = D u_xx + 5 (u - u^3) on [-1, 1] x [0, 1], periodic, u0 = x^2 cos(pi x)."""
    return pk.Problem(
        domain=pk.Interval(-1, 1) * pk.Time(0, 1),
        unknowns="u",
        equations={"reaction": lambda u: u.t - diffusion * u.xx - 5 * (u - u**3)},
        conditions=[pk.Initial(u=lambda p: p.x**2 * torch.cos(torch.pi * p.x)), pk.Periodic("x")],
        reference=reference(diffusion),
    )
