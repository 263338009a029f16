"""Comparing: problems, spaces, methods and seeds, each with each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from .comparison import METHODS, SPACES, Comparison
from .execution import Tally, check_backend, cores, execute
from .folder import prepare
from .one_run import failure_of, finished


def compare(
    problems: str | Sequence[str],
    spaces: Sequence[str] = SPACES,
    methods: Sequence[str] = METHODS,
    *,
    seeds: int | Sequence[int] = 5,
    parameters: int | None = None,
    budget: str = "20s",
    options: Mapping[str, Mapping[str, Any]] | None = None,
    tolerance: float = 1e-10,
    dtype: str = "float64",
    device: str = "auto",
    classical: bool = True,
    jobs: int | None = None,
    backend: str = "loky",
    address: str | None = None,
    out: str | Path = "runs/compare",
    observer: Callable[[Tally], None] = lambda tally: None,
    announce: Callable[[str], None] = lambda line: None,
) -> Tally:
    """Solve problems in several spaces by several methods from several seeds, each run into a run folder.

    Runs with the same problem, method and seed start from the same random numbers. Methods that train have the same
    collocation points in all spaces; least squares takes four for each function, and those of a smaller space are among
    a larger one's. Linear problems of at most three
    coordinates get one more row, Chebyshev polynomials by least squares (or Ritz), which is the classical spectral
    method: the method refines it up to the number of parameters.

    Finished runs are never repeated: the same call again makes what is missing, and one with further problems, spaces,
    methods or seeds extends the comparison. Runs that were killed begin anew. A run that fails leaves failure.json in
    its folder; to try it again, delete that.

    Args:
        problems: gallery names or paths of problem files.
        spaces: names of spaces.
        methods: names of methods.
        seeds: how many (0, 1, ...), or which.
        parameters: number of parameters that each space is to have, as nearly as it can; None keeps their own sizes.
        budget: of each run, such as "60s" or "500steps".
        options: by what they belong to: "problem", the name of a space, or that of a method.
        tolerance: relative error at which a run stops, by its error estimate.
        dtype: float64 or float32.
        device: "auto" or a torch device.
        classical: add the classical row.
        jobs: how many runs at a time, which share the cores evenly; None takes one for each core.
        backend: "loky" makes processes on this machine, "dask" uses a cluster, whose workers must see the folder.
        address: of a Dask scheduler, as HOST:PORT; None makes a cluster of ``jobs`` workers on this machine.
        out: folder of the comparison; comparison.json says what is in it.
        observer: called after every run.
        announce: called with one line for each cell before anything runs.

    Returns:
        How many runs there are, which ones failed and why, and the signal (Ctrl-C, too) that stopped them, if one did.

    Raises:
        InputError: something does not fit; nothing has been run then.
    """
    check_backend(backend, address)
    jobs = cores() if jobs is None else jobs
    if jobs < 1:
        raise InputError(f"jobs must be a positive whole number, got {jobs}.")
    if isinstance(seeds, int):
        seeds = range(seeds)
    comparison = Comparison(
        problems=_distinct(problems),
        spaces=_distinct(spaces),
        methods=_distinct(methods),
        seeds=_distinct(seeds),
        parameters=parameters,
        budget=budget,
        tolerance=tolerance,
        dtype=dtype,
        device=device,
        options=options or {},
        classical=classical,
    )
    folder = Path(out).expanduser().resolve()
    threads = 1 if address is not None else max(1, cores() // jobs)
    cells = comparison.cells()
    command = comparison.command(folder, jobs, backend, address)
    prepare(folder, comparison, cells, threads, command)
    for cell in cells:
        announce(cell.summary())
    # Seed by seed, so that a comparison that is stopped half way has something of every cell.
    runs = [(cell.run(seed), str(folder / cell.folder / f"seed-{seed}")) for seed in comparison.seeds for cell in cells]
    missing = [run for run in runs if not finished(Path(run[1]))]
    tally = Tally(len(runs), command, before=len(runs) - len(missing))
    reasons = {where: failure_of(Path(where)) for _, where in runs}
    tally.failed = {where: reason for where, reason in reasons.items() if reason is not None}
    if missing:
        execute(missing, tally, threads, jobs, backend, address, observer)
    return tally


def _distinct(values: Sequence[Any]) -> tuple[Any, ...]:
    return (values,) if isinstance(values, str) else tuple(dict.fromkeys(values))
