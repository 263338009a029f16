"""Domains that the tests run over, off the origin so that no flux vanishes by symmetry."""

import math
import tempfile
from functools import cache
from pathlib import Path

from pinnkit.domains import (
    Annulus,
    Ball,
    Box,
    Disk,
    Domain,
    Interval,
    Mesh,
    Polygon,
    Time,
)

from .meshes import cube, l_shape, write

ARROW = [(0, 0), (2, 0.5), (0.3, 2.2), (0.5, 1)]


@cache
def mesh(which: str) -> Mesh:
    with tempfile.TemporaryDirectory() as folder:
        return Mesh(write(Path(folder) / "mesh.vtu", *{"l": l_shape, "cube": cube}[which]()))


# Every entry: the domain and its measure in closed form.
PRIMITIVES: dict[str, tuple[Domain, float]] = {
    "interval": (Interval(0.5, 2), 1.5),
    "box2": (Box([0.2, -1], [1.5, 0.4]), 1.3 * 1.4),
    "box3": (Box([0.2, -1, 1], [1.5, 0.4, 1.7]), 1.3 * 1.4 * 0.7),
    "disk": (Disk([0.3, 0.5], 0.8), math.pi * 0.64),
    "ball1": (Ball([0.3], 0.8), 1.6),
    "ball3": (Ball([0.3, 0.5, -0.2], 0.8), 4 / 3 * math.pi * 0.512),
    "ball4": (Ball([0.3, 0.5, -0.2, 0.4], 0.8), math.pi**2 / 2 * 0.8**4),
    "annulus": (Annulus([0.3, 0.5], 0.4, 1.0), math.pi * 0.84),
    "polygon": (Polygon(ARROW), 1.725),
    "polygon-clockwise": (Polygon(ARROW[::-1]), 1.725),
    "mesh2": (mesh("l"), 3.0),
    "mesh3": (mesh("cube"), 2.0),
}
_lens = 2 * math.acos(0.5) - math.sqrt(3) / 2
COMPOSED: dict[str, tuple[Domain, float]] = {
    "box-disk": (Box([0, 0], [2, 2]) - Disk([0.9, 1.1], 0.5), 4 - math.pi / 4),
    "box-corner": (Box([0, 0], [2, 2]) - Disk([0, 0], 1), 4 - math.pi / 4),
    "disk|disk": (Disk([0, 0.3], 1) | Disk([1, 0.3], 1), 2 * math.pi - _lens),
    "disk&disk": (Disk([0, 0.3], 1) & Disk([1, 0.3], 1), _lens),
    "touching": (Box([0, 0], [1, 1]) | Box([1, 0], [2, 1]), 2.0),
    "overlapping": (Box([0, 0], [1.2, 1]) | Box([1, 0], [2, 1]), 2.0),
    "flush": (Box([0, 0], [2, 2]) - Box([1, 1], [2, 2]), 3.0),
    "intervals": ((Interval(1, 2.5) - Interval(1.4, 1.8)) | Interval(2.7, 3), 1.4),
    "nested": (
        (Box([0, 0], [3, 1]) - Disk([0.5, 0.5], 0.3)) - Disk([2, 0.5], 0.4),
        3 - math.pi * (0.09 + 0.16),
    ),
    "shell": (
        Ball([0.3, 0.5, -0.2], 1) - Ball([0.3, 0.6, -0.2], 0.5),
        4 / 3 * math.pi * (1 - 0.125),
    ),
    "mesh-disk": (mesh("l") - Disk([0.5, 0.5], 0.4), 3 - math.pi * 0.16),
    "polygon&disk": (
        Polygon([(0, 0), (3, 0), (3, 3), (0, 3)]) & Disk([0, 0], 2),
        math.pi,
    ),
}
SPACE_TIME: dict[str, tuple[Domain, float]] = {
    "interval x t": (Interval(0.5, 2) * Time(1, 3), 3.0),
    "disk x t": (Disk([0.3, 0.5], 0.8) * Time(0.5, 2), 1.5 * math.pi * 0.64),
    "holed x t": (
        (Box([0, 0], [2, 2]) - Disk([0.9, 1.1], 0.5)) * Time(0.5, 1),
        2 - math.pi / 8,
    ),
    "mesh x t": (mesh("l") * Time(0.5, 1), 1.5),
    "polygon x t": (Polygon(ARROW) * Time(0.5, 1), 0.8625),
}
ALL = PRIMITIVES | COMPOSED | SPACE_TIME
