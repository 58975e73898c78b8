"""Segments, mixers and head as one graph."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from edgehybrid_export.head import logits_of, sentences_of
from edgehybrid_export.mixer_spec import (
    AttentionMixer,
    DeltaMixer,
    OneMixer,
    RgLruMixer,
    SelectiveMixer,
    ShortConvMixer,
)
from edgehybrid_export.portable.attention import attention
from edgehybrid_export.portable.graph import StepGraph
from edgehybrid_export.portable.recurrent import delta, rg_lru, selective, short_conv, ssd
from edgehybrid_export.precision import Precision, Precisions
from edgehybrid_export.segments import add_segment
from edgehybrid_export.spec import LogitsHead, ModelSpec, SentenceHead
from edgehybrid_export.store import WeightStore


def step_graph(spec: ModelSpec, precisions: Precisions, store: WeightStore) -> StepGraph:
    """The portable graph of a model whose segments are in `store` already."""
    graph = StepGraph(store)
    tokens = graph.wires["ids"] = graph.enter("tokens", ["T"], TensorProto.INT32)
    _count(graph, tokens)
    for i in range(len(spec.layers) + 1):
        add_segment(graph, spec, i, precisions)
        graph.wires["h"] = graph.wires["present_h"]
        if i < len(spec.layers):
            parts = [_mix(graph, i, mixer, precisions.body) for mixer in spec.layers[i].mixers]
            graph.wires["y"] = (
                parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=-1)
            )
    if isinstance(spec.head, LogitsHead):
        _logits(graph, spec.head, precisions.head)
    else:
        _sentences(graph, spec.head, tokens)
    return graph


def _count(graph: StepGraph, tokens: str) -> None:
    """Wires `stamps` (T,) int32, from 1, `positions` (T,) float32, from 0; their state."""
    past = graph.past("position", [1], TensorProto.INT32)
    length = graph.node("Cast", graph.node("Shape", tokens), to=TensorProto.INT32)
    graph.present(graph.node("Add", past, length), "position")
    zero, one = graph.number(0, np.int32), graph.number(1, np.int32)
    steps = graph.node("Range", zero, graph.reshape(length, []), one)
    positions = graph.node("Add", past, steps)
    graph.wires["stamps"] = graph.node("Add", positions, one)
    graph.wires["positions"] = graph.node("Cast", positions, to=TensorProto.FLOAT)


def _mix(graph: StepGraph, i: int, mixer: OneMixer, precision: Precision) -> str:
    if isinstance(mixer, AttentionMixer):
        return attention(graph, i, mixer)
    if isinstance(mixer, SelectiveMixer):
        return selective(graph, i, mixer, precision)
    if isinstance(mixer, ShortConvMixer):
        return short_conv(graph, i, mixer)
    if isinstance(mixer, DeltaMixer):
        return delta(graph, i, mixer)
    return rg_lru(graph, i, mixer) if isinstance(mixer, RgLruMixer) else ssd(graph, i, mixer)


def _logits(graph: StepGraph, head: LogitsHead, precision: Precision) -> None:
    last = graph.node("Gather", graph.wires["h"], graph.ints(-1))
    logits = logits_of(graph, last, head, precision)
    graph.give(graph.reshape(logits, [-1]), "logits", [head.project.weight.outputs])


def _sentences(graph: StepGraph, head: SentenceHead, tokens: str) -> None:
    """Vectors of the sentences that end; the sum and length of the open one are the state."""
    h, hidden = graph.wires["h"], head.mean_norm.weight.shape[0]
    ends = graph.node(
        "Equal", graph.reshape(tokens, [-1, 1]), graph.ints(*head.end_tokens, dtype=np.int32)
    )
    end = graph.node(
        "ReduceSum", graph.node("Cast", ends, to=TensorProto.INT32), graph.ints(-1), keepdims=0
    )
    total, count = graph.past("pool_total", [1, hidden]), graph.past("pool_count", [1, 1])
    number = graph.node("CumSum", end, graph.number(0, np.int64), exclusive=1)  # of its sentence
    n = graph.node("ReduceSum", end, graph.ints(0), keepdims=0)
    one = graph.number(1, np.int32)
    rows = graph.node("Range", graph.number(0, np.int32), graph.node("Add", n, one), one)
    inside = graph.node("Equal", graph.reshape(rows, [-1, 1]), graph.reshape(number, [1, -1]))
    member = graph.node("Cast", inside, to=TensorProto.FLOAT)  # (n + 1, T)
    first = graph.node("Equal", graph.reshape(rows, [-1, 1]), graph.number(0, np.int32))
    first = graph.node("Cast", first, to=TensorProto.FLOAT)
    sums = graph.node("Add", graph.node("MatMul", member, h), graph.node("MatMul", first, total))
    counts = graph.node("ReduceSum", member, graph.ints(1), keepdims=1)
    counts = graph.node("Add", counts, graph.node("MatMul", first, count))
    for name, array in (("pool_total", sums), ("pool_count", counts)):
        graph.present(graph.node("Gather", array, graph.ints(-1)), name)
    whole = graph.node("Range", graph.number(0, np.int32), n, one)
    means = graph.node(
        "Div", graph.node("Gather", sums, whole), graph.node("Gather", counts, whole)
    )
    places = graph.reshape(graph.node("NonZero", end), [-1])
    vector, context = sentences_of(graph, means, graph.node("Gather", h, places), head)
    size = head.vector_size + head.context_size
    graph.give(graph.node("Concat", vector, context, axis=-1), "vectors", ["n", size])
