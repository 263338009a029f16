"""Low-rank separated networks: product neurons, their memory-lean kernel, and the trial space."""

from .layer import ProductLayer as ProductLayer
from .network import LRNN as LRNN
