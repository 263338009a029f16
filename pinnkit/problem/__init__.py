"""Problems: domain, unknowns, equations and conditions, and what methods need of them."""

from .collocation import Block as Block
from .collocation import Collocation as Collocation
from .conditions import Condition as Condition
from .conditions import Dirichlet as Dirichlet
from .conditions import Initial as Initial
from .conditions import Neumann as Neumann
from .conditions import Periodic as Periodic
from .conditions import Regularisation as Regularisation
from .conditions import Robin as Robin
from .conditions import outside as outside
from .energy import Energy as Energy
from .energy_integral import EnergyIntegral as EnergyIntegral
from .hard import HardConditions as HardConditions
from .observations import Observations as Observations
from .parameter import Parameter as Parameter
from .problem import Problem as Problem
from .quantity import Quantity as Quantity
from .reference import evaluate_reference as evaluate_reference
from .reference import reference_gradients as reference_gradients
from .reference import reference_values as reference_values
from .reference import validation_points as validation_points
from .residual import Residual as Residual
from .spectrum import Spectrum as Spectrum
from .trial import PeriodicEmbedding as PeriodicEmbedding
from .trial import Trial as Trial
from .weak import Weak as Weak
