"""States on disk: tensors as safetensors, everything else as JSON, replaced in one step."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import InputError

STATE = "state.json"


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that readers see the old one or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def save_state(folder: Path, state: Any, tag: str) -> None:
    """Write a state of nested dicts, lists, numbers, strings and tensors.

    The JSON file names the tensor file and is replaced last, so that a kill at any time leaves a whole state.

    Args:
        folder: the checkpoint folder.
        state: the state.
        tag: makes the tensor file's name new, such as the step number.
    """
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    structure = _pack(state, tensors)
    file = f"tensors-{tag}.safetensors"
    # Not save_file, which makes files that others cannot read.
    (folder / f".{file}.part").write_bytes(save(tensors))
    (folder / f".{file}.part").replace(folder / file)
    write_atomically(folder / STATE, json.dumps({"tensors": file, "state": structure}, allow_nan=False))
    for old in folder.glob("*tensors-*"):
        if old.name != file:
            old.unlink()


def load_state(folder: Path) -> Any:
    """Read a state.

    Args:
        folder: the checkpoint folder.

    Returns:
        The state, equal to the last bit.

    Raises:
        InputError: there is no whole checkpoint in the folder.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        entry = json.loads((folder / STATE).read_text())
        return _unpack(entry["state"], load((folder / entry["tensors"]).read_bytes()))
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise InputError(f"the checkpoint in {folder} is not whole: {missing} is missing; solve again.") from None
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"the checkpoint in {folder} is damaged ({error}); solve again.") from error


def _pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        key = f"t{len(tensors)}"
        # Tensors may share memory, which the file format refuses.
        tensors[key] = value.detach().cpu().clone().contiguous()
        return {"tensor": key}
    if isinstance(value, dict):
        return {"dict": [[key, _pack(item, tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        packed = [_pack(item, tensors) for item in value]
        return {"tuple" if isinstance(value, tuple) else "list": packed}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}  # JSON has neither NaN nor infinity
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__}")


def _unpack(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "float":
        return float(content)
    if kind == "dict":
        return {key: _unpack(item, tensors) for key, item in content}
    items = [_unpack(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items


def on_device(state: Any, device: str) -> Any:
    """Move all tensors of a state to a device, except scalars, which optimisers keep on the CPU."""
    if isinstance(state, Tensor):
        return state.to(device) if state.ndim else state
    if isinstance(state, dict):
        return {key: on_device(item, device) for key, item in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(on_device(item, device) for item in state)
    return state
