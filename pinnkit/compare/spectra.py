"""Which frequencies an error is made of."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch

from ..domains import Box, Domain, SpaceTime
from ..errors import InputError
from ..problem import evaluate_reference
from ..runs import load_solution
from ..solution import Solution
from .figures import Figure, Style, draw
from .study import Contest

NODES = {1: 1024, 2: 128}
"""Points along each axis, by the number of coordinates."""


def spectrum(values: np.ndarray, lengths: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    r"""Give the amplitude of a function by the size of the frequency.

    With a Hann window w along each axis, whose mean square is scaled to one, and the discrete Fourier transform F,

    .. math:: a(k)^2 = \sum_{|\kappa| \in [k - b/2, k + b/2)} |F(w v)(\kappa)|^2 / N^2

    where b is one cycle along the longest axis. The squares of all amplitudes sum to the mean square of v if the window
    sees v evenly.

    Args:
        values: the function on a regular grid of midpoints, shape ``(n,)`` or ``(n, m)``.
        lengths: of the sides.

    Returns:
        Frequencies, cycles per unit length, and amplitudes.
    """
    windowed = values
    for axis, n in enumerate(values.shape):
        window = np.hanning(n + 1)[:-1] / math.sqrt(3 / 8)
        windowed = windowed * window.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    power = np.abs(np.fft.fftn(windowed) / values.size) ** 2
    sizes = zip(values.shape, lengths, strict=True)
    grids = np.meshgrid(*(np.fft.fftfreq(n, length / n) for n, length in sizes), indexing="ij")
    step = 1 / max(lengths)
    bins = np.floor(np.sqrt(sum(grid**2 for grid in grids)) / step + 0.5).astype(int)
    # Beyond the highest frequency along the worse axis only corners of the grid are left.
    last = int(min(n / (2 * length) for n, length in zip(values.shape, lengths, strict=True)) / step)
    total = np.bincount(bins.ravel(), power.ravel())[: last + 1]
    return step * np.arange(len(total)), np.sqrt(total)


def error_spectra(contest: Contest, name: str) -> tuple[Figure | None, list[str]]:
    """Draw the spectra of the errors of the runs in the middle, and of the reference.

    Args:
        contest: the groups of a problem.
        name: of the figure.

    Returns:
        The figure, or None, and notes that say what is missing and why.
    """
    curves: list[tuple[Any, str, np.ndarray, np.ndarray]] = []
    notes = []
    style = Style(contest)
    exact = None
    for group in contest.groups:
        if (record := group.typical) is None:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.filterwarnings("error", ".* has changed since the run")  # its reference, perhaps, too
                values, reference, lengths = _on_grid(load_solution(record.folder))
            curves.append((style(group), contest.label(group), *spectrum(values - reference, lengths)))
            exact = spectrum(reference, lengths)
        except Exception as error:  # a run folder may hold anything; no picture is worth the report
            said = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            notes.append(f"No spectrum of {contest.label(group)}: {' '.join(said.split())}")
    if not curves or exact is None:
        return None, list(dict.fromkeys(note.partition(": ")[2] for note in notes))

    def paint(axes: Any) -> None:
        axes.plot(*exact, color="#8a8f98", lw=1.0, label="reference")
        for look, label, frequencies, amplitudes in curves:
            axes.plot(frequencies, np.maximum(amplitudes, 1e-20), label=label, lw=1.4, **look)
        axes.set_yscale("log")
        axes.set_xlabel("cycles per unit length")
        axes.set_ylabel("amplitude")

    alt = f"Amplitude of the error on {contest.problem} by frequency, of each space, beside that of the reference."
    caption = "Spectra of the errors and of the reference, of the median seed: amplitudes in rings of equal frequency."
    return Figure(alt, caption, draw(name, paint, len(curves) + 1)), notes


def _on_grid(solution: Solution) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Evaluate the first unknown and its reference on a regular grid; with the lengths of the sides."""
    problem = solution.problem
    if not callable(problem.reference):
        raise InputError("spectra need a reference that is a function.")
    if problem.domain.dimension not in NODES or not _is_box(problem.domain):
        raise InputError("spectra need a rectangle or an interval, in space or in space and time.")
    n = NODES[problem.domain.dimension]
    low, high = problem.domain.bounds.numpy()
    axes = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b in zip(low, high, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    points = solution.points(torch.from_numpy(nodes))
    exact = evaluate_reference(problem, points)
    unknown = next(iter(exact))
    values = solution(points).reshape(len(nodes), -1)[:, problem.unknowns.index(unknown)]
    shape = (n,) * len(axes)
    return values.double().numpy().reshape(shape), exact[unknown].numpy().reshape(shape), tuple((high - low).tolist())


def _is_box(domain: Domain) -> bool:
    return isinstance(domain.space if isinstance(domain, SpaceTime) else domain, Box)
