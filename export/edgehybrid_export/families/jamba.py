"""`jamba`: Mamba-1 with norms of dt, B and C, a few attention layers, some MLPs of experts.

Attention has no positions. Experts count with their share of the softmax over all of them.
"""

from __future__ import annotations

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.experts import listed
from edgehybrid_export.families.parts import (
    AttentionShape,
    attention,
    embedding,
    gated_mlp,
    linear,
    logits_head,
    norm,
)
from edgehybrid_export.families.selective import SelectiveShape, dt_rank, selective
from edgehybrid_export.spec import Experts, Layer, Mlp, ModelSpec, SelectiveMixer


def read(ckpt: Checkpoint) -> ModelSpec:
    """Jamba 1.5 to 1.7, dense or with experts."""
    ckpt.expect("hidden_act", "silu")
    ckpt.expect("mamba_inner_layernorms", True)
    ckpt.expect("sliding_window", None)
    ckpt.ignore("use_associative_scan", "calc_logits_for_entire_prompt")
    ckpt.ignore("num_experts_per_tok")  # without experts
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    table = embedding(ckpt, "model.embed_tokens")
    layers = tuple(_layer(ckpt, i) for i in range(ckpt.field("num_hidden_layers")))
    final = norm(ckpt, "model.final_layernorm", hidden, eps)
    tied = bool(ckpt.field("tie_word_embeddings", False))
    return ModelSpec(table, layers, logits_head(ckpt, table, final, tied=tied))


def _layer(ckpt: Checkpoint, i: int) -> Layer:
    prefix, hidden, eps = f"model.layers.{i}", ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    attends = i % ckpt.field("attn_layer_period", 8) == ckpt.field("attn_layer_offset", 4)
    return Layer(
        norm=norm(ckpt, f"{prefix}.input_layernorm", hidden, eps),
        mixer=(
            attention(ckpt, f"{prefix}.self_attn", AttentionShape.of(ckpt))
            if attends
            else _mamba(ckpt, f"{prefix}.mamba")
        ),
        mlp_norm=norm(ckpt, f"{prefix}.pre_ff_layernorm", hidden, eps),
        mlp=_mlp(ckpt, i),
    )


def _mamba(ckpt: Checkpoint, name: str) -> SelectiveMixer:
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    shape = SelectiveShape(
        hidden=hidden,
        inner=int(ckpt.field("mamba_expand", 2) * hidden),
        d_state=ckpt.field("mamba_d_state", 16),
        rank=dt_rank(ckpt, "mamba_dt_rank"),
        taps=ckpt.field("mamba_d_conv", 4),
        bias=bool(ckpt.field("mamba_proj_bias", False)),
        conv_bias=bool(ckpt.field("mamba_conv_bias", True)),
    )
    dt = norm(ckpt, f"{name}.dt_layernorm", shape.rank, eps)
    b, c = (norm(ckpt, f"{name}.{part}_layernorm", shape.d_state, eps) for part in "bc")
    return selective(ckpt, name, shape, (dt, b, c))


def _mlp(ckpt: Checkpoint, i: int) -> Mlp | Experts:
    name, hidden = f"model.layers.{i}.feed_forward", ckpt.field("hidden_size")
    inner, count = ckpt.field("intermediate_size"), ckpt.field("num_experts", 16)
    mixed = i % ckpt.field("expert_layer_period", 2) == ckpt.field("expert_layer_offset", 1)
    if not mixed or count == 1:
        return gated_mlp(ckpt, name, hidden, inner)
    return Experts(
        router=linear(ckpt, f"{name}.router", hidden, count),
        experts=listed(ckpt, f"{name}.experts", count, hidden, inner),
        top_k=ckpt.field("num_experts_per_tok", 2),
        normalise=False,
    )
