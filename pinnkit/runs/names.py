"""The names that the command line knows: spaces, methods, number types, devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from ..errors import InputError, NameNotFound
from ..methods import (
    LBFGS,
    RAD,
    RAR,
    SOAP,
    Adam,
    Auto,
    Causal,
    Continuation,
    GaussNewton,
    GradientNorm,
    Identification,
    LeastSquares,
    Method,
    Resample,
    Ritz,
    SelfAdaptive,
    Sequence,
    SSBroyden,
    TangentKernel,
    TimeMarching,
)
from ..options import fitting, options_of, parameters_of
from ..spaces import (
    IAT,
    KAN,
    LRNN,
    MLP,
    SIREN,
    SPDER,
    WIRE,
    AnalyticKernels,
    Chebyshev,
    FourierFeatures,
    Gauss,
    LehmerNetwork,
    ModifiedMLP,
    Patches,
    Piecewise,
    PirateNet,
    PositionalReLU,
    RandomFeatures,
    Space,
)

SPACES: dict[str, type[Space]] = {
    "lrnn": LRNN,
    "iat": IAT,
    "lehmer": LehmerNetwork,
    "analytic-kernels": AnalyticKernels,
    "random-features": RandomFeatures,
    "mlp": MLP,
    "siren": SIREN,
    "spder": SPDER,
    "wire": WIRE,
    "gauss": Gauss,
    "relu-positional": PositionalReLU,
    "fourier-features": FourierFeatures,
    "kan": KAN,
    "modified-mlp": ModifiedMLP,
    "piratenet": PirateNet,
    "patches": Patches,
    "chebyshev": Chebyshev,
    "piecewise": Piecewise,
}
METHODS: dict[str, Callable[..., Method]] = {
    "auto": Auto,
    "least-squares": LeastSquares,
    "ritz": Ritz,
    "adam": Adam,
    "lbfgs": LBFGS,
    "identification": Identification,
    "ssbroyden": SSBroyden,
    "soap": SOAP,
    "gauss-newton": GaussNewton,
    "time-marching": TimeMarching,
    "continuation": Continuation,
}
PARTS: dict[str, dict[str, Callable[..., Any]]] = {
    "weights": {
        "gradient-norm": GradientNorm,
        "tangent-kernel": TangentKernel,
        "self-adaptive": SelfAdaptive,
        "causal": Causal,
    },
    "sampling": {"resample": Resample, "rad": RAD, "rar": RAR},
}
"""Options of methods that are objects; their own options are written method.sampling.every and so on."""
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def _checked(kind: str, name: str, makers: list[Callable[..., Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    known = {option: parameter for maker in makers for option, parameter in options_of(maker).items()}
    for option in options:
        if option not in known:
            raise NameNotFound(f"option of {kind} {name}", option, sorted(known))
    return {option: fitting(f"{kind}.{option}", value, known[option]) for option, value in options.items()}


def make_space(name: str | None, options: Mapping[str, Any]) -> Space | None:
    """Make a space by name.

    Args:
        name: one of `SPACES`; None leaves the choice to the method.
        options: of the space.

    Returns:
        The space, unbuilt.

    Raises:
        InputError: options without a space, or out of range.
        NameNotFound: an unknown name.
    """
    if name is None:
        if options:
            raise InputError(
                f"space.{next(iter(options))} needs a space: add --space NAME; python -m pinnkit list spaces shows all."
            )
        return None
    if name not in SPACES:
        raise NameNotFound("space", name, SPACES)
    checked = _checked("space", name, [SPACES[name]], options)
    try:
        return SPACES[name](**checked)
    except InputError as error:
        raise InputError(f"space {name}: {error}") from None


def make_image_space(name: str, options: Mapping[str, Any]) -> nn.Module:
    """Make a network for images by name.

    Args:
        name: one of `tomography.SPACES`.
        options: of the network.

    Returns:
        The network, unbuilt.

    Raises:
        NameNotFound: an unknown name.
        InputError: an option is out of range.
    """
    from ..tomography import SPACES, image_space

    if name not in SPACES:
        raise NameNotFound("space for images", name, SPACES)
    checked = _checked("space", name, [SPACES[name]], options)
    try:
        return image_space(name, **checked)
    except InputError as error:
        raise InputError(f"space {name}: {error}") from None


def make_method(name: str, options: Mapping[str, Any]) -> Method:
    """Make a method by name; names joined by "+" run in turn.

    Args:
        name: such as "auto" or "adam+lbfgs".
        options: given to each method that has them.

    Returns:
        The method.

    Raises:
        NameNotFound: an unknown name.
        InputError: an option is out of range, or methods that cannot be joined.
    """
    parts = name.split("+")
    for part in parts:
        if part not in METHODS:
            raise NameNotFound("method", part, [*METHODS, "joined by + (adam+lbfgs)"])
    if len(parts) > 1 and "auto" in parts:
        raise InputError(f"method {name}: auto chooses methods by itself; it cannot be joined with others.")
    makers = [METHODS[part] for part in parts]
    plain = {option: value for option, value in options.items() if option.partition(".")[0] not in PARTS}
    checked = _checked("method", name, makers, plain) | _parts(name, makers, options)
    try:
        methods = [maker(**{k: v for k, v in checked.items() if k in parameters_of(maker)}) for maker in makers]
    except InputError as error:
        raise InputError(f"method {name}: {error}") from None
    return methods[0] if len(methods) == 1 else Sequence(methods)


def _parts(method: str, makers: list[Callable[..., Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    """Make the weights and the sampling that are asked for."""
    made = {}
    for kind in dict.fromkeys(option.partition(".")[0] for option in options):
        if kind not in PARTS:
            continue
        if not any(kind in parameters_of(maker) for maker in makers):
            known = {option for maker in makers for option in options_of(maker)}
            raise NameNotFound(f"option of method {method}", kind, sorted(known))
        if kind not in options:
            names = ", ".join(PARTS[kind])
            raise InputError(f"options of method.{kind} need a name: add --set method.{kind}=NAME, one of {names}.")
        if (name := str(options[kind])) not in PARTS[kind]:
            raise NameNotFound(kind, name, PARTS[kind])
        own = {key.partition(".")[2]: value for key, value in options.items() if key.startswith(f"{kind}.")}
        checked = _checked(kind, name, [PARTS[kind][name]], own)
        try:
            made[kind] = PARTS[kind][name](**checked)
        except InputError as error:
            raise InputError(f"{kind} {name}: {error}") from None
    return made


def make_device(name: str, dtype: torch.dtype = torch.float64) -> str:
    """Choose a device.

    Args:
        name: "auto" (CUDA if there is one), or a torch device.
        dtype: a number type that it must know.

    Returns:
        A torch device that works here.

    Raises:
        InputError: it does not.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        # Reading a number back tells devices that hold none, such as "meta".
        torch.zeros(1, dtype=dtype, device=name).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        cause = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"the device {name!r} does not work here ({cause}); use cpu or auto.") from None
    return name


def make_dtype(name: str) -> torch.dtype:
    """Choose a number type.

    Args:
        name: float32 or float64.

    Returns:
        The torch type.

    Raises:
        NameNotFound: another name.
    """
    if name not in DTYPES:
        raise NameNotFound("dtype", name, DTYPES)
    return DTYPES[name]
