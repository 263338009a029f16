"""Weights of the residuals in the loss, found while a trial function is trained."""

from .causal import Causal as Causal
from .gradient_norm import GradientNorm as GradientNorm
from .self_adaptive import SelfAdaptive as SelfAdaptive
from .tangent_kernel import TangentKernel as TangentKernel
from .weights import Weights as Weights
