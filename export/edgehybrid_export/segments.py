"""A model's layers as graphs: one segment between every two mixers.

    segment.0     ids -> h, and the first mixer's inputs
    segment.i     h, y of mixer i-1 -> h, and the inputs of mixer i
    segment.L     h, y of the last mixer -> h

h (T, hidden) is the residual stream, y (T, width) what a mixer gives; parallel mixers give theirs
side by side. positions (T,) are read where a mixer's keys are rotated, embedded (T, hidden), which
segment.0 gives, where a layer reads it beside h.
"""

from __future__ import annotations

from collections.abc import Iterator

from onnx import TensorProto

from edgehybrid_export.attention import attention_inputs
from edgehybrid_export.graph import Graph
from edgehybrid_export.linear import embedding, linear, scaled
from edgehybrid_export.mixer_spec import (
    AttentionMixer,
    DeltaMixer,
    OneMixer,
    RgLruMixer,
    SelectiveMixer,
    ShortConvMixer,
    SsdMixer,
)
from edgehybrid_export.mlp import feed_forward
from edgehybrid_export.precision import Precision, Precisions
from edgehybrid_export.spec import Layer, ModelSpec
from edgehybrid_export.store import WeightStore


def segments(spec: ModelSpec, precisions: Precisions, store: WeightStore) -> Iterator[Graph]:
    """The graphs `segment.0` to `segment.L`, for L layers."""
    for i in range(len(spec.layers) + 1):
        graph = Graph(f"segment.{i}", store)
        add_segment(graph, spec, i, precisions)
        yield graph


def add_segment(graph: Graph, spec: ModelSpec, i: int, precisions: Precisions) -> None:
    """Segment `i`, with its inputs and outputs."""
    joined, size, read = any(layer.joined for layer in spec.layers), spec.hidden_size, ""
    if i == 0:
        h = _embed(graph, spec, precisions)
        if joined:
            graph.output(h, "embedded", ["T", size])
    else:
        h, read = _after_mixer(graph, spec.layers[i - 1], size, precisions.body)
    graph.output(h, "present_h", ["T", size])
    if i < len(spec.layers):
        if spec.layers[i].joined:
            embedded = graph.input("embedded", ["T", size]) if i else h
            read = graph.node("Concat", h, embedded, axis=-1)
        _before_mixer(graph, read or h, spec.layers[i], precisions.body)


def _embed(graph: Graph, spec: ModelSpec, precisions: Precisions) -> str:
    ids = graph.input("ids", ["T"], TensorProto.INT32)
    shared = spec.tied and precisions.head == precisions.embedding
    h = embedding(graph, ids, spec.embedding, precisions.embedding, shared=shared)
    if spec.embedding_multiplier == 1:
        return h
    return graph.node("Mul", h, graph.constant(float(spec.embedding_multiplier), "multiplier"))


def _after_mixer(graph: Graph, layer: Layer, hidden: int, precision: Precision) -> tuple[str, str]:
    """The residual stream after a layer, and what the next one reads of it: "" if just that."""
    h = graph.input("h", ["T", hidden])
    widths = [mixer.width for mixer in layer.mixers]
    y = graph.input("y", ["T", sum(widths)])
    parts = graph.split(y, widths) if len(widths) > 1 else [y]
    mixed = [
        linear(graph, scaled(graph, part, precision), mixer.out_proj, precision)
        for part, mixer in zip(parts, layer.mixers, strict=True)
    ]
    if layer.aside:
        x = graph.normed(mixed[0], layer.mlp_norm)
        x = x if layer.mlp is None else feed_forward(graph, x, layer.mlp, precision)
        aside = linear(graph, scaled(graph, x, precision), layer.aside, precision)
        return h, graph.node("Add", h, aside)
    for projected in mixed:
        h = graph.node("Add", h, graph.normed(projected, layer.post_norm))
    if layer.mlp is not None:
        y = feed_forward(graph, graph.normed(h, layer.mlp_norm), layer.mlp, precision)
        h = graph.node("Add", h, graph.normed(y, layer.mlp_post_norm))
    return h, ""


def _before_mixer(graph: Graph, read: str, layer: Layer, precision: Precision) -> None:
    x = graph.normed(read, layer.norm)
    ready = scaled(graph, x, precision)
    for mixer in layer.mixers:
        if isinstance(mixer, AttentionMixer):
            attention_inputs(graph, x, ready, mixer, precision)
        else:
            projected = linear(graph, ready, mixer.in_proj, precision)
            _recurrent_inputs(graph, projected, mixer, precision)


def _recurrent_inputs(graph: Graph, projected: str, mixer: OneMixer, precision: Precision) -> None:
    if isinstance(mixer, ShortConvMixer):
        b, c, x = graph.split(projected, [mixer.width] * 3)
        graph.output(graph.node("Mul", b, x), "bx", ["T", mixer.width])
        graph.output(c, "c", ["T", mixer.width])
    elif isinstance(mixer, DeltaMixer):
        _delta_inputs(graph, projected, mixer, precision)
    elif not isinstance(mixer, AttentionMixer):
        names: dict[type, str] = {SsdMixer: "zxbcdt", SelectiveMixer: "xz", RgLruMixer: "branches"}
        graph.output(projected, names[type(mixer)], ["T", mixer.in_proj.weight.outputs])


def _delta_inputs(graph: Graph, projected: str, mixer: DeltaMixer, precision: Precision) -> None:
    conv, heads = len(mixer.conv_bias), mixer.v_heads
    widths = [w.weight.inputs for w in mixer.widen] if mixer.widen else [mixer.width, heads]
    qkv, z, b, a = graph.split(projected, [conv, widths[0], heads, widths[1]])
    if mixer.widen:
        z, a = (
            linear(graph, scaled(graph, narrow, precision), wide, precision)
            for narrow, wide in zip((z, a), mixer.widen, strict=True)
        )
    step = graph.node("Softplus", graph.node("Add", a, graph.constant(mixer.dt_bias, "dt_bias")))
    decay = graph.node("Mul", step, graph.constant(mixer.a_rate, "a_rate"))
    graph.output(qkv, "delta_qkv", ["T", conv])
    graph.output(z, "z", ["T", mixer.width])
    graph.output(decay, "g", ["T", len(mixer.a_rate)])
    beta = graph.node("Sigmoid", b)
    if mixer.correction != 1:
        beta = graph.node("Mul", beta, graph.constant(float(mixer.correction), "correction"))
    graph.output(beta, "beta", ["T", heads])
