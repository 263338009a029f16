"""Run folders as runs leave them, made without running anything."""

import json


def write_run(
    folder, seed, error, *, problem="poisson-hf", space="lrnn", method="adam", arguments=None, seconds=2.0, **metrics
):
    """Writes a run that ended with an error; its history has the estimate at four moments."""
    folder.mkdir(parents=True)
    description = {
        "problem": problem, "problem_arguments": arguments or {}, "space": space, "space_options": {}, "method": method,
        "method_options": {"points": 200}, "budget": "60s", "tolerance": 1e-10, "seed": seed, "dtype": "float64",
        "device": "auto", "versions": {"python": "3.11.7", "pinnkit": "0.1.0"}, "git": None,
        "machine": {"system": "Linux", "processor": "x86_64", "threads": 1, "gpu": None},
    }  # fmt: skip
    found = {
        "problem": problem, "space": space.upper(), "method": method, "parameters": 400, "steps": 100,
        "seconds": seconds, "status": "budget spent", "reason": "the budget of 60s is spent",
        "estimated_error": error, "relative_l2": error, "relative_h1": 3 * error, "max_error": 2 * error, "seed": seed,
        "peak_memory_bytes": 2**28,
    }  # fmt: skip
    history = [
        {"step": k, "seconds": seconds * k / 4, "loss": 1.0, "estimated_error": error * 10.0 ** (4 - k)}
        for k in range(1, 5)
    ]
    (folder / "run.json").write_text(json.dumps(description))
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in history))
    (folder / "metrics.json").write_text(json.dumps(found | metrics))
    return folder


def write_failure(folder, reason, **description):
    folder.mkdir(parents=True)
    if description:
        (folder / "run.json").write_text(json.dumps(description))
    (folder / "failure.json").write_text(json.dumps({"reason": reason, "kind": "ValueError", "traceback": "..."}))
    return folder


def write_comparison(root):
    """Six seeds of three spaces; mlp is ten times worse than lrnn, siren fails twice and once has not ended."""
    for seed in range(6):
        error = 1e-4 * (1 + 0.12 * seed)
        write_run(root / f"poisson-hf/lrnn/adam/seed-{seed}", seed, error)
        write_run(root / f"poisson-hf/mlp/adam/seed-{seed}", seed, 10 * error, space="mlp", parameters=600)
    for seed in range(3):
        write_run(root / f"poisson-hf/siren/adam/seed-{seed}", seed, 1.4e-4 * 0.7**seed, space="siren", seconds=1.0)
    for seed in (3, 4):
        write_failure(root / f"poisson-hf/siren/adam/seed-{seed}", "NaN in step 3")
    unfinished = write_run(root / "poisson-hf/siren/adam/seed-5", 5, 1.0, space="siren")
    (unfinished / "metrics.json").unlink()
    return root
