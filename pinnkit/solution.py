"""A solution: a field that knows how far it can be trusted, what it cost, and how to write itself to disk."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .domains import Points
from .errors import InputError
from .jets import LAPLACIAN, Derivatives, Key, evaluate, parse_derivative
from .methods import Status, Task, Uncertainty, has_noise, scales
from .problem import Problem, Trial, outside, reference_gradients, reference_values

CHUNK = 4096


@dataclass
class Solution:
    """The found trial function with its record.

    Attributes:
        task: problem, space, seed and number type.
        trial: the trial function, a module from ``(n, d)`` to ``(n, K)``.
        status: how the solve ended.
        reason: why, in words.
        metrics: everything measured; the content of metrics.json.
        history: one record a step.
    """

    task: Task
    trial: Trial
    status: Status
    reason: str
    metrics: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def problem(self) -> Problem:
        """The problem solved."""
        return self.task.problem

    @property
    def estimated_error(self) -> float | None:
        """Relative error estimate, made without a reference."""
        return self.metrics.get("estimated_error")

    @property
    def relative_l2(self) -> float | None:
        """True relative L2 error; None without a reference. With several unknowns, the largest."""
        return self.metrics.get("relative_l2")

    @property
    def parameters(self) -> dict[str, float]:
        """The named parameters of the problem, as found where they are trainable."""
        return self.metrics.get("problem_parameters", {})

    @property
    def parameter_errors(self) -> dict[str, float | None]:
        """The standard deviation of each parameter found; None where the data do not determine it."""
        return self.metrics.get("problem_parameter_errors", {})

    @cached_property
    def _uncertainty(self) -> Uncertainty:
        if not has_noise(self.problem) or not self.problem.equations:
            raise InputError(
                "only solutions of inverse problems by equations have a standard deviation: state the noise of the "
                "data, as in pk.Observations(points, u=values, noise=0.01)."
            )
        return Uncertainty(self.trial, self.task)

    def standard_deviation(self, points: Any) -> Any:
        """Evaluate how far the noise of the data leaves the unknowns undetermined, one standard deviation.

        Args:
            points: as for a call.

        Returns:
            As a call.
        """
        return self._at(points, self._uncertainty.field)

    def __call__(self, points: Any) -> Any:
        """Evaluate the unknowns.

        Args:
            points: Points, or a tensor or anything NumPy can read of shape ``(n, d)``, in the problem's order.

        Returns:
            Values ``(n,)`` for one unknown, ``(n, K)`` for several; a tensor for tensors and Points, else an array.

        Raises:
            InputError: the points have another shape.
        """
        return self._evaluate(points, "")

    def derivative(self, points: Any, name: str) -> Any:
        """Evaluate a derivative of the unknowns, such as "x", "xy" or "laplacian" (in space).

        Args:
            points: as for a call.
            name: the derivative.

        Returns:
            As a call.
        """
        return self._evaluate(points, name)

    def _evaluate(self, points: Any, name: str) -> Any:
        names = self.problem.coordinates.names
        key: Key = LAPLACIAN if name == "laplacian" else parse_derivative(name, names, ("laplacian",))
        space = self.problem.coordinates.space
        return self._at(points, lambda x: evaluate(self.trial, x, [key], space)[key])

    def _at(self, points: Any, function: Callable[[Tensor], Tensor]) -> Any:
        names = self.problem.coordinates.names
        if isinstance(points, Points):
            if points.names != names:
                raise InputError(f"points must have the coordinates {', '.join(names)}, got {', '.join(points.names)}.")
            return self._values(points.coordinates, function)
        values = self._values(torch.as_tensor(points), function)
        self._warn_of_outsiders(torch.as_tensor(points))
        return values if isinstance(points, Tensor) else values.numpy()

    def _values(self, points: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        names = self.problem.coordinates.names
        x = points.to(self.task.dtype)
        if x.ndim != 2 or x.shape[1] != self.problem.domain.dimension:
            raise InputError(f"points must have shape (n, {len(names)}) for {', '.join(names)}, got {tuple(x.shape)}.")
        parts = []
        with torch.no_grad():
            for chunk in x.to(self.task.device).split(CHUNK):
                parts.append(function(chunk))
        values = torch.cat(parts) if parts else x.new_zeros(0, len(self.problem.unknowns))
        values = values[:, 0] if len(self.problem.unknowns) == 1 else values
        return values.to(points.device)

    def _warn_of_outsiders(self, points: Tensor) -> None:
        x = points.to("cpu", torch.float64)
        if (strayed := outside(self.problem.domain, x)).any():
            at = ", ".join(f"{v:.6g}" for v in x[strayed][0].tolist())
            warnings.warn(
                f"{int(strayed.sum())} of {len(x)} points are outside the domain, first ({at}); the values there mean "
                "nothing.",
                stacklevel=5,
            )

    def errors(self) -> dict[str, dict[str, float | None]]:
        """Measure the true errors at the validation points.

        Relative errors are root-mean-squares: ``relative_l2`` over that of the reference, ``relative_variation`` over
        that of the reference less its mean (see `scales`: an unknown that is zero or tiny beside the others is judged
        by the size that the problem gives it). The relative H1 error is
        ``sqrt(sum(e^2 + |grad e|^2) / sum(v^2 + |grad v|^2))`` with e = u - v, v the
        reference and grad the derivatives in space (also where there is time).

        Returns:
            For each unknown that the reference knows: ``relative_l2``, ``relative_variation``, ``max_error`` and
            ``relative_h1``, which is None where the reference is a table or cannot be differentiated.
        """
        found = reference_values(self.problem)
        if found is None:
            return {}
        points, reference = found
        values = self(points.coordinates).reshape(len(points), -1).to(torch.float64).cpu()
        sizes = self._sizes(values, reference)
        slopes = reference_gradients(self.problem, points)
        gradients = None if slopes is None else self._gradients(points.coordinates)
        result: dict[str, dict[str, float | None]] = {}
        for name, exact in reference.items():
            k = self.problem.unknowns.index(name)
            error = values[:, k] - exact
            result[name] = {
                **_relative_errors(error, exact, sizes[name]),
                "max_error": error.abs().max().item(),
                "relative_h1": None,
            }
            if slopes is not None and gradients is not None:
                off = torch.cat([error[:, None], gradients[..., k] - slopes[name]], 1)
                result[name]["relative_h1"] = _relative(off, torch.cat([exact[:, None], slopes[name]], 1))
        return result

    def relative_l2_against(self, points: Points, reference: Mapping[str, Tensor]) -> dict[str, float]:
        """Measure the relative L2 error against values at points, and nothing else.

        Args:
            points: n points.
            reference: values ``(n,)`` by unknown.

        Returns:
            The error of each of these unknowns.
        """
        values = self(points).reshape(len(points), -1).to("cpu", torch.float64)
        unknowns, sizes = self.problem.unknowns, self._sizes(values, reference)
        return {
            name: _relative_errors(values[:, unknowns.index(name)] - v, v, sizes[name])["relative_l2"]
            for name, v in reference.items()
        }

    def _sizes(self, values: Tensor, reference: Mapping[str, Tensor]) -> dict[str, float]:
        """Give the scale of each unknown, of the reference where it knows one."""
        names = self.problem.unknowns
        exact = torch.stack([reference.get(name, values[:, k]) for k, name in enumerate(names)], 1)
        return dict(zip(names, scales(exact, self.task).tolist(), strict=True))

    def _gradients(self, points: Tensor) -> Tensor:
        """Evaluate the derivatives in space at points ``(n, d)``; float64 ``(n, s, K)``."""
        axes = self.problem.coordinates.space
        keys: list[Key] = [(axis,) for axis in axes]
        plan = Derivatives(keys, axes)
        x = points.to(self.task.device, self.task.dtype)
        # A jet holds the value and a derivative for each coordinate: as much memory as CHUNK values.
        parts = []
        with torch.no_grad():
            for chunk in x.split(max(1, CHUNK // (1 + len(axes)))):
                found = plan(self.trial, chunk)
                parts.append(torch.stack([found[key] for key in keys], 1))
        return torch.cat(parts).to("cpu", torch.float64)

    def quantities(self) -> dict[str, dict[str, Any]]:
        """Measure the quantities of the problem.

        Returns:
            For each one ``value``, ``expected``, ``error`` and ``relative_error``; see `Quantity`.
        """
        like = torch.zeros((), dtype=self.task.dtype, device=self.task.device)
        return {name: quantity.measure(self.trial, like) for name, quantity in self.problem.quantities.items()}

    def points(self, coordinates: Tensor) -> Points:
        """Give points the problem's coordinate names."""
        return Points(coordinates, self.problem.coordinates.names)

    def save(self, folder: str | Path) -> None:
        """Write metrics.json, history.jsonl, solution.vtu, solution.png, history.png and the weights.

        Args:
            folder: made if it does not exist.
        """
        from .runs import write_solution

        write_solution(self, Path(folder))


def _relative_errors(error: Tensor, exact: Tensor, scale: float) -> dict[str, float]:
    off, size = (v.square().mean().sqrt().item() for v in (error, exact))
    return {"relative_l2": off / max(size, scale), "relative_variation": off / scale}


def _relative(error: Tensor, exact: Tensor) -> float:
    size = exact.norm().item()
    return error.norm().item() / (size if size > 0 else 1.0)
