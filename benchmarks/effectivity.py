"""How far an answer can be trusted: true over estimated error, and endings, over problems that are made to mislead.

    python benchmarks/effectivity.py                          # all problems, three seeds; writes docs/effectivity.md
    python benchmarks/effectivity.py --only layer --seeds 0   # those whose name or theme holds "layer"; prints only

The problems stand in `benchmarks/adversarial`. Finished runs are lines of the cache: the same command goes on where
another one was stopped, and --report writes the document from what is there. Only a whole suite writes it.
"""

import argparse
import json
import math
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from joblib import Parallel, delayed, parallel_config

TARGET = Path(__file__).parent.parent / "docs" / "effectivity.md"
CACHE = Path(tempfile.gettempdir()) / "pinnkit-effectivity.jsonl"
COVERAGE = Path(tempfile.gettempdir()) / "pinnkit-coverage.jsonl"
TOLERANCE = 1e-8
LARGE = 1e-2
"""An ending with an estimate above this is no answer, whatever its name."""
OVERRUN = 300.0
"""Seconds beyond its budget after which a run is given up."""


def run(name, seed, budget):
    """Solve a problem and give what is to be known of it; a run that fails is a finding, too."""
    import torch
    from adversarial import CASES

    import pinnkit as pk

    torch.set_num_threads(1)
    case = CASES[name]
    record = {"name": name, "seed": seed, "budget": case.budget or budget, "method": "", "space": "", "reason": ""}
    record |= {"true": None, "estimated": None}
    record["tolerance"] = case.tolerance or TOLERANCE
    began = time.perf_counter()
    seconds = pk.Budget.parse(record["budget"]).seconds
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int((seconds if math.isfinite(seconds) else 0) + OVERRUN))
    try:
        solution = pk.solve(
            case.problem(seed),
            case.space,
            case.method,
            budget=record["budget"],
            tolerance=record["tolerance"],
            seed=seed,
        )
    except pk.InputError as error:
        record |= {"status": "refused", "reason": str(error)}
    except Exception as error:  # whatever it is, the other runs are to go on
        record |= {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    else:
        record |= read(solution)
    finally:
        signal.alarm(0)
    if record["status"] == "interrupted":  # a solve keeps its work at Ctrl-C; the suite is what was to end
        raise KeyboardInterrupt
    return record | {"seconds": round(time.perf_counter() - began, 1)}


def give_up(number, frame):
    raise TimeoutError(f"no end {OVERRUN:g} s after its budget")


def read(solution):
    """Take from a solution what the tables need."""
    found = solution.metrics
    truth = {p.name: p.true for p in solution.problem.trainable_parameters if p.true is not None}
    return {
        "status": solution.status.value,
        "reason": solution.reason,
        "space": found["space"],
        "method": found["method"],
        "steps": found["steps"],
        "functions": found["basis_functions"],
        "residual": found["residual"],
        "true": found["relative_variation"],
        "estimated": solution.estimated_error,
        "relative_l2": solution.relative_l2,
        "errors": {name: error["relative_variation"] for name, error in found.get("errors", {}).items()},
        "parameters": {
            name: {
                "found": solution.parameters[name],
                "true": value,
                "deviation": solution.parameter_errors.get(name),
            }
            for name, value in truth.items()
        },
    }


# What a record means.


def ratio(record):
    """Give true over estimated error; None without both."""
    from adversarial import CASES

    true, estimated = record["true"], record["estimated"]
    if true is None or estimated is None:
        return None
    if max(true, estimated) < CASES[record["name"]].accuracy:
        return 1.0
    return true / estimated if estimated > 0 else math.inf


def has_answer(record):
    """Tell whether there is a reference: the problem has one answer."""
    from adversarial import CASES

    return not CASES[record["name"]].accept


def misleading(record):
    """Tell whether a user would be misled: converged to what is wrong, or an answer where there is none."""
    from adversarial import CASES

    if has_answer(record):
        if record["status"] != "converged" or record["true"] is None:
            return False
        return not record["true"] <= 10 * max(record["estimated"], record["tolerance"])
    if record["status"] in CASES[record["name"]].accept:
        return False
    doubtful = record["estimated"] is None or record["estimated"] > LARGE
    return record["status"] in ("converged", "failed") or not doubtful


def sigmas(record):
    """How many stated standard deviations each parameter is off; None where none is stated."""
    return {
        name: abs(p["found"] - p["true"]) / p["deviation"] if p["deviation"] else None
        for name, p in record.get("parameters", {}).items()
    }


# The document.


def number(value, form=".1e"):
    return "-" if value is None else format(value, form)


def joined(parts):
    """Join what is said for each seed; say it once where all agree."""
    return parts[0] if len(set(parts)) == 1 else ", ".join(parts)


def summary(records):
    solved = [r for r in records if has_answer(r)]
    converged = [r for r in solved if r["status"] == "converged"]
    wrong = [r for r in converged if misleading(r)]
    ratios = [found for r in solved if (found := ratio(r)) is not None]
    inside = sum(0.1 <= found <= 10 for found in ratios)
    factors = [max(found, 1 / found) if found > 0 else math.inf for found in ratios]
    open_ended = [r for r in records if not has_answer(r)]
    misled = [r for r in open_ended if misleading(r)]
    broken = [r for r in solved if r["status"] in ("failed", "refused")]
    seeds = sorted({r["seed"] for r in records})
    lines = [
        f"{len(records)} runs of {len({r['name'] for r in records})} problems, seeds {', '.join(map(str, seeds))}.",
        "",
        f"- {len(solved)} runs have a known answer. {len(converged)} of them say `converged`, and of these "
        f"{len(wrong)} are wrong: their true error is more than ten times the estimate and the tolerance. "
        f"{named(wrong)}",
    ]
    if ratios:
        lines.append(
            f"- True over estimated error lies in [0.1, 10] in {inside} of {len(ratios)} runs "
            f"({inside / len(ratios):.0%}); it is above in {sum(found > 10 for found in ratios)}, below in "
            f"{sum(found < 0.1 for found in ratios)}. The median factor between the two is "
            f"{statistics.median(factors):.2g}."
        )
    if broken:
        lines.append(f"- {len(broken)} runs with a known answer were refused or failed. {named(broken)}")
    if open_ended:
        lines.append(
            f"- {len(open_ended)} runs have no answer, or many. {len(misled)} of them end as if there were one: with "
            f"`converged`, or with an estimate below {LARGE:g} and no status that says so. {named(misled)}"
        )
    if stated := [s for r in records for s in sigmas(r).values() if s is not None]:
        within = " and ".join(f"{sum(s <= k for s in stated) / len(stated):.0%} within {k}" for k in (1, 2))
        lines.append(
            f"- Of {len(stated)} parameters found from noisy data, {within} of the stated standard deviations from the "
            "truth (a normal distribution has 68 % and 95 %)."
        )
    return lines


def named(records):
    counts = {}
    for record in records:
        counts[record["name"]] = counts.get(record["name"], 0) + 1
    return ("*" + "*; *".join(f"{name} ({count})" for name, count in counts.items()) + "*.") if counts else ""


def table(runs):
    """Give a table of a theme: a line for each problem, numbers by seed."""
    lines = [
        "| problem | method | status | true error | relative L2 | estimated error | true / estimated |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, records in runs.items():
        cells = [
            name,
            joined([f"{r['space']}, {r['method']}" if r["method"] else "-" for r in records]),
            joined([f"**{r['status']}**" if misleading(r) else r["status"] for r in records]),
            joined([number(r["true"]) for r in records]),
            joined([number(r.get("relative_l2")) for r in records]),
            joined([number(r["estimated"]) for r in records]),
            joined([number(ratio(r), ".2g") for r in records]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def parameter_table(runs):
    """Give a table of what was found from noisy data, in stated standard deviations off the truth."""
    lines = ["| problem | parameter | true | found | standard deviations off |", "|---|---|---|---|---|"]
    for name, records in runs.items():
        for parameter in records[0].get("parameters", {}):
            known = [r for r in records if parameter in r.get("parameters", {})]
            found = joined([number(r["parameters"][parameter]["found"], ".4g") for r in known])
            off = joined([number(sigmas(r)[parameter], ".2g") for r in known])
            lines.append(f"| {name} | {parameter} | {known[0]['parameters'][parameter]['true']:g} | {found} | {off} |")
    return lines


def document(records, budget, deviations):
    from adversarial import THEMES

    lines = [
        "# How far can an answer be trusted?",
        "",
        "Written by `python benchmarks/effectivity.py`; its problems, in `benchmarks/adversarial`, are to mislead. "
        f"A run may spend {budget} where its problem asks for nothing else, on one thread, and stops at an error "
        f"estimate of {TOLERANCE:g}. True and estimated errors are relative to what varies of each unknown "
        "(the largest of all unknowns), relative L2 errors to its norm. "
        "Two numbers below the accuracy of the reference (1e-14; 1e-11 where it is integrated) count as equal. Endings "
        "that mislead are bold.",
        "",
        *summary(records),
    ]
    for theme, cases in THEMES.items():
        runs = {case.name: [r for r in records if r["name"] == case.name] for case in cases}
        runs = {name: sorted(found, key=lambda r: r["seed"]) for name, found in runs.items() if found}
        if runs:
            lines += ["", f"## {theme}", "", *table(runs)]
            if any(r.get("parameters") for found in runs.values() for r in found):
                lines += ["", *parameter_table(runs)]
    if deviations:
        lines += [
            "",
            "## Standard deviations of parameters",
            "",
            "Written by `python benchmarks/coverage.py`: noise is drawn anew each time.",
            "",
            *deviations,
        ]
    return "\n".join(lines) + "\n"


def cached(path):
    """Read the finished runs; the last line may be half written."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def line(record):
    errors = f"true {number(record['true'])}, estimated {number(record['estimated'])}"
    mark = " <-- misleading" if misleading(record) else ""
    return f"{record['name']}, seed {record['seed']}: {record['status']}, {errors}, {record['seconds']} s{mark}"


def main():
    import coverage
    from adversarial import THEMES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of the name of a problem or theme")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side, one thread each")
    parser.add_argument("--budget", default="20s", help="of a run whose problem asks for nothing else")
    parser.add_argument("--seeds", default="0,1,2", help="as 0,1,2")
    parser.add_argument("--cache", type=Path, default=CACHE, help="finished runs, one a line")
    parser.add_argument("--coverage", type=Path, default=COVERAGE, help="finished runs of benchmarks/coverage.py")
    parser.add_argument("--report", action="store_true", help="run nothing, write what the cache has")
    given = parser.parse_args()
    seeds = [int(seed) for seed in given.seeds.split(",")]
    part = given.only.lower()
    chosen = [
        case
        for theme, cases in THEMES.items()
        for case in cases
        if part in case.name.lower() or part in theme.lower()
    ]
    if not chosen:
        sys.exit(f"no problem or theme holds {given.only!r}.")
    asked = [(case.name, seed, case.budget or given.budget) for case in chosen for seed in seeds]
    known = {(r["name"], r["seed"], r["budget"]): r for r in cached(given.cache)}
    missing = [] if given.report else [key for key in asked if key not in known]
    print(f"{len(asked)} runs, {len(asked) - len(missing)} of them in {given.cache}", flush=True)
    with parallel_config("loky", inner_max_num_threads=1), given.cache.open("a") as file:
        for done, record in enumerate(
            Parallel(n_jobs=given.jobs, return_as="generator_unordered")(delayed(run)(*key) for key in missing), 1
        ):
            file.write(json.dumps(record) + "\n")
            file.flush()
            known[record["name"], record["seed"], record["budget"]] = record
            print(f"[{done}/{len(missing)}] {line(record)}", flush=True)
    records = [known[key] for key in asked if key in known]
    print("\n".join(summary(records)))
    if not given.only:
        TARGET.write_text(document(records, given.budget, coverage.report(given.coverage)))


if __name__ == "__main__":
    main()
