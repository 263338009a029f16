"""Networks as images: a trial space at the centres of the pixels, or a convolutional network of all of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError, NameNotFound
from ...jets import Derivatives
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
GRADIENT = Derivatives(((0,), (1,)), (0, 1))
PART = 8
"""One in so many pixels of a batch has its gradient taken, which costs several times its value (our choice)."""


def image_space(name: str, **options: Any) -> nn.Module:
    """Make a network for images by name, with up to 180,000 parameters unless options say otherwise.

    Args:
        name: among `SPACES`.
        options: of the network's class, for which there are other defaults here: LRNN has two layers of 206 neurons
            with 4 components, free projections and omega 20; other spaces have three hidden layers as wide as the
            limit allows (our choice: with more components and spder the paper's LRNN takes twice as long for the same
            fit, and its omega of 30 leaves more streaks; these options were tuned on a slice of the abdomen).

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

    A separable space, such as a shallow LRNN along the axes, is fitted on all of them, since a grid costs it no more.

    Attributes:
        network: the space, built.
        rate: of Adam.
        steps: fitting steps in a round, at whose end all pixels are evaluated.

    Args:
        space: not yet built.
        grid: of the image.
        generator: source of all random numbers, on the CPU.
        device: of the network and the image.
        smoothing: factor of the mean square of the gradient beside that of the difference.
    """

    steps = 50

    def __init__(
        self,
        space: Space,
        grid: ImageGrid,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
        smoothing: float = 0.0,
    ) -> None:
        """Build the space for the image's box; see the class."""
        points = torch.from_numpy(grid.points())
        half = torch.tensor([grid.columns, grid.rows], dtype=torch.float64) * grid.pixel / 2
        centre = torch.tensor(grid.centre, dtype=torch.float64)
        self.network = space.build(torch.stack([centre - half, centre + half]), 1, generator).float().to(device)
        self.rate = RATES.get(type(space), RATE)
        self._points, self._shape, self._generator = points.float().to(device), grid.shape, generator
        self._smoothing = smoothing * grid.pixel**2
        self._axes: list[Tensor] | None = None
        if isinstance(space, LRNN) and space.depth == 1 and space.projection != "free":
            self._axes = [torch.from_numpy(axis).float().to(device) for axis in (grid.x, grid.y)]

    def misfit(self, target: Tensor) -> Tensor:
        r"""Measure the mean square of the difference from an image at a random batch of pixels.

        With smoothing, its factor times the mean of :math:`h^2 |\nabla u|^2` is added, for pixels of side h, by jets.

        Args:
            target: shape ``(rows, columns)``.

        Returns:
            A number.
        """
        if self._axes is not None and not self._smoothing:
            return (self._on_grid(self._axes) - target).square().mean()
        picked = torch.randint(len(self._points), (min(BATCH, len(self._points)),), generator=self._generator)
        picked = picked.to(self._points.device)
        points = self._points[picked]
        misfit = (self.network(points)[:, 0] - target.reshape(-1)[picked]).square().mean()
        if not self._smoothing:
            return misfit
        slopes = GRADIENT(self.network, points[: max(1, len(points) // PART)]).values()
        return misfit + self._smoothing * sum(slope.square().mean() for slope in slopes)

    @torch.no_grad()
    def image(self) -> Tensor:
        """Evaluate at all pixels, shape ``(rows, columns)``."""
        if self._axes is not None:
            return self._on_grid(self._axes)
        return torch.cat([self.network(part)[:, 0] for part in self._points.split(CHUNK)]).reshape(self._shape)

    def _on_grid(self, axes: list[Tensor]) -> Tensor:
        network: Any = self.network
        return network.on_grid(axes)[:, :, 0].T


class ConvolutionalField:
    """A convolutional network as an image, fitted on all pixels at once; see `PixelField`.

    Args:
        prior: not yet built.
        grid: of the image.
        generator: source of all random numbers, on the CPU.
        device: of the network and the image.
    """

    steps = 20

    def __init__(
        self, prior: DeepImagePrior, grid: ImageGrid, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        """Build the network; see the class."""
        self.network = copy.deepcopy(prior).build(grid.shape, generator).to(device)
        self.rate = prior.rate

    def misfit(self, target: Tensor) -> Tensor:
        """Measure the mean square of the difference from an image."""
        return (self.network() - target).square().mean()

    @torch.no_grad()
    def image(self) -> Tensor:
        """Evaluate all pixels, shape ``(rows, columns)``."""
        return self.network()


def as_field(
    space: nn.Module,
    grid: ImageGrid,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
    smoothing: float = 0.0,
) -> PixelField | ConvolutionalField:
    """Build a network as an image.

    Args:
        space: a trial space or a deep image prior.
        grid: of the image.
        generator: source of all random numbers, on the CPU.
        device: of the network and the image.
        smoothing: of a trial space, see `PixelField`.

    Returns:
        The field.

    Raises:
        InputError: it is neither.
    """
    if isinstance(space, DeepImagePrior):
        return ConvolutionalField(space, grid, generator, device)
    if isinstance(space, Space):
        return PixelField(space, grid, generator, device, smoothing)
    raise InputError(f"an image needs a trial space or a DeepImagePrior, got {type(space).__name__}.")
