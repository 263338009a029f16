"""Trial spaces: networks seen as bases of functions with a linear head."""

from .analytic_kernels import AnalyticKernels as AnalyticKernels
from .charts import Charts as Charts
from .chebyshev import Chebyshev as Chebyshev
from .core import CoreMap as CoreMap
from .corner import CornerMap as CornerMap
from .corner import PolarMap as PolarMap
from .fourier_features import FourierFeatures as FourierFeatures
from .gauss import Gauss as Gauss
from .iat import IAT as IAT
from .kan import KAN as KAN
from .lehmer import LehmerNetwork as LehmerNetwork
from .lrnn import LRNN as LRNN
from .lrnn import ProductLayer as ProductLayer
from .mlp import MLP as MLP
from .modified_mlp import ModifiedMLP as ModifiedMLP
from .patches import Patches as Patches
from .piratenet import PirateNet as PirateNet
from .positional import PositionalReLU as PositionalReLU
from .radial_gaussians import RadialGaussians as RadialGaussians
from .random_features import RandomFeatures as RandomFeatures
from .siren import SIREN as SIREN
from .space import ModuleSpace as ModuleSpace
from .space import Space as Space
from .space import as_space as as_space
from .spder import SPDER as SPDER
from .wire import WIRE as WIRE
