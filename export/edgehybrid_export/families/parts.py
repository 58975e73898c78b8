"""What families share: named weights into the parts of a `ModelSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgehybrid_export import weights
from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.spec import (
    NO_LIMIT,
    AttentionMixer,
    Linear,
    LogitsHead,
    Mlp,
    Norm,
    Rotary,
    SsdMixer,
)
from edgehybrid_export.weights import Array, Weight


def linear(
    ckpt: Checkpoint, name: str, inputs: int, outputs: int, *, bias: bool = False, times: float = 1
) -> Linear:
    """A `torch.nn.Linear`, its result multiplied by `times`."""
    weight = ckpt.weight(f"{name}.weight", (outputs, inputs))
    offset = ckpt.tensor(f"{name}.bias", (outputs,)) if bias else None
    return scaled(Linear(weight, offset), np.float32(times))


def scaled(linear: Linear, factor: Array | np.float32) -> Linear:
    """`linear` with its result multiplied by `factor`: a number, or one for each output."""
    bias = None if linear.bias is None else (linear.bias * factor).astype(np.float32)
    return Linear(weights.times(linear.weight, factor), bias)


def side_by_side(*parts: Linear) -> Linear:
    """One product that gives what `parts` give, in their order."""
    weight = weights.side_by_side(*(part.weight for part in parts))
    if all(part.bias is None for part in parts):
        return Linear(weight)
    zeros = [np.zeros(part.weight.outputs, np.float32) for part in parts]
    biases = [zero if p.bias is None else p.bias for p, zero in zip(parts, zeros, strict=True)]
    return Linear(weight, np.concatenate(biases))


def norm(ckpt: Checkpoint, name: str, size: int, eps: float, *, add: float = 0) -> Norm:
    """An RMSNorm; `add` is 1 where the stored weight is around zero."""
    weight = ckpt.tensor(f"{name}.weight", (size,))
    return Norm(weight + np.float32(add) if add else weight, float(eps))


def gated_mlp(
    ckpt: Checkpoint,
    prefix: str,
    hidden: int,
    inner: int,
    *,
    names: tuple[str, str, str] = ("gate_proj", "up_proj", "down_proj"),
    bias: bool = False,
    times: tuple[float, float] = (1, 1),
) -> Mlp:
    """down(silu(gate) * up); `times` multiply the gate and the result."""
    gate, up, down = (f"{prefix}.{name}" for name in names)
    return Mlp(
        side_by_side(
            linear(ckpt, gate, hidden, inner, bias=bias, times=times[0]),
            linear(ckpt, up, hidden, inner, bias=bias),
        ),
        linear(ckpt, down, inner, hidden, bias=bias, times=times[1]),
    )


@dataclass(frozen=True)
class AttentionShape:
    """Sizes and names of an attention mixer; `times` multiply queries, keys, values, result."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    scale: float
    bias: bool = False
    out_bias: bool = False
    rotary: Rotary | None = None
    window: int | None = None
    out: str = "o_proj"
    out_size: int | None = None  # of the result; as `hidden` if None
    head_norms: tuple[str, str] | None = None
    whole_norms: bool = False  # one norm over all heads together
    eps: float = 1e-6
    times: tuple[float, float, float, float] = (1, 1, 1, 1)

    @classmethod
    def of(cls, ckpt: Checkpoint, **changes: Any) -> AttentionShape:
        """As the usual config fields say."""
        hidden, heads = ckpt.field("hidden_size"), ckpt.field("num_attention_heads")
        head_dim = ckpt.field("head_dim", None) or hidden // heads
        usual: dict[str, Any] = {
            "hidden": hidden,
            "heads": heads,
            "kv_heads": ckpt.field("num_key_value_heads", None) or heads,
            "head_dim": head_dim,
            "scale": float(head_dim) ** -0.5,
        }
        return cls(**usual | changes)


def attention(ckpt: Checkpoint, prefix: str, shape: AttentionShape) -> AttentionMixer:
    """q_proj, k_proj, v_proj and the output projection, with head norms where they are named."""
    size = shape.head_dim
    widths = (shape.heads * size, shape.kv_heads * size, shape.kv_heads * size)
    qkv = [
        linear(ckpt, f"{prefix}.{part}_proj", shape.hidden, width, bias=shape.bias, times=times)
        for part, width, times in zip("qkv", widths, shape.times, strict=False)
    ]
    normed = widths[:2] if shape.whole_norms else (size, size)
    norms = [
        norm(ckpt, f"{prefix}.{name}", columns, shape.eps)
        for name, columns in zip(shape.head_norms or (), normed, strict=False)
    ]
    return AttentionMixer(
        qkv=side_by_side(*qkv),
        router=None,
        out_proj=linear(
            ckpt, f"{prefix}.{shape.out}", widths[0], shape.out_size or shape.hidden,
            bias=shape.out_bias, times=shape.times[3],
        ),
        n_heads=shape.heads,
        n_kv_heads=shape.kv_heads,
        head_dim=size,
        scale=shape.scale,
        rotary=shape.rotary,
        q_norm=norms[0] if norms else None,
        k_norm=norms[1] if norms else None,
        window=shape.window,
    )  # fmt: skip


@dataclass(frozen=True)
class SsdShape:
    """Sizes of a Mamba-2 mixer; `parts_times` multiply z, x, B, C, dt, `out_times` the result."""

    hidden: int
    heads: int
    head_dim: int
    d_state: int
    groups: int
    taps: int
    eps: float
    bias: bool = False
    out_bias: bool = False
    conv_bias: bool = True
    normed: bool = True
    norm_before_gate: bool = False
    dt_limit: tuple[float, float] = NO_LIMIT
    parts_times: tuple[float, float, float, float, float] = (1, 1, 1, 1, 1)
    out_times: float = 1

    @property
    def inner(self) -> int:
        """Columns of x."""
        return self.heads * self.head_dim

    def columns(self) -> Array:
        """One multiplier for each output of in_proj."""
        state = self.groups * self.d_state
        sizes = (self.inner, self.inner, state, state, self.heads)
        return np.repeat(np.array(self.parts_times, np.float32), sizes)


def ssd(ckpt: Checkpoint, prefix: str, shape: SsdShape) -> SsdMixer:
    """in_proj, conv1d, dt_bias, A_log, D, norm, out_proj as transformers names them."""
    inner, heads = shape.inner, shape.heads
    conv = inner + 2 * shape.groups * shape.d_state
    in_proj = linear(ckpt, f"{prefix}.in_proj", shape.hidden, inner + conv + heads, bias=shape.bias)
    weight, bias = convolution(ckpt, f"{prefix}.conv1d", conv, shape.taps, bias=shape.conv_bias)
    return SsdMixer(
        in_proj=scaled(in_proj, shape.columns()),
        conv_weight=weight,
        conv_bias=bias,
        a=-np.exp(ckpt.tensor(f"{prefix}.A_log", (heads,))),
        d=ckpt.tensor(f"{prefix}.D", (heads,)),
        dt_bias=ckpt.tensor(f"{prefix}.dt_bias", (heads,)),
        norm=norm(ckpt, f"{prefix}.norm", inner, shape.eps) if shape.normed else None,
        out_proj=linear(
            ckpt, f"{prefix}.out_proj", inner, shape.hidden,
            bias=shape.out_bias, times=shape.out_times,
        ),
        head_dim=shape.head_dim,
        d_state=shape.d_state,
        n_groups=shape.groups,
        norm_groups=shape.groups,
        norm_before_gate=shape.norm_before_gate,
        dt_limit=shape.dt_limit,
    )  # fmt: skip


def convolution(
    ckpt: Checkpoint, name: str, channels: int, taps: int, *, bias: bool
) -> tuple[Array, Array]:
    """Weight (channels, taps) and bias (channels,) of a depthwise `Conv1d`."""
    weight = ckpt.tensor(f"{name}.weight", (channels, 1, taps))[:, 0]
    return weight, ckpt.tensor(f"{name}.bias", (channels,)) if bias else np.zeros(
        channels, np.float32
    )


def embedding(ckpt: Checkpoint, name: str) -> Weight:
    """The embedding (vocab, hidden); the tokenizer must not have more tokens than rows."""
    size = ckpt.field("vocab_size")
    ckpt.check_tokenizer(size)
    return ckpt.weight(f"{name}.weight", (size, ckpt.field("hidden_size")))


def logits_head(
    ckpt: Checkpoint,
    table: Weight,
    final_norm: Norm,
    *,
    tied: bool,
    scale: float = 1.0,
    softcap: float | None = None,
) -> LogitsHead:
    """`lm_head`, or the embedding `table` again where the two are tied.

    Raises:
        CheckpointError: they are said to be tied, but both are stored and differ.
    """
    if tied:
        _check_copy(ckpt, "lm_head.weight", table)
        project = Linear(table)
    else:
        project = linear(ckpt, "lm_head", table.inputs, table.outputs)
    stops = _stop_tokens(ckpt, table.outputs)
    return LogitsHead(final_norm, project, float(scale), softcap, stops)


def _check_copy(ckpt: Checkpoint, name: str, table: Weight) -> None:
    if not ckpt.has(name):
        return
    copy = ckpt.weight(name, table.shape)
    for where, block in copy.blocks():
        if not np.array_equal(block, table.rows(where.start, where.stop)):
            raise CheckpointError(
                f"tie_word_embeddings is true, but {name} differs from the embedding near row "
                f"{where.start}: set it to false if {name} is meant"
            )


def limits(ckpt: Checkpoint, name: str = "time_step_limit") -> tuple[float, float]:
    """Lowest and highest step; the field may be absent, and write infinity as an object."""
    value = ckpt.field(name, None)
    if value is None:
        return NO_LIMIT
    try:
        low, high = (float(v["__float__"] if isinstance(v, dict) else v) for v in value)
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointError(f"{name} is {value!r}, expected two numbers") from error
    return low, high


def layer_kinds(ckpt: Checkpoint, kinds: Sequence[Any], known: dict[str, str]) -> list[str]:
    """The `known` meaning of each layer's type; there must be num_hidden_layers of them."""
    for kind in kinds:
        if kind not in known:
            raise CheckpointError(f"a layer is of type {kind!r}, expected one of {sorted(known)}")
    count = ckpt.field("num_hidden_layers", len(kinds))
    if len(kinds) != count:
        raise CheckpointError(f"{len(kinds)} layer types for num_hidden_layers {count}")
    return [known[kind] for kind in kinds]


def _stop_tokens(ckpt: Checkpoint, vocab: int) -> tuple[int, ...]:
    value = ckpt.generation.get("eos_token_id", ckpt.field("eos_token_id", None))
    tokens = value if isinstance(value, list) else [value]
    return tuple(int(t) for t in tokens if isinstance(t, int) and 0 <= t < vocab)
