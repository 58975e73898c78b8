"""`nemotron_h`: one mixer or MLP a block, in a pattern of M (Mamba-2), *, - (MLP), E (experts).

A block and the MLP or mixture after it are one `Layer`. Attention has no positions, MLPs no gate.
Steps are clamped to time_step_limit, as the models were trained; transformers 5.23 clamps them to
time_step_min from below, a known mistake (huggingface/transformers#48989).
"""

from __future__ import annotations

from dataclasses import replace

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.families.attention import AttentionShape, attention
from edgehybrid_export.families.experts import listed_ungated
from edgehybrid_export.families.parts import embedding, layer_kinds, linear, logits_head, norm
from edgehybrid_export.families.ssd import SsdShape, limits, ssd
from edgehybrid_export.spec import Experts, Layer, Mlp, ModelSpec

KINDS = {
    "M": "ssd",
    "mamba": "ssd",
    "linear_attention": "ssd",
    "*": "attention",
    "attention": "attention",
    "full_attention": "attention",
    "-": "mlp",
    "mlp": "mlp",
    "E": "moe",
    "moe": "moe",
}


def read(ckpt: Checkpoint) -> ModelSpec:
    """Nemotron-H, dense or with experts."""
    ckpt.expect("mlp_hidden_act", "relu2")
    ckpt.expect("mamba_hidden_act", "silu")
    ckpt.expect("num_nextn_predict_layers", 0)
    ckpt.expect("sliding_window", None)
    ckpt.ignore("tie_word_embeddings", "moe_shared_expert_overlap", "n_shared_experts")
    ckpt.ignore("mamba_proj_bias", "hybrid_override_pattern")
    ckpt.ignore("n_group", "topk_group", "norm_topk_prob", "routed_scaling_factor")  # of experts
    ckpt.ignore("n_routed_experts", "num_experts_per_tok", "moe_intermediate_size")
    ckpt.ignore("moe_shared_expert_intermediate_size", "moe_latent_size")
    root = "backbone" if ckpt.has("backbone.norm_f.weight") else "model"
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("layer_norm_epsilon")
    table = embedding(ckpt, f"{root}.embeddings")
    layers = _layers(ckpt, root)
    final = norm(ckpt, f"{root}.norm_f", hidden, eps)
    tied = not ckpt.has("lm_head.weight")  # whatever tie_word_embeddings says: so does the original
    return ModelSpec(table, tuple(layers), logits_head(ckpt, table, final, tied=tied))


def _layers(ckpt: Checkpoint, root: str) -> list[Layer]:
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("layer_norm_epsilon")
    bias = bool(ckpt.field("attention_bias", False))
    attentive, recurrent = AttentionShape.of(ckpt, bias=bias, out_bias=bias), _ssd_shape(ckpt)
    layers: list[Layer] = []
    for i, kind in enumerate(_kinds(ckpt)):
        prefix = f"{root}.layers.{i}"
        before = norm(ckpt, f"{prefix}.norm", hidden, eps)
        if kind == "ssd":
            layers.append(Layer(before, ssd(ckpt, f"{prefix}.mixer", recurrent)))
        elif kind == "attention":
            layers.append(Layer(before, attention(ckpt, f"{prefix}.mixer", attentive)))
        elif not layers or layers[-1].mlp:
            raise CheckpointError(f"block {i} is an MLP that follows no mixer: not exported yet")
        else:
            read_mlp = _experts if kind == "moe" else _mlp
            mlp = read_mlp(ckpt, f"{prefix}.mixer")
            layers[-1] = replace(layers[-1], mlp_norm=before, mlp=mlp)
    return layers


def _kinds(ckpt: Checkpoint) -> list[str]:
    listed = ckpt.field("layers_block_type", None) or ckpt.field("layer_types", None)
    return layer_kinds(ckpt, listed or list(ckpt.field("hybrid_override_pattern")), KINDS)


def _experts(ckpt: Checkpoint, name: str) -> Experts:
    hidden, count = ckpt.field("hidden_size"), ckpt.field("n_routed_experts")
    inner, narrow = ckpt.field("moe_intermediate_size"), ckpt.field("moe_latent_size", None)
    bias, groups = bool(ckpt.field("mlp_bias", False)), ckpt.field("n_group", 1)
    return Experts(
        router=linear(ckpt, f"{name}.gate", hidden, count),
        experts=listed_ungated(
            ckpt, f"{name}.experts", count, narrow or hidden, inner, act="relu2"
        ),
        top_k=ckpt.field("num_experts_per_tok"),
        act="sigmoid",
        choice_bias=ckpt.tensor(f"{name}.gate.e_score_correction_bias", (count,)),
        groups=(groups, ckpt.field("topk_group", 1)) if groups > 1 else None,
        normalise=bool(ckpt.field("norm_topk_prob", True)),
        eps=1e-20,
        scale=float(ckpt.field("routed_scaling_factor", 1.0)),
        shared=_mlp(
            ckpt, f"{name}.shared_experts", ckpt.field("moe_shared_expert_intermediate_size")
        ),
        latent=narrow
        and (
            linear(ckpt, f"{name}.fc1_latent_proj", hidden, narrow, bias=bias),
            linear(ckpt, f"{name}.fc2_latent_proj", narrow, hidden, bias=bias),
        ),
    )


def _mlp(ckpt: Checkpoint, name: str, inner: int | None = None) -> Mlp:
    hidden, inner = ckpt.field("hidden_size"), inner or ckpt.field("intermediate_size")
    bias = bool(ckpt.field("mlp_bias", False))
    return Mlp(
        linear(ckpt, f"{name}.up_proj", hidden, inner, bias=bias),
        linear(ckpt, f"{name}.down_proj", inner, hidden, bias=bias),
        gated=False,
        act="relu2",
    )


def _ssd_shape(ckpt: Checkpoint) -> SsdShape:
    bias = bool(ckpt.field("use_bias", False))
    return SsdShape(
        hidden=ckpt.field("hidden_size"),
        heads=ckpt.field("mamba_num_heads"),
        head_dim=ckpt.field("mamba_head_dim"),
        d_state=ckpt.field("ssm_state_size"),
        groups=ckpt.field("n_groups"),
        taps=ckpt.field("conv_kernel"),
        eps=ckpt.field("layer_norm_epsilon"),
        bias=bias,
        out_bias=bias,
        conv_bias=bool(ckpt.field("use_conv_bias", True)),
        dt_limit=limits(ckpt),
    )
