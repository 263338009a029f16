"""Networks as images: a trial space at the centres of the pixels, or a convolutional network of all of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError, NameNotFound
from ...spaces import LRNN, SIREN, WIRE, Gauss, PositionalReLU, Space
from ..geometry import ImageGrid
from .prior import DeepImagePrior

LIMIT = 180_000
"""Parameters of the networks by name."""
BATCH = 4096
"""Pixels in a step of a space; all of them are only needed once a round."""
CHUNK = 16384
RATES: dict[type[Space], float] = {Gauss: 3e-3, PositionalReLU: 3e-3}
RATE = 1e-3
"""Rate of Adam for other spaces; each has the best of 1e-3 and 3e-3 for fitting a CT slice in half a minute."""
SPACES: dict[str, Callable[..., nn.Module]] = {
    "lrnn": LRNN,
    "siren": SIREN,
    "wire": WIRE,
    "gauss": Gauss,
    "relu-positional": PositionalReLU,
    "deep-image-prior": DeepImagePrior,
}
"""Networks that can be an image, by name."""
DEPTH = 3
"""Hidden layers of a space other than LRNN."""


def image_space(name: str, **options: Any) -> nn.Module:
    """Make a network for images by name, with up to 180,000 parameters unless options say otherwise.

    Args:
        name: among `SPACES`.
        options: of the network's class, for which there are other defaults here: LRNN has two layers of 206 neurons
            with 4 components, free projections and omega 20; other spaces have three hidden layers as wide as the
            limit allows (our choice: the paper's 101 neurons with 16 components and spder take twice as long for the
            same fit, and its omega of 30 leaves more streaks).

    Returns:
        The network, not yet built.

    Raises:
        NameNotFound: there is no such network.
    """
    if name not in SPACES:
        raise NameNotFound("space for images", name, SPACES)
    if name == "lrnn":
        defaults: dict[str, Any] = {"rank": 206, "components": 4, "depth": 2, "projection": "free", "omega": 20.0}
        return LRNN(**defaults | options)
    if name == "deep-image-prior" or "width" in options:
        return SPACES[name](**options)
    options = {"depth": DEPTH} | options
    low, high = 1, 2048
    while high - low > 1:  # the widest one within the limit
        middle = (low + high) // 2
        low, high = (middle, high) if _parameters(SPACES[name](width=middle, **options)) <= LIMIT else (low, middle)
    return SPACES[name](width=low, **options)


def _parameters(space: Any) -> int:
    built = space.build(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), 1, torch.Generator())
    return sum(p.numel() for p in built.parameters())


class PixelField:
    """A trial space as an image: values at the pixels' centres, fitted on random batches of them.

    Attributes:
        network: the space, built.
        rate: of Adam.
        steps: fitting steps in a round, at whose end all pixels are evaluated.

    Args:
        space: not yet built.
        grid: of the image.
        generator: source of all random numbers.
    """

    steps = 50

    def __init__(self, space: Space, grid: ImageGrid, generator: torch.Generator) -> None:
        """Build the space for the image's box; see the class."""
        points = torch.from_numpy(grid.points())
        half = torch.tensor([grid.columns, grid.rows], dtype=torch.float64) * grid.pixel / 2
        centre = torch.tensor(grid.centre, dtype=torch.float64)
        self.network = space.build(torch.stack([centre - half, centre + half]), 1, generator).float()
        self.rate = RATES.get(type(space), RATE)
        self._points, self._shape, self._generator = points.float(), grid.shape, generator

    def misfit(self, target: Tensor) -> Tensor:
        """Measure the mean square of the difference from an image at a random batch of pixels."""
        picked = torch.randint(len(self._points), (min(BATCH, len(self._points)),), generator=self._generator)
        return (self.network(self._points[picked])[:, 0] - target.reshape(-1)[picked]).square().mean()

    @torch.no_grad()
    def image(self) -> Tensor:
        """Evaluate at all pixels, shape ``(rows, columns)``."""
        return torch.cat([self.network(part)[:, 0] for part in self._points.split(CHUNK)]).reshape(self._shape)


class ConvolutionalField:
    """A convolutional network as an image, fitted on all pixels at once; see `PixelField`.

    Args:
        prior: not yet built.
        grid: of the image.
        generator: source of all random numbers.
    """

    steps = 20

    def __init__(self, prior: DeepImagePrior, grid: ImageGrid, generator: torch.Generator) -> None:
        """Build the network; see the class."""
        self.network = copy.deepcopy(prior).build(grid.shape, generator)
        self.rate = prior.rate

    def misfit(self, target: Tensor) -> Tensor:
        """Measure the mean square of the difference from an image."""
        return (self.network() - target).square().mean()

    @torch.no_grad()
    def image(self) -> Tensor:
        """Evaluate all pixels, shape ``(rows, columns)``."""
        return self.network()


def as_field(space: nn.Module, grid: ImageGrid, generator: torch.Generator) -> PixelField | ConvolutionalField:
    """Build a network as an image.

    Args:
        space: a trial space or a deep image prior.
        grid: of the image.
        generator: source of all random numbers.

    Returns:
        The field.

    Raises:
        InputError: it is neither.
    """
    if isinstance(space, DeepImagePrior):
        return ConvolutionalField(space, grid, generator)
    if isinstance(space, Space):
        return PixelField(space, grid, generator)
    raise InputError(f"an image needs a trial space or a DeepImagePrior, got {type(space).__name__}.")
