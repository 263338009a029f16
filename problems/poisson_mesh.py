from pathlib import Path

import pinnkit as pk

DATA = Path(__file__).parent / "data"


def problem(mesh: str = "", reference: str = "") -> pk.Problem:
    """-Laplace u = 1 on a mesh; u = 0 on its group "clamped", du/dn = 0 on all others ("free", "hole")."""
    if not mesh:
        mesh, reference = str(DATA / "plate.msh"), reference or str(DATA / "plate-reference.csv")
    domain = pk.Mesh(mesh)
    insulated = [name for name in domain.boundary.names if name != "clamped"]
    conditions = [pk.Dirichlet(u=0.0, on=domain.boundary["clamped"])]
    conditions += [pk.Neumann(u=0.0, on=domain.boundary[name]) for name in insulated]
    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"poisson": lambda u: -u.laplacian - 1},
        conditions=conditions,
        reference=reference or None,
    )
