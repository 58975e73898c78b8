"""Heads as graphs. The reader's are two: sentence vectors, and the scores of all sentences.

logits        h (n, hidden) -> logits (n, vocab)
sentence      mean, end (n, hidden) -> vector (n, V), context (n, C)
head          vector, context, place, mean, last -> score (n, 1)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgehybrid_export.graph import Graph
from edgehybrid_export.linear import Scaled, linear, scaled
from edgehybrid_export.precision import FLOAT32, Precision
from edgehybrid_export.spec import LogitsHead, SentenceHead
from edgehybrid_export.store import WeightStore


def head_graphs(
    head: SentenceHead | LogitsHead, precision: Precision, store: WeightStore
) -> Iterator[Graph]:
    """The graphs that a bundle needs for this head."""
    if isinstance(head, LogitsHead):
        yield logits_graph(head, precision, store)
    else:
        yield sentence_graph(head, store)
        yield head_graph(head, store)


def logits_graph(head: LogitsHead, precision: Precision, store: WeightStore) -> Graph:
    """Logits of the next token, from n residuals."""
    graph = Graph("logits", store, "head")
    h = graph.input("h", ["n", len(head.norm.weight)])
    logits = logits_of(graph, h, head, precision)
    graph.output(logits, "logits", ["n", head.project.weight.outputs])
    return graph


def logits_of(graph: Graph, h: str, head: LogitsHead, precision: Precision) -> str:
    """(n, vocab) of h (n, hidden)."""
    x = graph.rms_norm(h, head.norm.weight, head.norm.eps)
    logits = linear(graph, scaled(graph, x, precision), head.project, precision)
    if head.scale != 1:
        logits = _times(graph, logits, head.scale)
    if head.softcap is None:
        return logits
    capped = graph.node("Tanh", _times(graph, logits, 1 / head.softcap))
    return _times(graph, capped, head.softcap)


def sentence_graph(head: SentenceHead, store: WeightStore) -> Graph:
    """Unit vector of meaning and context of n sentences, from their pooled residuals."""
    graph = Graph("sentence", store, "head")
    hidden = head.mean_norm.weight.shape[0]
    mean, end = (graph.input(name, ["n", hidden]) for name in ("mean", "end"))
    vector, context = sentences_of(graph, mean, end, head)
    graph.output(vector, "vector", ["n", head.vector_size])
    graph.output(context, "context", ["n", head.context_size])
    return graph


def sentences_of(graph: Graph, mean: str, end: str, head: SentenceHead) -> tuple[str, str]:
    """Unit vectors (n, V) and contexts (n, C) of mean and end (n, hidden)."""
    mean = graph.rms_norm(mean, head.mean_norm.weight, head.mean_norm.eps)
    end = graph.rms_norm(end, head.end_norm.weight, head.end_norm.eps)
    joined = graph.node("Concat", mean, end, axis=-1)
    projected = linear(graph, Scaled(joined), head.project, FLOAT32)
    vector, context = graph.split(projected, [head.vector_size, head.context_size])
    axis = graph.constant(np.array([-1], dtype=np.int64), "axis")
    length = graph.node("ReduceL2", vector, axis, keepdims=1)
    norm = graph.node("Max", length, graph.constant(1e-6, "tiny"))
    return graph.node("Div", vector, norm), graph.node("Tanh", context)


def head_graph(head: SentenceHead, store: WeightStore) -> Graph:
    """Scores of n sentences; `mean` (1, V + C) and `last` (1, C) are the document's."""
    graph = Graph("head", store, "head")
    vector = graph.input("vector", ["n", head.vector_size])
    context = graph.input("context", ["n", head.context_size])
    place = graph.input("place", ["n", head.place_size])
    mean = graph.input("mean", [1, head.vector_size + head.context_size])
    last = graph.input("last", [1, head.context_size])
    mean_vector, mean_context = graph.split(mean, [head.vector_size, head.context_size])
    product = graph.node("Mul", vector, mean_vector)
    axis = graph.constant(np.array([-1], dtype=np.int64), "axis")
    near = graph.node("ReduceSum", product, axis, keepdims=1)
    shape = graph.node("Shape", context)
    features = graph.node(
        "Concat",
        _times(graph, vector, 16.0),
        _times(graph, product, 64.0),
        context,
        graph.node("Expand", mean_context, shape),
        graph.node("Expand", last, shape),
        place,
        _times(graph, near, 4.0),
        axis=-1,
    )
    hidden = graph.node("Gelu", linear(graph, Scaled(features), head.hidden, FLOAT32))
    graph.output(linear(graph, Scaled(hidden), head.out, FLOAT32), "score", ["n", 1])
    return graph


def _times(graph: Graph, x: str, factor: float) -> str:
    return graph.node("Mul", x, graph.constant(factor, "factor"))
