"""Spectral initialisation: the frequencies of the solution, read off the data of the problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..domains import Between, Points
from ..errors import InputError
from ..jets import LAPLACIAN, Key
from .energy import second_order
from .interactions import Interactions
from .problem import Problem
from .residual import FixedPoints, Residual, Values, order
from .weak import WeakForm

GRID = {1: 2048, 2: 256, 3: 48}
MOST = 2**20
LINES, LINE = 6, 4096
ENERGY = 0.99
SIGNIFICANT = 1e-3
ROUNDING = 1e-9
PERIODS, LOUD = 8, 0.3
"""Coefficients with so many periods over the domain have a part in the spectrum: frequencies with this part of the
largest amplitude are their periods."""
HIDDEN = 4.0
"""Up to about so many widths the spectrum does not see a feature."""


class Spectrum:
    r"""The expected spectrum of a solution, from which first-layer frequencies are drawn.

    Sources and boundary data are sampled on a grid over the bounding box under a Hann window. A source's spectrum is
    divided by the symbol of its operator, :math:`\hat u(\omega) = \hat f(\omega) / \sum_k a_k (i \omega)^k`, with the
    coefficients a_k averaged over the domain; the data of a condition count as they are, and so do coefficients that
    oscillate. Frequencies are drawn with
    probability :math:`|\hat u|^{1/4}` on the significant support and spread by a normal of some frequency cells. (Our
    choices; the exponent keeps weak frequencies in play.) In more than three dimensions, where no grid is fine enough,
    they are the normal alone, of all coordinates or of those that act together in the data; see `Interactions`.

    Args:
        problem: the problem, linearised about its lift or what its hard conditions prescribe (else zero).
    """

    def __init__(self, problem: Problem) -> None:
        """Sample the data; see the class."""
        bounds = problem.domain.bounds
        d = bounds.shape[1]
        self.cell = math.pi / ((bounds[1] - bounds[0]) / 2)
        self.frequencies = torch.zeros(1, d, dtype=torch.float64)
        self.probability = torch.ones(1, dtype=torch.float64)
        self.interactions: Interactions | None = None
        self.oscillating = False
        """Whether coefficients do."""
        if d not in GRID:
            known = [r for r in problem.residuals if not isinstance(r.region, FixedPoints)]
            self.interactions = Interactions(problem.domain, [partial(_source, problem, r) for r in known])
            return
        # Measured values are known at their points only, not on a grid.
        stated = [*problem.residuals, *problem.energies]
        stated = [r for r in stated if not isinstance(r.region, (FixedPoints, Between))]
        counts = _samples(problem, stated)
        axes = [
            low + (high - low) * (torch.arange(n, dtype=torch.float64) + 0.5) / n
            for n, (low, high) in zip(counts, bounds.T, strict=True)
        ]
        points = Points(torch.cartesian_prod(*axes).reshape(-1, d), problem.coordinates.names)
        window = _product_window([torch.hann_window(n, dtype=torch.float64) for n in counts])
        for feature in problem.survey.features:  # they have functions of their own
            away = feature.distance(points.coordinates) / HIDDEN
            window = window * -torch.expm1(-0.5 * away.square()).reshape(window.shape)
        omegas = [
            2 * math.pi * torch.fft.fftfreq(n, d=((high - low) / n).item(), dtype=torch.float64)
            for n, (low, high) in zip(counts, bounds.T, strict=True)
        ]
        omega = torch.cartesian_prod(*omegas).reshape(-1, d)
        total = torch.zeros(len(omega), dtype=torch.float64)
        found, oscillating = [], []
        for name in problem.domain.regions or [None]:
            # The data of each region, as if there were no other.
            with problem.domain.regions.within(name) if name else nullcontext():
                found += [_amplitude(problem, residual, points, window, omega) for residual in stated]
                found += [_weak_amplitude(problem, form, points, window, omega) for form in problem.weak]
                oscillating += _oscillating(problem, points, window, omega)
        # What is prescribed may leave nothing to be found, as a harmonic lift does, but rounding.
        with torch.no_grad():
            prescribed = _prescribed(problem)(points.coordinates).abs().max().item()
        for amplitude in found:
            if amplitude is not None and amplitude.max() > ROUNDING * prescribed * window.sum():
                total += amplitude / amplitude.max()
        self.oscillating = bool(oscillating)
        for amplitude in oscillating:
            total += amplitude / amplitude.max()
        if total.max() > 0:
            weight = (total / total.max()).pow(0.25) * (total > SIGNIFICANT * total.max())
            keep = weight > 0
            self.frequencies, self.probability = omega[keep], weight[keep]

    def draw(self, count: int, spread: float, generator: torch.Generator, grouped: bool = True) -> Tensor:
        """Draw angular frequencies.

        Args:
            count: how many.
            spread: standard deviation of the normal added to each, in frequency cells (pi over the halfwidth).
            generator: source of random numbers.
            grouped: in more than three dimensions, whether each is zero but for a group of coordinates that act
                together in the data.

        Returns:
            Frequencies, shape ``(count, d)``.
        """
        chosen = torch.multinomial(self.probability, count, replacement=True, generator=generator)
        normal = torch.randn(count, self.frequencies.shape[1], generator=generator, dtype=torch.float64)
        if self.interactions is not None and grouped:
            normal = normal * self.interactions.draw(count, generator)
        return self.frequencies[chosen] + spread * self.cell * normal


def _samples(problem: Problem, stated: Sequence[Residual]) -> list[int]:
    """Choose the number of samples along each axis: more than `GRID` where data on lines along it vary faster.

    Frequencies above half of the samples would be taken for low ones. Along random lines, the frequency below which
    `ENERGY` of the squares of a source or datum lie tells how many are needed.

    Args:
        problem: the problem.
        stated: its residuals and energies.

    Returns:
        Samples along each axis.
    """
    bounds, names = problem.domain.bounds, problem.coordinates.names
    d = bounds.shape[1]
    counts = [GRID[d]] * d
    room = MOST // GRID[d] ** d
    ends = problem.domain.interior(LINES, torch.Generator().manual_seed(0)).coordinates
    steps = (torch.arange(LINE, dtype=torch.float64) + 0.5) / LINE
    window = torch.hann_window(LINE, dtype=torch.float64)
    for axis in range(d):
        x = ends[:, None].repeat(1, LINE, 1)
        x[..., axis] = bounds[0, axis] + steps * (bounds[1, axis] - bounds[0, axis])
        points, needed = Points(x.reshape(-1, d), names), 0
        for residual in stated:
            values = None if residual in problem.energies else _source(problem, residual, points)
            if values is None or not torch.isfinite(values).all():
                continue
            lines = values.reshape(LINES, LINE)
            lines = lines - lines.mean(1, keepdim=True)
            squares = torch.fft.rfft(lines * window).abs().square().sum(0).cumsum(0)
            if squares[-1] > ROUNDING**2 * values.square().sum() * LINE:
                needed = max(needed, 4 * int((squares < ENERGY * squares[-1]).sum()))
        counts[axis] = min(max(counts[axis], needed), GRID[d] * room)
        room = max(1, room * GRID[d] // counts[axis])
    return counts


def _amplitude(
    problem: Problem, residual: Residual, points: Points, window: Tensor, omega: Tensor
) -> Tensor | None:
    """Estimate the solution's amplitude at each frequency from one residual or energy; None without usable data."""
    try:
        start = _lift(problem, residual, points)
        if residual in problem.energies:
            spectrum, symbol, highest = _first_variation(residual, start, points, window, omega)
        else:
            spectrum, symbol, highest = _equation(residual, start, points, window, omega)
    except InputError:
        return None  # Data that need a normal cannot be continued into the domain.
    return _quotient(spectrum, symbol, highest, omega)


def _quotient(spectrum: Tensor, symbol: Tensor, highest: int, omega: Tensor) -> Tensor | None:
    if not torch.isfinite(spectrum).all() or not spectrum.any():
        return None
    if not symbol.max() > 0:
        symbol = torch.ones_like(symbol)  # the operator has no slope there, as |grad u|^2 at zero
    # Near a resonance the symbol vanishes; one cell's worth of its growth keeps the quotient finite.
    cell = omega.abs()[omega.abs() > 0].min()
    floor = symbol[symbol > 0].min().clamp_min(symbol.max() * (cell / omega.abs().max()) ** highest)
    amplitude = spectrum / (symbol + floor)
    return amplitude if amplitude.max() > 0 else None


def _oscillating(problem: Problem, points: Points, window: Tensor, omega: Tensor) -> list[Tensor]:
    """Give the spectra of oscillating coefficients and of their squares: they multiply what they make once more."""
    residuals = [*problem.equations, *problem.factors, *problem.energies]
    found = []
    for residual in [r for r in residuals if not isinstance(r.region, FixedPoints)]:
        for *_, values in problem.survey.slopes(residual, points.coordinates):
            away = values - values.mean()
            spectra = [_transform(part - part.mean(), window).abs() for part in (away, away.square())]
            lowest = torch.stack([axis[axis > 0].min() for axis in omega.abs().mT])
            loud = omega[spectra[0] > LOUD * spectra[0].max()].abs().amax(0)
            if torch.isfinite(spectra[0]).all() and spectra[0].any() and (loud > PERIODS * lowest).any():
                found += [spectrum for spectrum in spectra if spectrum.any()]
    return found


def _weak_amplitude(
    problem: Problem, form: WeakForm, points: Points, window: Tensor, omega: Tensor
) -> Tensor | None:
    """Do as `_amplitude` does for the equation that a part of a weak form is the integral of."""
    spectrum = symbol = torch.zeros(len(omega), dtype=torch.complex128)
    highest = 0
    for factor in form.factors:
        try:
            source, slopes = factor.residual.linearise(_lift(problem, factor.residual, points), points)
        except InputError:
            return None
        space = factor.residual.coordinates.space
        tested = _factor(factor.key, omega, space).conj()
        spectrum = spectrum + tested * _transform(source, window)
        # Of several unknowns the tested one, whose equation this is.
        own = list(slopes.values())[factor.test]
        symbol = symbol + tested * _symbol(own, omega, space)
        highest = max(highest, order([factor.key]) + order(own))
    return _quotient(spectrum.abs(), symbol.abs(), highest, omega)


def _source(problem: Problem, residual: Residual, points: Points) -> Tensor | None:
    """Evaluate the source or datum of a residual anywhere; None where it needs a normal."""
    try:
        return residual(_lift(problem, residual, points), points).detach()
    except InputError:
        return None


def _equation(
    residual: Residual, start: Values, points: Points, window: Tensor, omega: Tensor
) -> tuple[Tensor, Tensor, int]:
    """Give the spectrum of an equation's source, the modulus of its operator's symbol, and its order."""
    source, slopes = residual.linearise(start, points)
    symbol = torch.zeros(len(omega), dtype=torch.float64)
    for found in slopes.values():
        symbol = torch.maximum(symbol, _symbol(found, omega, residual.coordinates.space).abs())
    return _transform(source, window).abs(), symbol, max(order(found) for found in slopes.values())


def _first_variation(
    density: Residual, start: Values, points: Points, window: Tensor, omega: Tensor
) -> tuple[Tensor, Tensor, int]:
    """Give the same of the Euler-Lagrange equation of an energy."""
    keys = [(unknown, key) for unknown, found in density.keys.items() for key in found]
    slopes, curvatures = second_order(density, start, points)
    factors = [_factor(key, omega, density.coordinates.space) for _, key in keys]
    source = torch.stack([f.conj() * _transform(s, window) for f, s in zip(factors, slopes, strict=True)]).sum(0)
    symbol = torch.zeros(len(omega), dtype=torch.float64)
    for unknown in density.keys:
        own = [i for i, (name, _) in enumerate(keys) if name == unknown]
        terms = [
            factors[i].conj() * factors[j] * mean
            for i in own for j in own
            if (curvature := curvatures[i][j]) is not None and torch.isfinite(mean := curvature.mean())
        ]
        if terms:
            symbol = torch.maximum(symbol, torch.stack(terms).sum(0).abs())
    return source.abs(), symbol, 2 * order(key for _, key in keys)


def _transform(values: Tensor, window: Tensor) -> Tensor:
    return torch.fft.fftn(values.reshape(window.shape) * window).reshape(-1)


def _lift(problem: Problem, residual: Residual, points: Points) -> Values:
    """Evaluate what is known or prescribed by hard conditions: its residual is a source of the rest of the solution."""
    with torch.no_grad():
        return residual.values(_prescribed(problem), points)


def _prescribed(problem: Problem) -> Callable[[Any], Any]:
    return problem.known or problem.hard.lift


def _symbol(slopes: dict[Key, Tensor], omega: Tensor, space: tuple[int, ...]) -> Tensor:
    total = torch.zeros(len(omega), dtype=torch.complex128)
    for key, slope in slopes.items():
        mean = slope.mean()
        # Slopes such as that of sqrt(u) at zero are infinite; they tell nothing.
        total += mean * _factor(key, omega, space) if torch.isfinite(mean) else 0
    return total


def _factor(key: Key, omega: Tensor, space: tuple[int, ...]) -> Tensor:
    """Give what a derivative multiplies each plane wave by."""
    if key == LAPLACIAN:
        return -(omega[:, list(space)] ** 2).sum(1).to(torch.complex128)
    factor = torch.ones(len(omega), dtype=torch.complex128)
    for axis in key:
        factor = factor * (1j * omega[:, int(axis)])
    return factor


def _product_window(ones: list[Tensor]) -> Tensor:
    """Multiply one-dimensional windows to a window on the grid."""
    window = ones[0]
    for one in ones[1:]:
        window = window[..., None] * one
    return window
