"""Mixers with a recurrent state or a convolution, of `LinearAttention` and `CausalConvWithState`.

With S the state (d_k, d_v) of a head, the first computes, of queries q, keys k, values v,

    gated        S = exp(decay) S + k v^T;                               y = scale S^T q
    gated_delta  S = exp(decay) S + beta k (v - exp(decay) S^T k)^T;     y = scale S^T q

which every recurrence here is a case of. Only attributes are used that ONNX Runtime 1.30 knows, in
Node and in browsers.
"""

from __future__ import annotations

import numpy as np

from edgehybrid_export.graph import CONTRIB
from edgehybrid_export.inner import rg_lru_gates, selective_parts
from edgehybrid_export.mixer_spec import (
    DeltaMixer,
    RgLruMixer,
    SelectiveMixer,
    ShortConvMixer,
    SsdMixer,
)
from edgehybrid_export.portable.graph import StepGraph
from edgehybrid_export.precision import Precision
from edgehybrid_kernels.delta import L2_EPS

Convolved = SsdMixer | ShortConvMixer | DeltaMixer | SelectiveMixer | RgLruMixer


def ssd(graph: StepGraph, i: int, m: SsdMixer) -> str:
    """Mamba-2: y (T, width) of layer `i`."""
    heads, width, part = len(m.a), m.width, m.n_groups * m.d_state
    z, xbc, dt = graph.split(graph.wires["zxbcdt"], [width, width + 2 * part, heads])
    x, b, c = graph.split(convolution(graph, i, m, xbc, silu=True), [width, part, part])
    step = graph.node("Softplus", graph.node("Add", dt, graph.constant(m.dt_bias, "dt_bias")))
    step = graph.clamped(step, *m.dt_limit)
    by_head = graph.reshape(x, [-1, heads, m.head_dim])
    inputs = graph.node("Mul", by_head, graph.reshape(step, [-1, heads, 1]))
    y = scan(
        graph, f"ssm.{i}", c, b, graph.reshape(inputs, [-1, width]),
        graph.node("Mul", step, graph.constant(m.a, "a")),
        sizes=(m.n_groups, heads, m.d_state, m.head_dim),
    )  # fmt: skip
    skip = graph.node("Mul", by_head, graph.constant(m.d.reshape(-1, 1), "d"))
    y = graph.node("Add", y, graph.reshape(skip, [-1, width]))
    if m.norm is None:
        return graph.node("Mul", y, graph.silu(z))
    if m.norm_before_gate:
        return graph.node("Mul", _grouped(graph, y, m), graph.silu(z))
    return _grouped(graph, graph.node("Mul", y, graph.silu(z)), m)


def short_conv(graph: StepGraph, i: int, m: ShortConvMixer) -> str:
    """LFM2's gated convolution: y (T, width)."""
    mixed = convolution(graph, i, m, graph.wires["bx"], silu=False)
    return graph.node("Mul", graph.wires["c"], mixed)


def delta(graph: StepGraph, i: int, m: DeltaMixer) -> str:
    """The gated delta rule: y (T, width)."""
    keys, heads = m.k_heads * m.k_dim, m.v_heads
    mixed = convolution(graph, i, m, graph.wires["delta_qkv"], silu=True)
    q, k, v = graph.split(mixed, [keys, keys, m.width])
    y = scan(
        graph, f"ssm.{i}", _unit(graph, q, m), _unit(graph, k, m), v, graph.wires["g"],
        beta=graph.wires["beta"], sizes=(heads, heads, m.k_dim, m.v_dim),
        rule="gated_delta", scale=m.k_dim**-0.5,
    )  # fmt: skip
    normed = graph.rms_norm(graph.reshape(y, [-1, heads, m.v_dim]), m.norm.weight, m.norm.eps)
    z = graph.wires["z"]
    gate = graph.silu(z) if m.gate == "silu" else graph.node("Sigmoid", z)
    return graph.node("Mul", graph.reshape(normed, [-1, m.width]), gate)


def selective(graph: StepGraph, i: int, m: SelectiveMixer, precision: Precision) -> str:
    """Mamba-1: every channel is a head with one value, and decays by its own row of `a`."""
    width, states = m.width, m.d_state
    x, z = graph.split(graph.wires["xz"], [width, width])
    x = graph.wires["convolved"] = convolution(graph, i, m, x, silu=True)
    selective_parts(graph, m, precision)
    dt, b, c = (graph.wires[name] for name in ("dt", "b", "c"))
    step = graph.node("Softplus", graph.node("Add", dt, graph.constant(m.dt_bias, "dt_bias")))
    rates = graph.constant(np.ascontiguousarray(m.a.T), "a")
    decay = graph.node("Mul", graph.reshape(step, [-1, width, 1]), rates)
    y = scan(
        graph, f"ssm.{i}", c, b, graph.node("Mul", step, x),
        graph.reshape(decay, [-1, width * states]), sizes=(1, width, states, 1),
    )  # fmt: skip
    y = graph.node("Add", y, graph.node("Mul", x, graph.constant(m.d, "d")))
    return graph.node("Mul", y, graph.silu(z))


def rg_lru(graph: StepGraph, i: int, m: RgLruMixer) -> str:
    """Griffin's recurrence: every channel is a head with one key and one value."""
    width = m.width
    branch, x = graph.split(graph.wires["branches"], [width, width])
    x = graph.wires["convolved"] = convolution(graph, i, m, x, silu=False)
    rg_lru_gates(graph, m)
    opening = graph.node("Sigmoid", graph.wires["gate_a"])
    rate = graph.node("Mul", opening, graph.constant(m.log_a, "log_a"))
    inputs = graph.node("Mul", x, graph.node("Sigmoid", graph.wires["gate_x"]))
    one = graph.number(1.0)
    power = graph.node("Exp", graph.node("Mul", rate, graph.number(2.0)))
    left = graph.node("Max", graph.node("Sub", one, power), graph.number(0.0))
    first = graph.node("Equal", graph.wires["positions"], graph.number(0.0))  # enters whole
    size = graph.node("Where", graph.reshape(first, [-1, 1]), one, graph.node("Sqrt", left))
    column = graph.reshape(graph.node("Mul", graph.wires["positions"], graph.number(0.0)), [-1, 1])
    ones = graph.node("Add", column, one)
    y = scan(
        graph, f"ssm.{i}", ones, ones, graph.node("Mul", inputs, size), rate,
        sizes=(1, width, 1, 1),
    )  # fmt: skip
    return graph.node("Mul", y, graph.gelu(branch, tanh=True))


def convolution(graph: StepGraph, i: int, m: Convolved, x: str, *, silu: bool) -> str:
    """x (T, C) after the layer's causal convolution; its state (1, C, K - 1) is `conv.i`."""
    channels, taps = m.conv_weight.shape
    past = graph.past(f"conv.{i}", [1, channels, taps - 1])
    mixed, present = graph.nodes(
        "CausalConvWithState", 2, graph.batched(graph.transpose(x, 1, 0)),
        graph.constant(m.conv_weight.reshape(channels, 1, taps), "conv_weight"),
        graph.constant(m.conv_bias, "conv_bias"), past,
        domain=CONTRIB, activation="silu" if silu else "none",
    )  # fmt: skip
    graph.present(present, f"conv.{i}")
    return graph.transpose(graph.alone(mixed), 1, 0)


def scan(
    graph: StepGraph,
    state: str,
    q: str,
    k: str,
    v: str,
    decay: str,
    *,
    sizes: tuple[int, int, int, int],
    beta: str = "",
    rule: str = "gated",
    scale: float = 1.0,
) -> str:
    """y (T, heads * d_v), all rows with their heads side by side.

    Args:
        graph: to which nodes are added.
        state: the name of (1, heads, d_k, d_v).
        q: (T, q_heads * d_k), as k.
        k: what values are stored under.
        v: (T, heads * d_v).
        decay: (T, heads) or (T, heads * d_k), its logarithm.
        sizes: q_heads, heads, d_k, d_v.
        beta: (T, heads), of the delta rule.
        rule: see above.
        scale: of y.
    """
    q_heads, heads, d_k, d_v = sizes
    past = graph.past(state, [1, heads, d_k, d_v])
    inputs = [graph.batched(x) for x in (q, k, v)]
    inputs += [past, graph.batched(decay), *([graph.batched(beta)] if beta else [])]
    y, present = graph.nodes(
        "LinearAttention", 2, *inputs, domain=CONTRIB,
        update_rule=rule, scale=scale, q_num_heads=q_heads, kv_num_heads=heads,
    )  # fmt: skip
    graph.present(present, state)
    return graph.alone(y)


def _grouped(graph: StepGraph, y: str, m: SsdMixer) -> str:
    """RMSNorm of each group of channels on its own."""
    assert m.norm is not None
    if m.norm_groups == 1:
        return graph.rms_norm(y, m.norm.weight, m.norm.eps)
    groups = [-1, m.norm_groups, m.width // m.norm_groups]
    weight = m.norm.weight.reshape(groups[1:])
    return graph.reshape(
        graph.rms_norm(graph.reshape(y, groups), weight, m.norm.eps), [-1, m.width]
    )


def _unit(graph: StepGraph, x: str, m: DeltaMixer) -> str:
    """(T, k_heads * k_dim) to unit length by head, each repeated for its heads of v."""
    by_head = graph.reshape(x, [-1, m.k_heads, m.k_dim])
    squares = graph.node(
        "ReduceSum", graph.node("Mul", by_head, by_head), graph.ints(-1), keepdims=1
    )
    length = graph.node("Sqrt", graph.node("Add", squares, graph.number(L2_EPS)))
    unit = graph.node("Div", by_head, length)
    times = m.v_heads // m.k_heads
    if times > 1:
        column = graph.reshape(unit, [-1, m.k_heads, 1, m.k_dim])
        unit = graph.node("Tile", column, graph.ints(1, 1, times, 1))
    return graph.reshape(unit, [-1, m.v_heads * m.k_dim])
