"""Classical reconstructions: what a neural one must beat."""

from .cgls import CGLS as CGLS
from .fbp import FilteredBackprojection as FilteredBackprojection
from .reconstruction import Classical as Classical
from .reconstruction import Reconstruction as Reconstruction
from .sirt import SIRT as SIRT
from .tv import TotalVariation as TotalVariation

CLASSICAL: tuple[Classical, ...] = (
    FilteredBackprojection(),
    FilteredBackprojection("hann", name="FBP Hann"),
    CGLS(),
    SIRT(),
    TotalVariation(),
    TotalVariation(rule="whitest", name="TV whitest"),
)
"""For tables, from the least to the most that they ask of the image."""
