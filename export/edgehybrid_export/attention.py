"""What an attention mixer is given: queries, keys and values in place, router scores, gate."""

from __future__ import annotations

import numpy as np

from edgehybrid_export.graph import Graph
from edgehybrid_export.linear import Scaled, linear, scaled
from edgehybrid_export.precision import FLOAT32, Precision
from edgehybrid_export.spec import AttentionMixer, Latent, Norm, Rotary, Router


def attention_inputs(
    graph: Graph, x: str, ready: Scaled, mixer: AttentionMixer, precision: Precision
) -> None:
    """Outputs: qkv (T, columns) normalised and rotated, the router's scores, the gate."""
    projected = linear(graph, ready, mixer.qkv, precision)
    columns = sum(mixer.sizes)
    if mixer.latent:
        projected = _expanded(graph, projected, mixer, mixer.latent, precision)
    if mixer.gated:
        projected, gate = graph.split(projected, [columns, mixer.width])
        graph.output(graph.node("Sigmoid", gate), "gate", ["T", mixer.width])
    if mixer.rotary or mixer.q_norm or mixer.k_norm:
        projected = _positioned(graph, projected, mixer)
    graph.output(projected, "qkv", ["T", columns])
    if mixer.router:
        graph.output(_router(graph, x, mixer.router), "score", ["T", mixer.n_kv_heads])


def _expanded(
    graph: Graph, narrow: str, mixer: AttentionMixer, latent: Latent, precision: Precision
) -> str:
    """Queries, keys and values of every head, of what a latent mixer's qkv gives."""
    heads, own = mixer.n_kv_heads, latent.k_up.weight.outputs // mixer.n_kv_heads
    queries = latent.q_up.weight.inputs if latent.q_up else mixer.sizes[0]
    common = mixer.head_dim - own
    q, vector, shared = graph.split(narrow, [queries, latent.k_up.weight.inputs, common])
    if latent.q_up:
        ready = scaled(graph, graph.normed(q, latent.q_norm), precision)
        q = linear(graph, ready, latent.q_up, precision)
    ready = scaled(graph, graph.normed(vector, latent.norm), precision)
    k = graph.reshape(linear(graph, ready, latent.k_up, precision), [-1, heads, own])
    copies = graph.constant(np.array([1, heads, 1], dtype=np.int64), "copies")
    repeated = graph.node("Tile", graph.reshape(shared, [-1, 1, common]), copies)
    k = graph.reshape(graph.node("Concat", k, repeated, axis=-1), [-1, mixer.sizes[1]])
    v = linear(graph, ready, latent.v_up, precision)
    return graph.node("Concat", q, k, v, axis=-1)


def _positioned(graph: Graph, qkv: str, mixer: AttentionMixer) -> str:
    """Queries and keys normalised by head and rotated to their positions."""
    queries, keys, values = mixer.sizes
    q, k, v = graph.split(qkv, [queries, keys, values])
    q = _head_norm(graph, q, mixer.q_norm, queries)
    k = _head_norm(graph, k, mixer.k_norm, keys)
    if mixer.rotary:
        tables = _angles(graph, mixer.rotary)
        q = _rotate(graph, q, tables, mixer.n_heads, mixer.rotary)
        k = _rotate(graph, k, tables, mixer.n_kv_heads, mixer.rotary)
    return graph.node("Concat", q, k, v, axis=-1)


def _head_norm(graph: Graph, x: str, norm: Norm | None, width: int) -> str:
    if norm is None or len(norm.weight) == width:
        return graph.normed(x, norm)
    size = len(norm.weight)
    heads = graph.reshape(x, [-1, width // size, size])
    return graph.reshape(graph.normed(heads, norm), [-1, width])


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
    hidden = graph.silu(linear(graph, Scaled(x), router.hidden, FLOAT32))
    return linear(graph, Scaled(hidden), router.out, FLOAT32)
