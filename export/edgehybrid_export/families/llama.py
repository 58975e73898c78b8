"""`llama`: attention only, rotary positions."""

from __future__ import annotations

from dataclasses import replace

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.attention import AttentionShape, attention
from edgehybrid_export.families.parts import embedding, gated_mlp, logits_head, norm
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.spec import Layer, ModelSpec


def read(ckpt: Checkpoint) -> ModelSpec:
    """Llama 2 and 3 and what shares their code."""
    ckpt.expect("pretraining_tp", 1)
    bias = bool(ckpt.field("attention_bias", False))
    shape = AttentionShape.of(ckpt, bias=bias, out_bias=bias)
    return read_with(ckpt, shape, mlp_bias=bool(ckpt.field("mlp_bias", False)))


def read_with(ckpt: Checkpoint, shape: AttentionShape, *, mlp_bias: bool = False) -> ModelSpec:
    """Llama's names with an attention of this shape."""
    ckpt.expect("hidden_act", "silu")
    hidden, inner, eps = shape.hidden, ckpt.field("intermediate_size"), ckpt.field("rms_norm_eps")
    shape = replace(shape, rotary=rotary(ckpt, shape.head_dim))
    table = embedding(ckpt, "model.embed_tokens")
    layers = []
    for i in range(ckpt.field("num_hidden_layers")):
        prefix = f"model.layers.{i}"
        layers.append(
            Layer(
                norm=norm(ckpt, f"{prefix}.input_layernorm", hidden, eps),
                mixer=attention(ckpt, f"{prefix}.self_attn", shape),
                mlp_norm=norm(ckpt, f"{prefix}.post_attention_layernorm", hidden, eps),
                mlp=gated_mlp(ckpt, f"{prefix}.mlp", hidden, inner, bias=mlp_bias),
            )
        )
    final = norm(ckpt, "model.norm", hidden, eps)
    tied = bool(ckpt.field("tie_word_embeddings", False))
    return ModelSpec(table, tuple(layers), logits_head(ckpt, table, final, tied=tied))
