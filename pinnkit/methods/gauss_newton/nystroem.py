"""Conjugate gradients for damped systems, with a randomised Nystroem preconditioner."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Operator = Callable[[Tensor], Tensor]


class NystroemPreconditioner:
    r"""An approximate inverse of :math:`A + \mu` from products of A with a few random vectors.

    With the eigenvalue approximation :math:`A \approx U \Lambda U^T` of rank k it is
    :math:`(\lambda_k + \mu) U (\Lambda + \mu)^{-1} U^T + (1 - U U^T)`.

    Args:
        product: multiplies the positive semi-definite matrix A by each of several vectors, ``(k, n)`` to ``(k, n)``.
        n: size of A.
        rank: k, the number of products.
        generator: source of the random vectors.
        like: a tensor of the device and number type wanted.

    Reference:
        Frangella, Tropp and Udell 2023, doi:10.1137/21M1466244.
    """

    def __init__(self, product: Operator, n: int, rank: int, generator: torch.Generator, like: Tensor) -> None:
        """Sample the range of A; see the class."""
        random = torch.randn(n, min(rank, n), generator=generator, dtype=torch.float64).to(like)
        test = torch.linalg.qr(random).Q
        sample = product(test.mT).mT
        shift = math.sqrt(n) * torch.finfo(like.dtype).eps * max(torch.linalg.matrix_norm(sample).item(), 1e-300)
        sample = sample + shift * test
        core = test.mT @ sample
        factor, info = torch.linalg.cholesky_ex((core + core.mT) / 2)
        if info.item():
            # The sample is not definite to working precision: then there is nothing to precondition by.
            self.vectors, self.values = test[:, :0], test.new_zeros(0)
            return
        root = torch.linalg.solve_triangular(factor, sample.mT, upper=False).mT
        self.vectors, singular, _ = torch.linalg.svd(root, full_matrices=False)
        self.values = (singular.square() - shift).clamp_min(0)

    def __call__(self, damping: float, vector: Tensor) -> Tensor:
        """Apply the preconditioner for a damping to a vector ``(n,)``."""
        if not len(self.values):
            return vector
        inside = self.vectors.mT @ vector
        scaled = (self.values[-1] + damping) / (self.values + damping) * inside
        return vector + self.vectors @ (scaled - inside)


def conjugate_gradients(
    product: Operator, side: Tensor, precondition: Operator, tolerance: float, iterations: int
) -> tuple[Tensor, int]:
    """Solve a positive definite system.

    Args:
        product: multiplies by its matrix.
        side: right-hand side ``(n,)``.
        precondition: an approximate inverse.
        tolerance: norm of the residual, relative to the right-hand side, to stop at.
        iterations: their largest number.

    Returns:
        The solution, and the number of iterations.
    """
    solution, residual = torch.zeros_like(side), side.clone()
    better = precondition(residual)
    direction, size = better.clone(), residual @ better
    goal = tolerance * side.norm()
    for iteration in range(iterations):
        if residual.norm() <= goal:
            return solution, iteration
        image = product(direction)
        length = size / (direction @ image)
        solution = solution + length * direction
        residual = residual - length * image
        better = precondition(residual)
        size, before = residual @ better, size
        direction = better + (size / before) * direction
    return solution, iterations
