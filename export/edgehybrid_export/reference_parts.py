"""Products, norms and activations in float32 NumPy, for the reference."""

from __future__ import annotations

import numpy as np

from edgehybrid_export.spec import BlockLinear, Linear, Norm
from edgehybrid_export.weights import Array, Weight


def silu(x: Array) -> Array:
    """x * sigmoid(x), without overflow."""
    y: Array = x * sigmoid(x)
    return y


def sigmoid(x: Array) -> Array:
    """Without overflow."""
    y: Array = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))
    return y


def apply(linear: Linear, x: Array) -> Array:
    """What a `torch.nn.Linear` gives."""
    y = _product(linear.weight, x)
    if linear.adapter is not None:
        down, up = linear.adapter
        y += _product(up, _product(down, x))
    return y if linear.bias is None else y + linear.bias


def _product(weight: Weight, x: Array) -> Array:
    y = np.empty((len(x), weight.outputs), np.float32)
    for where, rows in weight.blocks():
        y[:, where] = x @ rows.T
    return y


def norm(own: Norm | None, x: Array) -> Array:
    """The RMSNorm of each row, or x as it is."""
    if own is None:
        return x
    rms = np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(own.eps))
    y: Array = x / rms * own.weight
    return y


def act(name: str, x: Array) -> Array:
    """The activation of an MLP."""
    if name == "relu2":
        return np.square(np.maximum(x, 0))
    if name == "silu":
        return silu(x)
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x**3)
    y: Array = np.float32(0.5) * x * (1 + np.tanh(inner))
    return y


def apply_blocks(linear: BlockLinear, x: Array) -> Array:
    """Each block of columns by its own weight."""
    parts = x.reshape(len(x), linear.blocks, -1).swapaxes(0, 1)
    y = parts @ linear.weight.array().reshape(linear.shape)
    return y.swapaxes(0, 1).reshape(len(x), -1) + linear.bias
