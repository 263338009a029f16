"""The command line: parsing and printing only; every command is one library call."""

from __future__ import annotations

import ast
import csv
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from .errors import InputError, NameNotFound

app = typer.Typer(
    name="pinnkit",
    help="Solve partial differential equations in neural trial spaces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

KINDS = ("problems", "spaces", "methods")


def parse_settings(settings: list[str]) -> dict[str, dict[str, Any]]:
    """Read ``--set problem.n=32`` and the like.

    Args:
        settings: texts of the form ``part.option=value``.

    Returns:
        For each of problem, space and method the options given.

    Raises:
        InputError: a text has another form.
    """
    found: dict[str, dict[str, Any]] = {"problem": {}, "space": {}, "method": {}}
    for setting in settings:
        key, equals, text = setting.partition("=")
        part, dot, option = key.partition(".")
        if not equals or not dot or not option:
            raise InputError(f"--set {setting!r}: write it like --set problem.n=32 or --set space.rank=64.")
        if part not in found:
            raise NameNotFound("part in --set", part, found)
        try:
            found[part][option] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[part][option] = {"true": True, "false": False}.get(text.lower(), text)
    return found


@app.command(name="list")
def list_(kind: Annotated[str, typer.Argument(help="problems, spaces or methods; all by default")] = "") -> None:
    """List the problems of the gallery, the spaces and the methods."""
    from .gallery import gallery, summary
    from .runs import METHODS, SPACES, options_of

    if kind and kind not in KINDS:
        raise NameNotFound("kind of list", kind, KINDS)
    if kind in ("", "problems"):
        print("problems" + "".join(f"\n  {name:20s} {summary(path)}" for name, path in gallery().items()))
    for title, makers in (("spaces", SPACES), ("methods", METHODS)):
        if kind in ("", title):
            print(title)
            for name, maker in makers.items():
                doc = (maker.__doc__ or "").partition("\n")[0]
                options = ", ".join(options_of(maker))
                print(f"  {name:20s} {doc}" + (f"\n  {'':20s} options: {options}" if options else ""))


@app.command()
def solve(
    problem: Annotated[str, typer.Argument(help="a gallery name or the path of a problem file")],
    space: Annotated[str | None, typer.Option(help="trial space; chosen by the method if not given")] = None,
    method: Annotated[str, typer.Option(help="auto, least-squares, adam, lbfgs, or several joined by +")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="option, such as space.rank=64")] = None,
    budget: Annotated[str, typer.Option(help="such as 60s, 5min or 2000steps")] = "60s",
    tol: Annotated[float, typer.Option(help="relative error to stop at, by the error estimate")] = 1e-10,
    seed: Annotated[int, typer.Option(help="of all random numbers")] = 0,
    dtype: Annotated[str, typer.Option(help="float64 or float32")] = "float64",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    out: Annotated[Path | None, typer.Option(help="run folder; runs/PROBLEM by default")] = None,
) -> None:
    """Solve a problem and write a run folder."""
    from .runs import Specification, solve_specification

    options = parse_settings(set_ or [])
    specification = Specification(
        problem, options["problem"], space, options["space"], method, options["method"], budget, tol, seed, dtype, device
    )
    folder = out or Path("runs") / Path(problem).stem
    solution, outcome = solve_specification(specification, folder, announce=print)
    _report(solution, folder, outcome)


@app.command()
def resume(run: Annotated[Path, typer.Argument(help="a run folder")]) -> None:
    """Continue a run from its last checkpoint."""
    from .runs import resume as resume_run

    solution, outcome = resume_run(run)
    _report(solution, run, outcome)


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    points: Annotated[Path, typer.Option(help="a CSV file with a column for each coordinate")],
    out: Annotated[Path | None, typer.Option(help="CSV file to write; standard output if not given")] = None,
) -> None:
    """Evaluate a solution at the points of a CSV file."""
    from .problem.reference import read_points
    from .runs import load_solution

    solution = load_solution(run)
    names, unknowns = solution.problem.coordinates.names, solution.problem.unknowns
    coordinates = read_points(points, names)
    values = solution(coordinates).reshape(len(coordinates), -1)
    with out.open("w", newline="") if out else os.fdopen(os.dup(1), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, *unknowns])
        writer.writerows(
            [*map(repr, x), *map(repr, u)] for x, u in zip(coordinates.tolist(), values.tolist(), strict=True)
        )


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
    m = solution.metrics
    print(f"{m['problem']}: {m['status']} ({m['reason']})")
    print(f"  {m['space']}, {m['method']}, {m['parameters']} parameters, {m['steps']} steps, {m['seconds']:.1f} s")
    shown = {"relative_l2": m["relative_l2"], "estimated_error": m["estimated_error"], "residual": m["residual"]}
    print("  " + "  ".join(f"{name} {value:.2e}" for name, value in shown.items() if value is not None))
    for name, value in m.get("problem_parameters", {}).items():
        print(f"  {name} = {value:.6g}")
    print(f"  written to {folder}")
    if outcome.signal:
        print(f"  continue with: python -m pinnkit resume {folder}", file=sys.stderr)
        raise typer.Exit(128 + outcome.signal)
    if m["status"] == "diverged":
        print(f"  the last good checkpoint is in {folder / 'checkpoint'}", file=sys.stderr)
        raise typer.Exit(3)


def main() -> NoReturn:
    """Run the command line; wrong input ends in one line and exit code 2."""
    try:
        app(standalone_mode=True)
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)
