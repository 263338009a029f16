"""Line integrals of a field along the rays of a scan, by quadrature and without pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..domains.quadrature import gauss_legendre
from ..errors import InputError
from .coverage import check_coverage
from .geometry import Geometry, ImageGrid


class RayIntegrator:
    r"""Integrate a field along rays by a composite Gauss-Legendre rule on each ray's part inside the image.

    .. math:: \int u(o + t d) \, dt \approx |c| \sum_k w_k u(e + \tau_k c),

    where a ray enters the image at e and leaves it at e + c. The error falls like :math:`panels^{-2 nodes}` for a
    smooth field; one node is the midpoint rule, which suits fields with kinks. A field that does not vanish on the
    image's border is cut off there.

    Memory is bounded: rays are taken in chunks, and where there are several, what they computed is computed again for
    the gradient rather than kept.

    Args:
        geometry: of the scan.
        grid: of the image, of which only the field of view matters.
        panels: equal parts of each ray.
        nodes: of the Gauss rule on each part.
        dtype: of points and integrals.
        device: of points and integrals.
        chunk: points at which the field is evaluated at once.

    Raises:
        InputError: a number makes no sense, or the source is not outside the image.
    """

    def __init__(
        self,
        geometry: Geometry,
        grid: ImageGrid,
        panels: int = 64,
        nodes: int = 4,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        chunk: int = 2**17,
    ) -> None:
        """Find where the rays cross the image; see the class."""
        for name, value in {"panels": panels, "nodes": nodes, "chunk": chunk}.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"{name} must be a whole number of at least 1, got {value!r}.")
        check_coverage(geometry, grid)
        origins, directions = geometry.rays()
        near, far = grid.crossings(origins, directions)
        near, length = np.where(far > near, [near, far - near], 0)
        # Points are reckoned from the image's border: from a source far away they would lose digits.
        parts = origins + near[..., None] * directions, length[..., None] * directions, length
        self._enter, self._chord, self._length = (torch.as_tensor(part, dtype=dtype, device=device) for part in parts)
        unit, weights = gauss_legendre(nodes, 1)
        starts = torch.arange(panels, dtype=torch.float64)[:, None]
        self._at = ((starts + unit[:, 0]) / panels).reshape(-1, 1).to(device, dtype)
        self._weights = (weights / panels).repeat(panels).to(device, dtype)
        self._rays = max(1, chunk // (panels * nodes))

    def __call__(self, field: Callable[[Tensor], Tensor], views: slice | list[int] | Tensor = slice(None)) -> Tensor:
        """Integrate a field.

        Args:
            field: u, takes points ``(n, 2)`` in mm to values ``(n,)`` in 1/mm.
            views: whose rays to take; all if not given.

        Returns:
            Integrals, shape ``(views, bins)``, dimensionless; differentiable by whatever the field depends on.

        Raises:
            InputError: the field gives values of another shape.
        """

        def integrate(enter: Tensor, chord: Tensor, length: Tensor) -> Tensor:
            points = (enter[:, None] + self._at * chord[:, None]).reshape(-1, 2)
            values = field(points)
            if values.shape != points.shape[:1]:
                raise InputError(
                    f"a field must take points of shape (n, 2) to values of shape (n,); this one takes "
                    f"{tuple(points.shape)} to {tuple(values.shape)}."
                )
            return length * (values.reshape(len(enter), -1) @ self._weights)

        enter, chord, length = (part[views] for part in (self._enter, self._chord, self._length))
        result, hit = torch.zeros_like(length), length > 0
        chunks = list(zip(*(part[hit].split(self._rays) for part in (enter, chord, length)), strict=True))
        if not hit.any():
            return result
        if len(chunks) == 1:
            integrals = integrate(*chunks[0])
        else:
            integrals = torch.cat([checkpoint(integrate, *part, use_reentrant=False) for part in chunks])
        return result.index_put((hit,), integrals)
