"""Makes the mesh files of the gallery and the tests, and the reference table of the plate.

    python benchmarks/make_plate.py                # writes the three files below and prints what was measured
    python benchmarks/make_plate.py --check        # writes nothing, only measures the files that are there

- `problems/data/plate.msh` (Gmsh 4.1): the plate [0, 2] x [0, 1] with a round hole;
- `problems/data/plate-reference.csv`: x, y, u of -Laplace u = 1 on it, from finite elements;
- `tests/data/bracket.msh` (Gmsh 2.2): an L-bracket with a filleted inner corner and a bolt hole.

Both meshes name their boundary groups "clamped" (u = 0), "free" and "hole" (du/dn = 0), and their surface
"plate".
Needs the `bench` and `test` extras (gmsh, scikit-fem).
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gmsh
import meshio
import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import qmc

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from fem import poisson_field, poisson_reference  # noqa: E402

PLATE = ROOT / "problems" / "data" / "plate.msh"
REFERENCE = ROOT / "problems" / "data" / "plate-reference.csv"
BRACKET = ROOT / "tests" / "data" / "bracket.msh"

REFERENCE_POINTS = 1500
REFERENCE_LEVEL = (3, 3)  # refinements, order


def plate() -> None:
    """The plate [0, 2] x [0, 1] with a hole of radius 0.2 about (0.7, 0.45), in 96 segments."""
    rectangle = gmsh.model.occ.addRectangle(0, 0, 0, 2, 1)
    disk = gmsh.model.occ.addDisk(0.7, 0.45, 0, 0.2, 0.2)
    gmsh.model.occ.cut([(2, rectangle)], [(2, disk)])
    gmsh.model.occ.synchronize()

    def group(box: tuple[float, float, float, float]) -> str:
        x0, y0, x1, y1 = box
        if x0 == x1:
            return "clamped"
        return "free" if y0 == y1 else "hole"

    finish(group, segments=96, near=0.013, far=0.11, reach=0.55)


def bracket() -> None:
    """The L-bracket [0, 1]^2 minus [0.4, 1]^2 with a fillet of radius 0.15 in the inner corner.

    Its bolt hole, of radius 0.08 about (0.2, 0.2), has 40 segments; the ends of both arms are clamped.
    """
    add = gmsh.model.occ
    width, fillet = 0.4, 0.15
    corner = width + fillet
    outline = [(0, 0), (1, 0), (1, width), (corner, width), (width, corner), (width, 1), (0, 1)]
    points = [add.addPoint(x, y, 0) for x, y in outline]
    centre = add.addPoint(corner, corner, 0)
    edges = [add.addLine(points[i], points[(i + 1) % 7]) for i in range(7) if i != 3]
    edges.insert(3, add.addCircleArc(points[3], centre, points[4]))
    hole = add.addCircle(0.2, 0.2, 0, 0.08)
    add.addPlaneSurface([add.addCurveLoop(edges), add.addCurveLoop([hole])])
    add.remove([(0, centre)])
    add.synchronize()

    def group(box: tuple[float, float, float, float]) -> str:
        x0, y0, x1, y1 = box
        if x0 == x1 == 1 or y0 == y1 == 1:
            return "clamped"
        return "hole" if x1 < 0.3 and y1 < 0.3 and x0 > 0 and y0 > 0 else "free"

    finish(group, segments=40, near=0.0125, far=0.08, reach=0.3, fillet_segments=16)


def finish(
    group: Callable[[tuple[float, float, float, float]], str],
    segments: int,
    near: float,
    far: float,
    reach: float,
    fillet_segments: int = 0,
) -> None:
    """Names the groups by each curve's bounding box, sets the sizes, and meshes."""
    curves: dict[str, list[int]] = {"clamped": [], "free": [], "hole": []}
    for _, tag in gmsh.model.getEntities(1):
        # Open CASCADE pads its bounding boxes, so round before comparing
        x0, y0, _, x1, y1, _ = (round(value, 5) for value in gmsh.model.getBoundingBox(1, tag))
        curves[group((x0, y0, x1, y1))].append(tag)
    arcs = [tag for tag in curves["free"] if gmsh.model.getType(1, tag) == "Circle"]
    for name, tags in curves.items():
        gmsh.model.addPhysicalGroup(1, tags, name=name)
    gmsh.model.addPhysicalGroup(2, [tag for _, tag in gmsh.model.getEntities(2)], name="plate")

    for tag in curves["hole"]:
        gmsh.model.mesh.setTransfiniteCurve(tag, segments + 1)
    for tag in arcs:
        gmsh.model.mesh.setTransfiniteCurve(tag, fillet_segments + 1)
    field = gmsh.model.mesh.field
    distance, size = field.add("Distance"), field.add("Threshold")
    field.setNumbers(distance, "CurvesList", curves["hole"] + arcs)
    field.setNumber(distance, "Sampling", 200)
    for key, value in {
        "InField": distance,
        "SizeMin": near,
        "SizeMax": far,
        "DistMin": 0.0,
        "DistMax": reach,
    }.items():
        field.setNumber(size, key, value)
    field.setAsBackgroundMesh(size)
    for key in ("MeshSizeExtendFromBoundary", "MeshSizeFromPoints", "MeshSizeFromCurvature"):
        gmsh.option.setNumber(f"Mesh.{key}", 0)
    gmsh.model.mesh.generate(2)
    gmsh.model.mesh.optimize("Laplace2D")


def write_mesh(shape: Callable[[], None], path: Path, version: float) -> None:
    """Builds one shape in a fresh Gmsh session and writes it."""
    gmsh.initialize()
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("General.NumThreads", 1)
        gmsh.option.setNumber("Mesh.MshFileVersion", version)
        gmsh.model.add(path.stem)
        shape()
        path.parent.mkdir(parents=True, exist_ok=True)
        gmsh.write(str(path))
    finally:
        gmsh.finalize()


def describe(path: Path) -> None:
    """Prints the size, the groups and the triangle quality of a mesh file."""
    mesh = meshio.read(path, file_format="gmsh")
    triangles = mesh.cells_dict["triangle"]
    corners = mesh.points[triangles][..., :2]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    area = 0.5 * np.abs(ax * by - ay * bx)
    quality = 4 * math.sqrt(3) * area / (sides**2).sum(axis=1)
    kinds = mesh.cell_data_dict["gmsh:physical"]["line"]
    segments = {name: int((kinds == tag).sum()) for name, (tag, dim) in mesh.field_data.items() if dim == 1}
    print(
        f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes, {len(mesh.points)} nodes, "
        f"{len(triangles)} triangles, segments {segments}, "
        f"sides {sides.min():.4f} to {sides.max():.4f}, area {area.sum():.6f}, "
        f"worst quality {quality.min():.2f} (1 is equilateral)"
    )


def convergence(path: Path, order: int, levels: range) -> None:
    """Prints how far solutions on successive refinements differ at the vertices of the file."""
    count = len(meshio.read(path, file_format="gmsh").points)
    previous = None
    for level in levels:
        started = time.perf_counter()
        # uniform refinement keeps the old vertices in front
        points, values = (array[:count] for array in poisson_reference(path, level, order))
        seconds = time.perf_counter() - started
        change = "" if previous is None else f"change {relative_l2(previous, values):.2e}, "
        print(f"  P{order}, {level} refinements: {change}max u {values.max():.9f}, {seconds:.1f} s")
        previous = values


def relative_l2(values: np.ndarray, reference: np.ndarray) -> float:
    """|values - reference| / |reference|."""
    return float(np.linalg.norm(values - reference) / np.linalg.norm(reference))


def spread_points(count: int) -> np.ndarray:
    """The first `count` Sobol points on the plate and off the round hole, to six decimals: `(count, 2)`.

    They are uniformly distributed, so that a root mean square over them approximates an L2 norm.
    """
    points = np.round(qmc.Sobol(2, scramble=True, seed=0).random_base2(12) * (2.0, 1.0), 6)
    radius = np.hypot(points[:, 0] - 0.7, points[:, 1] - 0.45)
    inside = (radius > 0.2) & (np.abs(points - (1.0, 0.5)) < (1.0, 0.5)).all(axis=1)
    points = points[inside]
    if len(np.unique(points, axis=0)) < len(points):
        raise ValueError("two reference points coincide after rounding; keep more decimals")
    return points[:count]


def evaluate(points: np.ndarray, refinements: int, order: int) -> np.ndarray:
    """The finite-element solution on the plate at `points`: `(n,)`."""
    basis, u = poisson_field(PLATE, refinements, order)
    return basis.probes(points.T) @ u


def write_reference() -> None:
    """Writes x, y, u in the shortest decimals that read back as the same doubles."""
    points = spread_points(REFERENCE_POINTS)
    rows = np.column_stack([points, evaluate(points, *REFERENCE_LEVEL)]).tolist()
    REFERENCE.write_text("x,y,u\n" + "".join(",".join(map(repr, row)) + "\n" for row in rows))


def check_reference() -> None:
    """Prints how far the table is from solutions of the same and of neighbouring levels and orders."""
    table = np.loadtxt(REFERENCE, delimiter=",", skiprows=1)
    points, values = table[:, :2], table[:, 2]
    gap = cKDTree(points).query(points, k=2)[0][:, 1].min()
    size = REFERENCE.stat().st_size
    print(f"{REFERENCE.relative_to(ROOT)}: {size} bytes, {len(table)} points, closest pair {gap:.4f}")
    refinements, order = REFERENCE_LEVEL
    others = [
        (refinements, order),
        (refinements - 1, order),
        (refinements, order - 1),
        (refinements - 1, order + 1),
    ]
    for level, degree in others:
        other = evaluate(points, level, degree)
        worst = np.abs(other - values).max()
        print(
            f"  against P{degree}, {level} refinements: relative L2 {relative_l2(other, values):.2e}, "
            f"largest difference {worst:.2e}"
        )


def main() -> None:
    """Writes the files (unless told only to check) and prints their accuracy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="measure the files that are there; write nothing"
    )
    if not parser.parse_args().check:
        write_mesh(plate, PLATE, 4.1)
        write_mesh(bracket, BRACKET, 2.2)
        write_reference()
    for path in (PLATE, BRACKET):
        describe(path)
        convergence(path, 2, range(4))
    check_reference()


if __name__ == "__main__":
    main()
