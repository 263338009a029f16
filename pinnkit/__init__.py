"""pinnkit: partial differential equations solved in neural trial spaces."""

from .domains import Annulus as Annulus
from .domains import Ball as Ball
from .domains import Box as Box
from .domains import Disk as Disk
from .domains import Interval as Interval
from .domains import Mesh as Mesh
from .domains import Points as Points
from .domains import Polygon as Polygon
from .domains import SpaceTime as SpaceTime
from .domains import Time as Time
from .errors import InputError as InputError
from .gallery import load_problem as load_problem
from .jets import Jet as Jet
from .jets import evaluate as evaluate
from .methods import LBFGS as LBFGS
from .methods import Adam as Adam
from .methods import Auto as Auto
from .methods import Budget as Budget
from .methods import LeastSquares as LeastSquares
from .methods import Ritz as Ritz
from .methods import Sequence as Sequence
from .methods import Status as Status
from .problem import Condition as Condition
from .problem import Dirichlet as Dirichlet
from .problem import Energy as Energy
from .problem import Initial as Initial
from .problem import Neumann as Neumann
from .problem import Observations as Observations
from .problem import Parameter as Parameter
from .problem import Periodic as Periodic
from .problem import Problem as Problem
from .problem import Robin as Robin
from .runs import load_solution as load_solution
from .runs import solve as solve
from .solution import Solution as Solution
from .spaces import LRNN as LRNN
from .spaces import MLP as MLP
from .spaces import SIREN as SIREN
from .spaces import ModuleSpace as ModuleSpace
from .spaces import RandomFeatures as RandomFeatures
from .spaces import Space as Space

__version__ = "0.1.0"
