"""A small convolutional network as the image: the deep image prior."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...convolution import AnalyticConv2d
from ...errors import InputError
from ...spaces.space import whole

INPUTS, AMPLITUDE = 8, 0.3
"""Channels of the noise that the network sees, and its range (our choice)."""


class DeepImagePrior(nn.Module):
    r"""A U-shaped convolutional network that turns fixed noise into the image: for CT only.

    Its layers fit what repeats at many places and scales sooner than noise and streaks; that is the prior. Each scale
    has half the pixels of the one before; a layer is a convolution, group normalisation and :math:`x\,\sigma(x)`.

    Args:
        channels: of each scale, the finest first, separated by commas.
        analytic: whether every second kernel is analytic instead of plain: Gabor, Laplacians and TGD; see
            `AnalyticConv2d`. These have 5 x 5 pixels, plain ones 3 x 3.

    Raises:
        InputError: channels cannot be read.

    Reference:
        Ulyanov, Vedaldi and Lempitsky 2020, "Deep image prior", doi:10.1007/s11263-020-01303-4; "Analytic
        convolutional layer", arXiv:2407.06087.
    """

    rate = 2e-3
    formula = "the pixels f(z) of a convolutional network f, for noise z that stays as it is drawn"
    references = ("ulyanov2020prior", "cui2024acl")

    def __init__(self, channels: str = "16,24,32,48", analytic: bool = False) -> None:
        """Keep the options; see the class."""
        super().__init__()
        try:
            self.channels = [int(part) for part in channels.split(",")]
        except (ValueError, AttributeError):
            raise InputError(f"channels must be whole numbers such as 16,24,32, got {channels!r}.") from None
        for number in self.channels:
            whole("channels", number)
        self.analytic = analytic

    @property
    def title(self) -> str:
        """Name for reports."""
        return "deep image prior" + ", analytic" * self.analytic

    def build(self, shape: tuple[int, int], generator: torch.Generator) -> DeepImagePrior:
        """Draw the parameters and the noise.

        Args:
            shape: rows and columns of the image.
            generator: source of all random numbers.

        Returns:
            This object.
        """
        pairs = list(itertools.pairwise(self.channels))
        with torch.random.fork_rng(devices=[]):  # torch's layers draw from the global generator
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            self.first = self._layer(INPUTS, self.channels[0])
            self.down = nn.ModuleList(nn.Sequential(self._layer(a, b, 2), self._layer(b, b)) for a, b in pairs)
            self.up = nn.ModuleList(self._layer(a + b, a) for a, b in pairs)
            self.last = nn.Conv2d(self.channels[0], 1, 1)
        self.register_buffer("noise", AMPLITUDE * torch.rand(1, INPUTS, *shape, generator=generator))
        return self

    def _layer(self, inputs: int, outputs: int, stride: int = 1) -> nn.Module:
        convolution: nn.Module
        if self.analytic:
            count = inputs * outputs
            plain = count // 2
            mosaic = f"G Lg Lt Tf Ts P{plain}"
            convolution = AnalyticConv2d(inputs, outputs, 5, stride, 2, padding_mode="reflect", mosaic=mosaic)
        else:
            convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, padding_mode="reflect")
        groups = max(g for g in range(1, max(1, outputs // 8) + 1) if outputs % g == 0)
        return nn.Sequential(convolution, nn.GroupNorm(groups, outputs), nn.SiLU())

    def forward(self) -> Tensor:
        """Give the image, shape ``(rows, columns)``."""
        scales = [self.first(self.noise)]
        for layer in self.down:
            scales.append(layer(scales[-1]))
        found = scales.pop()
        for layer, skip in zip(reversed(self.up), reversed(scales), strict=True):
            wide = functional.interpolate(found, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            found = layer(torch.cat([skip, wide], 1))
        return self.last(found)[0, 0]
