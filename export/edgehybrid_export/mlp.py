"""MLPs and mixtures of them, as graph nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgehybrid_export.graph import Graph
from edgehybrid_export.linear import Scaled, gather, linear, scaled
from edgehybrid_export.precision import FLOAT32, Precision
from edgehybrid_export.spec import Experts, Mlp


def feed_forward(graph: Graph, x: str, mlp: Mlp | Experts, precision: Precision) -> str:
    """What an MLP or a mixture makes of x (T, hidden)."""
    ready = scaled(graph, x, precision)
    if isinstance(mlp, Mlp):
        return _mlp(graph, ready, mlp, precision)
    mixed = _mixture(graph, x, ready, mlp, precision)
    if mlp.shared is None:
        return mixed
    shared = _mlp(graph, ready, mlp.shared, precision)
    if mlp.shared_gate is not None:
        gate = graph.node("Sigmoid", linear(graph, Scaled(x), mlp.shared_gate, FLOAT32))
        shared = graph.node("Mul", shared, gate)
    return graph.node("Add", mixed, shared)


def _mlp(graph: Graph, x: Scaled, mlp: Mlp, precision: Precision) -> str:
    wide, inner = linear(graph, x, mlp.gate_up, precision), mlp.down.weight.inputs
    if mlp.gated:
        gate, up = graph.split(wide, [inner, inner])
        product = graph.node("Mul", _act(graph, gate, mlp.act), up)
    else:
        product = _act(graph, wide, mlp.act)
    return linear(graph, scaled(graph, product, precision), mlp.down, precision)


def _act(graph: Graph, x: str, act: str) -> str:
    if act == "relu2":
        positive = graph.node("Relu", x)
        return graph.node("Mul", positive, positive)
    if act == "silu":
        return graph.silu(x)
    return graph.gelu(x, tanh=act == "gelu_tanh")


def _mixture(graph: Graph, x: str, ready: Scaled, mlp: Experts, precision: Precision) -> str:
    choice = _choice(graph, x, mlp)
    if mlp.latent is None:
        return _experts(graph, x, ready, choice, mlp.experts, precision)
    down, up = mlp.latent
    narrow = linear(graph, ready, down, precision)
    ready = scaled(graph, narrow, precision)
    mixed = _experts(graph, narrow, ready, choice, mlp.experts, precision)
    return linear(graph, scaled(graph, mixed, precision), up, precision)


def _experts(
    graph: Graph,
    x: str,
    ready: Scaled,
    choice: tuple[str, str],
    experts: Sequence[Mlp],
    precision: Precision,
) -> str:
    """Each expert takes the rows that chose it, none if none did; all results are added up."""
    weights, chosen = choice
    rows, results = [], []
    for i, expert in enumerate(experts):
        here = graph.node("Equal", chosen, graph.constant(np.array(i, np.int64), "expert"))
        places = graph.node("Transpose", graph.node("NonZero", here), perm=[1, 0])
        row, _ = graph.split(places, [1, 1])  # (n, 1)
        part = gather(graph, ready, graph.reshape(row, [-1]))
        weight = graph.reshape(graph.node("GatherND", weights, places), [-1, 1])
        rows.append(row)
        results.append(graph.node("Mul", _mlp(graph, part, expert, precision), weight))
    nothing = graph.node("Mul", x, graph.constant(0.0, "nothing"))
    return graph.node(
        "ScatterND",
        nothing,
        graph.node("Concat", *rows, axis=0),
        graph.node("Concat", *results, axis=0),
        reduction="add",
    )


def _choice(graph: Graph, x: str, mlp: Experts) -> tuple[str, str]:
    """Weights (T, top_k) and numbers (T, top_k) of the chosen experts, in float32."""
    logits = linear(graph, Scaled(x), mlp.router, FLOAT32)
    if mlp.act == "softmax":
        scores = graph.node("Softmax", logits, axis=-1)
    else:
        scores = graph.node("Sigmoid", logits)
    wish = scores
    if mlp.choice_bias is not None:
        wish = graph.node("Add", wish, graph.constant(mlp.choice_bias, "choice_bias"))
    if mlp.groups is not None:
        wish = _best_groups(graph, wish, len(mlp.experts), *mlp.groups)
    _, chosen = graph.top(wish, mlp.top_k)
    weights = graph.node("GatherElements", scores, chosen, axis=1)
    if mlp.normalise:
        axis = graph.constant(np.array([-1], dtype=np.int64), "axis")
        total = graph.node("ReduceSum", weights, axis, keepdims=1)
        total = graph.node("Add", total, graph.constant(float(mlp.eps), "eps"))
        weights = graph.node("Div", weights, total)
    if mlp.scale != 1:
        weights = graph.node("Mul", weights, graph.constant(float(mlp.scale), "scale"))
    return weights, chosen


def _best_groups(graph: Graph, wish: str, experts: int, groups: int, kept: int) -> str:
    """`wish` (T, experts) with -inf for the experts of all but the best groups."""
    size = experts // groups
    pairs, _ = graph.top(graph.reshape(wish, [-1, groups, size]), min(2, size))
    axis = graph.constant(np.array([-1], dtype=np.int64), "axis")
    sums = graph.node("ReduceSum", pairs, axis, keepdims=0)
    highest, _ = graph.top(sums, kept)
    _, lowest = graph.split(highest, [kept - 1, 1]) if kept > 1 else ("", highest)
    best = graph.reshape(graph.node("GreaterOrEqual", sums, lowest), [-1, groups, 1])
    never = graph.constant(float("-inf"), "never")
    spread = graph.node("Where", best, graph.reshape(wish, [-1, groups, size]), never)
    return graph.reshape(spread, [-1, experts])
