"""The integral activation transform (IAT): activations that act on functions, and networks made of them."""

from .activation import IATReLU as IATReLU
from .bases import BASES as BASES
from .bases import PWL as PWL
from .bases import PWLW as PWLW
from .bases import PWQ as PWQ
from .bases import Basis as Basis
from .bases import Fourier as Fourier
from .bases import Rect as Rect
from .bases import RectW as RectW
from .bases import basis as basis
from .continuous import ContinuousWidth as ContinuousWidth
from .decoupled import DecoupledIAT as DecoupledIAT
from .decoupled import DecoupledNetwork as DecoupledNetwork
from .network import IAT as IAT
from .network import IATLayer as IATLayer
from .quadrature import IATM as IATM
from .quadrature import IATGauss as IATGauss
