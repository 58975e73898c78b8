"""Writing a bundle folder: graphs with external weights, mixer tensors, tokenizer, manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from edgehybrid.bundle import MANIFEST, MIXERS, TOKENIZER
from edgehybrid_export.graph import Graph
from edgehybrid_export.store import WeightStore


def write_graphs(folder: Path, graphs: Iterable[Graph]) -> None:
    """Write graphs as they are made, one in memory at a time."""
    for graph in graphs:
        graph.write(folder)


def write_files(
    folder: Path,
    store: WeightStore,
    tensors: dict[str, NDArray[np.float32]],
    tokenizer: Path,
) -> dict[str, int]:
    """Write mixers and tokenizer; return the bytes of weights by part of the model."""
    save_file(
        {name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / MIXERS
    )
    (folder / MIXERS).chmod(0o644)  # safetensors lets only the owner read
    (folder / TOKENIZER).write_bytes(tokenizer.read_bytes())
    kernels = sum(array.nbytes for array in tensors.values())
    return {**store.parts, "body": store.parts["body"] + kernels}


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `manifest`, which lists the `files`."""
    text = json.dumps(manifest, indent=2)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def fingerprints(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and sha256 of every file in `folder`, by name."""
    return {path.name: fingerprint_all([path]) for path in sorted(folder.iterdir())}


def fingerprint_all(paths: Sequence[Path]) -> dict[str, Any]:
    """Size in bytes and sha256 of files laid end to end, such as the shards of a checkpoint."""
    digest, size = hashlib.sha256(), 0
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}
