"""Problems on which an error estimate is likely to be wrong, by theme; see `benchmarks/effectivity.py`."""

from . import (
    coefficients,
    corners,
    energies,
    frequencies,
    gallery,
    illposed,
    jumps,
    kinks,
    materials,
    meshes,
    noise,
    nonlinear,
    offsets,
    peaks,
    pulses,
    trained,
    waves,
)
from .case import Case

THEMES: dict[str, list[Case]] = {
    "Smooth problems of the gallery": gallery.CASES,
    "Jumps": jumps.CASES,
    "Regions": materials.CASES,
    "Peaks and layers": peaks.CASES,
    "Coefficients that peak or oscillate": coefficients.CASES,
    "Kinks and tables": kinks.CASES,
    "Corners": corners.CASES,
    "Offsets and unlike sizes": offsets.CASES,
    "Pulses and moving sources": pulses.CASES,
    "Waves": waves.CASES,
    "High frequencies and resonance": frequencies.CASES,
    "Nonlinear problems": nonlinear.CASES,
    "Energies": energies.CASES,
    "Meshes": meshes.CASES,
    "Trained networks": trained.CASES,
    "Noisy data": noise.CASES,
    "Problems without one answer": illposed.CASES,
}
CASES: dict[str, Case] = {case.name: case for cases in THEMES.values() for case in cases}
