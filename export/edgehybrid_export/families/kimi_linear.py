"""`kimi_linear`: Kimi Delta Attention (a decay for each channel) and latent attention.

Gates of the delta rule come from narrow products, the output gate is a sigmoid. Latent attention
has no positions. Experts are scored by a sigmoid; a bias decides with which of them a token goes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.experts import listed
from edgehybrid_export.families.parts import (
    convolution,
    embedding,
    gated_mlp,
    ignore_absent,
    layer_kinds,
    linear,
    logits_head,
    norm,
    side_by_side,
)
from edgehybrid_export.mixer_spec import AttentionMixer, DeltaMixer, Latent, Linear
from edgehybrid_export.spec import Experts, Layer, Mlp, ModelSpec
from edgehybrid_export.weights import Array, pick

KINDS = {"linear_attention": "delta", "full_attention": "attention"}
LATENT_EPS, INTERVAL = 1e-6, 4
DELTA_FIELDS = (
    "linear_num_heads", "linear_head_dim", "linear_conv_kernel_dim", "linear_attn_config",
)  # fmt: skip
ATTENTION_FIELDS = (
    "num_attention_heads", "num_key_value_heads", "kv_lora_rank", "q_lora_rank", "v_head_dim",
    "qk_nope_head_dim", "qk_rope_head_dim",
)  # fmt: skip
EXPERT_FIELDS = (
    "moe_intermediate_size", "num_local_experts", "num_experts", "n_group", "num_expert_group",
    "n_shared_experts", "num_shared_experts", "num_experts_per_tok", "num_experts_per_token",
    "norm_topk_prob", "moe_renormalize", "routed_scaling_factor",
)  # fmt: skip


def read(ckpt: Checkpoint) -> ModelSpec:
    """Kimi Linear."""
    ckpt.expect("hidden_act", "silu")
    ckpt.expect("attention_bias", False)
    ckpt.expect("moe_router_activation_func", "sigmoid")
    ckpt.expect("mla_use_nope", True)
    ckpt.ignore("rope_theta", "rope_scaling", "rope_parameters", "head_dim", "qk_head_dim")
    ckpt.ignore("model_max_length", "num_key_value_groups", "topk_group")
    ckpt.ignore("pretraining_tp", "use_grouped_topk", "moe_layer_freq", "topk_method")
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    table = embedding(ckpt, "model.embed_tokens")
    layers, kinds = [], layer_kinds(ckpt, _types(ckpt), KINDS)
    sparse = not all(_is_dense(ckpt, i) for i in range(len(kinds)))
    ignore_absent(
        ckpt,
        [*kinds, *(["experts"] if sparse else [])],
        {"delta": DELTA_FIELDS, "attention": ATTENTION_FIELDS, "experts": EXPERT_FIELDS},
    )
    ckpt.ignore("intermediate_size", "first_k_dense_replace")
    for i, kind in enumerate(kinds):
        prefix = f"model.layers.{i}"
        read_mixer = _delta if kind == "delta" else _attention
        layers.append(
            Layer(
                norm=norm(ckpt, f"{prefix}.input_layernorm", hidden, eps),
                mixer=read_mixer(ckpt, f"{prefix}.self_attn"),
                mlp_norm=norm(ckpt, f"{prefix}.post_attention_layernorm", hidden, eps),
                mlp=_mlp(ckpt, prefix, i),
            )
        )
    final = norm(ckpt, "model.norm", hidden, eps)
    ckpt.ignore("tie_word_embeddings")  # so does the original
    tied = not ckpt.has("lm_head.weight")
    return ModelSpec(table, tuple(layers), logits_head(ckpt, table, final, tied=tied))


def _either(ckpt: Checkpoint, name: str, published: str, *default: Any) -> Any:
    """A field by transformers' name or by the published one."""
    ckpt.ignore(name)
    found = ckpt.field(published, None)
    return ckpt.field(name, *default) if found is None else found


def _linear_config(ckpt: Checkpoint) -> dict[str, Any]:
    return dict(ckpt.field("linear_attn_config", None) or {})


def _types(ckpt: Checkpoint) -> list[str]:
    if listed_types := ckpt.field("layer_types", None):
        return list(listed_types)
    count, attending = ckpt.field("num_hidden_layers"), _linear_config(ckpt).get("full_attn_layers")
    if attending is None:
        attending = [i + 1 for i in range(INTERVAL, count, INTERVAL)]
    return ["full_attention" if i + 1 in attending else "linear_attention" for i in range(count)]


def _delta(ckpt: Checkpoint, name: str) -> DeltaMixer:
    hidden, own = ckpt.field("hidden_size"), _linear_config(ckpt)
    heads = own.get("num_heads") or ckpt.field("linear_num_heads")
    size = own.get("head_dim") or ckpt.field("linear_head_dim")
    taps = own.get("short_conv_kernel_size") or ckpt.field("linear_conv_kernel_dim", 4)
    width = heads * size
    sizes = {"q": width, "k": width, "v": width, "g_a": size, "b": heads}
    forget = f"{name}.forget_gate" if ckpt.has(f"{name}.forget_gate.A_log") else name
    rates = -np.exp(ckpt.tensor(f"{forget}.A_log", (1, 1, heads, 1))).reshape(-1)
    return DeltaMixer(
        in_proj=side_by_side(
            *(linear(ckpt, f"{name}.{part}_proj", hidden, n) for part, n in sizes.items()),
            linear(ckpt, f"{forget}.f_a_proj", hidden, size),
        ),
        conv_weight=_convolutions(ckpt, name, width, taps),
        conv_bias=np.zeros(3 * width, np.float32),
        a_rate=np.repeat(rates, size),
        dt_bias=ckpt.tensor(f"{forget}.dt_bias", (width,)),
        norm=norm(ckpt, f"{name}.o_norm", size, ckpt.field("rms_norm_eps")),
        out_proj=linear(ckpt, f"{name}.o_proj", width, hidden),
        k_heads=heads,
        v_heads=heads,
        k_dim=size,
        v_dim=size,
        gate="sigmoid",
        widen=(
            linear(ckpt, f"{name}.g_b_proj", size, width),
            linear(ckpt, f"{forget}.f_b_proj", size, width),
        ),
    )


def _convolutions(ckpt: Checkpoint, name: str, width: int, taps: int) -> Array:
    """Of q, k, v together, as save_pretrained(save_original_format=False) writes them, or alone."""
    if ckpt.has(f"{name}.conv1d.weight"):
        return convolution(ckpt, f"{name}.conv1d", 3 * width, taps, bias=False)[0]
    names = (f"{name}.{part}_conv1d" for part in "qkv")
    return np.concatenate([convolution(ckpt, n, width, taps, bias=False)[0] for n in names])


def _attention(ckpt: Checkpoint, name: str) -> AttentionMixer:
    hidden, heads = ckpt.field("hidden_size"), ckpt.field("num_attention_heads")
    ckpt.expect("num_key_value_heads", heads, None)
    own, common = ckpt.field("qk_nope_head_dim"), ckpt.field("qk_rope_head_dim")
    values, rank = ckpt.field("v_head_dim"), ckpt.field("kv_lora_rank")
    narrow = ckpt.field("q_lora_rank", None)
    queries = f"{name}.{'q_a' if narrow else 'q'}_proj"
    up = linear(ckpt, f"{name}.kv_b_proj", rank, heads * (own + values)).weight
    places = np.arange(up.outputs).reshape(heads, -1)
    return AttentionMixer(
        qkv=side_by_side(
            linear(ckpt, queries, hidden, narrow or heads * (own + common)),
            linear(ckpt, f"{name}.kv_a_proj_with_mqa", hidden, rank + common),
        ),
        router=None,
        out_proj=linear(ckpt, f"{name}.o_proj", heads * values, hidden),
        n_heads=heads,
        n_kv_heads=heads,
        head_dim=own + common,
        scale=float(own + common) ** -0.5,
        latent=Latent(
            norm=norm(ckpt, f"{name}.kv_a_layernorm", rank, LATENT_EPS),
            k_up=Linear(pick(up, places[:, :own].reshape(-1))),
            v_up=Linear(pick(up, places[:, own:].reshape(-1))),
            q_norm=narrow and norm(ckpt, f"{name}.q_a_layernorm", narrow, LATENT_EPS),
            q_up=narrow and linear(ckpt, f"{name}.q_b_proj", narrow, heads * (own + common)),
        ),
    )


def _is_dense(ckpt: Checkpoint, i: int) -> bool:
    if kinds := ckpt.field("mlp_layer_types", None):
        return bool(kinds[i] == "dense")
    return i < int(ckpt.field("first_k_dense_replace", 1))


def _mlp(ckpt: Checkpoint, prefix: str, i: int) -> Mlp | Experts:
    hidden = ckpt.field("hidden_size")
    if _is_dense(ckpt, i):
        # published files call it mlp, those that transformers saves as they call experts
        here = f"{prefix}.mlp"
        here = here if ckpt.has(f"{here}.up_proj.weight") else f"{prefix}.block_sparse_moe"
        return gated_mlp(ckpt, here, hidden, ckpt.field("intermediate_size"))
    name, inner = f"{prefix}.block_sparse_moe", ckpt.field("moe_intermediate_size")
    name = name if ckpt.has(f"{name}.gate.weight") else f"{prefix}.mlp"
    count = _either(ckpt, "num_local_experts", "num_experts")
    groups = _either(ckpt, "n_group", "num_expert_group", 1)
    shared = _either(ckpt, "n_shared_experts", "num_shared_experts", 1)
    return Experts(
        router=linear(ckpt, f"{name}.gate", hidden, count),
        experts=listed(ckpt, f"{name}.experts", count, hidden, inner, ("w1", "w3", "w2")),
        top_k=_either(ckpt, "num_experts_per_tok", "num_experts_per_token"),
        act="sigmoid",
        choice_bias=ckpt.tensor(f"{name}.gate.e_score_correction_bias", (count,)),
        groups=(groups, ckpt.field("topk_group", 1)) if groups > 1 else None,
        normalise=bool(_either(ckpt, "norm_topk_prob", "moe_renormalize", True)),
        eps=1e-20,
        scale=float(ckpt.field("routed_scaling_factor", 1.0)),
        shared=gated_mlp(ckpt, f"{name}.shared_experts", hidden, inner * shared),
    )
