"""Values that carry derivatives: the jet, its rules per torch function, the accessors u.x, u.xx."""

from . import activations as activations
from . import linear_maps as linear_maps
from . import normalisations as normalisations
from . import products as products
from . import scalar_functions as scalar_functions
from . import shapes as shapes
from .derivatives import LAPLACIAN as LAPLACIAN
from .derivatives import Derivatives as Derivatives
from .derivatives import Key as Key
from .derivatives import MultiIndex as MultiIndex
from .derivatives import by_transforms as by_transforms
from .derivatives import evaluate as evaluate
from .jet import Jet as Jet
from .jet import MissingRule as MissingRule
from .jet import plain as plain
from .stochastic import StochasticLaplacian as StochasticLaplacian
from .unknown import Unknown as Unknown
from .unknown import parse_derivative as parse_derivative
