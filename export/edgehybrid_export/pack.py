"""Writing a bundle folder: graphs with external weights, mixer tensors, tokenizer, manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import external_data_helper as external
from safetensors.numpy import save_file

from edgehybrid.bundle import MANIFEST, MIXERS, TOKENIZER, WEIGHTS
from edgehybrid_export.graph import Graph

#: Weights this large start on a page of their own, so that they can be mapped.
PAGE, LARGE, SMALL_ALIGN = 4096, 65536, 64
#: Constants below this stay inside the graph.
INLINE_BYTES = 1024


class WeightFile:
    """`weights.bin`: the large constants of all graphs, end to end, aligned."""

    def __init__(self, path: Path) -> None:
        self._path, self._size = path, 0
        self.parts = {"embedding": 0, "body": 0, "head": 0}
        path.write_bytes(b"")

    def add_graph(self, graph: Graph, path: Path) -> None:
        """Write `graph` to `path`, its large constants to this file."""
        model = graph.build()
        with self._path.open("ab") as file:
            for tensor in model.graph.initializer:
                if len(tensor.raw_data) < INLINE_BYTES:
                    continue
                self.parts[_part(graph.name, tensor.name)] += len(tensor.raw_data)
                align = PAGE if len(tensor.raw_data) >= LARGE else SMALL_ALIGN
                file.write(bytes(-self._size % align))
                offset = self._size + -self._size % align
                file.write(tensor.raw_data)
                self._size = offset + len(tensor.raw_data)
                external.set_external_data(
                    tensor, WEIGHTS, offset=offset, length=len(tensor.raw_data)
                )
                tensor.ClearField("raw_data")
                tensor.data_location = onnx.TensorProto.EXTERNAL
        path.write_bytes(model.SerializeToString())


def write_files(
    folder: Path,
    graphs: list[Graph],
    tensors: dict[str, NDArray[np.float32]],
    tokenizer: Path,
) -> dict[str, int]:
    """Write everything but the manifest; return the bytes of weights by part of the model."""
    weights = WeightFile(folder / WEIGHTS)
    for graph in graphs:
        weights.add_graph(graph, folder / f"{graph.name}.onnx")
    save_file(
        {name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / MIXERS
    )
    (folder / TOKENIZER).write_bytes(tokenizer.read_bytes())
    kernels = sum(array.nbytes for array in tensors.values())
    return {**weights.parts, "body": weights.parts["body"] + kernels}


def _part(graph: str, tensor: str) -> str:
    if tensor.startswith("embedding"):
        return "embedding"
    return "body" if graph.startswith("segment.") else "head"


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `manifest` with the size and sha256 of every file in `folder`."""
    names = sorted(p.name for p in folder.iterdir() if p.name != MANIFEST)
    files = {name: fingerprint(folder / name) for name in names}
    text = json.dumps({**manifest, "files": files}, indent=2)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def fingerprint(path: Path) -> dict[str, Any]:
    """Size in bytes and sha256 of a file."""
    return fingerprint_all([path])


def fingerprint_all(paths: Sequence[Path]) -> dict[str, Any]:
    """Size in bytes and sha256 of files laid end to end, such as the shards of a checkpoint."""
    digest, size = hashlib.sha256(), 0
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}
