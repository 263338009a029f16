"""Linear algebra for trial spaces: least squares with a ridge, and over cells. It knows nothing of problems."""

from .dissection import Joint as Joint
from .dissection import dissect as dissect
from .ridge import solve_least_squares as solve_least_squares
from .ridge import triangular_factor as triangular_factor
