"""Trial spaces: networks seen as bases of functions with a linear head."""

from .charts import Charts as Charts
from .lrnn import LRNN as LRNN
from .lrnn import ProductLayer as ProductLayer
from .mlp import MLP as MLP
from .random_features import RandomFeatures as RandomFeatures
from .siren import SIREN as SIREN
from .space import ModuleSpace as ModuleSpace
from .space import Space as Space
from .space import as_space as as_space
