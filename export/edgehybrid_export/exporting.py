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
from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import ExportError
from edgehybrid_export.families import read_model
from edgehybrid_export.head import head_graph, sentence_graph
from edgehybrid_export.linear import PRECISIONS
from edgehybrid_export.pack import fingerprint, write_files, write_manifest
from edgehybrid_export.segments import segments
from edgehybrid_export.spec import AttentionMixer, Layer, ModelSpec, SsdMixer
from edgehybrid_export.validate import validate


def export(checkpoint: Path, out: Path, *, weights: str = "int8") -> dict[str, Any]:
    """Write the bundle of `checkpoint` to `out` and return its manifest.

    The bundle is built beside `out`, validated against a float32 run of the checkpoint, and
    appears by one rename: a failed export leaves nothing behind.

    Args:
        checkpoint: folder with config.json, model.safetensors, tokenizer.json.
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
    graphs = [*segments(spec, weights), sentence_graph(spec.head), head_graph(spec.head)]
    write_files(folder, graphs, mixer_tensors(spec), source.folder / "tokenizer.json")
    manifest = _manifest(source, spec, weights)
    write_manifest(folder, manifest)
    write_manifest(folder, {**manifest, "loss": validate(spec, folder, weights)})


def mixer_tensors(spec: ModelSpec) -> dict[str, NDArray[np.float32]]:
    """The arrays that kernels take, named `layers.N.…`."""
    tensors = {}
    for i, layer in enumerate(spec.layers):
        if isinstance(mixer := layer.mixer, SsdMixer):
            own = {
                "conv_weight": mixer.conv_weight,
                "conv_bias": mixer.conv_bias,
                "a": mixer.a,
                "d": mixer.d,
                "dt_bias": mixer.dt_bias,
                "norm": mixer.norm.weight,
            }
            tensors.update({f"layers.{i}.{name}": array for name, array in own.items()})
    return tensors


def _manifest(source: Checkpoint, spec: ModelSpec, weights: str) -> dict[str, Any]:
    vocab, hidden = spec.embedding.shape
    return {
        "format": FORMAT,
        "name": f"{source.config.get('name', source.folder.resolve().name)}-{weights}",
        "family": source.family,
        "weights": weights,
        "exporter": f"edgehybrid {edgehybrid.__version__}",
        "licence": source.config.get("licence", "unknown"),
        "source": {"checkpoint": fingerprint(source.folder / "model.safetensors")},
        "model": {"vocab_size": vocab, "hidden_size": hidden, "step_costs": _step_costs(spec)},
        "layers": [_layer(layer) for layer in spec.layers],
        "router": _router(spec),
        "head": {
            "kind": "sentences",
            "vector_size": spec.head.vector_size,
            "context_size": spec.head.context_size,
            "place_size": spec.head.place_size,
            "end_tokens": list(spec.head.end_tokens),
        },
    }


def _layer(layer: Layer) -> dict[str, Any]:
    mixer = layer.mixer
    if isinstance(mixer, SsdMixer):
        return {
            "mixer": "ssd",
            "heads": len(mixer.a),
            "head_dim": mixer.head_dim,
            "d_state": mixer.d_state,
            "n_groups": mixer.n_groups,
            "norm_eps": mixer.norm.eps,
        }
    return {
        "mixer": "attention",
        "heads": mixer.n_heads,
        "kv_heads": mixer.n_kv_heads,
        "head_dim": mixer.head_dim,
        "scale": mixer.scale,
        "sinks": mixer.router.sinks,
        "window": mixer.router.window,
        "budget": mixer.router.budget,
    }


def _router(spec: ModelSpec) -> dict[str, Any]:
    for layer in spec.layers:
        if isinstance(mixer := layer.mixer, AttentionMixer):
            router = mixer.router
            return {
                "kind": "learned",
                "sinks": router.sinks,
                "window": router.window,
                "budget": router.budget,
            }
    return {"kind": "none"}


def _step_costs(spec: ModelSpec) -> list[int]:
    """Multiply-adds a token of segment i and mixer i: how the runtime balances its stages."""
    costs = []
    for i in range(len(spec.layers) + 1):
        cost = 0
        if i:
            before = spec.layers[i - 1]
            cost += before.mixer.out_proj.weight.size
            cost += before.mlp.gate_up.weight.size + before.mlp.down.weight.size
        if i < len(spec.layers):
            cost += _mixer_cost(spec.layers[i])
        costs.append(cost)
    return costs


def _mixer_cost(layer: Layer) -> int:
    mixer = layer.mixer
    if isinstance(mixer, SsdMixer):
        state = len(mixer.a) * mixer.head_dim * mixer.d_state
        return int(mixer.in_proj.weight.size + 3 * state)
    router = mixer.router
    seen = router.sinks + router.window + router.budget
    return int(mixer.qkv.weight.size + 2 * seen * mixer.n_heads * mixer.head_dim)
