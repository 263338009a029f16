"""The projector: line integrals of an image along the rays of a scan, and the exact adjoint."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from ..errors import InputError
from . import joseph
from .coverage import check_coverage
from .geometry import Geometry, ImageGrid
from .symmetry import Symmetry

LIMIT = 4_000_000_000
"""Bytes that a stored matrix and its transpose may take; larger ones are assembled in blocks of views, at every use."""
BLOCK = 1_000_000
"""Entries of a block, which bound the memory of assembly and are few enough for a processor's cache."""


def as_torch(matrix: sparse.csr_array, device: torch.device | str) -> Tensor:
    """Give a sparse matrix to torch with indices of 32 bits, which its products take two to five times faster."""
    starts, columns = (torch.from_numpy(part.astype(np.int32, copy=False)) for part in (matrix.indptr, matrix.indices))
    values = torch.from_numpy(matrix.data)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(starts, columns, values, matrix.shape, check_invariants=False).to(device)


def multiply(matrix: Tensor, batch: Tensor) -> Tensor:
    """Multiply a sparse matrix by each row of a batch, shape ``(batch, columns)``."""
    return (matrix @ batch[0])[None] if len(batch) == 1 else (matrix @ batch.T).T


class _Apply(torch.autograd.Function):
    """A linear map whose derivative is its transpose, whose derivative is the map."""

    @staticmethod
    def forward(batch: Tensor, projector: Projector, transposed: bool) -> Tensor:
        return projector._multiply(batch, transposed)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.projector, ctx.transposed = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Apply.apply(gradient, ctx.projector, not ctx.transposed), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *unused: Any) -> Any:
        return _Apply.apply(tangent, ctx.projector, ctx.transposed)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], batch: Tensor, projector: Projector, transposed: bool) -> Any:
        moved = batch.movedim(in_dims[0], 0)
        result = _Apply.apply(moved.reshape(-1, moved.shape[-1]), projector, transposed)
        return result.reshape(*moved.shape[:-1], -1), 0


class Projector:
    """Line integrals of images by Joseph's method, with the exact adjoint; differentiable to every order.

    ``A(image)`` takes images of shape ``(..., rows, columns)`` in 1/mm to sinograms ``(..., views, bins)``, and
    ``A.T(sinogram)`` is its transpose. The matrix is stored, with its transpose, unless both would take more memory
    than allowed; then blocks of views are assembled at every use, slower by a factor of about twenty. Views that are
    turns or mirror images of others share their rows; see `Symmetry`.

    Args:
        geometry: of the scan.
        grid: of the image.
        dtype: of images and sinograms, torch.float32 or torch.float64.
        device: of images and sinograms.
        subrays: rays for each detector bin, whose average is the mean over the bin's width.
        memory_limit: bytes that the stored matrices may take.

    Raises:
        InputError: dtype or subrays make no sense, or the source is not outside the image.
    """

    def __init__(
        self,
        geometry: Geometry,
        grid: ImageGrid,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        subrays: int = 1,
        memory_limit: float = LIMIT,
    ) -> None:
        """Assemble the matrix, if it is to be stored; see the class."""
        if dtype not in (torch.float32, torch.float64):
            raise InputError(f"a projector works in float32 or float64, not {dtype}.")
        if isinstance(subrays, bool) or not isinstance(subrays, int) or subrays < 1:
            raise InputError(f"subrays must be a whole number of at least 1, got {subrays!r}.")
        check_coverage(geometry, grid)
        self.geometry, self.grid, self.subrays = geometry, grid, subrays
        self.dtype, self.device = dtype, torch.device(device)
        found, kept = joseph.entries_of_a_view(geometry, grid, subrays)
        step = max(1, BLOCK // found)
        self._symmetry = Symmetry(geometry, grid)
        views = self._symmetry.geometry.views
        self._blocks = [slice(first, min(first + step, views)) for first in range(0, views, step)]
        entries = views * kept
        self._stored: tuple[Tensor, Tensor] | None = None
        if 2 * entries * (4 + dtype.itemsize) <= memory_limit and entries < 2**31:  # so that 32 bits count them
            whole = sparse.vstack([self._block(views) for views in self._blocks], format="csr")
            self._stored = as_torch(whole, device), as_torch(whole.T.tocsr(), device)

    @property
    def stored(self) -> bool:
        """Whether the matrix is stored."""
        return self._stored is not None

    def _block(self, views: slice) -> sparse.csr_array:
        dtype = np.dtype(np.float32 if self.dtype == torch.float32 else np.float64)
        return joseph.matrix(self._symmetry.geometry, self.grid, dtype, self.subrays, views)

    def _multiply(self, batch: Tensor, transposed: bool) -> Tensor:
        """Multiply each row of a batch by the matrix or its transpose."""
        if self._symmetry.trivial:
            return self._multiply_own(batch, transposed)
        if transposed:
            return self._symmetry.turned_back(self._multiply_own(self._symmetry.scattered(batch), True))
        return self._symmetry.gathered(self._multiply_own(self._symmetry.turned(batch), False))

    def _multiply_own(self, batch: Tensor, transposed: bool) -> Tensor:
        """Multiply by the rows that are assembled, or their transpose."""
        if self._stored is not None:
            return multiply(self._stored[transposed], batch)
        bins = self.geometry.detector.count
        if not transposed:
            return torch.cat([multiply(as_torch(self._block(v), self.device), batch) for v in self._blocks], 1)
        image = batch.new_zeros(len(batch), self.grid.rows * self.grid.columns)
        for views in self._blocks:
            part = batch[:, views.start * bins : views.stop * bins]
            image += multiply(as_torch(self._block(views).T.tocsr(), self.device), part)
        return image

    def _apply(self, values: Tensor, transposed: bool) -> Tensor:
        shapes = self.grid.shape, self.geometry.shape
        domain, target = shapes[::-1] if transposed else shapes
        if values.shape[-2:] != domain or values.dtype != self.dtype:
            raise InputError(
                f"expected {'a sinogram' if transposed else 'an image'} of shape (..., {domain[0]}, {domain[1]}) and "
                f"{self.dtype}, got {tuple(values.shape)} and {values.dtype}."
            )
        batch = values.reshape(-1, domain[0] * domain[1])
        return _Apply.apply(batch, self, transposed).reshape(*values.shape[:-2], *target)

    def __call__(self, image: Tensor) -> Tensor:
        """Project images.

        Args:
            image: shape ``(..., rows, columns)``, 1/mm.

        Returns:
            Sinograms, shape ``(..., views, bins)``, dimensionless.
        """
        return self._apply(image, False)

    @property
    def T(self) -> Adjoint:
        """The transpose, which takes sinograms to images."""
        return Adjoint(self)

    def linear_operator(self) -> LinearOperator:
        """Give the projector to scipy, on NumPy vectors.

        Returns:
            Shape ``(views * bins, rows * columns)``.
        """

        def on_vectors(transposed: bool) -> Any:
            def product(vectors: np.ndarray) -> np.ndarray:
                columns = np.ascontiguousarray(vectors.reshape(len(vectors), -1).T)
                batch = torch.from_numpy(columns).to(self.device, self.dtype)
                result = self._multiply(batch, transposed).T.cpu().numpy()
                return result.reshape(-1, *vectors.shape[1:])

            return product

        (views, bins), (rows, columns) = self.geometry.shape, self.grid.shape
        forward, adjoint = on_vectors(False), on_vectors(True)
        return LinearOperator(
            (views * bins, rows * columns), matvec=forward, rmatvec=adjoint, matmat=forward, rmatmat=adjoint,
            dtype=np.float32 if self.dtype == torch.float32 else np.float64,
        )  # fmt: skip


class Adjoint:
    """The transpose of a projector: ``A.T(sinogram)`` is an image.

    Args:
        projector: A.
    """

    def __init__(self, projector: Projector) -> None:
        self.T = projector

    def __call__(self, sinogram: Tensor) -> Tensor:
        """Smear sinograms back over the image.

        Args:
            sinogram: shape ``(..., views, bins)``.

        Returns:
            Images, shape ``(..., rows, columns)``.
        """
        return self.T._apply(sinogram, True)
