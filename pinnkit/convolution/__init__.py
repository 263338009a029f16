"""Analytic convolution kernels: Gabor, Laplacian of Gaussian and TGD, in a mosaic with plain ones."""

from .figure import draw_kernels as draw_kernels
from .layer import AnalyticConv2d as AnalyticConv2d
from .lenet import AnaNNLeNet as AnaNNLeNet
from .lenet import LeNet as LeNet
from .lenet import with_analytic_kernels as with_analytic_kernels
