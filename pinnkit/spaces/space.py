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
        frozen: whether the basis serves as it is drawn, so that only the head need be found.
        formula: a basis function in mathematical notation, one line.
        references: keys of the literature in ``references.bib``.
    """

    head: nn.Linear
    centre: Tensor
    halfwidth: Tensor
    spectral = False
    frozen = False
    formula = "phi = the module without its last linear layer"
    references: tuple[str, ...] = ()

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
        # An activation may have parameters of its own, in another number type.
        return built.to(torch.float64)

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
    def title(self) -> str:
        """Name for reports."""
        return type(self).__name__

    @property
    def size(self) -> int:
        """Number of basis functions."""
        return self.head.in_features


class ModuleSpace(Space):
    """Any module whose last layer is linear, as a space: the rest of it is the basis.

    Args:
        module: maps ``(n, d)`` to ``(n, K)`` through a last ``nn.Linear``; it is copied, not changed.
        keep: keep the module's parameters; by default all layers that know how to (``reset_parameters``) draw them
            anew from the seed.

    Raises:
        InputError: the module has no linear layer after a body.
    """

    def __init__(self, module: nn.Module, keep: bool = False) -> None:
        """Take the module apart; see the class."""
        super().__init__()
        body = copy.deepcopy(module)
        layers = [(name, layer) for name, layer in body.named_modules() if isinstance(layer, nn.Linear)]
        if not layers or not layers[-1][0]:
            raise InputError(f"{type(module).__name__} is no trial space: it needs a body and a last nn.Linear layer.")
        name, last = layers[-1]
        self.keep, self.last, self.last_name = keep, last, name
        self.body = _with(body, name, nn.Identity())

    def _check(self, inputs: int) -> None:
        """Compare the body and its last layer with the whole module, at a few points."""
        kind = type(self.body).__name__
        probe = torch.linspace(-1, 1, 3 * inputs, dtype=torch.float64).reshape(3, inputs)
        whole_module = _with(copy.deepcopy(self.body), self.last_name, self.last)
        try:
            whole_values, parts = whole_module(probe), self.last(copy.deepcopy(self.body)(probe))
        except Exception as error:  # a user's module may raise anything
            raise InputError(
                f"{kind} cannot be evaluated at points of shape (n, {inputs}), one column for each coordinate: {error}"
            ) from error
        shapes = [tuple(getattr(v, "shape", ())) for v in (whole_values, parts)]
        if shapes[0] != shapes[1] or not torch.allclose(whole_values, parts, equal_nan=True):
            raise InputError(
                f"{kind} is no trial space: something random, or something after its last nn.Linear layer, changes its "
                "values; end the module with a plain nn.Linear."
            )

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        self.to("cpu", torch.float64)
        seed = int(torch.randint(2**62, (1,), generator=generator))
        # Modules draw from the global generator; it is put back as it was. (torch.manual_seed would reach GPUs, too.)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            if not self.keep:
                for layer in self.body.modules():
                    if callable(reset := getattr(layer, "reset_parameters", None)):
                        reset()
            self._check(inputs)
        return self.last.in_features

    def build(
        self, bounds: Tensor, outputs: int, generator: torch.Generator, frequencies: Tensor | None = None
    ) -> Self:
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
            bias: Tensor | None = built.last.bias
            if bias is None:
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


def _with(body: nn.Module, name: str, layer: nn.Module) -> nn.Module:
    """Put a layer at a place in a module."""
    parent, _, attribute = name.rpartition(".")
    setattr(body.get_submodule(parent), attribute, layer)
    return body


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
    layer = nn.Linear(inputs, outputs, device="meta")  # initialised by nobody; `skip_init` would import sympy
    layer.weight = uniform((outputs, inputs), bound, generator)
    layer.bias = nn.Parameter(torch.zeros(outputs, dtype=torch.float64))
    return layer


def positive(name: str, value: float | None) -> None:
    """Check an option that is a number.

    Args:
        name: its name.
        value: a number; None is allowed and means "chosen by the method".

    Raises:
        InputError: it is not a positive number.
    """
    if value is not None and not (isinstance(value, (int, float)) and 0 < value < math.inf):
        raise InputError(f"{name} must be positive, got {value!r}.")


def whole(name: str, value: int | None) -> None:
    """Check an option that is a count.

    Args:
        name: its name.
        value: a number; None is allowed and means "chosen by the method".

    Raises:
        InputError: it is not a positive whole number.
    """
    if value is not None and not (isinstance(value, int) and value > 0):
        raise InputError(f"{name} must be a positive whole number, got {value!r}.")
