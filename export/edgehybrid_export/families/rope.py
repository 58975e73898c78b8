"""Rotary position embeddings, as configs describe them: `rope_parameters`, or the older fields."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.mixer_spec import Rotary

Array = NDArray[np.float32]


def rotary(
    ckpt: Checkpoint, head_dim: int, *, theta: float = 10_000.0, partial: float = 1.0
) -> Rotary:
    """The angles for heads of `head_dim`; `theta` and `partial` are the family's defaults.

    Raises:
        CheckpointError: the scaling is of an unknown type, or lacks a field.
    """
    fields = _fields(ckpt)
    fields.setdefault("rope_theta", ckpt.field("rope_theta", theta))
    part = fields.get("partial_rotary_factor", ckpt.field("partial_rotary_factor", partial))
    size = int(head_dim * (1.0 if part is None else part))
    exponents = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    plain = np.float32(1) / np.float32(fields["rope_theta"]) ** exponents
    kind = fields.get("rope_type", fields.get("type", "default"))
    try:
        if kind == "default":
            return Rotary(plain)
        if kind == "linear":
            return Rotary(plain / np.float32(fields["factor"]))
        if kind == "llama3":
            return Rotary(_llama3(plain, fields))
        if kind == "yarn":
            rates = _yarn(plain, size, fields)
            return Rotary(rates, _yarn_factor(fields))
    except KeyError as error:
        raise CheckpointError(f"rope_parameters of type {kind!r} lack {error}") from error
    raise CheckpointError(
        f"rope_parameters are of type {kind!r}; known are 'default', 'linear', 'llama3', 'yarn'"
    )


def _fields(ckpt: Checkpoint) -> dict[str, Any]:
    for name in ("rope_parameters", "rope_scaling"):
        if value := ckpt.field(name, None):
            if not isinstance(value, dict) or any(isinstance(v, dict) for v in value.values()):
                raise CheckpointError(f"{name} is {value!r}, expected one set of parameters")
            return dict(value)
    return {}


def _llama3(plain: Array, fields: dict[str, Any]) -> Array:
    """Slow angles are slowed further, quick ones stay, those between are interpolated."""
    factor, old = float(fields["factor"]), float(fields["original_max_position_embeddings"])
    low, high = float(fields["low_freq_factor"]), float(fields["high_freq_factor"])
    length = np.float32(2 * math.pi) / plain
    slowed = np.where(length > old / low, plain / np.float32(factor), plain)
    smooth = (old / length - low) / (high - low)
    between = ~(length < old / high) & ~(length > old / low)
    mixed = (1 - smooth) * slowed / factor + smooth * slowed
    rates: Array = np.where(between, mixed, slowed).astype(np.float32)
    return rates


def _yarn(plain: Array, size: int, fields: dict[str, Any]) -> Array:
    """Quick angles stay, slow ones are divided by the factor, a ramp between (arXiv:2309.00071)."""
    theta, old = float(fields["rope_theta"]), float(fields["original_max_position_embeddings"])

    def turning(rotations: float) -> float:
        """The dimension whose angle turns so often in the original length."""
        return size * math.log(old / (rotations * 2 * math.pi)) / (2 * math.log(theta))

    low, high = turning(fields.get("beta_fast") or 32), turning(fields.get("beta_slow") or 1)
    if fields.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    places = np.arange(size // 2, dtype=np.float32)
    slowed = np.clip((places - low) / max(high - low, 0.001), 0, 1)
    rates: Array = (plain * (1 - slowed) + plain / fields["factor"] * slowed).astype(np.float32)
    return rates


def _yarn_factor(fields: dict[str, Any]) -> float:
    """What cos and sin are multiplied by."""
    given = fields.get("attention_factor")
    if given is not None:
        return float(given)
    part, whole = (float(fields.get(name) or 0) for name in ("mscale", "mscale_all_dim"))

    def growth(times: float) -> float:
        return 0.1 * times * math.log(fields["factor"]) + 1 if fields["factor"] > 1 else 1.0

    return growth(part) / growth(whole) if part and whole else growth(1.0)
