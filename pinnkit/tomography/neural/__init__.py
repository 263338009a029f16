"""Neural reconstructions: the image is a trial space or a convolutional network."""

from .fields import SPACES as SPACES
from .fields import image_space as image_space
from .prior import DeepImagePrior as DeepImagePrior
from .reconstruct import NeuralReconstruction as NeuralReconstruction
from .reconstruct import reconstruct as reconstruct
