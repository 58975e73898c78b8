"""`export`: a checkpoint folder in, a validated bundle out."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

import edgehybrid
from edgehybrid.bundle import DENSE, FORMAT, WRITING, WRITING_WEIGHTS, Bundle
from edgehybrid_export.chat import describe_prompt, write_template
from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.dense import describe_dense
from edgehybrid_export.errors import ExportError
from edgehybrid_export.families import read_model
from edgehybrid_export.head import head_graphs
from edgehybrid_export.inner import inner_graphs
from edgehybrid_export.licence import licence_of
from edgehybrid_export.manifest import describe_head, describe_layer, describe_router, step_costs
from edgehybrid_export.mixer_spec import (
    AttentionMixer,
    DeltaMixer,
    OneMixer,
    RgLruMixer,
    SelectiveMixer,
    SsdMixer,
)
from edgehybrid_export.pack import (
    fingerprint_all,
    fingerprints,
    write_files,
    write_graphs,
    write_manifest,
)
from edgehybrid_export.portable import step_graph
from edgehybrid_export.precision import Precisions, parse_speeds
from edgehybrid_export.segments import segments
from edgehybrid_export.source import Source, find
from edgehybrid_export.spec import LogitsHead, ModelSpec
from edgehybrid_export.store import WeightStore
from edgehybrid_export.validate import validate, writing_loss

TWO_SPEEDS = "two sets of weights need a model that kernels run whole, in int8 or int4"
#: How much of a calibration text is read.
CALIBRATION_BYTES, CALIBRATION_TOKENS = 1 << 18, 2048


def export(
    checkpoint: str | Path,
    out: str | Path,
    *,
    weights: str = "int8",
    calibrate: str | Path | None = None,
    revision: str | None = None,
    offline: bool = False,
) -> dict[str, Any]:
    """Write the bundle of `checkpoint` to `out` and return its manifest.

    The bundle is built beside `out`, validated against a float32 run of the checkpoint, and
    appears by one rename: a failed export leaves nothing behind. Weights are read, quantised and
    written one by one, so the memory does not depend on the size of the model.

    Args:
        checkpoint: folder with config.json, safetensors weights, tokenizer.json; or a str
            `owner/name`, if there is no such folder: a name on the hub.
        out: a folder that does not exist yet.
        weights: see `precision`: "int8", by part "body=int4-64,head=int8,embedding=int8", or
            "int8+int4" for a bundle that reads with the first and writes with the second.
        calibrate: a text file on whose first tokens the loss of quantisation is measured.
        revision: branch, tag or commit of a name on the hub.
        offline: take a name from the hub's cache only.

    Raises:
        CheckpointError: the checkpoint is incomplete, damaged or of an unknown family.
        HubError: the hub does not have the checkpoint, or it could not be downloaded.
        ValidationError: the graphs do not do what the checkpoint does.
        ExportError: `out` exists, `weights` is not known, or `calibrate` cannot be read.
    """
    out = Path(out)
    precisions, writing = parse_speeds(weights)
    if out.exists():
        raise ExportError(f"{out} exists: remove it or choose another name")
    found = find(checkpoint, revision, offline=offline)
    source = Checkpoint(found.folder)
    spec = read_model(source)
    precisions = precisions.fitted(spec.hidden_size)
    writing = writing and writing.fitted(spec.hidden_size)
    text = None if calibrate is None else calibration_ids(source, spec, Path(calibrate))
    out.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        manifest = _build(found, source, spec, (precisions, writing), building, text)
        building.chmod(0o755)
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return manifest


def _build(
    found: Source,
    source: Checkpoint,
    spec: ModelSpec,
    speeds: tuple[Precisions, Precisions | None],
    folder: Path,
    text: NDArray[np.int32] | None,
) -> dict[str, Any]:
    store, (precisions, writing) = WeightStore(folder), speeds
    graphs = itertools.chain(
        segments(spec, precisions, store),
        inner_graphs(spec, precisions.body, store),
        head_graphs(spec.head, precisions.head, store),
    )
    tokenizer = source.folder / "tokenizer.json"
    write_graphs(folder, graphs)
    step = step_graph(spec, precisions, store)
    step.write(folder)
    tensors = mixer_tensors(spec) | _write_dense(folder, DENSE, spec, precisions, store)
    other = None
    if writing is not None:
        if not (folder / DENSE).exists():
            raise ExportError(f"weights {precisions.name}+{writing.name}: {TWO_SPEEDS}")
        other = WeightStore(folder, WRITING_WEIGHTS)
        tensors |= _write_dense(folder, WRITING, spec, writing, other)
    parts = write_files(folder, store, tensors, tokenizer)
    write_template(source.folder, folder)
    manifest = _manifest(found, source, spec, precisions)
    manifest |= {"step": {"states": step.states}, "parts": parts}
    if writing is not None and other is not None:
        manifest["weights"] += f"+{writing.name}"
        manifest["name"] += f"+{writing.body.name}"
        parts["writing"] = sum(other.parts.values())
    manifest["files"] = fingerprints(folder)
    manifest["loss"] = validate(spec, Bundle(folder, manifest), precisions, text)
    if writing is not None and text is not None:
        manifest["loss"]["writing"] = writing_loss(spec, Bundle(folder, manifest), text)
    write_manifest(folder, manifest)
    return manifest


def _write_dense(
    folder: Path, name: str, spec: ModelSpec, precisions: Precisions, store: WeightStore
) -> dict[str, NDArray[Any]]:
    """Write what kernels need to know, if they can do it all; return the small arrays of it."""
    found = describe_dense(spec, precisions, store, name.removesuffix(".json"))
    if found is None:
        return {}
    described, tensors = found
    (folder / name).write_text(json.dumps(described), encoding="utf-8")
    return tensors


def calibration_ids(source: Checkpoint, spec: ModelSpec, path: Path) -> NDArray[np.int32]:
    """The first tokens of a text file.

    Raises:
        ExportError: the file cannot be read as text, has no tokens, or the model no logits.
    """
    if not isinstance(spec.head, LogitsHead):
        raise ExportError(f"--calibrate: a model of family {source.family!r} has no logits")
    try:
        text = path.read_bytes()[:CALIBRATION_BYTES].decode(errors="ignore")
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}") from error
    tokenizer = Tokenizer.from_file(str(source.folder / "tokenizer.json"))
    tokenizer.no_truncation()  # some files carry the limits of a training run
    tokenizer.no_padding()
    ids = tokenizer.encode(text).ids[:CALIBRATION_TOKENS]
    if not ids:
        raise ExportError(f"{path} has no tokens to calibrate on")
    return np.array(ids, np.int32)


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
    elif isinstance(mixer, SelectiveMixer):
        own |= {"a": mixer.a, "d": mixer.d, "dt_bias": mixer.dt_bias}
    elif isinstance(mixer, RgLruMixer):
        own["log_a"] = mixer.log_a
    elif isinstance(mixer, DeltaMixer):
        own["norm"] = np.tile(mixer.norm.weight, mixer.v_heads)
    return own


def _manifest(
    found: Source, source: Checkpoint, spec: ModelSpec, precisions: Precisions
) -> dict[str, Any]:
    vocab, hidden = spec.embedding.shape
    short = precisions.body.name
    return {
        "format": FORMAT,
        "name": f"{source.config.get('name', found.name)}-{short}",
        "family": source.family,
        "weights": precisions.name,
        "exporter": f"edgehybrid {edgehybrid.__version__}",
        "licence": licence_of(source),
        **{name: source.config[name] for name in ("languages",) if name in source.config},
        "source": {"checkpoint": fingerprint_all(source.files), **found.origin},
        "model": {"vocab_size": vocab, "hidden_size": hidden, "step_costs": step_costs(spec)},
        "layers": [describe_layer(layer) for layer in spec.layers],
        "router": describe_router(spec),
        "head": describe_head(spec.head),
        "prompt": describe_prompt(source.folder),
    }
