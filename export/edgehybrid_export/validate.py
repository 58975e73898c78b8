"""Is the bundle the checkpoint? Names, shapes, values, in that order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgehybrid.bundle import open_bundle
from edgehybrid.runtime.model import Model
from edgehybrid_export.errors import ValidationError
from edgehybrid_export.reference import residuals
from edgehybrid_export.spec import ModelSpec

TOKENS, SEED = 600, 0
#: Largest mean error of the residual stream, in its own standard deviations.
TOLERANCE = {"float32": 1e-4, "int8": 0.1, "int4": 0.35}


def validate(spec: ModelSpec, folder: Path, weights: str) -> dict[str, Any]:
    """Compare the bundle in `folder` with `spec`; return the measured loss.

    Raises:
        ValidationError: which name, shape or value differs, with both numbers.
    """
    for i in range(len(spec.layers) + 1):
        _check_interface(folder / f"segment.{i}.onnx", spec.hidden_size)
    model = Model(open_bundle(folder), threads=1, kernels="numpy")
    ids = sample_ids(spec)
    got, wanted = run_residuals(model, ids), residuals(spec, ids)[-1]
    return _compare(got, wanted, weights)


def sample_ids(spec: ModelSpec) -> NDArray[np.int32]:
    """Token ids (TOKENS,) drawn evenly, the same every time."""
    random = np.random.default_rng(SEED)
    return random.integers(0, len(spec.embedding), TOKENS, dtype=np.int32)


def run_residuals(model: Model, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Residual stream (T, hidden) after the last layer, as the bundle computes it."""
    stream, space = model.stream(), model.spaces[0]
    pieces = []
    for start in range(0, len(ids), space.chunk):
        space.fill(ids[start : start + space.chunk], start)
        for i in range(len(model.segments)):
            space.run_segment(i)
            if i < len(model.mixers):
                stream.mix(i, space)
        pieces.append(space.last_h[: space.length].copy())
    return np.concatenate(pieces)


def _check_interface(path: Path, hidden: int) -> None:
    graph = onnx.load(path, load_external_data=False).graph
    outputs = {o.name: o for o in graph.output}
    if "present_h" not in outputs:
        raise ValidationError(f"{path.name} has outputs {sorted(outputs)}, expected present_h")
    shape = [d.dim_value or d.dim_param for d in outputs["present_h"].type.tensor_type.shape.dim]
    if shape != ["T", hidden]:
        raise ValidationError(f"{path.name}: present_h has shape {shape}, expected ['T', {hidden}]")


def _compare(got: NDArray[np.float32], wanted: NDArray[np.float32], weights: str) -> dict[str, Any]:
    if got.shape != wanted.shape:
        raise ValidationError(f"residuals have shape {got.shape}, expected {wanted.shape}")
    error = float(np.sqrt(np.square(got - wanted).mean()) / wanted.std())
    if not error <= TOLERANCE[weights]:
        raise ValidationError(
            f"the {weights} bundle is off by {error:.3g} standard deviations of the float32 "
            f"residuals, over {TOLERANCE[weights]}"
        )
    cosine = (got * wanted).sum(-1) / np.linalg.norm(got, axis=-1) / np.linalg.norm(wanted, axis=-1)
    return {
        "against": f"float32 reference, {TOKENS} random tokens",
        "residual_error": round(error, 7),
        "mean_cosine": round(float(cosine.mean()), 7),
    }
