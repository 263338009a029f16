"""Time the projector and its adjoint beside scikit-image and the ASTRA toolbox.

    python benchmarks/projector.py          # prints the tables and writes docs/projector.md; a minute

All project the same image, take turns in one process, and deliver arrays. Libraries that are not installed are left out
with a line, and so is the GPU.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinnkit.tomography import Detector, ImageGrid, ParallelBeam, Projector

TARGET = Path(__file__).parent.parent / "docs" / "projector.md"
WANTED = {"scikit-image": 10, "ASTRA": 1}
"""How many times faster than each library the projector is to be."""
OURS = "pinnkit"


@dataclass
class Contender:
    """Something that projects and projects back, with the seconds that it took."""

    name: str
    setup: float
    forward: Callable[[], Any]
    adjoint: Callable[[], Any]
    images: int = 1
    forward_seconds: list[float] = field(default_factory=list)
    adjoint_seconds: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Time both once."""
        for function, seconds in ((self.forward, self.forward_seconds), (self.adjoint, self.adjoint_seconds)):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)

    @property
    def milliseconds(self) -> np.ndarray:
        """Medians for one image, forward and adjoint."""
        medians = [statistics.median(seconds) for seconds in (self.forward_seconds, self.adjoint_seconds)]
        return 1e3 * np.array(medians) / self.images

    def mismatch(self, image: np.ndarray, sinogram: np.ndarray) -> float:
        """Relative difference of <A x, y> and <x, A^T y>."""
        ax, aty = (np.asarray(torch.as_tensor(run()).cpu(), dtype=float) for run in (self.forward, self.adjoint))
        size = self.images * np.linalg.norm(image) * np.linalg.norm(aty.reshape(-1, *image.shape)[0])
        return abs((ax * sinogram).sum() - (image * aty).sum()) / size


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    """Give what a function makes, and the seconds it took."""
    start = time.perf_counter()
    return make(), time.perf_counter() - start


def pinnkit(
    image: np.ndarray,
    sinogram: np.ndarray,
    angles: np.ndarray,
    note: str = "",
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    images: int = 1,
    **options: Any,
) -> Contender:
    """Give pinnkit's projector."""
    n, bins = len(image), sinogram.shape[1]
    geometry, grid = ParallelBeam(angles, Detector(bins, 1.0)), ImageGrid(n, n, 1.0)
    a, setup = timed(lambda: Projector(geometry, grid, dtype, device, **options))
    x, y = (torch.as_tensor(v, dtype=dtype, device=device).expand(images, -1, -1).clone() for v in (image, sinogram))

    def finished(result: torch.Tensor) -> torch.Tensor:
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    return Contender(f"{OURS}{note}", setup, lambda: finished(a(x)), lambda: finished(a.T(y)), images)


def scikit_image(image: np.ndarray, sinogram: np.ndarray, angles: np.ndarray) -> Iterator[Contender]:
    """Give radon and unfiltered iradon, whose factor pi / (2 views) is taken out beforehand."""
    from skimage.transform import iradon, radon

    smeared = np.ascontiguousarray(sinogram.T) * np.float32(2 * len(angles) / np.pi)
    name = f"scikit-image {version('scikit-image')}, radon and iradon without filter"
    yield Contender(name, 0, lambda: radon(image, angles).T, lambda: iradon(smeared, angles, filter_name=None))


def astra(image: np.ndarray, sinogram: np.ndarray, angles: np.ndarray) -> Iterator[Contender]:
    """Give every CPU projector, the GPU's if there is one, and a CPU projector's matrix, stored as ours is."""
    import astra

    release = f"ASTRA {version('astra-toolbox')}"
    volume = astra.create_vol_geom(*image.shape)
    rays = astra.create_proj_geom("parallel", 1.0, sinogram.shape[1], np.radians(angles))

    def run(work: int, result: int) -> np.ndarray:
        astra.algorithm.run(work)
        return astra.data2d.get_shared(result)

    def algorithm(kind: str, projector: int) -> Contender:
        x, y = astra.data2d.create("-vol", volume, image), astra.data2d.create("-sino", rays, sinogram)
        ax, aty = astra.data2d.create("-sino", rays), astra.data2d.create("-vol", volume)
        suffix = "_CUDA" if kind == "cuda" else ""
        runs = []
        for name, settings in (
            (f"FP{suffix}", {"VolumeDataId": x, "ProjectionDataId": ax}),
            (f"BP{suffix}", {"ProjectionDataId": y, "ReconstructionDataId": aty}),
        ):
            work = astra.algorithm.create({"type": name, "ProjectorId": projector, **settings})
            result = settings.get("ReconstructionDataId", ax)
            runs.append(partial(run, work, result))
        return Contender(f"{release}, {kind}", 0, *runs)

    for kind in ("line", "strip", "linear"):
        yield algorithm(kind, astra.create_projector(kind, rays, volume))
    if astra.use_cuda():
        yield algorithm("cuda", astra.create_projector("cuda", rays, volume))

    def matrices() -> tuple[Any, Any]:
        linear = astra.create_projector("linear", rays, volume)
        matrix = astra.matrix.get(astra.projector.matrix(linear)).astype(np.float32)
        return matrix, matrix.T.tocsr()

    (matrix, transpose), setup = timed(matrices)
    x, y = image.ravel(), sinogram.ravel()
    yield Contender(
        f"SciPy, matrix and transpose of {release}, linear",
        setup,
        lambda: (matrix @ x).reshape(sinogram.shape),
        lambda: (transpose @ y).reshape(image.shape),
    )


def contenders(size: int, views: int) -> tuple[np.ndarray, np.ndarray, list[Contender], list[Contender]]:
    """Give an image, a sinogram, everyone's projectors, and ours in other settings."""
    generator = np.random.default_rng(0)
    image = generator.random((size, size), np.float32)
    y, x = np.mgrid[:size, :size] - size // 2
    image *= x**2 + y**2 < (size // 2 - 1) ** 2  # where scikit-image looks
    sinogram = generator.random((views, size), np.float32)
    data = image, sinogram, np.arange(views) * 180 / views

    everyone = [pinnkit(*data)]
    for library, of_library in (("scikit-image", scikit_image), ("astra-toolbox", astra)):
        try:
            everyone += of_library(*data)
        except ImportError:
            print(f"{library} is not installed: left out")
    if torch.cuda.is_available():
        everyone.append(pinnkit(*data, f", {torch.cuda.get_device_name()}", device="cuda"))
    else:
        print("there is no GPU: left out")
    alone = [
        pinnkit(*data, ", batch of 8, for each image", images=8),
        pinnkit(*data, ", float64", torch.float64),
        pinnkit(*data, ", float64, batch of 8, for each image", torch.float64, images=8),
        pinnkit(*data, ", assembled in blocks at every use", memory_limit=0),
    ]
    return image, sinogram, everyone, alone


def table(rows: list[Contender], base: np.ndarray, image: np.ndarray, sinogram: np.ndarray) -> list[str]:
    """Write rows, and times as multiples of `base`."""
    lines = [
        "| | set up, s | forward, ms | adjoint, ms | times ours, forward | adjoint | adjoint mismatch |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ms, ratios = row.milliseconds, row.milliseconds / base
        lines.append(
            f"| {row.name} | {row.setup:.2f} | {ms[0]:.1f} | {ms[1]:.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} | "
            f"{row.mismatch(image, sinogram):.0e} |"
        )
    return [*lines, ""]


def verdict(rows: list[Contender]) -> list[str]:
    """Say for each library whether its quickest projectors are as much slower as wanted."""
    ours, lines = rows[0].milliseconds, []
    for library, wanted in WANTED.items():
        theirs = [row.milliseconds for row in rows if row.name.startswith(library) and "cuda" not in row.name]
        if theirs:
            ratios = np.min(theirs, 0) / ours
            met = "met" if (ratios >= wanted).all() else "missed"
            numbers = f"{ratios[0]:.1f} times forward, {ratios[1]:.1f} times adjoint"
            lines.append(f"- Faster than the quickest of {library}: {numbers}; asked for at least {wanted}: {met}.")
    return [*lines, ""]


def main() -> None:
    """Time everyone on one thread and on two, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--views", type=int, default=180)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    n = options.size
    lines = [
        "# The projector beside other libraries",
        "",
        f"Written by `python benchmarks/projector.py`: {n} x {n} pixels, {options.views} views of {n} parallel rays,",
        f"float32; medians of {options.repeats} runs in which all take turns; one machine of {os.cpu_count()} cores,",
        f"torch {torch.__version__}: read ratios, not milliseconds. pinnkit assembles its matrix and transpose once,",
        "in the set-up; scikit-image and ASTRA find their weights at every use, on one core. The mismatch is",
        "|<A x, y> - <x, A' y>| / (|x| |A' y|), where A' is what the library has as the adjoint.",
        "",
    ]
    for threads in options.threads:
        torch.set_num_threads(threads)
        image, sinogram, everyone, alone = contenders(options.size, options.views)
        for _ in range(options.repeats + 1):
            for row in everyone + alone:
                row.run()
        for row in everyone + alone:  # the first runs warm up
            del row.forward_seconds[0], row.adjoint_seconds[0]
        base = everyone[0].milliseconds
        lines += [f"## {threads} thread{'s' if threads > 1 else ''}", ""]
        lines += table(everyone, base, image, sinogram) + verdict(everyone)
        lines += ["pinnkit's projector in other settings:", "", *table(alone, base, image, sinogram)]
    print("\n".join(lines))
    options.out.write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
