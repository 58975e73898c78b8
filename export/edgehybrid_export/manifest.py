"""What the manifest says of a model: its layers, its router, its head, and what steps cost."""

from __future__ import annotations

import math
from typing import Any

from edgehybrid_export.spec import (
    AttentionMixer,
    DeltaMixer,
    Experts,
    Layer,
    LogitsHead,
    Mlp,
    ModelSpec,
    OneMixer,
    RgLruMixer,
    SelectiveMixer,
    SentenceHead,
    ShortConvMixer,
    SsdMixer,
)

#: Tokens that a full cache is taken to hold when the cost of a step is estimated.
TYPICAL_CONTEXT = 1024


def describe_layer(layer: Layer) -> dict[str, Any]:
    """One entry of the manifest's `layers`."""
    parts = [_describe_mixer(mixer) for mixer in layer.mixers]
    return parts[0] if len(parts) == 1 else {"mixer": "parallel", "parts": parts}


def describe_router(spec: ModelSpec) -> dict[str, Any]:
    """The manifest's `router`."""
    attentions = [m for layer in spec.layers for m in layer.mixers if isinstance(m, AttentionMixer)]
    for mixer in attentions:
        if router := mixer.router:
            return {
                "kind": "learned",
                "sinks": router.sinks,
                "window": router.window,
                "budget": router.budget,
            }
    return {"kind": "full" if attentions else "none"}


def describe_head(head: SentenceHead | LogitsHead) -> dict[str, Any]:
    """The manifest's `head`."""
    if isinstance(head, LogitsHead):
        return {"kind": "logits", "stop_tokens": list(head.stop_tokens)}
    return {
        "kind": "sentences",
        "vector_size": head.vector_size,
        "context_size": head.context_size,
        "place_size": head.place_size,
        "end_tokens": list(head.end_tokens),
    }


def step_costs(spec: ModelSpec) -> list[int]:
    """Multiply-adds a token of segment i and mixer i: how the runtime balances its stages."""
    costs = []
    for i in range(len(spec.layers) + 1):
        cost = 0
        if i:
            cost += _after_cost(spec.layers[i - 1])
        if i < len(spec.layers):
            cost += sum(_mixer_cost(mixer) for mixer in spec.layers[i].mixers)
        costs.append(cost)
    return costs


def _describe_mixer(mixer: OneMixer) -> dict[str, Any]:
    if isinstance(mixer, SsdMixer):
        return _describe_ssd(mixer)
    if isinstance(mixer, ShortConvMixer):
        return {"mixer": "short_conv", "width": mixer.width}
    if isinstance(mixer, SelectiveMixer):
        return {"mixer": "selective", "width": mixer.width, "d_state": mixer.d_state}
    if isinstance(mixer, RgLruMixer):
        return {"mixer": "rg_lru", "width": mixer.width}
    if isinstance(mixer, DeltaMixer):
        return {
            "mixer": "gated_delta",
            "k_heads": mixer.k_heads,
            "v_heads": mixer.v_heads,
            "k_dim": mixer.k_dim,
            "v_dim": mixer.v_dim,
            "norm_eps": mixer.norm.eps,
            **({} if mixer.gate == "silu" else {"gate": mixer.gate}),
            **({"by_channel": True} if len(mixer.a_rate) > mixer.v_heads else {}),
        }
    described = {
        "mixer": "attention",
        "heads": mixer.n_heads,
        "kv_heads": mixer.n_kv_heads,
        "head_dim": mixer.head_dim,
        "scale": mixer.scale,
    }
    if mixer.value_dim != mixer.head_dim:
        described["value_dim"] = mixer.value_dim
    if router := mixer.router:
        return described | {
            "sinks": router.sinks,
            "window": router.window,
            "budget": router.budget,
        }
    return described | {"window": mixer.window, "gated": mixer.gated}


def _describe_ssd(mixer: SsdMixer) -> dict[str, Any]:
    low, high = mixer.dt_limit
    limit = {} if (low, high) == (0.0, math.inf) else {"dt_low": low}
    limit |= {"dt_high": high} if math.isfinite(high) else {}
    described = {
        "mixer": "ssd",
        "heads": len(mixer.a),
        "head_dim": mixer.head_dim,
        "d_state": mixer.d_state,
        "n_groups": mixer.n_groups,
        "norm_eps": mixer.norm.eps if mixer.norm else None,
    }
    if mixer.norm and (mixer.norm_groups > 1 or mixer.norm_before_gate):
        described |= {
            "norm_groups": mixer.norm_groups,
            "norm_before_gate": mixer.norm_before_gate,
        }
    return described | limit


def _after_cost(layer: Layer) -> int:
    cost = sum(mixer.out_proj.weight.size for mixer in layer.mixers)
    cost += layer.aside.weight.size if layer.aside else 0
    if isinstance(layer.mlp, Experts):
        used = layer.mlp.top_k * _mlp_cost(layer.mlp.experts[0])
        cost += used + (_mlp_cost(layer.mlp.shared) if layer.mlp.shared else 0)
    elif layer.mlp:
        cost += _mlp_cost(layer.mlp)
    return cost


def _mlp_cost(mlp: Mlp) -> int:
    return mlp.gate_up.weight.size + mlp.down.weight.size


def _mixer_cost(mixer: OneMixer) -> int:
    if isinstance(mixer, SsdMixer):
        return int(mixer.in_proj.weight.size + 3 * mixer.width * mixer.d_state)
    if isinstance(mixer, ShortConvMixer):
        return int(mixer.in_proj.weight.size + mixer.conv_weight.size)
    if isinstance(mixer, SelectiveMixer):
        products = mixer.in_proj, mixer.x_proj, mixer.dt_proj
        return sum(linear.weight.size for linear in products) + 8 * mixer.a.size
    if isinstance(mixer, RgLruMixer):
        return int(mixer.in_proj.weight.size + mixer.gate_weight.size + 16 * mixer.width)
    if isinstance(mixer, DeltaMixer):
        widening = sum(linear.weight.size for linear in mixer.widen or ())
        return int(mixer.in_proj.weight.size + widening + 4 * mixer.width * mixer.k_dim)
    seen = mixer.window or TYPICAL_CONTEXT
    if router := mixer.router:
        seen = router.sinks + router.window + router.budget
    cost = mixer.qkv.weight.size + seen * (mixer.sizes[0] + mixer.width)
    if latent := mixer.latent:
        ups = latent.k_up, latent.v_up, *([latent.q_up] if latent.q_up else [])
        cost += sum(up.weight.size for up in ups)
    return int(cost)
