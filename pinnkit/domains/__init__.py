"""Domains: shapes, CSG, products with time, meshes; their points and boundaries."""

from .annulus import Annulus as Annulus
from .ball import Ball as Ball
from .ball import Disk as Disk
from .boundary import Boundary as Boundary
from .boundary import Piece as Piece
from .box import Box as Box
from .box import Interval as Interval
from .corners import Corner as Corner
from .csg import Difference as Difference
from .csg import Intersection as Intersection
from .csg import Union as Union
from .domain import Domain as Domain
from .feature import Feature as Feature
from .feature import importance as importance
from .feature import locality as locality
from .mesh import Mesh as Mesh
from .points import Points as Points
from .polygon import Polygon as Polygon
from .regions import Between as Between
from .regions import Regions as Regions
from .time import SpaceTime as SpaceTime
from .time import Time as Time
