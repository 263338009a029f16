from functools import cache

import numpy as np
import torch

import pinnkit as pk

MODES, STEPS, EVERY, STENCIL = 384, 16000, 16, 8


@cache
def fourier_coefficients(delta: float):
    """Runge-Kutta 4 for the Fourier coefficients of u, exact in the dispersion (integrating factor)."""
    x = np.arange(MODES) * 2 / MODES - 1
    k = np.fft.rfftfreq(MODES, 2 / MODES) * 2 * np.pi
    dt, kept = 1 / STEPS, k < k.max() * 2 / 3
    half = np.exp(0.5j * delta**2 * k**3 * dt)

    def slope(v):
        return -0.5j * k * kept * np.fft.rfft(np.fft.irfft(v) ** 2)

    v, levels = np.fft.rfft(np.cos(np.pi * x)), []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            levels.append(v)
        a = slope(v)
        b = slope(half * (v + dt / 2 * a))
        c = slope(half * v + dt / 2 * b)
        d = slope(half**2 * v + dt * half * c)
        v = half**2 * v + dt / 6 * (half**2 * a + 2 * half * (b + c) + d)
    return k, np.array(levels) * np.exp(1j * k) * 2 / MODES


def reference(delta: float):
    """Fourier series in x, polynomials through the eight nearest levels in t."""

    def exact(p):
        k, levels = fourier_coefficients(delta)
        x, at = p.x.numpy(), p.t.numpy() * (len(levels) - 1)
        first = np.clip(np.floor(at).astype(int) - STENCIL // 2 + 1, 0, len(levels) - STENCIL)
        waves, total = np.exp(1j * x[:, None] * k), 0.0
        waves[:, 0] /= 2
        for i in range(STENCIL):
            others = [j for j in range(STENCIL) if j != i]
            weight = np.prod([(at - first - j) / (i - j) for j in others], 0)
            total = total + weight * (levels[first + i] * waves).sum(1).real
        return torch.from_numpy(total)

    return exact


def problem(delta: float = 0.022) -> pk.Problem:
    """Korteweg-de Vries, u_t + u u_x + delta^2 u_xxx = 0 on [-1, 1] x [0, 1], periodic, u0 = cos(pi x)."""
    return pk.Problem(
        domain=pk.Interval(-1, 1) * pk.Time(0, 1),
        unknowns="u",
        equations={"kdv": lambda u: u.t + u * u.x + delta**2 * u.xxx},
        conditions=[pk.Initial(u=lambda p: torch.cos(torch.pi * p.x)), pk.Periodic("x")],
        reference=reference(delta),
    )
