"""Reading a checkpoint folder: `config.json`, `model.safetensors`, `tokenizer.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from edgehybrid_export.errors import CheckpointError

MAX_CONFIG_BYTES = 1 << 20


class Checkpoint:
    """Config and tensors of one checkpoint; each tensor is read when it is asked for.

    `finish` must be called at the end: it complains about tensors nobody asked for, because an
    ignored weight means another model than the authors'.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = _read_config(folder / "config.json")
        path = folder / "model.safetensors"
        if not path.is_file():
            raise CheckpointError(f"{path} is missing: a checkpoint needs safetensors weights")
        try:
            file: Any = safe_open(path, framework="numpy")
            self._file, self._left = file, set(file.keys())
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is not a whole safetensors file: {error}") from error
        self._names = frozenset(self._left)

    @property
    def family(self) -> str:
        """The checkpoint's `model_type`."""
        return str(self.field("model_type"))

    def field(self, name: str) -> Any:
        """A field of the config, which must be there."""
        if name not in self.config:
            raise CheckpointError(f"{self.folder / 'config.json'} has no field {name!r}")
        return self.config[name]

    def tensor(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """One weight as float32; its shape must be `shape` and all its values finite."""
        if name not in self._names:
            raise CheckpointError(f"{self.folder.name}/model.safetensors has no tensor {name!r}")
        array = np.asarray(self._file.get_tensor(name))
        if array.shape != shape:
            raise CheckpointError(f"tensor {name!r} has shape {array.shape}, expected {shape}")
        array = array.astype(np.float32)
        if not np.isfinite(array).all():
            count = int((~np.isfinite(array)).sum())
            raise CheckpointError(f"tensor {name!r} holds {count} values that are not finite")
        self._left.discard(name)
        return array

    def finish(self) -> None:
        """Complain if a tensor was never used."""
        if self._left:
            raise CheckpointError(
                f"{len(self._left)} unknown tensors, e.g. {min(self._left)!r}: "
                f"not a checkpoint that family {self.family!r} describes"
            )


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: not a checkpoint folder")
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise CheckpointError(f"{path} is {path.stat().st_size} bytes, over {MAX_CONFIG_BYTES}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} holds {type(config).__name__}, expected an object")
    return config
