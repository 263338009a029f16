"""Methods: ways to find the trial function, and the loop that they run in."""

from .adam import Adam as Adam
from .auto import Auto as Auto
from .drive import Outcome as Outcome
from .drive import Progress as Progress
from .drive import drive as drive
from .error_estimate import correction_size as correction_size
from .error_estimate import difference as difference
from .error_estimate import energy_residual as energy_residual
from .fallback import FallbackRun as FallbackRun
from .lbfgs import LBFGS as LBFGS
from .least_squares import LeastSquares as LeastSquares
from .ridge import solve_least_squares as solve_least_squares
from .ritz import Ritz as Ritz
from .sequence import Sequence as Sequence
from .stopping import Budget as Budget
from .stopping import Status as Status
from .stopping import Step as Step
from .stopping import Stop as Stop
from .stopping import check_tolerance as check_tolerance
from .task import Method as Method
from .task import Run as Run
from .task import Task as Task
