"""A task: what is to be solved, in which space, with which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from ..domains import Box, Domain, Feature, SpaceTime
from ..errors import InputError
from ..problem import CellCollocation, Collocation, EnergyIntegral, Problem, Spectrum, Trial
from ..spaces import LRNN, Charts, CoreMap, CornerMap, Piecewise, Regional, Space
from .stopping import Budget, Step

FREQUENCIES = 4096
TYPICAL = 100
MOST = 3
"""Cells are for so many dimensions."""


@dataclass(frozen=True)
class Task:
    """A problem with the space to solve it in.

    Attributes:
        problem: the problem.
        space: an unbuilt space; None lets the method choose.
        seed: of all random numbers.
        tolerance: the relative error to stop at.
        dtype: of the trial function and the residuals.
        device: where they live.
        features: places to be resolved, beside those of the problem's data.
    """

    problem: Problem
    space: Space | None = None
    seed: int = 0
    tolerance: float = 1e-10
    dtype: torch.dtype = torch.float64
    device: str = "cpu"
    features: tuple[Feature, ...] = ()

    def __post_init__(self) -> None:
        """Check that cells can be made, where the space asks for them.

        Raises:
            InputError: the domain is no box, the problem is not one of linear equations with data as smooth as
                polynomials, or cells are part of another space.
        """
        if isinstance(self.space, Piecewise):
            if why := without_cells(self):
                raise InputError(f"{self.space.title} cannot solve this problem, because {why}; leave out the space.")
        elif self.space is not None and any(isinstance(part, Piecewise) for part in self.space.modules()):
            raise InputError(f"{self.space.title} would not join its cells: use the cells alone.")

    def one_basis(self, method: str) -> None:
        """Check that the space is one basis for the whole domain.

        Args:
            method: the method that needs one, for the message.

        Raises:
            InputError: it has cells, which nothing would join.
        """
        if isinstance(self.space, Piecewise):
            raise InputError(f"{method} would not join cells; use least-squares with {self.space.title}.")

    @cached_property
    def spectrum(self) -> Spectrum:
        """The expected spectrum of the solution."""
        return Spectrum(self.problem)

    def suited(self, space: Space) -> Space:
        """Give a space whose head alone is found its charts around cavities and corners, if there are any."""
        if (regions := self.problem.domain.regions) and not isinstance(space, Regional):
            helped = (space.frozen or space.spectral) and not isinstance(space, Charts)
            return Regional([self._around(space, part) if helped else space for part in regions.values()], regions)
        # Periodic axes are embedded before the space sees them, where a cavity is no ball any more.
        cavities = [] if self.problem.periodic_axes else self.problem.domain.cavities
        helped = (space.frozen or space.spectral) and not isinstance(space, (Charts, Piecewise))
        corners: list[CornerMap | CoreMap] = [
            CornerMap(c.vertex, c.bisector, c.exponent, c.cut[0], c.radius, c.cut[1] < c.farthest)
            for c in self.problem.corners
        ]
        if not self.problem.periodic_axes:
            bounds = self.problem.domain.bounds
            features = (*self.problem.survey.features, *self.features)
            corners += [CoreMap(f.centre, f.frame, f.farthest(bounds), bounds) for f in features]
        return Charts(space, cavities, corners=corners) if (cavities or corners) and helped else space

    def _around(self, space: Space, part: Domain) -> Space:
        """Give a space for one region its charts around cavities of that region, and features in it."""
        features = (*self.problem.survey.features, *self.features)
        cores = [CoreMap(f.centre, f.frame, f.farthest(part.bounds), part.bounds)
                 for f in features if part.contains(f.centre[None])[0]]
        return Charts(space, part.cavities, corners=cores) if part.cavities or cores else space

    @property
    def charted(self) -> bool:
        """Whether `suited` has charts to offer."""
        return isinstance(self.suited(LRNN()), Charts)

    def generator(self, *stream: int) -> torch.Generator:
        """Give an independent source of random numbers for a named purpose of this task."""
        mixed = self.seed
        for number in stream:
            mixed = (mixed * 6_364_136_223_846_793_005 + number + 1_442_695_040_888_963_407) % 2**63
        return torch.Generator().manual_seed(mixed)

    def points(self, draw: int) -> torch.Generator:
        """Give the source of a draw's collocation points: those of a smaller space are among a larger one's."""
        return self.generator(13, draw)

    def trial(self, space: Space, generator: torch.Generator, spread: float = 1.0, grouped: bool = True) -> Trial:
        """Draw a trial function, with frequencies from the spectrum where the space uses them."""
        frequencies = self.spectrum.draw(FREQUENCIES, spread, generator, grouped) if space.spectral else None
        return self.problem.trial(space, generator, frequencies).to(self.dtype).to(self.device)

    @cached_property
    def typical(self) -> Trial:
        """Functions that look like the solution, as far as its spectrum tells: operators are weighed by them."""
        return self.trial(self.suited(LRNN()).resized(TYPICAL), self.generator(0, 2))

    @cached_property
    def gains(self) -> Tensor:
        """By how much each residual multiplies each unknown; see `operator_gains`."""
        from .scales import operator_gains

        return operator_gains(self)

    def discretisation(
        self, points: int, boundary_points: int, generator: torch.Generator
    ) -> Collocation | EnergyIntegral:
        """Give what is made least: residuals at collocation points, or the energy by quadrature."""
        if self.problem.energies:
            return EnergyIntegral(self.problem, points, boundary_points, self.dtype, self.device)
        return self.collocation(points, boundary_points, generator)

    def in_cells(self, space: Piecewise, oversampling: float, generator: torch.Generator) -> Collocation:
        """Place collocation points in the cells of a space, with weights as those of `collocation`."""
        made = CellCollocation(self.problem, space, oversampling, generator, self.dtype, self.device)
        made.balance(self.typical)
        return made

    def collocation(self, points: int, boundary_points: int, generator: torch.Generator) -> Collocation:
        """Sample collocation points, and weigh the conditions by the typical functions: alike in the whole task."""
        made = Collocation(
            self.problem, points, boundary_points, generator, self.dtype, self.device, self.features
        )
        made.balance(self.typical)
        return made


def without_cells(task: Task) -> str | None:
    """Tell in words why a problem cannot be solved in cells; None where it can."""
    problem, domain = task.problem, task.problem.domain
    box: Domain = domain.space if isinstance(domain, SpaceTime) else domain
    if not isinstance(box, Box) or domain.dimension > MOST:
        return f"cells are those of a box in up to {MOST} dimensions"
    if not problem.equations:
        return "cells are joined by least squares of equations, not by an energy or a weak form"
    if domain.regions:
        return "each region has a basis of its own"
    if problem.periodic_axes:
        return "cells are not joined across periodic sides"
    if problem.trainable_parameters or any(residual.noise is not None for residual in problem.soft):
        return "parameters and noise are for one basis"
    if problem.nonlinear is not None:
        return f"{problem.nonlinear} is not linear, and in cells nothing tells one solution from another"
    if problem.survey.features or task.features:
        return "its data have peaks or layers, for which one basis has functions of their own"
    if problem.survey.rough or task.spectrum.oscillating:
        return "its coefficients vary on a fine scale, by which residuals in cells are not weighed"
    return None


class Run(Protocol):
    """A method at work on a task: it advances by steps and can be saved between them."""

    @property
    def trial(self) -> Trial:
        """The trial function as it stands."""

    def step(self, budget: Budget) -> Step:
        """Advance by one step."""

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""


class Method(Protocol):
    """A way to find the trial function: small options, and `start`."""

    name: str

    def start(self, task: Task) -> Run:
        """Begin work on a task."""
