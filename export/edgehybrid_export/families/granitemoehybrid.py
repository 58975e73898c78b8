"""`granitemoehybrid`: Granite 4.0-H, Mamba-2 with a few attention layers.

Multipliers: of the embedding, of each residual branch (folded into its last product), of the
attention's logits, and of the logits. Positions are rotary only where position_embedding_type
says so: checkpoints say "nope", whatever their rope_theta.
"""

from __future__ import annotations

from dataclasses import replace

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.attention import AttentionShape, attention
from edgehybrid_export.families.experts import stacked
from edgehybrid_export.families.parts import embedding, layer_kinds, linear, logits_head, norm
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.families.ssd import SsdShape, ssd
from edgehybrid_export.mixer_spec import AttentionMixer, SsdMixer
from edgehybrid_export.spec import Experts, Layer, Mlp, ModelSpec

KINDS = {
    "mamba": "ssd",
    "linear_attention": "ssd",
    "attention": "attention",
    "full_attention": "attention",
}


def read(ckpt: Checkpoint) -> ModelSpec:
    """Granite 4.0-H, dense or with experts beside the shared MLP."""
    ckpt.expect("hidden_act", "silu")
    ckpt.expect("normalization_function", "rmsnorm")
    ckpt.ignore("init_method", "rope_theta", "rope_parameters", "rope_scaling")  # if not "rope"
    ckpt.ignore("intermediate_size", "num_experts_per_tok")  # without experts
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    kinds = layer_kinds(ckpt, ckpt.field("layer_types"), KINDS)
    table = embedding(ckpt, "model.embed_tokens")
    layers = []
    for i, kind in enumerate(kinds):
        prefix = f"model.layers.{i}"
        layers.append(
            Layer(
                norm=norm(ckpt, f"{prefix}.input_layernorm", hidden, eps),
                mixer=_mixer(ckpt, prefix, kind),
                mlp_norm=norm(ckpt, f"{prefix}.post_attention_layernorm", hidden, eps),
                mlp=_mlp(ckpt, prefix),
            )
        )
    head = logits_head(
        ckpt,
        table,
        norm(ckpt, "model.norm", hidden, eps),
        tied=bool(ckpt.field("tie_word_embeddings", False)),
        scale=1 / float(ckpt.field("logits_scaling", 1.0)),
    )
    return ModelSpec(table, tuple(layers), head, float(ckpt.field("embedding_multiplier", 1.0)))


def _mixer(ckpt: Checkpoint, prefix: str, kind: str) -> SsdMixer | AttentionMixer:
    if kind == "ssd":
        return ssd(ckpt, f"{prefix}.mamba", SsdShape.of(ckpt, out_times=_residual(ckpt)))
    bias = bool(ckpt.field("attention_bias", False))
    shape = AttentionShape.of(
        ckpt,
        scale=float(ckpt.field("attention_multiplier", 1.0)),
        bias=bias,
        out_bias=bias,
        times=(1, 1, 1, _residual(ckpt)),
    )
    if ckpt.field("position_embedding_type", None) == "rope":
        shape = replace(shape, rotary=rotary(ckpt, shape.head_dim))
    return attention(ckpt, f"{prefix}.self_attn", shape)


def _mlp(ckpt: Checkpoint, prefix: str) -> Mlp | Experts:
    hidden, inner = ckpt.field("hidden_size"), ckpt.field("shared_intermediate_size")
    shared = Mlp(
        linear(ckpt, f"{prefix}.shared_mlp.input_linear", hidden, 2 * inner),
        linear(ckpt, f"{prefix}.shared_mlp.output_linear", inner, hidden, times=_residual(ckpt)),
    )
    count, moe = ckpt.field("num_local_experts", 0), f"{prefix}.block_sparse_moe"
    if not count:
        return shared
    return Experts(
        router=linear(ckpt, f"{moe}.router.layer", hidden, count),
        experts=stacked(
            ckpt,
            f"{moe}.input_linear.weight",
            f"{moe}.output_linear.weight",
            (count, hidden, ckpt.field("intermediate_size")),
            times=_residual(ckpt),
        ),
        top_k=ckpt.field("num_experts_per_tok"),
        shared=shared,
    )


def _residual(ckpt: Checkpoint) -> float:
    return float(ckpt.field("residual_multiplier", 1.0))
