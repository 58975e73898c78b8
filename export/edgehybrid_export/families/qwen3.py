"""`qwen3`: Llama with norms of each head's queries and keys, and a head size of its own."""

from __future__ import annotations

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families import llama
from edgehybrid_export.families.attention import AttentionShape
from edgehybrid_export.spec import ModelSpec


def read(ckpt: Checkpoint) -> ModelSpec:
    """Qwen3, dense."""
    ckpt.expect("use_sliding_window", False)
    ckpt.ignore("sliding_window", "max_window_layers", "layer_types")  # of that window
    bias = bool(ckpt.field("attention_bias", False))
    shape = AttentionShape.of(
        ckpt,
        head_dim=ckpt.field("head_dim", 128),
        bias=bias,
        out_bias=bias,
        head_norms=("q_norm", "k_norm"),
        eps=ckpt.field("rms_norm_eps"),
        scale=float(ckpt.field("head_dim", 128)) ** -0.5,
    )
    return llama.read_with(ckpt, shape)
