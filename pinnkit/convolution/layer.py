"""A convolution whose kernels are analytic functions of a few parameters."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..errors import InputError
from .families import FAMILIES
from .mosaic import EVEN, NAMES, PLAIN, parse_mosaic, spread, write_mosaic

Size = int | tuple[int, int]


class AnalyticConv2d(nn.Module):
    r"""A drop-in for `torch.nn.Conv2d` with a mosaic of analytic and plain single-channel kernels.

    An analytic kernel is :math:`a\, k / |k|` with the formula k of its family, sampled at the pixels, and an amplitude
    a. Only a and the family's own parameters (AKPs) are learned:

    - "G", Gabor: :math:`e^{-r^2 / (2 \sigma^2)} \cos(2 \pi x' / \lambda + \psi)`; sigma, theta, lambda, psi.
    - "Lg", Laplacian of Gaussian: :math:`-(1 - r^2 / (2 \sigma^2))\, e^{-r^2 / (2 \sigma^2)}`; sigma.
    - "Lt", Laplacian of TGD: :math:`w(r)` off the centre and minus its sum there, :math:`w(t) = e^{-t^2/(2\sigma^2)}`;
      sigma.
    - "Tf", TGD of first order: :math:`\operatorname{sgn}(x')\, w(x')\, e^{-y'^2 / (2 \rho^2)}`; sigma, rho, theta.
    - "Ts", TGD of second order: :math:`(w(x') - c\, \delta(x'))\, e^{-y'^2 / (2 \rho^2)}` with c for a zero sum;
      sigma, rho, theta.
    - "P", plain: every entry is learned.

    Here (x', y') are coordinates in pixels from the kernel's centre, turned by theta. Our choices, which the papers do
    not print: the amplitude, so that an analytic kernel counts 5 (G), 2 (Lg, Lt) or 4 (Tf, Ts) numbers; unit norm, so
    that its drawn amplitude gives it the variance of `torch.nn.Conv2d` at any width; the widths across; sign and delta
    blurred by a quarter of a pixel, so that theta has a gradient. Widths stay between 0.3 pixels (0.5 for the sigma of
    "Lt", "Tf" and "Ts") and the kernel's size k, wavelengths between 2 pixels and 4 k.

    Args:
        in_channels: as in `torch.nn.Conv2d`.
        out_channels: as there.
        kernel_size: as there; at least three pixels one way where analytic kernels are asked for.
        stride: as there.
        padding: as there.
        dilation: as there.
        groups: as there.
        bias: as there.
        padding_mode: as there.
        device: as there.
        dtype: as there.
        mosaic: count of single-channel kernels of each family, such as "G30 Lg15 Lt15 Tf30 Ts6 P96", in all
            out_channels * in_channels / groups. Names without a count share the rest. Places are spread evenly.
        generator: source of the initial values; torch's global one by default.

    Attributes:
        weight: the assembled kernels, which are no parameter; change one of the next three instead.
        akps: raw parameters of each family, shape ``(count, p)``.
        amplitude: of the analytic kernels, shape ``(count,)``.
        plain: the plain kernels, shape ``(count, h, w)``.
        order: for each place, the position of its kernel in the stack of all families.
        errors: relative error of each kernel, shape ``(out, in / groups)``, in a layer made by `from_conv2d`.
        relative_error: of all its weights.

    Raises:
        InputError: an argument is out of range, or the mosaic does not fit.

    Reference:
        "Analytic convolutional layer", arXiv:2407.06087; Tao et al. 2023 (TGD), arXiv:2305.08098.
    """

    order: Tensor
    errors: Tensor | None
    relative_error: float | None = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        mosaic: str = EVEN,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw the parameters; see the class."""
        super().__init__()
        mode: Any = padding_mode
        try:  # torch checks and completes its own arguments
            like: Any = nn.Conv2d(
                in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, mode, "meta"
            )
        except (ValueError, TypeError, RuntimeError) as error:
            raise InputError(f"no convolution has these arguments: {error}") from error
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size: tuple[int, int] = like.kernel_size
        self.stride, self.dilation = like.stride, like.dilation
        self.padding, self.padding_mode = like.padding, padding_mode
        self.counts = parse_mosaic(mosaic, out_channels * (in_channels // groups))
        self._check_size()
        real = {"device": device, "dtype": dtype}
        self.akps = nn.ParameterDict({
            name: nn.Parameter(torch.empty(count, len(FAMILIES[name].parameters), **real))
            for name, count in self.counts.items()
            if name != PLAIN
        })
        plain = self.counts.get(PLAIN, 0)
        analytic = sum(self.counts.values()) - plain
        self.amplitude = nn.Parameter(torch.empty(analytic, **real)) if analytic else None
        self.plain = nn.Parameter(torch.empty(plain, *self.kernel_size, **real)) if plain else None
        self.bias = nn.Parameter(torch.empty(out_channels, **real)) if bias else None
        self.register_buffer("order", spread(self.counts.values()).to(device))
        self.register_buffer("errors", None, persistent=False)
        self.reset_parameters(generator)

    def _check_size(self) -> None:
        if min(self.kernel_size) < 1:
            raise InputError(f"kernel_size must be positive, got {self.kernel_size}.")
        if max(self.kernel_size) < 3 and list(self.counts) != [PLAIN]:
            raise InputError(
                f"kernels of {self.kernel_size[0]} x {self.kernel_size[1]} pixels are too small to be analytic; take "
                "three pixels or more one way, or mosaic='P'."
            )

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all parameters anew.

        AKPs spread evenly over their ranges; entries have the variance 1 / (3 fan_in) that they have in
        `torch.nn.Conv2d`.

        Args:
            generator: source of random numbers; torch's global one by default.
        """
        channels = self.in_channels // self.groups
        fan_in = channels * math.prod(self.kernel_size)
        for name, raw in self.akps.items():
            raw.copy_(FAMILIES[name].draw(len(raw), generator))
        for values, square in ((self.amplitude, channels), (self.plain, fan_in), (self.bias, fan_in)):
            if values is not None:
                share = torch.rand(values.shape, generator=generator, dtype=torch.float64)
                values.copy_((2 * share - 1) / math.sqrt(square))

    @property
    def weight(self) -> Tensor:
        """The kernels as a convolution takes them, shape ``(out, in / groups, h, w)``, with their graph."""
        parts = [FAMILIES[name].kernels(raw, self.kernel_size) for name, raw in self.akps.items()]
        if self.amplitude is not None:
            parts = [self.amplitude[:, None, None] * torch.cat(parts)]
        if self.plain is not None:
            parts.append(self.plain)
        kernels = torch.cat(parts)[self.order]
        return kernels.reshape(self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    @property
    def mosaic(self) -> str:
        """Count of each family."""
        return write_mosaic(self.counts)

    @property
    def kinds(self) -> list[list[str]]:
        """Family of each kernel, by output and input channel."""
        stack = [name for name, count in self.counts.items() for _ in range(count)]
        columns = self.in_channels // self.groups
        return [[stack[i] for i in row] for row in self.order.reshape(-1, columns).tolist()]

    def akps_of(self, name: str) -> dict[str, Tensor]:
        """Give the parameters of a family's kernels in their own units.

        Args:
            name: such as "G".

        Returns:
            Widths and wavelengths in pixels, angles in radians, and the amplitude; each of shape ``(count,)``.

        Raises:
            InputError: the layer has no such analytic kernels.
        """
        if name not in self.akps or self.amplitude is None:
            raise InputError(f"no analytic kernels {name!r} in the mosaic {self.mosaic}.")
        family = FAMILIES[name]
        before = sum(self.counts.get(other, 0) for other in NAMES[: NAMES.index(name)])
        values = family.akps(self.akps[name], max(self.kernel_size))
        amplitude = self.amplitude[before : before + self.counts[name]]
        return {**dict(zip(family.parameters, values, strict=True)), "amplitude": amplitude}

    def forward(self, x: Tensor) -> Tensor:
        """Convolve images ``(n, in_channels, height, width)``, or one image without n."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            x = nn.functional.pad(x, self._margins(), mode=self.padding_mode)
            padding = 0
        return nn.functional.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _margins(self) -> list[int]:
        """Padding from the last dimension to the first, before and after."""
        if self.padding == "valid":
            return [0, 0, 0, 0]
        margins = []
        for axis in (1, 0):
            if self.padding == "same":
                total = self.dilation[axis] * (self.kernel_size[axis] - 1)
                margins += [total // 2, total - total // 2]
            else:
                margins += [int(self.padding[axis])] * 2
        return margins

    def extra_repr(self) -> str:
        """Show the arguments."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, groups={self.groups}, bias={self.bias is not None}, "
            f"padding_mode={self.padding_mode!r}, mosaic={self.mosaic!r}"
        )

    @classmethod
    def from_conv2d(
        cls, conv: nn.Conv2d, families: str = EVEN, tolerance: float = 0.5, mosaic: str | None = None
    ) -> Self:
        """Replace the kernels of a trained convolution by fitted analytic ones.

        Every kernel is fitted by every family and gets the one with the least error. It stays plain where the error
        exceeds ``tolerance`` times the root mean square norm of the layer's kernels, so that the layer's weights
        change by at most ``tolerance`` relatively. (Our choice: an error relative to a kernel's own norm would keep
        the many small kernels that hardly matter.)

        Args:
            conv: the trained layer, which stays as it is.
            families: those to try.
            tolerance: largest error of a replaced kernel; `math.inf` replaces all.
            mosaic: counts to be kept instead, whatever the errors; families are then assigned to kernels for the
                least sum of squared errors.

        Returns:
            A layer of the same arguments, number type and device, with the `errors` made, relative to each kernel's
            own norm (zero where it is plain).

        Raises:
            InputError: the kernels are not finite, or an option is out of range.
        """
        from .fitting import choose

        if not (isinstance(conv, nn.Conv2d) and bool(torch.isfinite(conv.weight).all())):
            raise InputError(f"from_conv2d needs a torch.nn.Conv2d with finite weights, got {conv!r}.")
        kernels = conv.weight.detach().to(torch.float64).flatten(0, 1)
        counts = None if mosaic is None else parse_mosaic(mosaic, len(kernels))
        choice = choose(kernels, families, tolerance, counts)
        old: Any = conv
        layer = cls(
            old.in_channels, old.out_channels, old.kernel_size, old.stride, old.padding, old.dilation, old.groups,
            old.bias is not None, old.padding_mode, old.weight.device, old.weight.dtype,
            mosaic=write_mosaic(choice.counts), generator=torch.Generator(),
        )  # fmt: skip
        with torch.no_grad():
            for name, raw in choice.raw.items():
                layer.akps[name].copy_(raw)
            for mine, value in ((layer.amplitude, choice.amplitude), (layer.plain, choice.plain)):
                if mine is not None:
                    mine.copy_(value)
            if layer.bias is not None and conv.bias is not None:
                layer.bias.copy_(conv.bias)
            layer.order.copy_(choice.order)
        layer.relative_error = choice.relative_error
        layer.errors = choice.errors.reshape(conv.weight.shape[:2]).to(conv.weight)
        return layer.train(conv.training)
