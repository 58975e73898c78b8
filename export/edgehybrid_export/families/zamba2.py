"""`zamba2`: Mamba-2 layers, some of which also read what a shared transformer block makes.

The block reads the residual stream and the embedding side by side; its attention and MLP are stored
once for all its uses, each of which has adapters and a last product of its own. What it gives goes
into the following Mamba-2 mixer, not into the residual stream. Steps are at least time_step_min,
as in transformers.
"""

from __future__ import annotations

from dataclasses import replace

from edgehybrid_export import weights
from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.attention import AttentionShape, attention
from edgehybrid_export.families.parts import (
    embedding,
    ignore_absent,
    layer_kinds,
    linear,
    logits_head,
    norm,
)
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.families.ssd import SsdShape, ssd
from edgehybrid_export.mixer_spec import AttentionMixer, Linear
from edgehybrid_export.spec import Layer, Mlp, ModelSpec
from edgehybrid_export.weights import Weight

KINDS = {"mamba": "mamba", "linear_attention": "mamba", "hybrid": "hybrid"}
MIXER_EPS = 1e-5
BLOCK_FIELDS = (
    "num_attention_heads", "num_key_value_heads", "intermediate_size", "num_mem_blocks",
    "adapter_rank", "use_mem_rope", "use_shared_attention_adapter",
)  # fmt: skip


def read(ckpt: Checkpoint) -> ModelSpec:
    """Zamba2, all sizes."""
    ckpt.expect("hidden_act", "gelu")
    ckpt.expect("use_long_context", False)
    ckpt.ignore("use_conv_bias", "use_mem_eff_path", "kv_channels", "num_query_groups")
    ckpt.ignore("hybrid_layer_ids", "attention_hidden_size", "layer_types", "mamba_headdim")
    ckpt.ignore("attention_head_dim", "head_dim", "rope_parameters", "rope_scaling", "rope_theta")
    kinds = layer_kinds(ckpt, ckpt.field("layers_block_type"), KINDS)
    ignore_absent(ckpt, kinds, {"hybrid": BLOCK_FIELDS})
    table = embedding(ckpt, "model.embed_tokens")
    final = norm(ckpt, "model.final_layernorm", ckpt.field("hidden_size"), _eps(ckpt))
    tied = bool(ckpt.field("tie_word_embeddings", True))
    return ModelSpec(table, tuple(_layers(ckpt, kinds)), logits_head(ckpt, table, final, tied=tied))


def _eps(ckpt: Checkpoint) -> float:
    return float(ckpt.field("rms_norm_eps"))


def _layers(ckpt: Checkpoint, kinds: list[str]) -> list[Layer]:
    hidden, shape, blocks = ckpt.field("hidden_size"), _ssd_shape(ckpt), []
    layers: list[Layer] = []
    for i, kind in enumerate(kinds):
        prefix = f"model.layers.{i}"
        if kind == "hybrid":
            blocks.append(f"{prefix}.shared_transformer")
            use = len(blocks) - 1
            layers.append(_block(ckpt, _home(ckpt, blocks), use, f"{prefix}.linear"))
            prefix = f"{prefix}.mamba_decoder"
        layers.append(
            Layer(
                norm=norm(ckpt, f"{prefix}.input_layernorm", hidden, _eps(ckpt)),
                mixer=ssd(ckpt, f"{prefix}.mamba", shape),
            )
        )
    return layers


def _home(ckpt: Checkpoint, blocks: list[str]) -> str:
    """Where the weights of the last of `blocks` are: shared, unless nothing is tied at all."""
    own, first = blocks[-1], blocks[(len(blocks) - 1) % int(ckpt.field("num_mem_blocks"))]
    if ckpt.field("tie_word_embeddings", True) or not ckpt.has(f"{own}.pre_ff_layernorm.weight"):
        if own != first:
            ckpt.skip_all(f"{own}.")  # a stored copy
        return first
    for part in ("feed_forward.gate_up_proj", *(f"self_attn.linear_{x}" for x in "qkv")):
        ckpt.skip_all(f"{own}.{part}_adapter_list.")  # it has those of other uses too
    return own


def _block(ckpt: Checkpoint, name: str, use: int, last: str) -> Layer:
    """Use number `use` of a shared block."""
    hidden, inner = ckpt.field("hidden_size"), ckpt.field("intermediate_size")
    bias = bool(ckpt.field("add_bias_linear", False))
    mlp = f"{name}.feed_forward"
    gate_up = linear(ckpt, f"{mlp}.gate_up_proj", hidden, 2 * inner, bias=bias)
    return Layer(
        norm=norm(ckpt, f"{name}.input_layernorm", 2 * hidden, _eps(ckpt)),
        mixer=_attention(ckpt, f"{name}.self_attn", use),
        mlp_norm=norm(ckpt, f"{name}.pre_ff_layernorm", hidden, _eps(ckpt)),
        mlp=Mlp(
            replace(gate_up, adapter=_adapter(ckpt, f"{mlp}.gate_up_proj", use, gate_up)),
            linear(ckpt, f"{mlp}.down_proj", inner, hidden, bias=bias),
            act="gelu",
        ),
        joined=True,
        aside=linear(ckpt, last, hidden, hidden),
    )


def _attention(ckpt: Checkpoint, name: str, use: int) -> AttentionMixer:
    hidden, heads = ckpt.field("hidden_size"), ckpt.field("num_attention_heads")
    size = 2 * hidden // heads
    shape = AttentionShape.of(ckpt, hidden=2 * hidden, head_dim=size, scale=(size / 2) ** -0.5)
    if ckpt.field("use_mem_rope", False):
        shape = replace(shape, rotary=rotary(ckpt, size))
    mixer = attention(ckpt, name, replace(shape, out_size=hidden))
    if not ckpt.field("use_shared_attention_adapter", False):
        return mixer
    downs, ups = [], []
    for part in "qkv":
        wide = Linear(ckpt.weight(f"{name}.{part}_proj.weight", (2 * hidden, 2 * hidden)))
        down, up = _adapter(ckpt, f"{name}.linear_{part}", use, wide)
        downs.append(down)
        ups.append(up)
    adapter = weights.side_by_side(*downs), weights.block_diagonal(*ups)
    return replace(mixer, qkv=replace(mixer.qkv, adapter=adapter))


def _adapter(ckpt: Checkpoint, name: str, use: int, wide: Linear) -> tuple[Weight, Weight]:
    rank, both = ckpt.field("adapter_rank"), f"{name}_adapter_list.{use}"
    down = ckpt.weight(f"{both}.0.weight", (rank, wide.weight.inputs))
    return down, ckpt.weight(f"{both}.1.weight", (wide.weight.outputs, rank))


def _ssd_shape(ckpt: Checkpoint) -> SsdShape:
    hidden, heads = ckpt.field("hidden_size"), ckpt.field("n_mamba_heads")
    bias = bool(ckpt.field("add_bias_linear", False))
    return SsdShape(
        hidden=hidden,
        heads=heads,
        head_dim=int(ckpt.field("mamba_expand") * hidden) // heads,
        d_state=ckpt.field("mamba_d_state"),
        groups=ckpt.field("mamba_ngroups"),
        taps=ckpt.field("mamba_d_conv"),
        eps=MIXER_EPS,
        bias=bias,
        out_bias=bias,
        dt_limit=(float(ckpt.field("time_step_min", 0.001)), float("inf")),
    )
