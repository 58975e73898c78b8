"""One file a family: from a checkpoint's names and fields to a `ModelSpec`."""

from __future__ import annotations

from collections.abc import Callable

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.families import reader
from edgehybrid_export.spec import ModelSpec

FAMILIES: dict[str, Callable[[Checkpoint], ModelSpec]] = {
    "edgehybrid": reader.read,
}


def read_model(checkpoint: Checkpoint) -> ModelSpec:
    """Translate `checkpoint`; every one of its tensors must have been used."""
    if checkpoint.family not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise CheckpointError(f"family {checkpoint.family!r} is not known; known are: {known}")
    spec = FAMILIES[checkpoint.family](checkpoint)
    checkpoint.finish()
    return spec
