"""The elementary functions, seen through the kernels that use them, against float64."""

from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest

from edgehybrid_kernels import FullCache, Kernels

EVERYWHERE = np.concatenate([np.linspace(-87, 87, 20001), np.linspace(-1, 1, 20001)])


def steps(kernels: Kernels, raw: Any, rate: float, first: float) -> Any:
    """Reads one token by as many heads as there are numbers; their states of one number."""
    heads = len(raw)
    ones, zeros = np.ones((1, 1), np.float32), np.zeros(heads, np.float32)
    state, scale = np.full((heads, 1, 1), first, np.float32), np.ones(heads, np.float32)
    out = np.zeros((1, heads), np.float32)
    x = np.full((1, heads), 1 - first, np.float32)
    a = np.full(heads, rate, np.float32)
    kernels.ssd_scan(x, raw[None], a, ones, ones, zeros, zeros, state, scale, out)
    return state[:, 0, 0] * scale


def test_softplus(kernels: Kernels) -> None:
    raw = EVERYWHERE.astype(np.float32)
    expected = naive.softplus(raw.astype(np.float64))
    np.testing.assert_allclose(steps(kernels, raw, 0.0, 0.0), expected, rtol=4e-7)


@pytest.mark.parametrize("rate", [-1.0, 1.0])
def test_exp(kernels: Kernels, rate: float) -> None:
    raw = np.linspace(-10, 87, 40001).astype(np.float32)
    step = steps(kernels, raw, 0.0, 0.0).astype(np.float64)
    found = steps(kernels, raw, rate, 1.0)
    np.testing.assert_allclose(found, np.exp(rate * step), rtol=3e-7, atol=2e-45)


def test_exp_ends_where_float32_ends(kernels: Kernels) -> None:
    raw = np.array([88.7, 88.8, 100.0, 1e30], np.float32)
    with np.errstate(over="ignore"):
        expected = np.exp(raw)
    np.testing.assert_allclose(steps(kernels, raw, 1.0, 1.0), expected, rtol=1e-5)
    raw = np.array([87.0, 95.0, 103.0, 103.9, 104.5, 1e30], np.float32)
    expected = np.exp(-raw.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(steps(kernels, raw, -1.0, 1.0), expected, rtol=3e-7, atol=2e-45)


def test_silu(kernels: Kernels) -> None:
    x = EVERYWHERE.astype(np.float32)[None]
    out, state = np.zeros_like(x), np.zeros((0, x.shape[1]), np.float32)
    one, zero = np.ones((x.shape[1], 1), np.float32), np.zeros(x.shape[1], np.float32)
    kernels.causal_conv(x, one, zero, state, out, silu=True)
    np.testing.assert_allclose(out, naive.silu(x.astype(np.float64)), rtol=4e-7)


def test_sigmoid(kernels: Kernels) -> None:
    x = EVERYWHERE.astype(np.float32)[None]
    out = np.zeros_like(x)
    kernels.apply_gate(np.ones_like(x), x, out, activation="sigmoid")
    np.testing.assert_allclose(out, naive.sigmoid(x.astype(np.float64)), rtol=4e-7)


def test_gelu(kernels: Kernels) -> None:
    x = np.linspace(-5, 87, 20001).astype(np.float32)[None]
    out = np.zeros_like(x)
    kernels.apply_gate(np.ones_like(x), x, out, activation="gelu_tanh")
    np.testing.assert_allclose(out, naive.gelu_tanh(x.astype(np.float64)), rtol=1e-5)


def test_tanh(numba_kernels: Kernels) -> None:
    """By the weight that attention gives one token beside another whose logit is 0."""
    for key in np.linspace(-10, 10, 401).astype(np.float32):
        k, v = np.array([[key], [0.0]], np.float32), np.array([[1.0], [0.0]], np.float32)
        out, cache = np.zeros((2, 1), np.float32), FullCache.alloc(1, 1)
        numba_kernels.attention(k * 0 + 1, k, v, None, cache, out, scale=1.0, softcap=1.0)
        expected = naive.sigmoid(np.tanh(np.float64(key)))
        np.testing.assert_allclose(out[1, 0], expected, rtol=4e-7)
