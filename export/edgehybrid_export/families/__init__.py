"""One file a family: from a checkpoint's names and fields to a `ModelSpec`."""

from __future__ import annotations

from collections.abc import Callable

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.families import (
    bamba,
    falcon_h1,
    falcon_mamba,
    granitemoehybrid,
    jamba,
    kimi_linear,
    lfm2,
    lfm2_moe,
    llama,
    mamba,
    mamba2,
    nemotron_h,
    olmo_hybrid,
    qwen3,
    qwen3_5,
    qwen3_next,
    reader,
    recurrent_gemma,
    zamba2,
)
from edgehybrid_export.spec import ModelSpec

FAMILIES: dict[str, Callable[[Checkpoint], ModelSpec]] = {
    "bamba": bamba.read,
    "edgehybrid": reader.read,
    "falcon_h1": falcon_h1.read,
    "falcon_mamba": falcon_mamba.read,
    "granitemoehybrid": granitemoehybrid.read,
    "jamba": jamba.read,
    "kimi_linear": kimi_linear.read,
    "lfm2": lfm2.read,
    "lfm2_moe": lfm2_moe.read,
    "llama": llama.read,
    "mamba": mamba.read,
    "mamba2": mamba2.read,
    "nemotron_h": nemotron_h.read,
    "olmo_hybrid": olmo_hybrid.read,
    "qwen3": qwen3.read,
    "qwen3_5": qwen3_5.read_text_of,
    "qwen3_5_text": qwen3_5.read,
    "qwen3_next": qwen3_next.read,
    "recurrent_gemma": recurrent_gemma.read,
    "zamba2": zamba2.read,
}


def read_model(checkpoint: Checkpoint) -> ModelSpec:
    """Translate `checkpoint`; every one of its tensors must have been used."""
    if checkpoint.family not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise CheckpointError(f"family {checkpoint.family!r} is not known; known are: {known}")
    spec = FAMILIES[checkpoint.family](checkpoint)
    checkpoint.finish()
    checkpoint.check_fields()
    return spec
