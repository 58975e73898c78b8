"""What is computed inside a mixer between its convolution and its scan, as graphs of their own.

    inner.i        mixed (T, width) -> dt (T, width), b, c (T, N)           Mamba-1
                   mixed (T, width) -> gate_a, gate_x (T, width)            RG-LRU

Those of parallel mixers are `inner.i.0`, `inner.i.1` and so on.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgehybrid_export.graph import Graph
from edgehybrid_export.linear import linear, scaled
from edgehybrid_export.precision import Precision
from edgehybrid_export.spec import BlockLinear, ModelSpec, RgLruMixer, SelectiveMixer
from edgehybrid_export.store import WeightStore


def inner_graphs(spec: ModelSpec, precision: Precision, store: WeightStore) -> Iterator[Graph]:
    """The inner graphs of all mixers that have one."""
    for i, layer in enumerate(spec.layers):
        for part, mixer in enumerate(layer.mixers):
            place = f"{i}.{part}" if len(layer.mixers) > 1 else str(i)
            if isinstance(mixer, SelectiveMixer | RgLruMixer):
                graph = Graph(f"inner.{place}", store)
                mixed = graph.input("mixed", ["T", mixer.width])
                if isinstance(mixer, SelectiveMixer):
                    _selective(graph, mixed, mixer, precision)
                else:
                    _rg_lru(graph, mixed, mixer)
                yield graph


def _selective(graph: Graph, mixed: str, mixer: SelectiveMixer, precision: Precision) -> None:
    projected = linear(graph, scaled(graph, mixed, precision), mixer.x_proj, precision)
    parts = graph.split(projected, mixer.parts)
    if mixer.norms is not None:
        parts = [graph.normed(p, norm) for p, norm in zip(parts, mixer.norms, strict=True)]
    narrow, b, c = parts
    dt = linear(graph, scaled(graph, narrow, precision), mixer.dt_proj, precision)
    graph.output(dt, "dt", ["T", mixer.width])
    graph.output(b, "b", ["T", len(mixer.a)])
    graph.output(c, "c", ["T", len(mixer.a)])


def _rg_lru(graph: Graph, mixed: str, mixer: RgLruMixer) -> None:
    """Kept in float32: a decay near 1 is remembered for long, and so would be its error."""
    blocks, inputs, _ = mixer.gate_a.shape
    parts = graph.reshape(mixed, [-1, blocks, inputs])
    parts = graph.node("Transpose", parts, perm=[1, 0, 2])
    for name, gate in (("gate_a", mixer.gate_a), ("gate_x", mixer.gate_x)):
        graph.output(_by_block(graph, parts, gate), name, ["T", mixer.width])


def _by_block(graph: Graph, parts: str, gate: BlockLinear) -> str:
    """parts (blocks, T, inputs) -> (T, blocks * outputs)."""
    (weight,) = graph.stored(
        (gate.weight.key, "blocks"), lambda: [gate.weight.array().reshape(gate.shape)], "weight"
    )
    product = graph.node("Transpose", graph.node("MatMul", parts, weight), perm=[1, 0, 2])
    flat = graph.reshape(product, [-1, len(gate.bias)])
    return graph.node("Add", flat, graph.constant(gate.bias, "bias"))
