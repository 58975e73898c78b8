"""The dense part of a mixer between its convolution and its scan: `inner.N.onnx` of layer N.

selective     convolved (T, C) -> dt (T, C), b (T, N), c (T, N)
RG-LRU        convolved (T, C) -> gate_a (T, C), gate_x (T, C), before their sigmoids
"""

from __future__ import annotations

from collections.abc import Iterator

from edgehybrid_export.graph import Graph
from edgehybrid_export.linear import linear, scaled
from edgehybrid_export.mixer_spec import RgLruMixer, SelectiveMixer
from edgehybrid_export.precision import KNOWN, Precision
from edgehybrid_export.spec import ModelSpec
from edgehybrid_export.store import WeightStore


def inner_graphs(spec: ModelSpec, precision: Precision, store: WeightStore) -> Iterator[Graph]:
    """One graph for each layer whose mixer has such a part."""
    for i, layer in enumerate(spec.layers):
        graph = Graph(f"inner.{i}", store)
        if isinstance(layer.mixer, SelectiveMixer):
            selective_parts(graph, layer.mixer, precision)
        elif isinstance(layer.mixer, RgLruMixer):
            rg_lru_gates(graph, layer.mixer)
        else:
            continue
        yield graph


def selective_parts(graph: Graph, mixer: SelectiveMixer, precision: Precision) -> None:
    """dt, b, c of `convolved`.

    At least int8: steps, B and C are multiplied with one another; these matrices are small.
    """
    precision = KNOWN["int8"] if precision.kind == "int4" else precision
    x = graph.input("convolved", ["T", mixer.width])
    projected = linear(graph, scaled(graph, x, precision), mixer.x_proj, precision)
    rank, states = mixer.dt_proj.weight.inputs, mixer.d_state
    parts = graph.split(projected, [rank, states, states])
    norms = mixer.norms or (None,) * 3
    dt, b, c = (graph.normed(part, norm) for part, norm in zip(parts, norms, strict=True))
    step = linear(graph, scaled(graph, dt, precision), mixer.dt_proj, precision)
    graph.output(step, "dt", ["T", mixer.width])
    graph.output(b, "b", ["T", states])
    graph.output(c, "c", ["T", states])


def rg_lru_gates(graph: Graph, mixer: RgLruMixer) -> None:
    """gate_a, gate_x of `convolved`.

    Block-diagonal products, in float32: they are small, and rates are sensitive.
    """
    x = graph.input("convolved", ["T", mixer.width])
    _, heads, size, _ = mixer.gate_weight.shape
    blocks = graph.node("Transpose", graph.reshape(x, [-1, heads, size]), perm=[1, 0, 2])
    for name, weight, bias in zip(
        ("gate_a", "gate_x"), mixer.gate_weight, mixer.gate_bias, strict=True
    ):
        product = graph.node("MatMul", blocks, graph.constant(weight, "weight"))
        rows = graph.node("Transpose", product, perm=[1, 0, 2])
        flat = graph.reshape(rows, [-1, mixer.width])
        biased = graph.node("Add", flat, graph.constant(bias.reshape(-1), "bias"))
        graph.output(biased, name, ["T", mixer.width])
