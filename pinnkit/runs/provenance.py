"""Where a result comes from: versions, git state, machine."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "numpy", "scipy", "meshio", "safetensors")


def provenance() -> dict[str, Any]:
    """Collect versions, the state of the repository pinnkit runs from (if any), and the machine."""
    from .. import __version__

    versions = {"python": platform.python_version(), "pinnkit": __version__}
    return {
        "versions": versions | {name: _version(name) for name in PACKAGES},
        "git": _git(Path(__file__).resolve().parent),
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(folder: Path) -> dict[str, Any] | None:
    def ask(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        # Installed into an environment inside somebody's repository, pinnkit is not part of that repository.
        ask("ls-files", "--error-unmatch", str(folder / "__init__.py"))
        return {"commit": ask("rev-parse", "HEAD"), "changed": bool(ask("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.SubprocessError):
        return None


def peak_memory(device: str) -> int:
    """Measure the most memory in use so far, in bytes: of the process, or on the GPU where that is the device."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
