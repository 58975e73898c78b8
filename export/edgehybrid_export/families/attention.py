"""Attention mixers, as transformers names their parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.parts import linear, norm, side_by_side
from edgehybrid_export.mixer_spec import AttentionMixer, Rotary


@dataclass(frozen=True)
class AttentionShape:
    """Sizes and names of an attention mixer; `times` multiply queries, keys, values, result."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    scale: float
    bias: bool = False
    out_bias: bool = False
    rotary: Rotary | None = None
    window: int | None = None
    out: str = "o_proj"
    out_size: int | None = None  # of the result; as `hidden` if None
    head_norms: tuple[str, str] | None = None
    whole_norms: bool = False  # one norm over all heads together
    eps: float = 1e-6
    times: tuple[float, float, float, float] = (1, 1, 1, 1)

    @classmethod
    def of(cls, ckpt: Checkpoint, **changes: Any) -> AttentionShape:
        """As the usual config fields say."""
        hidden, heads = ckpt.field("hidden_size"), ckpt.field("num_attention_heads")
        head_dim = ckpt.field("head_dim", None) or hidden // heads
        usual: dict[str, Any] = {
            "hidden": hidden,
            "heads": heads,
            "kv_heads": ckpt.field("num_key_value_heads", None) or heads,
            "head_dim": head_dim,
            "scale": float(head_dim) ** -0.5,
        }
        return cls(**usual | changes)


def attention(ckpt: Checkpoint, prefix: str, shape: AttentionShape) -> AttentionMixer:
    """q_proj, k_proj, v_proj and the output projection, with head norms where they are named."""
    size = shape.head_dim
    widths = (shape.heads * size, shape.kv_heads * size, shape.kv_heads * size)
    qkv = [
        linear(ckpt, f"{prefix}.{part}_proj", shape.hidden, width, bias=shape.bias, times=times)
        for part, width, times in zip("qkv", widths, shape.times, strict=False)
    ]
    normed = widths[:2] if shape.whole_norms else (size, size)
    norms = [
        norm(ckpt, f"{prefix}.{name}", columns, shape.eps)
        for name, columns in zip(shape.head_norms or (), normed, strict=False)
    ]
    return AttentionMixer(
        qkv=side_by_side(*qkv),
        router=None,
        out_proj=linear(
            ckpt, f"{prefix}.{shape.out}", widths[0], shape.out_size or shape.hidden,
            bias=shape.out_bias, times=shape.times[3],
        ),
        n_heads=shape.heads,
        n_kv_heads=shape.kv_heads,
        head_dim=size,
        scale=shape.scale,
        rotary=shape.rotary,
        q_norm=norms[0] if norms else None,
        k_norm=norms[1] if norms else None,
        window=shape.window,
    )  # fmt: skip
