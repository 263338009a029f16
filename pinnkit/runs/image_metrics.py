"""The metrics of reconstructed images: the same for neural and for classical ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from ..errors import InputError
from .provenance import peak_memory

if TYPE_CHECKING:
    from ..tomography import Projector, Scan

STAND_IN = "of the segmented image with that of the TV reconstruction of the scan {name}, a stand-in for the truth"


class Rating:
    """Rates images against the data and, where they are known, against the truth or a stand-in for it.

    A scan may name another one of the same object on the same grid in ``notes["reference"]``: its TV reconstruction,
    segmented, is the stand-in.

    Args:
        scan: what was measured.
        projector: of the scan.

    Raises:
        InputError: the reference is on another grid.
    """

    def __init__(self, scan: Scan, projector: Projector) -> None:
        """Reconstruct and segment the reference, if there is one; see the class."""
        from ..tomography import Scan, TotalVariation, segment

        self.scan, self.projector = scan, projector
        self.stand_in: np.ndarray | None = None
        self.reference = scan.notes.get("reference")
        if isinstance(self.reference, Scan):
            if self.reference.grid != scan.grid:
                raise InputError(f"the reference {self.reference.name} is on another grid than {scan.name}.")
            self.stand_in = TotalVariation().reconstruct(self.reference).cpu().numpy()
            self.disc = segment(self.stand_in)

    def __call__(self, image: Tensor) -> dict[str, float | None]:
        """Rate an image.

        Args:
            image: shape ``(rows, columns)``, 1/mm.

        Returns:
            The metrics by name: None where the truth or the noise is not known, or the image is not finite.
        """
        from ..tomography import chi_squared, correlation, data_residual, psnr, segment, ssim

        scan = self.scan
        if not image.isfinite().all():
            keys = ("psnr", "ssim", "data_residual", "chi_squared", *("correlation",) * (self.stand_in is not None))
            return dict.fromkeys(keys)
        projection = self.projector(image.to(self.projector.device, self.projector.dtype)).cpu().double().numpy()
        noise = scan.variance
        found: dict[str, float | None] = {
            "psnr": None if scan.truth is None else psnr(image, scan.truth),
            "ssim": None if scan.truth is None else ssim(image, scan.truth),
            "data_residual": data_residual(projection, scan.sinogram),
            "chi_squared": None if noise is None else float(chi_squared(projection - scan.sinogram, noise)),
        }
        if self.stand_in is not None:
            found["correlation"] = correlation(segment(image), self.disc)
        return found

    def closeness(self, image: Tensor) -> dict[str, float]:
        """Give the PSNR of an iterate, for the record: no choice may depend on it."""
        from ..tomography import psnr

        return {} if self.scan.truth is None else {"psnr": psnr(image, self.scan.truth)}

    def note(self) -> str | None:
        """Say what the correlation is."""
        return None if self.stand_in is None else STAND_IN.format(name=getattr(self.reference, "name", "reference"))


def summarise(image: Any, request: Any, rating: Rating, network: nn.Module) -> dict[str, Any]:
    """Collect the metrics of a run.

    Args:
        image: how the run ended.
        request: what was asked for.
        rating: of images.
        network: that was trained.

    Returns:
        The content of metrics.json, without the classical references.
    """
    scan, rated = rating.scan, rating(image.image)
    values = image.image.cpu().double().numpy()
    error = None if scan.truth is None else values - scan.truth
    size = 1.0 if scan.truth is None else np.linalg.norm(scan.truth)
    shown = [record["psnr"] for record in image.history if math.isfinite(record.get("psnr") or math.nan)]
    spread = None if image.uncertainty is None else float(image.uncertainty.norm() / image.image.norm())
    metrics = {
        "problem": scan.name,
        "space": getattr(network, "title", type(network).__name__),
        "method": "reconstruct" + f", {request.regulariser}" * (request.regulariser != "none"),
        "parameters": sum(p.numel() for p in network.parameters()),
        "trainable": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "steps": image.steps,
        "seconds": image.seconds,
        "status": image.status.value,
        "reason": image.reason,
        "residual": rated["data_residual"],
        "estimated_error": spread,
        "relative_l2": None if error is None else float(np.linalg.norm(error) / size),
        "max_error": None if error is None else float(abs(error).max()),
        "seed": request.seed,
        "members": request.members,
        "dtype": str(image.image.dtype).removeprefix("torch."),
        "device": str(image.image.device),
        "peak_memory_bytes": peak_memory(str(image.image.device)),
        **rated,
        "psnr_oracle": None if rated["psnr"] is None else max([rated["psnr"], *shown]),
        "weight": image.weight,
    }
    if (note := rating.note()) is not None:
        metrics["correlation_note"] = note
    if rated["psnr"] is not None:
        metrics["psnr_oracle_note"] = "the best checkpoint against the truth, for comparison only: psnr is of the last"
    return metrics
