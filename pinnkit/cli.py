"""The command line: parsing and printing only; every command is one library call."""

from __future__ import annotations

import csv
import math
import os
import shlex
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from .errors import InputError, NameNotFound
from .options import parse_settings

app = typer.Typer(
    name="pinnkit",
    help="Solve partial differential equations in neural trial spaces.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

KINDS = ("problems", "spaces", "methods")
WIDTH = 118
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""Click's own, which typer brings along under changing names."""


def whole_number(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"expected a whole number, got {text!r}") from None


def number(text: str) -> float:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter(f"expected a number such as 1e-8, got {text!r}")
    return value


@app.command(name="list")
def list_(kind: Annotated[str, typer.Argument(help="problems, spaces or methods; all by default")] = "") -> None:
    """List the problems of the gallery, the spaces and the methods, with their options for --set."""
    from .gallery import gallery, summary
    from .options import describe, parameters_of
    from .runs import METHODS, PARTS, SPACES
    from .tomography import DeepImagePrior

    if kind and kind not in KINDS:
        raise NameNotFound("kind of list", kind, KINDS)
    found = {"problems": {name: summary(path) for name, path in gallery().items()}}
    spaces = SPACES | {"deep-image-prior": DeepImagePrior}
    for title, makers in (("spaces", spaces), ("methods", METHODS)):
        found[title] = {name: ((m.__doc__ or "").partition("\n")[0], describe(m)) for name, m in makers.items()}
    for title, entries in found.items():
        if kind in ("", title):
            print(title)
            for name, (doc, options) in entries.items():
                if title == "spaces":
                    _print_space(name, doc, spaces[name](), options)
                else:
                    print(f"  {name:16s} {doc}" + f" [{options}]" * bool(options))
    if kind in ("", "methods"):
        for part, makers in PARTS.items():
            owners = ", ".join(name for name, maker in METHODS.items() if part in parameters_of(maker))
            print(f"  {part:16s} Of {owners}: --set method.{part}=NAME --set method.{part}.OPTION=VALUE")
            for name, maker in makers.items():
                print(f"    {name:14s} {(maker.__doc__ or '').partition(chr(10))[0]} [{describe(maker)}]")


def _print_space(name: str, doc: str, space: Any, options: str) -> None:
    """Print a space with its formula, options and references, which may depend on its options."""
    from .references import entries

    references = "; ".join(entries()[key].short for key in space.references)
    details = {"formula": space.formula, "options": options, "reference": references}
    rows = [(f"  {name:16s} ", doc), *((f"{'':19s}{label:9s}  ", text) for label, text in details.items() if text)]
    for margin, text in rows:
        print(textwrap.fill(text, WIDTH, initial_indent=margin, subsequent_indent=" " * len(margin)))


@app.command()
def solve(
    problem: Annotated[str, typer.Argument(help="a gallery name or the path of a problem file")],
    space: Annotated[str | None, typer.Option(help="trial space; chosen by the method if not given")] = None,
    method: Annotated[str, typer.Option(help="auto, least-squares, adam, lbfgs, or several joined by +")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="option, such as space.rank=64")] = None,
    budget: Annotated[str, typer.Option(help="such as 60s, 5min or 2000steps")] = "60s",
    tol: Annotated[
        float, typer.Option(help="relative error to stop at, by the error estimate", parser=number, metavar="NUMBER")
    ] = 1e-10,
    seed: Annotated[int, typer.Option(help="of all random numbers", parser=whole_number, metavar="NUMBER")] = 0,
    dtype: Annotated[str, typer.Option(help="float64 or float32")] = "float64",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    out: Annotated[Path | None, typer.Option(help="run folder; runs/PROBLEM by default")] = None,
) -> None:
    """Solve a problem, or reconstruct the scan of a CT problem, and write a run folder."""
    from .problem import Problem
    from .runs import ProgressLine, Specification, reconstruct_specification, solve_specification

    options = parse_settings(set_ or [])
    specification = Specification(
        problem=problem,
        problem_arguments=options["problem"],
        space=space,
        space_options=options["space"],
        method=method,
        method_options=options["method"],
        budget=budget,
        tolerance=tol,
        seed=seed,
        dtype=dtype,
        device=device,
    )
    folder = out or Path("runs") / Path(problem).stem
    if not isinstance(specification.loaded, Problem):
        with ProgressLine() as line:
            metrics, interruption = reconstruct_specification(specification, folder, line)
        return _report_image(metrics, folder, interruption)
    with ProgressLine() as line:
        solution, outcome = solve_specification(specification, folder, line, print)
    _report(solution, folder, outcome)


@app.command()
def reconstruct(
    scan: Annotated[Path, typer.Argument(help="a scan: .npz, .npy, .mat (HTC 2022), or a sinogram as .png or .tif")],
    space: Annotated[str, typer.Option(help="lrnn, siren, wire, gauss, relu-positional, deep-image-prior")] = "lrnn",
    regulariser: Annotated[str, typer.Option(help="tv, smoothness (not of deep-image-prior) or none")] = "tv",
    set_: Annotated[list[str] | None, typer.Option("--set", help="such as geometry.rows=256 or space.rank=64")] = None,
    budget: Annotated[str, typer.Option(help="such as 60s, 5min or 2000steps")] = "5min",
    members: Annotated[
        int, typer.Option(help="networks; several give an uncertainty", parser=whole_number, metavar="NUMBER")
    ] = 1,
    seed: Annotated[int, typer.Option(help="of all random numbers", parser=whole_number, metavar="NUMBER")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    out: Annotated[Path | None, typer.Option(help="run folder; runs/SCAN by default")] = None,
) -> None:
    """Reconstruct an image from a CT scan, beside the classical methods, and write a run folder."""
    from .runs import ProgressLine, Request, reconstruct_file

    options = parse_settings(set_ or [], ("geometry", "space"))
    request = Request(space, options["space"], regulariser, budget, members, seed, device)
    folder = out or Path("runs") / scan.stem
    with ProgressLine() as line:
        metrics, interruption = reconstruct_file(scan, options["geometry"], request, folder, line)
    _report_image(metrics, folder, interruption)


@app.command()
def compare(
    problems: Annotated[list[str], typer.Argument(help="gallery names or paths of problem files")],
    spaces: Annotated[str | None, typer.Option(help="trial spaces, separated by commas")] = None,
    methods: Annotated[str | None, typer.Option(help="methods, separated by commas")] = None,
    seeds: Annotated[str, typer.Option(help="a number of seeds, or a list such as 0,3,7 (or 3, for one)")] = "5",
    parameters: Annotated[
        int | None,
        typer.Option(help="of each space; their own sizes if not given", parser=whole_number, metavar="NUMBER"),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="such as problem.n=8, siren.omega=10 or adam+lbfgs.rate=1e-3")
    ] = None,
    budget: Annotated[str, typer.Option(help="of each run, such as 60s, 5min or 2000steps")] = "20s",
    tol: Annotated[
        float, typer.Option(help="relative error to stop at, by the error estimate", parser=number, metavar="NUMBER")
    ] = 1e-10,
    dtype: Annotated[str, typer.Option(help="float64 or float32")] = "float64",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    classical: Annotated[bool, typer.Option(help="a row of Chebyshev polynomials for linear problems")] = True,
    jobs: Annotated[
        int | None,
        typer.Option(help="runs at a time; one for each core if not given", parser=whole_number, metavar="NUMBER"),
    ] = None,
    backend: Annotated[str, typer.Option(help="loky (processes of this machine) or dask")] = "loky",
    address: Annotated[str | None, typer.Option(help="of a Dask scheduler, as HOST:PORT; local if not given")] = None,
    out: Annotated[Path | None, typer.Option(help="folder of the comparison; runs/compare by default")] = None,
) -> None:
    """Compare spaces and methods on problems, with equal budgets; the same again makes only what is missing."""
    from .compare import METHODS, SPACES
    from .compare import compare as compare_spaces
    from .runs import ProgressLine

    chosen, how = spaces.split(",") if spaces else SPACES, methods.split(",") if methods else METHODS
    folder = out or Path("runs/compare")
    with ProgressLine() as line:
        tally = compare_spaces(
            problems, chosen, how, seeds=_seeds(seeds), parameters=parameters, budget=budget,
            options=parse_settings(set_ or [], ("problem", *chosen, *how)), tolerance=tol, dtype=dtype, device=device,
            classical=classical, jobs=jobs, backend=backend, address=address, out=folder,
            observer=lambda tally: line.show(tally.text), announce=print,
        )  # fmt: skip
    for note in tally.notes:
        print(f"note: {note}", file=sys.stderr)
    for where, reason in tally.failed.items():
        print(f"failed: {Path(where).relative_to(folder.expanduser().resolve())}: {reason}")
    print(f"{tally.text()}; written to {folder}")
    if tally.signal is not None:
        print(f"  continue with: {tally.command}", file=sys.stderr)
        raise typer.Exit(128 + tally.signal)
    print(f"  report with: python -m pinnkit report {shlex.quote(str(folder))}")
    if len(tally.failed) == tally.total:
        raise typer.Exit(3)


def _seeds(text: str) -> int | list[int]:
    """Read a number of seeds, or with a comma a list of them."""
    if "," not in text:
        return whole_number(text)
    return [whole_number(part) for part in text.strip().removesuffix(",").split(",")]


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    budget: Annotated[str | None, typer.Option(help="a new budget, counted from the begin of the run")] = None,
) -> None:
    """Continue an interrupted run from its last checkpoint; a finished one only with a larger budget."""
    from .runs import ProgressLine
    from .runs import resume as resume_run

    with ProgressLine() as line:
        solution, outcome = resume_run(run, line, budget)
    if not line.called:
        print("finished already; nothing was done")
    _report(solution, run, outcome)


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    points: Annotated[Path, typer.Option(help="a CSV file with a column for each coordinate")],
    out: Annotated[Path | None, typer.Option(help="CSV file to write; standard output if not given")] = None,
) -> None:
    """Evaluate a solution at the points of a CSV file; columns that are no coordinates are passed over."""
    from .problem.reference import read_points
    from .runs import load_solution

    solution = load_solution(run)
    names, unknowns = solution.problem.coordinates.names, solution.problem.unknowns
    coordinates = read_points(points, names)
    values = solution(coordinates).reshape(len(coordinates), -1)
    try:
        file = sys.stdout if out is None else out.open("w", newline="")
    except OSError as error:
        raise InputError(f"cannot write {str(out)!r}: {error.strerror}.") from None
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*names, *unknowns])
    # repr gives every digit that the number has.
    rows = zip(coordinates.tolist(), values.tolist(), strict=True)
    writer.writerows([*map(repr, x), *map(repr, u)] for x, u in rows)
    if out is not None:
        file.close()


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="folders of a comparison, or any others that hold run folders")],
    out: Annotated[Path | None, typer.Option(help="folder to write to; the first one if not given")] = None,
) -> None:
    """Report on runs: report.html, which needs no other file, report.md, and tables of numbers as CSV."""
    from .compare.report import report as write_report

    file, runs = write_report(folders, out)
    for line in runs.left_out:
        print(f"note: left out {line}", file=sys.stderr)
    count = len(runs.records)
    print(f"{count} run{'s' * (count != 1)}; written to {file}")


@app.command()
def new(path: Annotated[Path, typer.Argument(help="the file to write, such as my_problem.py")]) -> None:
    """Write a commented problem file that runs."""
    from .template import TEMPLATE

    if path.suffix != ".py":
        raise InputError(f"a problem file ends in .py, got {str(path)!r}.")
    if path.exists():
        raise InputError(f"{str(path)!r} exists already; choose another name.")
    try:
        path.write_text(TEMPLATE)
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r}: {error.strerror}.") from None
    print(f"wrote {path}; run it with: python -m pinnkit solve {path}")


def _report(solution: Any, folder: Path, outcome: Any) -> None:
    """Print what came out, and end with the exit code that says how."""
    from .methods import ILL_POSED

    m = solution.metrics
    print(f"{m['problem']}: {m['status']} ({m['reason']})")
    print(f"  {m['space']}, {m['method']}, {m['parameters']} parameters, {m['steps']} steps, {m['seconds']:.1f} s")
    names = ("relative_l2", "relative_variation", "max_error", "estimated_error", "residual")
    known = [f"{name} {m[name]:.2e}" for name in names if m.get(name) is not None]
    print("  " + "  ".join(known if m["residual"] is not None else [*known, "residual not finite at some points"]))
    if (m.get("amplification") or 0.0) > ILL_POSED:
        moved = 1e-6 * m["amplification"]
        print(f"  ill-posed: noise in the data, 1e-6 of their size, moves the answer by {moved:.1e} of its own")
    for name, value in m.get("problem_parameters", {}).items():
        deviation = m.get("problem_parameter_errors", {}).get(name)
        print(f"  {name} = {value:.6g}" + ("" if deviation is None else f" +- {deviation:.2g}"))
    for name, found in m.get("quantities", {}).items():
        single = isinstance(found["value"], float)
        value = f"{found['value']:.6g}" if single else f"{len(found['value'])} values"
        print(f"  {name} = {value}" + ("" if found["error"] is None else f", off by {found['error']:.1e}"))
    print(f"  written to {folder}")
    if outcome.signal:
        print(f"  continue with: python -m pinnkit resume {shlex.quote(str(folder))}", file=sys.stderr)
        raise typer.Exit(128 + outcome.signal)
    if m["status"] == "diverged":
        print(f"  the last good checkpoint is in {folder / 'checkpoint'}", file=sys.stderr)
        raise typer.Exit(3)
    if not solution.status.usable:
        raise typer.Exit(4)


def _report_image(m: dict[str, Any], folder: Path, interruption: int | None) -> None:
    """Print a table of the image and the classical ones, and end with the exit code that says how."""
    print(f"{m['problem']}: {m['status']} ({m['reason']})")
    print(f"  {m['space']}, {m['method']}, {m['parameters']} parameters, {m['steps']} steps, {m['seconds']:.1f} s")
    columns = {"psnr": ("PSNR", ".2f"), "ssim": ("SSIM", ".3f"), "correlation": ("correlation", ".3f"),
               "data_residual": ("data residual", ".2e"), "chi_squared": ("chi^2", ".3g"),
               "seconds": ("seconds", ".1f")}  # fmt: skip
    rows = {**m["references"], m["space"]: m}
    shown = [key for key in columns if any(row.get(key) is not None for row in rows.values())]
    widest = max(map(len, rows))
    print(" " * (widest + 2) + "".join(f"{columns[key][0]:>15s}" for key in shown))
    for name, row in rows.items():
        texts = ["-" if row.get(key) is None else format(row[key], columns[key][1]) for key in shown]
        print(f"  {name:{widest}s}" + "".join(f"{text:>15s}" for text in texts))
    if "correlation_note" in m:
        print(f"  correlation: {m['correlation_note']}")
    if m["psnr_oracle"] is not None:
        print(f"  oracle, for comparison only: {m['psnr_oracle']:.2f} dB at the checkpoint nearest to the truth")
    if m["estimated_error"] is not None:
        print(f"  spread of {m['members']} networks: {m['estimated_error']:.1e} of the image")
    print(f"  written to {folder}")
    if interruption is not None:
        raise typer.Exit(128 + interruption)
    if m["status"] == "diverged":
        print(f"  the last image before that is in {folder}", file=sys.stderr)
        raise typer.Exit(3)


def _one_line(message: object, *unused: object, **unused_too: object) -> None:
    print(f"note: {' '.join(str(message).split())}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; wrong input ends in one line and exit code 2.

    Args:
        arguments: what follows the program's name; those of this process if not given.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _one_line
            code = app(arguments, standalone_mode=False, prog_name="pinnkit")
        sys.stdout.flush()
    except (InputError, UsageError) as error:
        # Usage errors of Click carry their text apart, with its suggestions.
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        print(f"error: {' '.join(text.split())}", file=sys.stderr)
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        # The reader, such as head, has seen enough; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:  # a disk that is full, a folder that has gone
        where = "" if error.filename is None else f": {str(error.filename)!r}"
        print(f"error: {error.strerror}{where}", file=sys.stderr)
        code = 1
    sys.exit(code or 0)
