"""Runs: solving into a run folder, checkpoints, resuming, provenance."""

from .folder import RunFolder as RunFolder
from .folder import write_solution as write_solution
from .names import METHODS as METHODS
from .names import PARTS as PARTS
from .names import SPACES as SPACES
from .names import make_space as make_space
from .progress_line import ProgressLine as ProgressLine
from .reconstruct import Request as Request
from .reconstruct import reconstruct_file as reconstruct_file
from .reconstruct import reconstruct_specification as reconstruct_specification
from .solve import load_solution as load_solution
from .solve import resume as resume
from .solve import solve as solve
from .solve import solve_specification as solve_specification
from .specification import Specification as Specification
