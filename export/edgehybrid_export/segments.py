"""A model's layers as graphs: one segment between every two mixers.

    segment.0     ids -> h, and the first mixer's inputs
    segment.i     h, y of mixer i-1 -> h, and the inputs of mixer i
    segment.L     h, y of the last mixer -> h

h (T, hidden) is the residual stream, y (T, width) what a mixer gives; parallel mixers give theirs
side by side. positions (T,) are read where a mixer's keys are rotated.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from edgehybrid_export.graph import Graph
from edgehybrid_export.linear import Scaled, embedding, linear, scaled
from edgehybrid_export.spec import (
    AttentionMixer,
    DeltaMixer,
    Layer,
    Mlp,
    ModelSpec,
    Norm,
    OneMixer,
    Rotary,
    Router,
    ShortConvMixer,
)


def segments(spec: ModelSpec, precision: str) -> list[Graph]:
    """The graphs `segment.0` to `segment.L`, for L layers."""
    graphs = []
    for i in range(len(spec.layers) + 1):
        graph = Graph(f"segment.{i}")
        if i == 0:
            h = _embed(graph, spec, precision)
        else:
            h = _after_mixer(graph, spec.layers[i - 1], spec.hidden_size, precision)
        graph.output(h, "present_h", ["T", spec.hidden_size])
        if i < len(spec.layers):
            _before_mixer(graph, h, spec.layers[i], precision)
        graphs.append(graph)
    return graphs


def _embed(graph: Graph, spec: ModelSpec, precision: str) -> str:
    ids = graph.input("ids", ["T"], TensorProto.INT32)
    h = embedding(graph, ids, spec.embedding, precision)
    if spec.embedding_multiplier == 1:
        return h
    return graph.node("Mul", h, graph.constant(float(spec.embedding_multiplier), "multiplier"))


def _after_mixer(graph: Graph, layer: Layer, hidden: int, precision: str) -> str:
    h = graph.input("h", ["T", hidden])
    widths = [mixer.width for mixer in layer.mixers]
    y = graph.input("y", ["T", sum(widths)])
    parts = graph.split(y, widths) if len(widths) > 1 else [y]
    for part, mixer in zip(parts, layer.mixers, strict=True):
        projected = linear(graph, scaled(graph, part, precision), mixer.out_proj, precision)
        h = graph.node("Add", h, _norm(graph, projected, layer.post_norm))
    if layer.mlp is None:
        return h
    x = scaled(graph, _norm(graph, h, layer.mlp_norm), precision)
    y = _mlp(graph, x, layer.mlp, precision)
    return graph.node("Add", h, _norm(graph, y, layer.mlp_post_norm))


def _norm(graph: Graph, x: str, norm: Norm | None) -> str:
    return x if norm is None else graph.rms_norm(x, norm.weight, norm.eps)


def _mlp(graph: Graph, x: Scaled, mlp: Mlp, precision: str) -> str:
    inner, wide = mlp.down.weight.shape[0], linear(graph, x, mlp.gate_up, precision)
    if mlp.gated:
        gate, up = graph.split(wide, [inner, inner])
        product = graph.node("Mul", graph.silu(gate), up)
    else:
        positive = graph.node("Relu", wide)
        product = graph.node("Mul", positive, positive)
    return linear(graph, scaled(graph, product, precision), mlp.down, precision)


def _before_mixer(graph: Graph, h: str, layer: Layer, precision: str) -> None:
    x = _norm(graph, h, layer.norm)
    ready = scaled(graph, x, precision)
    for mixer in layer.mixers:
        if isinstance(mixer, AttentionMixer):
            _attention_inputs(graph, x, ready, mixer, precision)
        else:
            _recurrent_inputs(graph, linear(graph, ready, mixer.in_proj, precision), mixer)


def _recurrent_inputs(graph: Graph, projected: str, mixer: OneMixer) -> None:
    if isinstance(mixer, ShortConvMixer):
        b, c, x = graph.split(projected, [mixer.width] * 3)
        graph.output(graph.node("Mul", b, x), "bx", ["T", mixer.width])
        graph.output(c, "c", ["T", mixer.width])
    elif isinstance(mixer, DeltaMixer):
        _delta_inputs(graph, projected, mixer)
    elif not isinstance(mixer, AttentionMixer):
        graph.output(projected, "zxbcdt", ["T", mixer.in_proj.weight.shape[1]])


def _delta_inputs(graph: Graph, projected: str, mixer: DeltaMixer) -> None:
    heads, conv = mixer.v_heads, len(mixer.conv_bias)
    qkv, z, b, a = graph.split(projected, [conv, mixer.width, heads, heads])
    step = graph.node("Softplus", graph.node("Add", a, graph.constant(mixer.dt_bias, "dt_bias")))
    decay = graph.node("Mul", step, graph.constant(mixer.a_rate, "a_rate"))
    graph.output(qkv, "delta_qkv", ["T", conv])
    graph.output(z, "z", ["T", mixer.width])
    graph.output(decay, "g", ["T", heads])
    beta = graph.node("Sigmoid", b)
    if mixer.correction != 1:
        beta = graph.node("Mul", beta, graph.constant(float(mixer.correction), "correction"))
    graph.output(beta, "beta", ["T", heads])


def _attention_inputs(
    graph: Graph, x: str, ready: Scaled, mixer: AttentionMixer, precision: str
) -> None:
    projected = linear(graph, ready, mixer.qkv, precision)
    columns = mixer.width + 2 * mixer.n_kv_heads * mixer.head_dim
    if mixer.gated:
        projected, gate = graph.split(projected, [columns, mixer.width])
        graph.output(graph.node("Sigmoid", gate), "gate", ["T", mixer.width])
    if mixer.rotary or mixer.q_norm or mixer.k_norm:
        projected = _positioned(graph, projected, mixer)
    graph.output(projected, "qkv", ["T", columns])
    if mixer.router:
        graph.output(_router(graph, x, mixer.router), "score", ["T", mixer.n_kv_heads])


def _positioned(graph: Graph, qkv: str, mixer: AttentionMixer) -> str:
    """Queries and keys normalised by head and rotated to their positions."""
    keys = mixer.n_kv_heads * mixer.head_dim
    q, k, v = graph.split(qkv, [mixer.width, keys, keys])
    q = _head_norm(graph, q, mixer.q_norm, mixer.width)
    k = _head_norm(graph, k, mixer.k_norm, keys)
    if mixer.rotary:
        tables = _angles(graph, mixer.rotary)
        q = _rotate(graph, q, tables, mixer.n_heads, mixer.rotary)
        k = _rotate(graph, k, tables, mixer.n_kv_heads, mixer.rotary)
    return graph.node("Concat", q, k, v, axis=-1)


def _head_norm(graph: Graph, x: str, norm: Norm | None, width: int) -> str:
    if norm is None or len(norm.weight) == width:
        return _norm(graph, x, norm)
    size = len(norm.weight)
    heads = graph.reshape(x, [-1, width // size, size])
    return graph.reshape(_norm(graph, heads, norm), [-1, width])


def _angles(graph: Graph, rotary: Rotary) -> tuple[str, str]:
    """cos and sin (1, T, pairs) of the chunk's positions."""
    positions = graph.reshape(graph.input("positions", ["T"]), [1, -1, 1])
    rates = graph.constant(rotary.inv_freq.astype(np.float32), "inv_freq")
    angles = graph.node("Mul", positions, rates)
    factor = graph.constant(float(rotary.factor), "factor")
    cos, sin = (graph.node("Mul", graph.node(op, angles), factor) for op in ("Cos", "Sin"))
    return cos, sin


def _rotate(graph: Graph, x: str, tables: tuple[str, str], heads: int, rotary: Rotary) -> str:
    axis = graph.constant(np.array([0], dtype=np.int64), "axis")
    batch = graph.node("Unsqueeze", x, axis)
    size = 2 * len(rotary.inv_freq)
    turned = graph.node(
        "RotaryEmbedding", batch, *tables, num_heads=heads, rotary_embedding_dim=size
    )
    return graph.node("Squeeze", turned, axis)


def _router(graph: Graph, x: str, router: Router) -> str:
    """Kept in float32: a rounded score would let other tokens into the cache."""
    hidden = graph.silu(linear(graph, Scaled(x), router.hidden, "float32"))
    return linear(graph, Scaled(hidden), router.out, "float32")
