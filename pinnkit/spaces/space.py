"""A trial space: a basis with a linear head, scaled to the domain it is built for."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..errors import InputError


class Space(nn.Module):
    r"""A network seen as basis functions and a linear head, :math:`u_k(x) = \sum_m c_{km} \phi_m(x) + c_{k0}`.

    A space is written with its options, ``LRNN(rank=64)``, and built for a domain by `build`, which gives a new
    module with parameters. Points and jets of points pass through it alike.

    Attributes:
        head: the linear head, ``nn.Linear(M, K)``, once built.
        spectral: whether `build` makes use of frequencies.
    """

    head: nn.Linear
    spectral = False

    @abstractmethod
    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        """Create the parameters of the basis for inputs in [-1, 1]^inputs and return how many functions it has."""

    @abstractmethod
    def _basis(self, x: Any) -> Any:
        """Evaluate the basis at scaled points."""

    def resized(self, size: int) -> Self:
        """Return the same space, unbuilt, with about ``size`` basis functions, if its size was left open."""
        return self

    def build(
        self, bounds: Tensor, outputs: int, generator: torch.Generator, frequencies: Tensor | None = None
    ) -> Self:
        """Draw the parameters for a domain.

        Args:
            bounds: lower and upper corner of the domain's bounding box, shape ``(2, d)``.
            outputs: number of unknowns K.
            generator: source of all random numbers.
            frequencies: angular frequencies in the domain's units to draw from, shape ``(m, d)``; spaces that are
                not `spectral` ignore them.

        Returns:
            A built copy in float64 on the CPU; this object stays as it is.
        """
        built = copy.deepcopy(self)
        bounds = bounds.to(torch.float64)
        built.register_buffer("centre", bounds.mean(0))
        built.register_buffer("halfwidth", (bounds[1] - bounds[0]) / 2)
        scaled = None if frequencies is None else frequencies * built.halfwidth
        size = built._draw(bounds.shape[1], generator, scaled)
        built.head = linear(size, outputs, generator, 1 / math.sqrt(size))
        return built

    def basis(self, x: Any) -> Any:
        """Evaluate the basis functions.

        Args:
            x: points ``(n, d)`` or a jet of them.

        Returns:
            The basis at the points, shape ``(n, M)``.
        """
        return self._basis((x - self.centre) / self.halfwidth)

    def forward(self, x: Any) -> Any:
        """Evaluate all unknowns.

        Args:
            x: points ``(n, d)`` or a jet of them.

        Returns:
            Values, shape ``(n, K)``.
        """
        return self.head(self.basis(x))

    @property
    def size(self) -> int:
        """Number of basis functions."""
        return self.head.in_features


class ModuleSpace(Space):
    """Any module whose last layer is linear, as a space: the rest of it is the basis.

    Args:
        module: maps ``(n, d)`` to ``(n, K)`` through a last ``nn.Linear``; it is copied, not changed.
        keep: keep the module's parameters; by default they are drawn anew from the seed.

    Raises:
        InputError: the module has no linear layer, or does not end with its last one.
    """

    def __init__(self, module: nn.Module, keep: bool = False) -> None:
        """Take the module apart; see the class."""
        super().__init__()
        body = copy.deepcopy(module)
        layers = [(name, layer) for name, layer in body.named_modules() if isinstance(layer, nn.Linear)]
        if not layers or not layers[-1][0]:
            raise InputError(f"{type(module).__name__} is no trial space: it needs a body and a last nn.Linear layer.")
        name, last = layers[-1]
        self.keep = keep
        self.last = last
        parent, _, attribute = name.rpartition(".")
        setattr(body.get_submodule(parent), attribute, nn.Identity())
        self.body = body
        self._check(module)

    def _check(self, module: nn.Module) -> None:
        first = next(layer for layer in module.modules() if isinstance(layer, nn.Linear))
        probe = torch.linspace(-1, 1, 3 * first.in_features).reshape(3, -1).to(first.weight)
        whole, parts = module(probe), self.last(self.body(probe))
        if whole.shape != parts.shape or not torch.allclose(whole, parts):
            raise InputError(
                f"{type(module).__name__} is no trial space: something follows its last nn.Linear layer; "
                "end the module with a plain nn.Linear."
            )

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        self.to(torch.float64)
        if not self.keep:
            seed = int(torch.randint(2**62, (1,), generator=generator))
            # Modules draw from the global generator; it is put back as it was.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                for layer in self.body.modules():
                    if callable(reset := getattr(layer, "reset_parameters", None)):
                        reset()
        first = next((layer for layer in self.body.modules() if isinstance(layer, nn.Linear)), self.last)
        if first.in_features != inputs:
            raise InputError(f"the module takes {first.in_features} inputs; the problem has {inputs} coordinates.")
        return self.last.in_features

    def build(self, bounds: Tensor, outputs: int, generator: torch.Generator, frequencies: Tensor | None = None) -> Self:
        """Build as any space; the head is the module's own last layer.

        Args:
            bounds: bounding box, shape ``(2, d)``.
            outputs: number of unknowns K.
            generator: source of random numbers.
            frequencies: not used.

        Returns:
            A built copy.

        Raises:
            InputError: the module's number of inputs or outputs does not fit the problem.
        """
        built = super().build(bounds, outputs, generator, frequencies)
        if built.last.out_features != outputs:
            raise InputError(f"the module gives {built.last.out_features} outputs; the problem has {outputs} unknowns.")
        if built.keep:
            if built.last.bias is None:
                built.last.bias = nn.Parameter(torch.zeros(outputs, dtype=torch.float64))
            built.head = built.last
        del built.last
        return built

    def basis(self, x: Any) -> Any:
        """Evaluate the module without its last layer, at points in the domain's own units.

        Args:
            x: points ``(n, d)`` or a jet of them.

        Returns:
            The basis, shape ``(n, M)``.
        """
        return self._basis(x)

    def _basis(self, x: Any) -> Any:
        return self.body(x)


def as_space(space: nn.Module) -> Space:
    """Take a space as it is and any other module as a `ModuleSpace`.

    Args:
        space: a space or a module.

    Returns:
        A space.

    Raises:
        InputError: it is neither.
    """
    if isinstance(space, Space):
        return space
    if isinstance(space, nn.Module):
        return ModuleSpace(space)
    raise InputError(f"a space must be a torch module, got {space!r}.")


def uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> nn.Parameter:
    """Draw a float64 parameter uniformly from [-bound, bound]."""
    return nn.Parameter((2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * bound)


def linear(inputs: int, outputs: int, generator: torch.Generator, bound: float) -> nn.Linear:
    """Make a float64 linear layer with uniform weights and zero bias, without the global generator."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, dtype=torch.float64)
    layer.weight = uniform((outputs, inputs), bound, generator)
    layer.bias = nn.Parameter(torch.zeros(outputs, dtype=torch.float64))
    return layer


def positive(name: str, value: int | float | None) -> None:
    """Check an option.

    Args:
        name: its name.
        value: a number; None is allowed and means "chosen by the method".

    Raises:
        InputError: it is not positive.
    """
    if value is not None and not value > 0:
        raise InputError(f"{name} must be positive, got {value}.")
