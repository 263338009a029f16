from pinnkit import InputError
from pinnkit.tomography import Scan, shepp_logan


def problem(views: int = 20, counts: float = 0.0, size: int = 256, seed: int = 0) -> Scan:
    """CT of the Shepp-Logan head, whose line integrals are known in closed form (Toft's values)."""
    if counts < 0:
        raise InputError(f"counts are the photons of a ray, or 0 for data without noise; got {counts:g}.")
    return shepp_logan(views, counts or None, size, seed)
