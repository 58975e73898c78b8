"""`bamba`: Mamba-2 with a few attention layers whose heads are rotated in half."""

from __future__ import annotations

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.attention import AttentionShape, attention
from edgehybrid_export.families.parts import embedding, gated_mlp, logits_head, norm
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.families.ssd import SsdShape, ssd
from edgehybrid_export.spec import Layer, ModelSpec

PARTIAL = 0.5


def read(ckpt: Checkpoint) -> ModelSpec:
    """Bamba 1 and 2."""
    ckpt.expect("hidden_act", "silu")
    ckpt.expect("num_experts", 1)
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    shapes = _attention_shape(ckpt), SsdShape.of(ckpt)
    table = embedding(ckpt, "model.embed_tokens")
    layers = tuple(_layer(ckpt, i, *shapes) for i in range(ckpt.field("num_hidden_layers")))
    final = norm(ckpt, "model.final_layernorm", hidden, eps)
    tied = bool(ckpt.field("tie_word_embeddings", False))
    return ModelSpec(table, layers, logits_head(ckpt, table, final, tied=tied))


def _layer(ckpt: Checkpoint, i: int, attentive: AttentionShape, recurrent: SsdShape) -> Layer:
    prefix, hidden, eps = f"model.layers.{i}", recurrent.hidden, recurrent.eps
    bias = bool(ckpt.field("mlp_bias", False))
    attends = i in (ckpt.field("attn_layer_indices", None) or ())
    return Layer(
        norm=norm(ckpt, f"{prefix}.input_layernorm", hidden, eps),
        mixer=(
            attention(ckpt, f"{prefix}.self_attn", attentive)
            if attends
            else ssd(ckpt, f"{prefix}.mamba", recurrent)
        ),
        mlp_norm=norm(ckpt, f"{prefix}.pre_ff_layernorm", hidden, eps),
        mlp=gated_mlp(
            ckpt, f"{prefix}.feed_forward", hidden, ckpt.field("intermediate_size"), bias=bias
        ),
    )


def _attention_shape(ckpt: Checkpoint) -> AttentionShape:
    bias = bool(ckpt.field("attention_bias", False))
    head_dim = ckpt.field("head_dim", None) or (
        ckpt.field("hidden_size") // ckpt.field("num_attention_heads")
    )
    turning = rotary(ckpt, head_dim, partial=PARTIAL)
    return AttentionShape.of(ckpt, bias=bias, out_bias=bias, rotary=turning)
