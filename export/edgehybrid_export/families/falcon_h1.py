"""`falcon_h1`: attention and Mamba-2 side by side in every layer, on the same normalised input.

Its many multipliers are folded: into in_proj (of the input and of z, x, B, C, dt), queries, keys,
values, gates and last products. The attention's input multiplier meets its projections, which
have no bias then.
"""

from __future__ import annotations

from dataclasses import replace

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.attention import AttentionShape, attention
from edgehybrid_export.families.parts import embedding, gated_mlp, logits_head, norm
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.families.ssd import SsdShape, limits, ssd
from edgehybrid_export.mixer_spec import ParallelMixer
from edgehybrid_export.spec import Layer, ModelSpec


def read(ckpt: Checkpoint) -> ModelSpec:
    """Falcon-H1, all sizes."""
    ckpt.expect("hidden_act", "silu")
    ckpt.expect("attention_bias", False)
    ckpt.expect("mamba_use_mlp", True)
    ckpt.ignore("mamba_d_head", "mlp_expansion_factor")  # said again by other fields
    ckpt.expect("mamba_proj_bias", False)
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    shapes = _attention_shape(ckpt), _ssd_shape(ckpt)
    table = embedding(ckpt, "model.embed_tokens")
    layers = tuple(_layer(ckpt, i, *shapes) for i in range(ckpt.field("num_hidden_layers")))
    head = logits_head(
        ckpt,
        table,
        norm(ckpt, "model.final_layernorm", hidden, eps),
        tied=bool(ckpt.field("tie_word_embeddings", False)),
        scale=float(ckpt.field("lm_head_multiplier", 1.0)),
    )
    return ModelSpec(table, layers, head, float(ckpt.field("embedding_multiplier", 1.0)))


def _layer(ckpt: Checkpoint, i: int, attentive: AttentionShape, recurrent: SsdShape) -> Layer:
    prefix, hidden, eps = f"model.layers.{i}", recurrent.hidden, recurrent.eps
    gate, down = ckpt.field("mlp_multipliers", None) or (1.0, 1.0)
    return Layer(
        norm=norm(ckpt, f"{prefix}.input_layernorm", hidden, eps),
        mixer=ParallelMixer(
            (
                ssd(ckpt, f"{prefix}.mamba", recurrent),
                attention(ckpt, f"{prefix}.self_attn", attentive),
            )
        ),
        mlp_norm=norm(ckpt, f"{prefix}.pre_ff_layernorm", hidden, eps),
        mlp=gated_mlp(
            ckpt,
            f"{prefix}.feed_forward",
            hidden,
            ckpt.field("intermediate_size"),
            bias=bool(ckpt.field("mlp_bias", False)),
            times=(gate, down),
        ),
    )


def _attention_shape(ckpt: Checkpoint) -> AttentionShape:
    inward = float(ckpt.field("attention_in_multiplier", 1.0))
    key, out = (float(ckpt.field(f"{name}_multiplier", 1.0)) for name in ("key", "attention_out"))
    shape = AttentionShape.of(ckpt, times=(inward, inward * key, inward, out))
    return replace(shape, rotary=rotary(ckpt, shape.head_dim))


def _ssd_shape(ckpt: Checkpoint) -> SsdShape:
    hidden, heads = ckpt.field("hidden_size"), ckpt.field("mamba_n_heads")
    inner = ckpt.field("mamba_d_ssm", None) or ckpt.field("mamba_expand") * hidden
    inward = float(ckpt.field("ssm_in_multiplier", 1.0))
    z, x, b, c, dt = (inward * m for m in ckpt.field("ssm_multipliers", None) or (1.0,) * 5)
    return SsdShape(
        hidden=hidden,
        heads=heads,
        head_dim=inner // heads,
        d_state=ckpt.field("mamba_d_state"),
        groups=ckpt.field("mamba_n_groups"),
        taps=ckpt.field("mamba_d_conv"),
        eps=ckpt.field("rms_norm_eps"),
        out_bias=bool(ckpt.field("projectors_bias", False)),
        conv_bias=bool(ckpt.field("mamba_conv_bias", True)),
        normed=bool(ckpt.field("mamba_rms_norm", False)),
        norm_before_gate=bool(ckpt.field("mamba_norm_before_gate", True)),
        dt_limit=limits(ckpt),
        parts_times=(z, x, b, c, dt),
        out_times=float(ckpt.field("ssm_out_multiplier", 1.0)),
    )
