"""`export`: a checkpoint folder in, a validated bundle out."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edgehybrid
from edgehybrid.bundle import FORMAT, MANIFEST
from edgehybrid_export.chat import describe_prompt, write_template
from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import ExportError
from edgehybrid_export.families import read_model
from edgehybrid_export.head import head_graphs
from edgehybrid_export.linear import PRECISIONS
from edgehybrid_export.manifest import describe_head, describe_layer, describe_router, step_costs
from edgehybrid_export.pack import fingerprint_all, write_files, write_manifest
from edgehybrid_export.segments import segments
from edgehybrid_export.spec import AttentionMixer, DeltaMixer, ModelSpec, OneMixer, SsdMixer
from edgehybrid_export.validate import validate


def export(checkpoint: Path, out: Path, *, weights: str = "int8") -> dict[str, Any]:
    """Write the bundle of `checkpoint` to `out` and return its manifest.

    The bundle is built beside `out`, validated against a float32 run of the checkpoint, and
    appears by one rename: a failed export leaves nothing behind.

    Args:
        checkpoint: folder with config.json, safetensors weights, tokenizer.json.
        out: a folder that does not exist yet.
        weights: "float32", "int8" or "int4".

    Raises:
        CheckpointError: the checkpoint is incomplete, damaged or of an unknown family.
        ValidationError: the graphs do not do what the checkpoint does.
        ExportError: `out` exists, or `weights` is not known.
    """
    checkpoint, out = Path(checkpoint), Path(out)
    if weights not in PRECISIONS:
        raise ExportError(f"weights {weights!r} is not one of {', '.join(PRECISIONS)}")
    if out.exists():
        raise ExportError(f"{out} exists: remove it or choose another name")
    source = Checkpoint(checkpoint)
    spec = read_model(source)
    out.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _build(source, spec, weights, building)
        building.chmod(0o755)
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    manifest: dict[str, Any] = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def _build(source: Checkpoint, spec: ModelSpec, weights: str, folder: Path) -> None:
    graphs = [*segments(spec, weights), *head_graphs(spec.head, weights)]
    parts = write_files(folder, graphs, mixer_tensors(spec), source.folder / "tokenizer.json")
    write_template(source.folder, folder)
    manifest = {**_manifest(source, spec, weights), "parts": parts}
    write_manifest(folder, manifest)
    write_manifest(folder, {**manifest, "loss": validate(spec, folder, weights)})


def mixer_tensors(spec: ModelSpec) -> dict[str, NDArray[np.float32]]:
    """The arrays that kernels take, named `layers.N.…`, of parallel ones `layers.N.P.…`."""
    tensors = {}
    for i, layer in enumerate(spec.layers):
        for part, mixer in enumerate(layer.mixers):
            prefix = f"layers.{i}." + (f"{part}." if len(layer.mixers) > 1 else "")
            tensors.update({prefix + name: array for name, array in _kernel_arrays(mixer).items()})
    return tensors


def _kernel_arrays(mixer: OneMixer) -> dict[str, NDArray[np.float32]]:
    if isinstance(mixer, AttentionMixer):
        return {}
    own = {"conv_weight": mixer.conv_weight, "conv_bias": mixer.conv_bias}
    if isinstance(mixer, SsdMixer):
        own |= {"a": mixer.a, "d": mixer.d, "dt_bias": mixer.dt_bias}
        own |= {"norm": mixer.norm.weight} if mixer.norm else {}
    elif isinstance(mixer, DeltaMixer):
        own["norm"] = np.tile(mixer.norm.weight, mixer.v_heads)
    return own


def _manifest(source: Checkpoint, spec: ModelSpec, weights: str) -> dict[str, Any]:
    vocab, hidden = spec.embedding.shape
    return {
        "format": FORMAT,
        "name": f"{source.config.get('name', source.folder.resolve().name)}-{weights}",
        "family": source.family,
        "weights": weights,
        "exporter": f"edgehybrid {edgehybrid.__version__}",
        "licence": source.config.get("licence", "unknown"),
        "source": {"checkpoint": fingerprint_all(source.files)},
        "model": {"vocab_size": vocab, "hidden_size": hidden, "step_costs": step_costs(spec)},
        "layers": [describe_layer(layer) for layer in spec.layers],
        "router": describe_router(spec),
        "head": describe_head(spec.head),
        "prompt": describe_prompt(source.folder),
    }
