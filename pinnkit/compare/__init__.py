"""Comparisons: many runs side by side, their statistics, and reports of them."""

from .compare import compare as compare
from .comparison import METHODS as METHODS
from .comparison import SPACES as SPACES
from .execution import Tally as Tally
from .report import report as report
