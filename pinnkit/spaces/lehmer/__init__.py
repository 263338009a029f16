"""Lehmer activation units: means whose kind is learned."""

from .figure import plot_units as plot_units
from .network import LehmerNetwork as LehmerNetwork
from .positive import PositiveFeatures as PositiveFeatures
from .positive import rescaled_rows as rescaled_rows
from .units import ComplexLehmer as ComplexLehmer
from .units import Lehmer as Lehmer
