"""Times the kernels: Numba on one thread and on all, NumPy, and ONNX Runtime's own scan.

    python examples/bench_kernels.py [--repeats 15]

All variants of a shape take turns within one loop, so that whatever else the machine is doing
meets them alike; the numbers are medians, in microseconds per token. Compare within a run only.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from edgehybrid_kernels import (
    FullCache,
    Kernels,
    RoutedCache,
    compile_all,
    get_threads,
    load_kernels,
    set_threads,
)

Variant = Callable[[], None]
ALL_THREADS = get_threads()

# name: (H, P, N, G)
SSD_SHAPES = {"reader": (8, 64, 64, 1), "granite-4.0-h-350m": (48, 32, 128, 1)}


def normal(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def conv(tokens: int, channels: int) -> Callable[[Kernels], Variant]:
    x, weight, bias, state = normal(tokens, channels), normal(channels, 4), normal(channels), None
    state, out = normal(3, channels), np.empty((tokens, channels), np.float32)
    return lambda kernels: lambda: kernels.causal_conv(x, weight, bias, state, out, silu=True)


def norm(tokens: int, channels: int) -> Callable[[Kernels], Variant]:
    y, z, weight, out = (
        normal(*s) for s in [(tokens, channels)] * 2 + [(channels,), (tokens, channels)]
    )
    return lambda kernels: lambda: kernels.gated_rms_norm(y, z, weight, out, eps=1e-5, groups=1)


def ssd_inputs(tokens: int, shape: tuple[int, int, int, int]) -> dict[str, Any]:
    heads, channels, n_state, groups = shape
    return {
        "x": normal(tokens, heads * channels),
        "dt": normal(tokens, heads),
        "a": -np.exp(normal(heads)),
        "b": normal(tokens, groups * n_state),
        "c": normal(tokens, groups * n_state),
        "d": normal(heads),
        "dt_bias": normal(heads),
        "state": normal(heads, n_state, channels),
        "scale": np.ones(heads, np.float32),
        "out": np.empty((tokens, heads * channels), np.float32),
    }


def ssd(tokens: int, shape: tuple[int, int, int, int]) -> Callable[[Kernels], Variant]:
    arrays = ssd_inputs(tokens, shape)
    return lambda kernels: lambda: kernels.ssd_scan(**arrays)


def attention(tokens: int, budget: int) -> Callable[[Kernels], Variant]:
    heads, kv_heads, head_dim = 4, 2, 64
    cache = RoutedCache.alloc(kv_heads, head_dim, sinks=4, window=64, budget=budget)
    q, k = normal(tokens, heads * head_dim), normal(tokens, kv_heads * head_dim)
    score, out = normal(tokens, kv_heads), np.empty_like(q)

    def variant(kernels: Kernels) -> Variant:
        return lambda: kernels.attention(q, k, k, score, cache, out, scale=0.125)

    for _ in range(1 + 1000 // tokens):  # a full cache is what a long document meets
        variant(load_kernels())()
    return variant


def full_attention(tokens: int, seen: int) -> Callable[[Kernels], Variant]:
    heads, kv_heads, head_dim = 12, 4, 64
    cache = FullCache.alloc(kv_heads, head_dim, capacity=seen + tokens)
    q, k = normal(seen, heads * head_dim), normal(seen, kv_heads * head_dim)
    out = np.empty_like(q)
    load_kernels().attention(q, k, k, None, cache, out, scale=0.125)
    q, k, out = q[:tokens], k[:tokens], out[:tokens]

    def variant(kernels: Kernels) -> Variant:
        def attend() -> None:
            cache.seen[0] = seen  # the same tokens again, at the same length
            kernels.attention(q, k, k, None, cache, out, scale=0.125)

        return attend

    return variant


def rotate(tokens: int, heads: int, head_dim: int) -> Callable[[Kernels], Variant]:
    x, cos, sin = normal(tokens, heads * head_dim), *[normal(tokens, head_dim // 2)] * 2
    out = np.empty_like(x)
    return lambda kernels: lambda: kernels.rotate(x, cos, sin, out, head_dim=head_dim)


def gate(tokens: int, channels: int) -> Callable[[Kernels], Variant]:
    y, z = normal(tokens, channels), normal(tokens, channels)
    out = np.empty_like(y)
    return lambda kernels: lambda: kernels.apply_gate(y, z, out)


def delta(tokens: int, heads: int, dim: int, decays: int) -> Callable[[Kernels], Variant]:
    q, v, out = (normal(tokens, heads * dim) for _ in range(3))
    g, beta = -np.exp(normal(tokens, heads * decays)), abs(normal(tokens, heads)) % 1
    state = np.zeros((heads, dim, dim), np.float32)
    return lambda kernels: lambda: kernels.gated_delta(q, q, v, g, beta, state, out)


def selective(tokens: int, channels: int, n_state: int) -> Callable[[Kernels], Variant]:
    x, dt, out = (normal(tokens, channels) for _ in range(3))
    b, c, d = normal(tokens, n_state), normal(tokens, n_state), normal(channels)
    a, state = -np.exp(normal(n_state, channels)), normal(n_state, channels)
    return lambda kernels: lambda: kernels.selective_scan(x, dt, a, b, c, d, d, state, out)


def rg_lru(tokens: int, channels: int) -> Callable[[Kernels], Variant]:
    x, gates, out = (normal(tokens, channels) for _ in range(3))
    log_a, state = -np.exp(normal(channels)), normal(channels)
    return lambda kernels: lambda: kernels.rg_lru(x, gates, gates, log_a, state, out, starts=False)


def others(tokens: int) -> dict[str, Callable[[Kernels], Variant]]:
    """Kernels of other families than the reader's, in sizes of published checkpoints."""
    return {
        "full attention, 12/4 heads x 64, 2048 seen": full_attention(tokens, 2048),
        "rotate, 12 heads x 64": rotate(tokens, 12, 64),
        "gate, 2048 channels, silu": gate(tokens, 2048),
        "delta, 16 heads x 128 x 128": delta(tokens, 16, 128, 1),
        "delta per channel, 16 heads x 128 x 128": delta(tokens, 16, 128, 128),
        "selective, 2048 channels x 16": selective(tokens, 2048, 16),
        "rg-lru, 2560 channels": rg_lru(tokens, 2560),
    }


def linear_attention(
    tokens: int, shape: tuple[int, int, int, int], rule: str = "gated"
) -> Variant | None:
    """The same recurrence by com.microsoft::LinearAttention.

    Without softplus and skip of the SSD, and without the norms of the delta rule.
    """
    try:
        import onnxruntime
        from onnx import TensorProto, helper
    except ImportError:
        return None
    heads, channels, n_state, groups = shape
    sizes = {
        "q": [1, tokens, groups * n_state],
        "k": [1, tokens, groups * n_state],
        "v": [1, tokens, heads * channels],
        "past": [1, heads, n_state, channels],
        "decay": [1, tokens, heads],
    }
    if rule == "gated_delta":
        sizes["beta"] = [1, tokens, heads]
    node = helper.make_node(
        "LinearAttention", list(sizes), ["y", "present"], domain="com.microsoft",
        update_rule=rule, scale=1.0, q_num_heads=groups, kv_num_heads=heads,
    )  # fmt: skip
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in sizes.items()]
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, sizes["v"]),
        helper.make_tensor_value_info("present", TensorProto.FLOAT, sizes["past"]),
    ]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(
        helper.make_graph([node], "scan", inputs, outputs), opset_imports=opsets, ir_version=10
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    feeds = {name: normal(*size) for name, size in sizes.items()}
    feeds["decay"] = -np.abs(feeds["decay"])
    if rule == "gated_delta":  # keys of length 1, or the state would grow without bounds
        feeds["beta"] = np.abs(feeds["beta"]) % 1
        keys = feeds["k"].reshape(tokens, groups, n_state)
        keys /= np.linalg.norm(keys, axis=-1, keepdims=True)
    return lambda: session.run(None, feeds) and None


def time_variants(variants: dict[str, Variant], tokens: int, repeats: int) -> dict[str, float]:
    """Median microseconds per token of each, taking turns."""
    rounds = max(1, 20 // tokens)  # a single token is too short to be timed alone
    times: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(repeats + 2):
        for name, variant in variants.items():
            set_threads(1 if name == "serial" else ALL_THREADS)
            variant()  # brings this variant's data back into the caches the others used
            start = time.perf_counter()
            for _ in range(rounds):
                variant()
            if turn >= 2:
                times[name].append((time.perf_counter() - start) / rounds / tokens)
    return {name: 1e6 * median(values) for name, values in times.items()}


def report(title: str, case: Callable[[Kernels], Variant], tokens: int, repeats: int,
           rival: Variant | None = None) -> None:  # fmt: skip
    numba = case(load_kernels("numba"))
    variants = {"serial": numba, "threads": numba, "numpy": case(load_kernels("numpy"))}
    if rival is not None:
        variants["LinearAttention"] = rival
    found = time_variants(variants, tokens, repeats)
    cells = "".join(f"{name} {value:8.2f}   " for name, value in found.items())
    print(f"{title:<44} T={tokens:<4} {cells}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    load_kernels("numba")
    compile_all()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, us per token")
    for tokens in (256, 1):
        report("conv, 640 channels, 4 taps", conv(tokens, 640), tokens, repeats)
        report("gated norm, 512 channels", norm(tokens, 512), tokens, repeats)
        for budget in (128, 256):
            title = f"attention, 4/2 heads x 64, budget {budget}"
            report(title, attention(tokens, budget), tokens, repeats)
        for name, shape in SSD_SHAPES.items():
            rival = linear_attention(tokens, shape)
            title = f"ssd, {name}: H, P, N, G = {shape}"
            report(title, ssd(tokens, shape), tokens, repeats, rival)
        for title, case in others(tokens).items():
            rival = None
            if title.startswith("delta, "):
                rival = linear_attention(tokens, (16, 128, 128, 16), "gated_delta")
            report(title, case, tokens, repeats, rival)


if __name__ == "__main__":
    main()
