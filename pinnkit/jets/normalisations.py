"""Rules of functions composed of simpler ones: softmax, norms, normalisation layers."""

# A rule is documented by the torch function that it stands for.
# ruff: noqa: D103

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from .jet import Jet, MissingRule, plain
from .linear_maps import mean, sum
from .rules import named, rule_for
from .shapes import dims_of


def _softmax_dim(dim: int | None, rank: int) -> int:
    # torch's own choice where dim is not given.
    return dim if dim is not None else (0 if rank in (0, 1, 3) else 1)


def _converted(input: Jet, dtype: Any) -> Jet:
    return input if dtype is None else input.each(lambda c: c.to(dtype))


@rule_for(*named("softmax"))
def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    input, dim = _converted(input, dtype), _softmax_dim(dim, input.ndim)
    e = torch.exp(input - plain(input).amax(dim, keepdim=True).detach())
    return e / e.sum(dim, keepdim=True)


@rule_for(F.softmin)
def softmin(input: Jet, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Jet:
    return softmax(-input, dim, dtype=dtype)


@rule_for(*named("log_softmax"))
def log_softmax(input: Jet, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Jet:
    input, dim = _converted(input, dtype), _softmax_dim(dim, input.ndim)
    return input - logsumexp(input, dim, keepdim=True)


@rule_for(*named("logsumexp"))
def logsumexp(input: Jet, dim: Any, keepdim: bool = False) -> Jet:
    top = plain(input).amax(dim, keepdim=True).detach()
    total = torch.log(torch.exp(input - top).sum(dim, keepdim=True)) + top
    return total if keepdim else total.sum(dim)


@rule_for(F.layer_norm)
def layer_norm(input: Jet, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Jet:
    dims = tuple(range(-len(normalized_shape), 0))
    centred = input - mean(input, dims, keepdim=True)
    y = centred * torch.rsqrt(mean(centred * centred, dims, keepdim=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


if hasattr(F, "rms_norm"):

    @rule_for(F.rms_norm)
    def rms_norm(input: Jet, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Jet:
        dims = tuple(range(-len(normalized_shape), 0))
        eps = torch.finfo(input.dtype).eps if eps is None else eps
        y = input * torch.rsqrt(mean(input * input, dims, keepdim=True) + eps)
        return y if weight is None else y * weight


@rule_for(F.batch_norm)
def batch_norm(
    input: Jet,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Jet:
    if training:
        raise MissingRule("batch_norm in training mode")
    channels = (-1, *[1] * (input.ndim - 2))
    scale = torch.rsqrt(running_var + eps) if weight is None else weight * torch.rsqrt(running_var + eps)
    y = (input - running_mean.reshape(channels)) * scale.reshape(channels)
    return y if bias is None else y + bias.reshape(channels)


def _euclidean(input: Any, dim: Any, keepdim: bool) -> Any:
    return torch.sqrt(sum(input * input, dim, keepdim))


@rule_for(*[f for f in named("norm") if f is not torch.linalg.norm])
def norm(input: Jet, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Jet:
    if p not in (2, "fro", None):
        raise MissingRule(f"norm with p={p}")
    return _euclidean(_converted(input, dtype), dim, keepdim)


@rule_for(torch.linalg.vector_norm)
def vector_norm(input: Jet, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Jet:
    if ord != 2:
        raise MissingRule(f"vector_norm with ord={ord}")
    return _euclidean(_converted(input, dtype), dim, keepdim)


@rule_for(torch.linalg.norm)
def linalg_norm(input: Jet, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Jet:
    # Of a matrix, 2 is the spectral norm and "fro" the Euclidean one; of a vector, 2 is Euclidean.
    matrix = len(dims_of(dim, input.ndim)) == 2
    if ord is not None and ord != ("fro" if matrix else 2):
        raise MissingRule(f"linalg.norm with ord={ord}")
    return _euclidean(_converted(input, dtype), dim, keepdim)


@rule_for(F.normalize)
def normalize(input: Jet, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Jet:
    length = norm(input, p, dim, keepdim=True)
    return input / torch.clamp(length, min=eps)


@rule_for(*named("var"))
def var(input: Jet, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None) -> Jet:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    correction = int(unbiased) if correction is None else correction
    centred = input - mean(input, dim, keepdim=True)
    total = sum(centred * centred, dim, keepdim)
    return total / (input.numel() // total.numel() - correction)


@rule_for(*named("std"))
def std(input: Jet, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None) -> Any:
    return torch.sqrt(var(input, dim, unbiased, keepdim, correction=correction))
