"""Finite-element reference for the Poisson problems on mesh files, by scikit-fem.

    -Laplace u = 1 in the meshed domain,    u = 0 on "clamped",    du/dn = 0 on every other boundary group

The domain is the polygon of the mesh file: refining splits triangles and never moves a boundary edge, so a
round hole stays the polygon that the file holds.
"""

from __future__ import annotations

from pathlib import Path

import meshio
import numpy as np
from skfem import (
    Basis,
    BilinearForm,
    ElementTriP1,
    ElementTriP2,
    ElementTriP3,
    ElementTriP4,
    LinearForm,
    condense,
    solve,
)
from skfem.helpers import dot, grad
from skfem.io.meshio import from_meshio

ELEMENTS = {1: ElementTriP1, 2: ElementTriP2, 3: ElementTriP3, 4: ElementTriP4}


@BilinearForm
def stiffness(u, v, w):
    return dot(grad(u), grad(v))


@LinearForm
def unit_load(v, w):
    return 1.0 * v


def poisson_field(mesh_path: str | Path, refinements: int = 2, order: int = 2) -> tuple[Basis, np.ndarray]:
    """Solves the Poisson problem and returns the basis and its coefficients, to be evaluated anywhere.

    Args:
        mesh_path: a triangle mesh with a named boundary group "clamped", in any format meshio reads.
        refinements: how often every triangle is split into four.
        order: polynomial degree of the elements, 1 to 4.
    """
    # named, because meshio otherwise tries the Ansys reader on a .msh first and prints its complaint
    file_format = "gmsh" if Path(mesh_path).suffix == ".msh" else None
    mesh = from_meshio(meshio.read(mesh_path, file_format=file_format)).refined(refinements)
    basis = Basis(mesh, ELEMENTS[order]())
    system = condense(stiffness.assemble(basis), unit_load.assemble(basis), D=basis.get_dofs("clamped"))
    return basis, solve(*system)


def poisson_reference(
    mesh_path: str | Path, refinements: int = 2, order: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """The solution at the vertices of the refined mesh: points `(n, 2)` and values `(n,)`, both float64."""
    basis, u = poisson_field(mesh_path, refinements, order)
    return basis.mesh.p.T.copy(), u[basis.nodal_dofs[0]]
