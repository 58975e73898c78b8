"""A model's layers as graphs: one segment between every two mixers.

    segment.0     ids -> h, and the first mixer's inputs
    segment.i     h, y of mixer i-1 -> h, and the inputs of mixer i
    segment.L     h, y of the last mixer -> h

h (T, hidden) is the residual stream, y (T, width) what a mixer gives.
"""

from __future__ import annotations

from onnx import TensorProto

from edgehybrid_export.graph import Graph
from edgehybrid_export.linear import Scaled, embedding, linear, scaled
from edgehybrid_export.spec import (
    AttentionMixer,
    Layer,
    Mlp,
    ModelSpec,
    Router,
    SsdMixer,
)


def segments(spec: ModelSpec, precision: str) -> list[Graph]:
    """The graphs `segment.0` to `segment.L`, for L layers."""
    graphs = []
    for i in range(len(spec.layers) + 1):
        graph = Graph(f"segment.{i}")
        if i == 0:
            ids = graph.input("ids", ["T"], TensorProto.INT32)
            h = embedding(graph, ids, spec.embedding, precision)
        else:
            h = _after_mixer(graph, spec.layers[i - 1], spec.hidden_size, precision)
        graph.output(h, "present_h", ["T", spec.hidden_size])
        if i < len(spec.layers):
            _before_mixer(graph, h, spec.layers[i], precision)
        graphs.append(graph)
    return graphs


def _after_mixer(graph: Graph, layer: Layer, hidden: int, precision: str) -> str:
    h = graph.input("h", ["T", hidden])
    y = graph.input("y", ["T", layer.mixer.out_proj.weight.shape[0]])
    projected = linear(graph, scaled(graph, y, precision), layer.mixer.out_proj, precision)
    h = graph.node("Add", h, projected)
    x = graph.rms_norm(h, layer.mlp_norm.weight, layer.mlp_norm.eps)
    return graph.node("Add", h, _mlp(graph, scaled(graph, x, precision), layer.mlp, precision))


def _mlp(graph: Graph, x: Scaled, mlp: Mlp, precision: str) -> str:
    inner = mlp.down.weight.shape[0]
    gate, up = graph.split(linear(graph, x, mlp.gate_up, precision), [inner, inner])
    product = graph.node("Mul", graph.silu(gate), up)
    return linear(graph, scaled(graph, product, precision), mlp.down, precision)


def _before_mixer(graph: Graph, h: str, layer: Layer, precision: str) -> None:
    x = graph.rms_norm(h, layer.norm.weight, layer.norm.eps)
    mixer, ready = layer.mixer, scaled(graph, x, precision)
    if isinstance(mixer, SsdMixer):
        projected = linear(graph, ready, mixer.in_proj, precision)
        graph.output(projected, "zxbcdt", ["T", mixer.in_proj.weight.shape[1]])
    else:
        _attention_inputs(graph, x, ready, mixer, precision)


def _attention_inputs(
    graph: Graph, x: str, ready: Scaled, mixer: AttentionMixer, precision: str
) -> None:
    projected = linear(graph, ready, mixer.qkv, precision)
    graph.output(projected, "qkv", ["T", mixer.qkv.weight.shape[1]])
    graph.output(_router(graph, x, mixer.router), "score", ["T", mixer.n_kv_heads])


def _router(graph: Graph, x: str, router: Router) -> str:
    """Kept in float32: a rounded score would let other tokens into the cache."""
    hidden = graph.silu(linear(graph, Scaled(x), router.hidden, "float32"))
    return linear(graph, Scaled(hidden), router.out, "float32")
