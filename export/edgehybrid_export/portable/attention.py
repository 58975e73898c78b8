"""Attention over tokens that are kept, as `edgehybrid_kernels.attention` keeps them.

Slots hold keys, values, stamps and router scores. A stamp is a token's position plus 1, and 0 in an
empty slot, so that a state of zeros is an empty one. Slots are in the order in which their tokens
came. For a query at stamp p, tokens up to `sinks` and those from p - window + 1 on are seen; of the
tokens between, the `budget` of the highest scores, which is what a heap of that size holds.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from edgehybrid_export.mixer_spec import AttentionMixer
from edgehybrid_export.portable.graph import StepGraph

NEVER = float("-inf")


def attention(graph: StepGraph, i: int, m: AttentionMixer) -> str:
    """y (T, width) of layer `i`."""
    q, k, v = graph.split(graph.wires["qkv"], list(m.sizes))
    slots = "past" if m.router is None and m.window is None else _slots(m)
    keys = _append(graph, f"key.{i}", k, m, slots, m.head_dim)
    values = _append(graph, f"value.{i}", v, m, slots, m.value_dim)
    if m.router is None and m.window is None:
        graph.present(keys, f"key.{i}")
        graph.present(values, f"value.{i}")
        bias = _causal(graph, keys)
    else:
        bias = _kept(graph, i, m, keys, values)
    y = _attend(graph, m, q, keys, values, bias)
    return graph.node("Mul", y, graph.wires["gate"]) if m.gated else y


def _slots(m: AttentionMixer) -> int:
    r = m.router
    return r.sinks + r.window + r.budget if r else m.window or 0


def _append(
    graph: StepGraph, name: str, new: str, m: AttentionMixer, slots: int | str, size: int
) -> str:
    """(heads, slots + T, size): what was kept, then these tokens."""
    past = graph.past(name, [m.n_kv_heads, slots, size])
    by_head = graph.transpose(graph.reshape(new, [-1, m.n_kv_heads, size]), 1, 0, 2)
    return graph.node("Concat", past, by_head, axis=1)


def _attend(graph: StepGraph, m: AttentionMixer, q: str, keys: str, values: str, bias: str) -> str:
    """(T, width) of q (T, queries), with a bias (heads or 1, T, M) for each query and key."""
    heads, shared = m.n_kv_heads, m.n_heads // m.n_kv_heads
    q = graph.node("Mul", q, graph.number(m.scale))
    rows = graph.transpose(graph.reshape(q, [-1, heads, shared, m.head_dim]), 1, 2, 0, 3)
    columns = graph.node("Unsqueeze", graph.transpose(keys, 0, 2, 1), graph.ints(1))
    logits = graph.node("MatMul", rows, columns)  # (heads, shared, T, M)
    logits = graph.node("Add", logits, graph.node("Unsqueeze", bias, graph.ints(1)))
    weights = graph.node("Softmax", logits, axis=-1)
    mixed = graph.node("MatMul", weights, graph.node("Unsqueeze", values, graph.ints(1)))
    return graph.reshape(graph.transpose(mixed, 2, 0, 1, 3), [-1, m.width])


def _causal(graph: StepGraph, keys: str) -> str:
    """(1, T, M): every token up to the query's own."""
    total = graph.reshape(graph.node("Shape", keys, start=1, end=2), [])
    whole = graph.node("Cast", total, to=TensorProto.INT32)
    zero, one = graph.number(0, np.int32), graph.number(1, np.int32)
    stamps = graph.node("Add", graph.node("Range", zero, whole, one), one)
    seen = graph.node("LessOrEqual", stamps, graph.reshape(graph.wires["stamps"], [1, -1, 1]))
    return graph.node("Where", seen, graph.number(0.0), graph.number(NEVER))


def _kept(graph: StepGraph, i: int, m: AttentionMixer, keys: str, values: str) -> str:
    """Bias (heads, T, M) by sinks, window and router; the slots that remain become the state."""
    heads, slots = m.n_kv_heads, _slots(m)
    past = graph.past(f"stamp.{i}", [heads, slots], TensorProto.INT32)
    here = graph.node("Expand", graph.batched(graph.wires["stamps"]), _rows(graph, heads))
    stamps = graph.node("Concat", past, here, axis=1)  # (heads, M)
    score = _scores(graph, i, m) if m.router else None
    queries = graph.reshape(graph.wires["stamps"], [1, -1, 1])
    seen, bias = _seen(graph, m, graph.node("Unsqueeze", stamps, graph.ints(1)), queries, score)
    at_end = graph.node("Gather", seen, graph.ints(-1), axis=1)
    flags = graph.node("Cast", graph.reshape(at_end, [heads, -1]), to=TensorProto.FLOAT)
    stays, order = graph.top(flags, slots)  # of equal ones, the first come first
    whole = graph.node("Cast", stays, to=TensorProto.INT32)
    chosen = graph.node("GatherElements", stamps, order, axis=1)
    graph.present(graph.node("Mul", chosen, whole), f"stamp.{i}")
    if score:
        graph.present(graph.node("GatherElements", score, order, axis=1), f"score.{i}")
    places = graph.node("Unsqueeze", order, graph.ints(-1))
    for name, array in (("key", keys), ("value", values)):
        graph.present(graph.node("GatherND", array, places, batch_dims=1), f"{name}.{i}")
    return bias


def _rows(graph: StepGraph, heads: int) -> str:
    """The shape (heads, T)."""
    length = graph.node("Shape", graph.wires["stamps"])
    return graph.node("Concat", graph.ints(heads), length, axis=0)


def _scores(graph: StepGraph, i: int, m: AttentionMixer) -> str:
    """(heads, M): of what was kept, then of these tokens, which are told."""
    graph.give(graph.wires["score"], f"router_score.{i}", ["T", m.n_kv_heads])
    past = graph.past(f"score.{i}", [m.n_kv_heads, _slots(m)])
    return graph.node("Concat", past, graph.transpose(graph.wires["score"], 1, 0), axis=1)


def _seen(
    graph: StepGraph, m: AttentionMixer, stamps: str, queries: str, score: str | None
) -> tuple[str, str]:
    """Which of stamps (heads, 1, M) queries (1, T, 1) see, and its bias, both (heads, T, M)."""
    zero, none, never = graph.number(0, np.int32), graph.number(0.0), graph.number(NEVER)
    window = m.router.window if m.router else m.window or 0
    oldest = graph.node("Sub", queries, graph.number(window, np.int32))  # has just left
    there = graph.node("Greater", stamps, zero)
    past = graph.node("And", there, graph.node("LessOrEqual", stamps, queries))
    near = graph.node("And", past, graph.node("Greater", stamps, oldest))
    if m.router is None or score is None:
        return near, graph.node("Where", near, none, never)
    first = graph.node("LessOrEqual", stamps, graph.number(m.router.sinks, np.int32))
    fixed = graph.node("Or", near, graph.node("And", past, first))
    far = graph.node("And", past, graph.node("Not", fixed))
    routed = _routed(graph, far, score, m.router.budget)
    trust = graph.node("Neg", graph.node("Softplus", graph.node("Neg", score)))
    of_far = graph.node("Where", routed, graph.node("Unsqueeze", trust, graph.ints(1)), never)
    return graph.node("Or", fixed, routed), graph.node("Where", fixed, none, of_far)


def _routed(graph: StepGraph, far: str, score: str, budget: int) -> str:
    """Of the `far` tokens (heads, T, M) the `budget` of the highest scores; of equal, the first."""
    wish = graph.node(
        "Where", far, graph.node("Unsqueeze", score, graph.ints(1)), graph.number(NEVER)
    )
    _, places = graph.top(wish, budget)
    nothing = graph.node("Mul", graph.node("Cast", far, to=TensorProto.FLOAT), graph.number(0.0))
    ones = graph.node("Expand", graph.number(1.0), graph.node("Shape", places))
    marks = graph.node("ScatterElements", nothing, places, ones, axis=2)
    return graph.node("And", far, graph.node("Greater", marks, graph.number(0.5)))
