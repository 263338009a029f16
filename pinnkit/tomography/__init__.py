"""CT: scan geometry, the projector, classical and neural reconstructions."""

from .geometry import Detector as Detector
from .geometry import FanBeam as FanBeam
from .geometry import ImageGrid as ImageGrid
from .geometry import ParallelBeam as ParallelBeam
from .projector import Projector as Projector
from .scan import Scan as Scan
