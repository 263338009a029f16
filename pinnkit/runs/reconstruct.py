"""From a scan to an image in a run folder, with what the classical methods make of the same scan."""

from __future__ import annotations

import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from ..gallery import find_problem
from ..methods import Budget, Progress, Status
from ..options import fitting, parameters_of
from .folder import RunFolder
from .image_folder import write_image
from .image_metrics import Rating, summarise
from .names import make_device, make_image_space
from .provenance import provenance
from .solve import digest
from .specification import Specification

if TYPE_CHECKING:
    from ..tomography import Scan

Observer = Callable[[Progress, Budget], None]


@dataclass(frozen=True)
class Request:
    """How to reconstruct a scan; part of run.json.

    Args:
        space: name of the network.
        space_options: of the space.
        regulariser: "tv", "smoothness" or "none".
        budget: as text.
        members: of the ensemble; more than one give an uncertainty.
        seed: of all random numbers.
        device: "auto" or a torch device.
    """

    space: str = "lrnn"
    space_options: Mapping[str, Any] = field(default_factory=dict)
    regulariser: str = "tv"
    budget: str = "5min"
    members: int = 1
    seed: int = 0
    device: str = "auto"

    def arguments(self) -> dict[str, Any]:
        """Give the arguments of `tomography.reconstruct`; raises InputError where one makes no sense."""
        from ..tomography.neural.reconstruct import check_regulariser

        space = make_image_space(self.space, self.space_options)
        check_regulariser(self.regulariser, space)
        if isinstance(self.members, bool) or self.members < 1:
            raise InputError(f"members must be a whole number of at least 1, got {self.members}.")
        return {
            "space": space,
            "regulariser": self.regulariser,
            "budget": Budget.parse(self.budget),
            "members": self.members,
            "seed": self.seed,
            "device": make_device(self.device, torch.float32),
        }


@dataclass
class Image:
    """An image with what is known of its making, whether it came to its end or was interrupted."""

    image: Tensor
    status: Status
    reason: str
    steps: int
    seconds: float
    history: list[dict[str, Any]]
    weight: float | None = None
    uncertainty: Tensor | None = None
    signal: int | None = None


class Watch:
    """Keeps the last iterate and its history, so that a signal loses nothing, and rates iterates for the record only.

    Args:
        rating: of images against the truth.
        show: called with the progress.
        budget: of the run.
        start: an image to keep until there is an iterate, and the name of the method that it comes from.
    """

    def __init__(self, rating: Rating, show: Observer, budget: Budget, start: tuple[str, Tensor]) -> None:
        """Start the clock; see the class."""
        self.rating, self.show, self.budget, self.start = rating, show, budget, start
        self.image: Tensor | None = None
        self.history: list[dict[str, Any]] = []
        budget.start()

    def __call__(self, step: int, seconds: float, image: Tensor, values: Mapping[str, Any]) -> None:
        """Keep an iterate; see `tomography.reconstruct`."""
        if image.isfinite().all():
            self.image = image.detach().clone()
        self.history.append({"step": step, "seconds": seconds, **values, **self.rating.closeness(image)})
        self.budget.steps_done = step
        self.show(Progress(step, seconds, values.get("loss", math.nan)), self.budget)

    def kept(self, number: int) -> Image:
        """Give the last iterate of a run that a signal ended, or else the start."""
        name = signal.Signals(number).name
        if self.image is None:
            method, start = self.start
            reason = f"{name} before the first checkpoint; the image kept is that of {method}"
            return Image(start, Status.INTERRUPTED, reason, 0, self.budget.elapsed, self.history, signal=number)
        last = self.history[-1]
        reason = f"{name} after {last['step']} steps; the image so far is kept"
        return Image(self.image, Status.INTERRUPTED, reason, last["step"], last["seconds"], self.history, signal=number)


def reconstruct_file(
    path: Path, fields: Mapping[str, Any], request: Request, out: Path, observer: Observer
) -> tuple[dict[str, Any], int | None]:
    """Reconstruct the scan in a file, into a run folder.

    Args:
        path: of the scan.
        fields: what its file does not say, by the names of `tomography.read_scan`.
        request: how to reconstruct it.
        out: the run folder.
        observer: called at checkpoints.

    Returns:
        The metrics, and the number of the signal that interrupted the run, if one did.
    """
    from ..tomography import read_scan

    given = {name: _angles(value) if name == "angles" else value for name, value in fields.items()}
    scan = read_scan(path, **given)
    description = {
        "problem": None,
        "scan": str(path.resolve()),
        "scan_sha256": digest(path),
        "fields": dict(fields),
    }
    return reconstruct_scan(scan, request, RunFolder(out), description, observer)


def reconstruct_specification(
    specification: Specification, out: Path, observer: Observer
) -> tuple[dict[str, Any], int | None]:
    """Reconstruct the scan of a problem file, into a run folder.

    Args:
        specification: the run; its method's options are `Request`'s regulariser and members.
        out: the run folder.
        observer: called at checkpoints.

    Returns:
        The metrics, and the number of the signal that interrupted the run, if one did.

    Raises:
        InputError: an option is for equations only.
        NameNotFound: an unknown option.
    """
    for name, parameter in parameters_of(Specification).items():
        if name in ("method", "tolerance", "dtype") and getattr(specification, name) != parameter.default:
            raise InputError(
                f"{name} {getattr(specification, name)!r} is for equations, but {specification.problem} is a CT scan; "
                "for scans there are --space, --budget, --seed, --device, and --set method.regulariser=... or "
                "method.members=..."
            )
    known, options = parameters_of(Request), {}
    for name, value in specification.method_options.items():
        if name not in ("regulariser", "members"):
            raise NameNotFound("option of reconstructions", name, ("regulariser", "members"))
        options[name] = fitting(f"method.{name}", value, known[name])
    space = specification.space or Request.space
    options |= {"budget": specification.budget, "seed": specification.seed, "device": specification.device}
    request = Request(space, specification.space_options, **options)
    file = find_problem(specification.problem)
    settled = specification.settled()
    description = {
        "problem": settled.problem,
        "problem_arguments": settled.problem_arguments,
        "problem_sha256": digest(file),
    }
    scan: Any = specification.loaded
    return reconstruct_scan(scan, request, RunFolder(out), description, observer)


def reconstruct_scan(
    scan: Scan, request: Request, folder: RunFolder, description: Mapping[str, Any], observer: Observer
) -> tuple[dict[str, Any], int | None]:
    """Reconstruct a scan by every classical method and by a network, and write the run folder.

    Args:
        scan: what was measured.
        request: how to reconstruct it.
        folder: the run folder.
        description: where the scan comes from, for run.json.
        observer: called at checkpoints.

    Returns:
        The metrics, and the number of the signal that interrupted the run, if one did.
    """
    from .. import tomography
    from ..tomography.geometry import describe
    from ..tomography.neural.fields import as_field

    arguments = request.arguments()
    projector = tomography.Projector(scan.geometry, scan.grid, device=arguments["device"])
    network = as_field(arguments["space"], scan.grid, torch.Generator()).network
    rating = Rating(scan, projector)
    images: dict[str, Tensor] = {}
    references: dict[str, dict[str, Any]] = {}
    for method in tomography.CLASSICAL:
        start = time.perf_counter()
        found = method.solve(scan, projector)
        seconds = time.perf_counter() - start
        images[method.name] = found.image
        references[method.name] = rating(found.image) | {
            "seconds": seconds,
            "reason": found.reason,
            "weight": found.weight,
            "iterations": found.iterations,
        }
    angles = scan.geometry.angles
    geometry = describe(scan.geometry) | {"angles": f"{len(angles)} from {angles[0]:g} to {angles[-1]:g} degrees"}
    content = {**description, **asdict(request), "geometry": geometry, "grid": asdict(scan.grid)}
    folder.begin(content | {"variance_known": scan.variance is not None} | provenance())
    watch = Watch(rating, observer, Budget.parse(request.budget), ("TV", images["TV"]))
    image = _run(scan, arguments, watch)
    metrics = summarise(image, request, rating, network) | {"references": references}
    write_image(folder.path, image, images, metrics, rating)
    return metrics, image.signal


def _run(scan: Scan, arguments: Mapping[str, Any], watch: Watch) -> Image:
    """Run the neural reconstruction until its end or a signal."""
    from .. import tomography

    try:
        with _raising((signal.SIGINT, signal.SIGTERM)), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "truncated")  # said once, by the projector of the references
            found = tomography.reconstruct(scan, **arguments, observer=watch)
    except KeyboardInterrupt as interruption:
        return watch.kept(interruption.args[0] if interruption.args else signal.SIGINT)
    # The rated history says more, but an observer need not see every record.
    rated = {record["step"]: record for record in watch.history}
    history = [record | rated.get(record["step"], {}) for record in found.history]
    whole = found.image if watch.image is None or found.image.isfinite().all() else watch.image
    return Image(
        whole, found.status, found.reason, found.steps, found.seconds, history, found.weight, found.uncertainty,
        signal.SIGINT if found.status is Status.INTERRUPTED else None,
    )  # fmt: skip


@contextmanager
def _raising(signals: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Turn signals into a KeyboardInterrupt with their number."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt(number)

    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _angles(value: Any) -> Any:
    """Read a range of angles such as "0:180:9", without its end."""
    if not isinstance(value, str):
        return value
    try:
        start, stop, step = map(float, value.split(":"))
        found = np.arange(start, stop, step)
    except (ValueError, ZeroDivisionError):
        found = np.zeros(0)
    if found.size == 0:
        raise InputError(f"angles must be a list like [0,9,18] or a range like 0:180:9 (degrees), got {value!r}.")
    return found
