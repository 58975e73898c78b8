"""`jamba`: Mamba-1 with a few attention layers without positions; MLPs dense or mixtures.

dt, B and C of a Mamba layer are normalised. Experts are weighed by the softmax over all of them.
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
from edgehybrid_export.families.selective import SelectiveShape, rank_of, selective
from edgehybrid_export.spec import Experts, Layer, Mlp, ModelSpec, SelectiveMixer


def read(ckpt: Checkpoint) -> ModelSpec:
    """Jamba 1 to 3, with and without experts."""
    ckpt.expect("hidden_act", "silu")
    ckpt.expect("sliding_window", None)
    ckpt.ignore("use_associative_scan", "num_experts_per_tok")
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    attentive = AttentionShape.of(ckpt)
    period, offset = ckpt.field("attn_layer_period"), ckpt.field("attn_layer_offset")
    table = embedding(ckpt, "model.embed_tokens")
    layers = []
    for i in range(ckpt.field("num_hidden_layers")):
        prefix = f"model.layers.{i}"
        layers.append(
            Layer(
                norm=norm(ckpt, f"{prefix}.input_layernorm", hidden, eps),
                mixer=(
                    attention(ckpt, f"{prefix}.self_attn", attentive)
                    if i % period == offset
                    else _mamba(ckpt, f"{prefix}.mamba")
                ),
                mlp_norm=norm(ckpt, f"{prefix}.pre_ff_layernorm", hidden, eps),
                mlp=_mlp(ckpt, i),
            )
        )
    final = norm(ckpt, "model.final_layernorm", hidden, eps)
    tied = bool(ckpt.field("tie_word_embeddings", False))
    return ModelSpec(table, tuple(layers), logits_head(ckpt, table, final, tied=tied))


def _mamba(ckpt: Checkpoint, name: str) -> SelectiveMixer:
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    shape = SelectiveShape(
        hidden=hidden,
        inner=ckpt.field("mamba_expand") * hidden,
        d_state=ckpt.field("mamba_d_state"),
        rank=rank_of(ckpt, "mamba_dt_rank"),
        taps=ckpt.field("mamba_d_conv"),
        bias=bool(ckpt.field("mamba_proj_bias", False)),
        conv_bias=bool(ckpt.field("mamba_conv_bias", True)),
    )
    norms = (
        norm(ckpt, f"{name}.dt_layernorm", shape.rank, eps),
        norm(ckpt, f"{name}.b_layernorm", shape.d_state, eps),
        norm(ckpt, f"{name}.c_layernorm", shape.d_state, eps),
    )
    return selective(ckpt, name, shape, norms)


def _mlp(ckpt: Checkpoint, i: int) -> Mlp | Experts:
    name = f"model.layers.{i}.feed_forward"
    hidden, inner = ckpt.field("hidden_size"), ckpt.field("intermediate_size")
    period, offset = ckpt.field("expert_layer_period"), ckpt.field("expert_layer_offset")
    count = ckpt.field("num_experts")
    if count == 1 or i % period != offset:
        return gated_mlp(ckpt, name, hidden, inner)
    return Experts(
        router=linear(ckpt, f"{name}.router", hidden, count),
        experts=listed(ckpt, f"{name}.experts", count, hidden, inner),
        top_k=ckpt.field("num_experts_per_tok"),
        normalise=False,
    )
