"""Steps of mixers: what stands between the two products of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.dense import expect
from edgehybrid.runtime.mixers import Attention
from edgehybrid.runtime.recurrent import GatedDelta, ShortConv, Ssd
from edgehybrid_kernels import RoutedCache, load_task
from edgehybrid_kernels import attention as attention_kernel
from edgehybrid_kernels import delta as delta_kernel
from edgehybrid_kernels import norm as norm_kernel
from edgehybrid_kernels import rope as rope_kernel
from edgehybrid_kernels import ssd as ssd_kernel
from edgehybrid_kernels.attention.cache import padded_slots
from edgehybrid_kernels.program.table import Rows, address

if TYPE_CHECKING:
    from edgehybrid.runtime.planning import Planner

Array = NDArray[np.float32]
Fields = dict[str, Any]
#: Bits of norm_task's mode.
GATED, SIGMOID, GATE_LAST, WEIGHTED = 1, 2, 4, 8


@dataclass(frozen=True)
class Read:
    """What the mixers of a layer read: rounded for products, and as floats if a router does."""

    ready: tuple[Any, ...]
    x: Array


def ssd(p: Planner, mixer: Ssd, fields: Fields, read: Read, state: Any, y: Array) -> None:
    """Mamba-2."""
    from edgehybrid_kernels.simd import LANES
    from edgehybrid_kernels.ssd.compiled import STEP_ROWS, VECTORS

    desk, w, width = p.desk, mixer.weights, mixer.width
    projected = p.own("projected", width + mixer.conv_dim + mixer.heads)
    mixed, scan = desk.floats("mixed", mixer.conv_dim), desk.floats("scan", width)
    p.linear(read.ready, fields["in"], projected)
    z, dt = projected[:, :width], projected[:, width + mixer.conv_dim :]
    p.conv(projected[:, width : width + mixer.conv_dim], w, state.conv, mixed, 1)
    groups = mixer.n_groups * mixer.d_state
    x, b = mixed[:, :width], mixed[:, width : width + groups]
    c = mixed[:, width + groups :]
    steps = desk.floats("steps", STEP_ROWS * mixer.heads).reshape(STEP_ROWS, -1, mixer.heads)
    half = state.recurrent.dtype == np.float16
    aside = half or mixer.head_dim % LANES or p.again is not None
    spare = desk.spare(mixer.heads if aside else 0, mixer.d_state, VECTORS * LANES)
    rows = (Rows(part, p.rows) for part in (x, dt))
    limits = (float(mixer.dt_low), float(mixer.dt_high))
    if not half:
        parts = (x, dt, w["a"], b, c, w["d"], w["dt_bias"], state.recurrent, state.scale, scan)
        ssd_kernel.check(*parts, limits)
    p.stateful(
        "ssd_half_task" if half else "ssd_task",
        *(*rows, w["a"], Rows(b, p.rows), Rows(c, p.rows), w["d"], w["dt_bias"]),
        *(state.recurrent, state.scale, Rows(scan, p.rows), steps, spare),
        *limits,
        units=mixer.heads, grain=-(-mixer.heads // (4 * len(desk.scratch))),
    )  # fmt: skip
    if mixer.norm_eps is None:
        p.gate(scan, z, y, "silu")
        return
    mode = GATE_LAST if mixer.norm_before_gate else 0
    _gated_norm(p, (scan, z, y), w["norm"], mixer.norm_eps, mixer.norm_groups, mode)


def _gated_norm(
    p: Planner, parts: tuple[Array, Array, Array], weight: Array, eps: float, groups: int, mode: int
) -> None:
    y, z, out = parts
    norm_kernel.check(y, z, weight, out, groups, "silu")
    p.program.add(
        load_task("norm_task"),
        *(Rows(y, p.rows), Rows(z, p.rows), weight, Rows(out, p.rows)),
        *(float(eps), groups, y.shape[1] // groups, mode | GATED | WEIGHTED),
        units=p.rows, grain=8,
    )  # fmt: skip


def short_conv(
    p: Planner, mixer: ShortConv, fields: Fields, read: Read, state: Any, y: Array
) -> None:
    """Gated short convolution."""
    size = mixer.width
    projected, bx = p.desk.floats("bcx", 3 * size), p.own("bx", size)
    p.linear(read.ready, fields["in"], projected)
    b, c, x = (projected[:, i * size : (i + 1) * size] for i in range(3))
    p.gate(b, x, bx, "identity")
    p.conv(bx, mixer.weights, state.conv, y, 0)
    p.gate(y, c, y, "identity")


def delta(p: Planner, mixer: GatedDelta, fields: Fields, read: Read, state: Any, y: Array) -> None:
    """Gated delta rule."""
    from edgehybrid_kernels.delta import L2_EPS
    from edgehybrid_kernels.delta.compiled import BLOCK, ROWS_OF_TOKEN
    from edgehybrid_kernels.simd import LANES

    desk, w = p.desk, mixer.weights
    conv, width, heads = mixer.conv_dim, mixer.width, mixer.v_heads
    decays = len(fields["a_rate"])
    expect("a_rate and dt_bias have shape", fields["dt_bias"].shape, (decays,))
    expect("decays are", decays, heads * (mixer.k_dim if mixer.by_channel else 1))
    projected = p.own("delta", conv + width + heads + decays)
    p.linear(read.ready, fields["in"], projected)
    z = projected[:, conv : conv + width]
    b, a = projected[:, conv + width : conv + width + heads], projected[:, -decays:]
    g, beta = p.own("g", decays), p.own("beta", heads)
    p.program.add(
        load_task("delta_gates_task"),
        *(decays, address(a), address(fields["dt_bias"]), address(fields["a_rate"]), address(g)),
        *(heads, address(b), address(beta), float(fields["correction"]), projected.strides[0]),
        units=p.rows, grain=16,
    )  # fmt: skip
    mixed, scan = desk.floats("delta_mixed", conv), desk.floats("scan", width)
    p.conv(projected[:, :conv], w, state.conv, mixed, 1)
    keys = mixer.k_heads * mixer.k_dim
    padded = -(-max(mixer.k_dim, 2) // LANES) * LANES
    size = heads * BLOCK * ROWS_OF_TOKEN * padded
    rows = desk.spare(1, 1, size).reshape(heads, BLOCK, ROWS_OF_TOKEN, padded)
    spare = desk.spare(heads, mixer.k_dim, 2 * LANES)
    q, k, v = mixed[:, :keys], mixed[:, keys : 2 * keys], mixed[:, 2 * keys :]
    delta_kernel.check(q, k, v, g, beta, state.recurrent, scan)
    p.stateful(
        "delta_task",
        *(Rows(part, p.rows) for part in (q, k, v, g, beta)),
        *(state.recurrent, Rows(scan, p.rows), rows, spare, BLOCK, float(L2_EPS)),
        units=heads,
    )  # fmt: skip
    mode = GATE_LAST | (SIGMOID if mixer.gate == "sigmoid" else 0)
    _gated_norm(p, (scan, z, y), w["norm"], mixer.norm_eps, heads, mode)


def attention(
    p: Planner, mixer: Attention, fields: Fields, read: Read, state: Any, y: Array
) -> None:
    """Grouped queries, their norms, rotation, router and gate."""
    desk, (queries, keys, values) = p.desk, mixer.sizes
    total = queries + keys + values
    projected = p.own("qkv", total + (mixer.width if mixer.gated else 0))
    p.linear(read.ready, fields["in"], projected)
    q, k = projected[:, :queries], projected[:, queries : queries + keys]
    v = projected[:, queries + keys : total]
    for part, norm in ((q, fields["q_norm"]), (k, fields["k_norm"])):
        if norm:
            p.norm(part, norm, part)
    if fields["rotary"]:
        _rotate(p, (q, k), mixer.head_dim, *fields["rotary"])
    score = p.own("score", mixer.kv_heads)
    if fields["router"]:
        _router(p, read.x, fields["router"], score)
    else:
        score = desk.floats("no_score", mixer.kv_heads)
    attention_kernel.check(q, k, v, score, state, y, None)
    cut = [Rows(part, p.rows) for part in (q, k, v, score, y)]
    words = cache_words(state.slots_for(1), mixer)
    steps = p.stateful("attention_task", *cut, *words, units=mixer.kv_heads)
    p.attend(steps, state, mixer, words)
    if mixer.gated:
        p.gate(y, projected[:, total:], y, "sigmoid")


def _rotate(
    p: Planner, parts: tuple[Array, ...], head_dim: int, inv_freq: Array, factor: float
) -> None:
    expect("a rotation fits in a head", 0 < 2 * len(inv_freq) <= head_dim, True)
    cos, sin = p.angles(inv_freq, factor)
    for part in parts:
        rope_kernel.check(part, cos, sin, part, head_dim)
        cut = [Rows(array, p.rows) for array in (part, cos, sin, part)]
        p.program.add(load_task("rotate_task"), *cut, head_dim, units=p.rows, grain=16)


def _router(p: Planner, x: Array, router: Fields, score: Array) -> None:
    (into, bias), (out, out_bias) = router["hidden"], router["scores"]
    expect("a router has", (into.shape[0], *out.shape), (x.shape[1], into.shape[1], score.shape[1]))
    hidden = p.desk.floats("router", into.shape[1])
    for source, weight, b, target, act in (
        (x, into, bias, hidden, 1),
        (hidden, out, out_bias, score, 0),
    ):
        p.program.add(
            load_task("linear_float_task"),
            *(weight.shape[1], weight.shape[0], address(source), source.strides[0]),
            *(address(weight), address(b), address(target), target.strides[0], act),
            units=p.rows, grain=8,
        )  # fmt: skip


def cache_words(kept: RoutedCache, mixer: Attention) -> list[Any]:
    """Arguments of attention_task from the logits on."""
    logits = np.zeros((mixer.kv_heads, 4, padded_slots(kept.slots)), np.float32)
    return [
        *(logits, float(mixer.scale), 0.0, kept.keys, kept.values, kept.bias, kept.score),
        *(kept.position, kept.heap, kept.n_routed, kept.seen, kept.sinks, kept.window),
        *(kept.code, kept.weights, kept.stats, kept.capacities),
    ]


#: By mixer: what adds its steps, from the product into it to the input of the one out of it.
MIXERS: dict[type, Any] = {
    Ssd: ssd,
    ShortConv: short_conv,
    GatedDelta: delta,
    Attention: attention,
}
