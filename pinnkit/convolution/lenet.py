"""LeNet, plain and with analytic kernels, and the conversion of a whole network."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ..errors import InputError
from .layer import AnalyticConv2d
from .mosaic import EVEN

SIZES = (8, 28)


class LeNet(nn.Module):
    """A LeNet for grey images: two convolutions of 5 x 5 pixels, each with ReLU and pooling, and two linear layers.

    For 28 x 28 pixels the second convolution has no padding, as in LeNet-5; for 8 x 8 it has (our choice, as is the
    single hidden linear layer).

    Args:
        size: 8 or 28 pixels a side.
        classes: number of classes.
        convolution: makes a convolution from the arguments of `torch.nn.Conv2d`; called twice.

    Raises:
        InputError: an option is out of range.
    """

    def __init__(self, size: int = 28, classes: int = 10, convolution: Callable[..., nn.Module] = nn.Conv2d) -> None:
        """Draw the parameters; see the class."""
        super().__init__()
        if size not in SIZES:
            raise InputError(f"size must be one of {', '.join(map(str, SIZES))} pixels, got {size!r}.")
        if not (isinstance(classes, int) and classes > 1):
            raise InputError(f"classes must be a whole number above one, got {classes!r}.")
        self.features = nn.Sequential(
            convolution(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            convolution(6, 16, 5, padding=2 if size == 8 else 0), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        pixels = 2 if size == 8 else 5
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(16 * pixels**2, 84), nn.ReLU(), nn.Linear(84, classes)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(n, 1, size, size)`` to logits ``(n, classes)``."""
        return self.classifier(self.features(x))


class AnaNNLeNet(LeNet):
    """A LeNet whose convolutions are `AnalyticConv2d`.

    Args:
        size: 8 or 28 pixels a side.
        classes: number of classes.
        mosaics: of the first layer (6 kernels) and the second (96).

    Raises:
        InputError: an option is out of range.

    Reference:
        "Analytic convolutional layer", arXiv:2407.06087.
    """

    def __init__(self, size: int = 28, classes: int = 10, mosaics: tuple[str, str] = (EVEN, EVEN)) -> None:
        """Draw the parameters; see the class."""
        if isinstance(mosaics, str) or len(mosaics) != 2:
            raise InputError(f"mosaics are two, one for each convolution, got {mosaics!r}.")
        left = iter(mosaics)
        super().__init__(size, classes, lambda *args, **options: AnalyticConv2d(*args, **options, mosaic=next(left)))


def with_analytic_kernels(module: nn.Module, **options: Any) -> nn.Module:
    """Replace every `torch.nn.Conv2d` in a trained network by `AnalyticConv2d.from_conv2d`.

    Args:
        module: the network, which stays as it is.
        options: of `AnalyticConv2d.from_conv2d`.

    Returns:
        A copy with analytic kernels. Convolutions too small for them (1 x 1, say) stay plain.
    """
    module = copy.deepcopy(module)
    for name, child in list(module.named_modules()):
        if type(child) is nn.Conv2d and max(child.kernel_size) >= 3:
            converted = AnalyticConv2d.from_conv2d(child, **options)
            if not name:
                return converted
            parent, _, attribute = name.rpartition(".")
            setattr(module.get_submodule(parent), attribute, converted)
    return module
