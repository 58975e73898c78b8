"""The MLPs of a mixture of experts, as checkpoints store them."""

from __future__ import annotations

import numpy as np

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.parts import gated_mlp, linear, scaled
from edgehybrid_export.mixer_spec import Linear
from edgehybrid_export.spec import Mlp

GATED = ("gate_proj", "up_proj", "down_proj")


def listed(
    ckpt: Checkpoint,
    prefix: str,
    count: int,
    hidden: int,
    inner: int,
    names: tuple[str, str, str] = GATED,
) -> tuple[Mlp, ...]:
    """Experts one by one, `prefix.0.gate_proj.weight` and so on, or as `stacked` reads them.

    Published files have them one by one; save_pretrained(save_original_format=False) stacks them.
    """
    if ckpt.has(f"{prefix}.gate_up_proj"):
        sizes = (count, hidden, inner)
        return stacked(ckpt, f"{prefix}.gate_up_proj", f"{prefix}.down_proj", sizes)
    return tuple(gated_mlp(ckpt, f"{prefix}.{i}", hidden, inner, names=names) for i in range(count))


def listed_ungated(
    ckpt: Checkpoint, prefix: str, count: int, hidden: int, inner: int, *, act: str
) -> tuple[Mlp, ...]:
    """Experts without gates, stored one by one as up_proj and down_proj."""
    return tuple(
        Mlp(
            linear(ckpt, f"{prefix}.{i}.up_proj", hidden, inner),
            linear(ckpt, f"{prefix}.{i}.down_proj", inner, hidden),
            gated=False,
            act=act,
        )
        for i in range(count)
    )


def stacked(
    ckpt: Checkpoint,
    gate_up: str,
    down: str,
    sizes: tuple[int, int, int],
    *,
    times: float = 1,
) -> tuple[Mlp, ...]:
    """Experts in two tensors, of `sizes` (count, hidden, inner); `times` multiply the result."""
    count, hidden, inner = sizes
    wide = ckpt.weights(gate_up, (count, 2 * inner, hidden))
    narrow = ckpt.weights(down, (count, hidden, inner))
    return tuple(
        Mlp(Linear(a), scaled(Linear(b), np.float32(times)))
        for a, b in zip(wide, narrow, strict=True)
    )
