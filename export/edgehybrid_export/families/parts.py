"""What families share: named weights into the parts of a `ModelSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgehybrid_export import weights
from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.mixer_spec import Linear, Norm
from edgehybrid_export.spec import LogitsHead, Mlp
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


def layer_kinds(ckpt: Checkpoint, kinds: Sequence[Any], known: dict[str, str]) -> list[str]:
    """The `known` meaning of each layer's type; there must be num_hidden_layers of them."""
    for kind in kinds:
        if kind not in known:
            raise CheckpointError(f"a layer is of type {kind!r}, expected one of {sorted(known)}")
    count = ckpt.field("num_hidden_layers", len(kinds))
    if len(kinds) != count:
        raise CheckpointError(f"{len(kinds)} layer types for num_hidden_layers {count}")
    return [known[kind] for kind in kinds]


def ignore_absent(ckpt: Checkpoint, kinds: Sequence[str], fields: dict[str, Sequence[str]]) -> None:
    """Pass over the `fields` of those kinds of layers that are not among `kinds`."""
    for kind, names in fields.items():
        if kind not in kinds:
            ckpt.ignore(*names)


def _stop_tokens(ckpt: Checkpoint, vocab: int) -> tuple[int, ...]:
    value = ckpt.generation.get("eos_token_id", ckpt.field("eos_token_id", None))
    tokens = value if isinstance(value, list) else [value]
    return tuple(int(t) for t in tokens if isinstance(t, int) and 0 <= t < vocab)
