"""The same in NumPy: what the tasks must give, up to the order of float additions in norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import gelu_tanh, honest, silu

_TINY = np.float32(1e-20)


@honest
def round_rows(x: Floats, block: int) -> tuple[npt.NDArray[np.int8], Floats]:
    """Rows as signed bytes (T, K), and their steps (T, B); ``block`` 0: one step a row."""
    tokens, inputs = x.shape
    parts = x.reshape(tokens, -1, block or inputs)
    step = np.maximum(np.abs(parts).max(-1), _TINY) / np.float32(127)
    inverse = (np.float32(1) / step)[..., None]
    codes = np.rint(parts.astype(np.float64) * inverse)  # rounded once, as kernels fuse it
    return codes.reshape(x.shape).astype(np.int8), step


def linear(
    codes: npt.NDArray[np.int8],
    step: Floats,
    weight: npt.NDArray[Any],
    scale: Floats,
    zero: npt.NDArray[Any] | None = None,
) -> Floats:
    """out (T, N): codes (T, K), step (T, B), weight (N, K) whole numbers, scale and zero (B, N)."""
    tokens, blocks = step.shape
    x = codes.reshape(tokens, blocks, -1).astype(np.int64)
    w = weight.reshape(len(weight), blocks, -1).astype(np.int64)
    out = np.zeros((tokens, len(weight)), np.float32)
    for i in range(blocks):
        centred = w[:, i] if zero is None else w[:, i] - zero[i][:, None]
        out += (x[:, i] @ centred.T).astype(np.float32) * (scale[i] * step[:, i : i + 1])
    return out


@honest
def activate(x: Floats, act: str, *, gated: bool) -> Floats:
    """What prepare_task makes of rows that hold gates and then values, or values alone."""
    gate, values = np.split(x, 2, axis=-1) if gated else (x, np.float32(1))
    if act == "relu2":
        return np.square(np.maximum(gate, 0)) * values
    return (silu(gate) if act == "silu" else gelu_tanh(gate)) * values


@honest
def rms_norm(x: Floats, weight: Floats, eps: float) -> Floats:
    """x / rms(x) * weight, by row."""
    mean = np.square(x).mean(-1, keepdims=True, dtype=np.float32)
    scaled: Floats = x / np.sqrt(mean + np.float32(eps)) * weight
    return scaled
