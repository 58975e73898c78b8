"""`model_type: edgehybrid`, the project's own reader (examples/train_reader/model.py)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tokenizers import Tokenizer

from edgehybrid.documents.encoding import END_TOKENS, OTHER_END
from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.families.parts import linear, side_by_side
from edgehybrid_export.mixer_spec import AttentionMixer, Linear, Norm, Router, SsdMixer
from edgehybrid_export.spec import Layer, Mlp, ModelSpec, SentenceHead


def read(ckpt: Checkpoint) -> ModelSpec:
    """Read layers and head as `examples/train_reader/model.py` names them."""
    kinds = ckpt.field("layer_types")
    ckpt.ignore("mamba_n_heads", "mamba_head_dim", "mamba_n_groups", "mamba_d_conv")
    ckpt.ignore("num_attention_heads", "num_key_value_heads", "head_dim")  # if no layer has them
    ckpt.ignore("router_sinks", "router_window", "router_budget", "router_hidden_size")
    ckpt.ignore("languages")  # the manifest has them from the configuration itself
    mixers: dict[str, Callable[[Checkpoint, str], SsdMixer | AttentionMixer]] = {
        "mamba": _mamba,
        "attention": _attention,
    }
    for kind in kinds:
        if kind not in mixers:
            raise CheckpointError(f"layer_types holds {kind!r}, expected one of {sorted(mixers)}")
    hidden = ckpt.field("hidden_size")
    layers = []
    for i, kind in enumerate(kinds):
        layers.append(
            Layer(
                norm=_norm(ckpt, f"layers.{i}.input_layernorm", hidden),
                mixer=mixers[kind](ckpt, f"layers.{i}.mixer"),
                mlp_norm=_norm(ckpt, f"layers.{i}.post_mixer_layernorm", hidden),
                mlp=_mlp(ckpt, f"layers.{i}"),
            )
        )
    embedding = ckpt.weight("embed_tokens.weight", (ckpt.field("vocab_size"), hidden))
    return ModelSpec(embedding, tuple(layers), _head(ckpt))


def _linear(ckpt: Checkpoint, name: str, size: tuple[int, int], bias: bool = False) -> Linear:
    inputs, outputs = size
    return linear(ckpt, name, inputs, outputs, bias=bias)


def _norm(ckpt: Checkpoint, name: str, size: int) -> Norm:
    return Norm(ckpt.tensor(f"{name}.weight", (size,)), float(ckpt.field("rms_norm_eps")))


def _mlp(ckpt: Checkpoint, name: str) -> Mlp:
    hidden, inner = ckpt.field("hidden_size"), ckpt.field("intermediate_size")
    gate = _linear(ckpt, f"{name}.gate_proj", (hidden, inner))
    up = _linear(ckpt, f"{name}.up_proj", (hidden, inner))
    return Mlp(side_by_side(gate, up), _linear(ckpt, f"{name}.down_proj", (inner, hidden)))


def _mamba(ckpt: Checkpoint, name: str) -> SsdMixer:
    hidden, heads = ckpt.field("hidden_size"), ckpt.field("mamba_n_heads")
    head_dim, d_state = ckpt.field("mamba_head_dim"), ckpt.field("mamba_d_state")
    groups, taps = ckpt.field("mamba_n_groups"), ckpt.field("mamba_d_conv")
    inner = heads * head_dim
    conv = inner + 2 * groups * d_state
    return SsdMixer(
        in_proj=_linear(ckpt, f"{name}.in_proj", (hidden, inner + conv + heads)),
        conv_weight=ckpt.tensor(f"{name}.conv1d.weight", (conv, 1, taps))[:, 0],
        conv_bias=ckpt.tensor(f"{name}.conv1d.bias", (conv,)),
        a=-np.exp(ckpt.tensor(f"{name}.A_log", (heads,))),
        d=ckpt.tensor(f"{name}.D", (heads,)),
        dt_bias=ckpt.tensor(f"{name}.dt_bias", (heads,)),
        norm=_norm(ckpt, f"{name}.norm", inner),
        out_proj=_linear(ckpt, f"{name}.out_proj", (inner, hidden)),
        head_dim=head_dim,
        d_state=d_state,
        n_groups=groups,
    )


def _attention(ckpt: Checkpoint, name: str) -> AttentionMixer:
    hidden, dim = ckpt.field("hidden_size"), ckpt.field("head_dim")
    heads, kv_heads = ckpt.field("num_attention_heads"), ckpt.field("num_key_value_heads")
    width = ckpt.field("router_hidden_size")
    sizes = {"q_proj": heads * dim, "k_proj": kv_heads * dim, "v_proj": kv_heads * dim}
    return AttentionMixer(
        qkv=side_by_side(
            *(_linear(ckpt, f"{name}.{part}", (hidden, size)) for part, size in sizes.items())
        ),
        router=Router(
            hidden=_linear(ckpt, f"{name}.router_in", (hidden, width)),
            out=_linear(ckpt, f"{name}.router_out", (width, kv_heads), bias=True),
            sinks=ckpt.field("router_sinks"),
            window=ckpt.field("router_window"),
            budget=ckpt.field("router_budget"),
        ),
        out_proj=_linear(ckpt, f"{name}.o_proj", (heads * dim, hidden)),
        n_heads=heads,
        n_kv_heads=kv_heads,
        head_dim=dim,
        scale=float(dim) ** -0.5,
    )


def _head(ckpt: Checkpoint) -> SentenceHead:
    hidden, width = ckpt.field("hidden_size"), ckpt.field("head_hidden_size")
    vector, context = ckpt.field("vector_size"), ckpt.field("context_size")
    place = ckpt.field("place_size")
    features = 2 * vector + 3 * context + place + 1
    return SentenceHead(
        mean_norm=_norm(ckpt, "mean_norm", hidden),
        end_norm=_norm(ckpt, "end_norm", hidden),
        project=_linear(ckpt, "sentence_proj", (2 * hidden, vector + context)),
        hidden=_linear(ckpt, "head.hidden", (features, width), bias=True),
        out=_linear(ckpt, "head.out", (width, 1), bias=True),
        vector_size=vector,
        context_size=context,
        place_size=place,
        end_tokens=_end_tokens(ckpt),
    )


def _end_tokens(ckpt: Checkpoint) -> tuple[int, ...]:
    path = ckpt.folder / "tokenizer.json"
    if not path.is_file():
        raise CheckpointError(f"{path} is missing")
    tokenizer = Tokenizer.from_file(str(path))
    size = tokenizer.get_vocab_size()
    if size > ckpt.field("vocab_size"):
        raise CheckpointError(f"{path} has {size} tokens, the model {ckpt.field('vocab_size')}")
    ids = [tokenizer.token_to_id(token) for token in (*END_TOKENS.values(), OTHER_END)]
    found = tuple(i for i in ids if i is not None)
    if len(found) < len(ids):
        raise CheckpointError(f"{path} lacks the end tokens {(*END_TOKENS.values(), OTHER_END)}")
    return found
