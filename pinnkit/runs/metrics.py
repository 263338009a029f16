"""The metrics of a solution: the content of metrics.json."""

from __future__ import annotations

import math
from typing import Any

from ..domains import Mesh
from ..methods import Auto, FallbackRun, March, Method, Outcome, Run, Task, Uncertainty, amplification, energy_residual
from ..problem import Trial
from ..solution import Solution
from .provenance import peak_memory

NORMS = ("relative_l2", "relative_variation", "relative_h1", "max_error")


def measure(solution: Solution, run: Run, method: Method, outcome: Outcome) -> dict[str, Any]:
    """Collect the metrics of a solution.

    Args:
        solution: the solution.
        run: its run.
        method: its method.
        outcome: how the run ended.

    Returns:
        The content of metrics.json.
    """
    task, trial, progress = solution.task, solution.trial, outcome.progress
    picked = method.choose(task)[0] if isinstance(method, Auto) else method
    name = run.name if isinstance(run, FallbackRun) else picked.name
    errors = solution.errors()
    numbers = [*trial.parameters()]
    heads = [space.head for space in (trial.spaces if isinstance(trial, March) else [trial.space])]
    trained = hasattr(run.kept if isinstance(run, FallbackRun) else run, "training")
    last = [r["estimated_error"] for r in progress.history if r["estimated_error"] is not None]
    metrics: dict[str, Any] = {
        "problem": task.problem.name,
        "space": trial.space.title,
        "method": name,
        "parameters": sum(p.numel() for p in numbers),
        "trainable": sum(p.numel() for p in numbers if p.requires_grad) if trained
        else sum(head.weight.numel() + head.bias.numel() for head in heads),
        "basis_functions": sum(head.weight.numel() for head in heads) // len(task.problem.unknowns),
        "steps": progress.steps,
        "seconds": progress.seconds,
        "status": solution.status.value,
        "reason": solution.reason,
        "loss": progress.loss,
        "residual": _residual(task, trial) if progress.residual is None else progress.residual,
        "estimated_error": last[-1] if last else None,
        **{norm: _largest([e[norm] for e in errors.values()]) for norm in NORMS},
        "amplification": amplification(trial, task),
        "seed": task.seed,
        "dtype": str(task.dtype).removeprefix("torch."),
        "device": task.device,
        "peak_memory_bytes": peak_memory(task.device),
    }
    if sights := [*task.problem.survey.sights, *task.problem.survey.late]:
        metrics["features"] = [sight.text for sight in sights]
    if len(errors) > 1:
        metrics["errors"] = errors
    if task.problem.quantities:
        metrics["quantities"] = solution.quantities()
    if task.problem.parameters:
        metrics["problem_parameters"] = {p.name: p.item() for p in task.problem.parameters}
    if task.problem.trainable_parameters and task.problem.equations:
        metrics["problem_parameter_errors"] = _finite(Uncertainty(trial, task).parameters)
    if known := {p.name: abs(p.item() / p.true - 1) for p in task.problem.parameters if p.true}:
        metrics["problem_parameter_true_errors"] = _finite(known)
    if isinstance(task.problem.domain, Mesh):
        metrics["mesh"] = {"nodes": len(task.problem.domain.nodes), "cells": len(task.problem.domain.cells)}
    return _finite(metrics)


def _finite(numbers: dict[str, Any]) -> dict[str, Any]:
    """Put None in place of numbers that JSON does not have."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in numbers.items()}


def _largest(numbers: list[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return max(known) if known and len(known) == len(numbers) else None


def _residual(task: Task, trial: Trial) -> float:
    if task.problem.energies:
        return energy_residual(trial, task)
    return task.collocation(2000, 1000, task.generator(9, 9)).relative_residual(trial)
