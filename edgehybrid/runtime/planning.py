"""Steps of layers and mixers, added to a program in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.dense import Matrix
from edgehybrid.runtime.limits import HEAD_ROWS
from edgehybrid.runtime.mixers import Attention
from edgehybrid.runtime.recurrent import GatedDelta, ShortConv, Ssd
from edgehybrid_kernels import FullCache, RoutedCache, load_task
from edgehybrid_kernels.attention.cache import padded_slots
from edgehybrid_kernels.program.table import Program, Rows, Variable, aligned

if TYPE_CHECKING:
    from edgehybrid.runtime.engine import Engine, Head

Array = NDArray[np.float32]
#: Where the words of a cache begin among those of attention_task.
_OF_CACHE = 25
#: Runs of neighbouring weights that each thread reads of a matrix when tokens are few: long runs
#: come faster from memory.
SHARES = 3
#: Modes of prepare_task.
PLAIN, NORM, GATED = 0, 1, 8
ACTS = {"silu": 2, "gelu_tanh": 3, "relu2": 4}
GATES = {"silu": 0, "sigmoid": 1, "gelu_tanh": 2, "identity": 3}


class Desk:
    """Work memory for a chunk, shared by all streams of a model: one works on it at a time."""

    def __init__(self, chunk: int, hidden: int, scratch: NDArray[np.uint8]) -> None:
        from edgehybrid_kernels.dense.dots import ROWS

        self.hidden, self.scratch = hidden, scratch
        self._rows = -(-chunk // ROWS) * ROWS
        self._arrays: dict[tuple[str, int, str], NDArray[Any]] = {}
        self.ids = np.zeros(chunk, np.int32)
        self.residuals = [self.floats(f"h{i}", hidden) for i in range(3)]

    def floats(self, name: str, width: int) -> Array:
        """(chunk, width), the same for the same name."""
        return self._array(name, width, np.float32)

    def bytes(self, width: int) -> NDArray[np.int8]:
        """(rows of whole tiles, width) for rounded inputs of a product."""
        return self._array("bytes", width, np.int8)

    def grids(self, padded: int, block: int) -> tuple[Array, NDArray[np.int64]]:
        """Scales and sums (rows, blocks) of rounded inputs."""
        blocks = padded // block if block else 1
        return self._array("scales", blocks, np.float32), self._array("sums", blocks, np.int64)

    def logits(self, vocab: int) -> Array:
        """(HEAD_ROWS, vocab)."""
        return self.spare(HEAD_ROWS, vocab)

    def spare(self, *shape: int) -> Array:
        """Scratch memory of kernels, of any shape, the same for the same shape."""
        key = ("spare", 0, str(shape))
        if key not in self._arrays:
            self._arrays[key] = aligned(shape, np.float32)
        return self._arrays[key]

    def _array(self, name: str, width: int, dtype: Any) -> NDArray[Any]:
        key = (name, width, np.dtype(dtype).str)
        if key not in self._arrays:
            self._arrays[key] = aligned((self._rows, width), dtype)
        return self._arrays[key]


class Planner:
    """Adds steps; `h` is the residual stream after the last of them.

    With a program `again`, states are only read, and the steps that would change them are added
    to `again` as well, where they do: for tokens of which it turns out later whether they count.
    What these steps read is then kept for each layer on its own.
    """

    def __init__(self, program: Program, desk: Desk, again: Program | None = None) -> None:
        self.program, self.desk, self.again = program, desk, again
        self._layer = 0
        self.rows, self.head_rows, self.head_from = Variable(), Variable(), Variable()
        self.h = desk.residuals[0]
        self._angles: dict[int, tuple[Array, float, Array, Array]] = {}
        self._attentions: list[tuple[list[int], Any, Attention, RoutedCache]] = []

    def embed(self, engine: Engine) -> None:
        table, zero = engine.table, engine.table_zero
        self.program.add(
            load_task("embed_task"),
            *(engine.hidden, _at(self.desk.ids), _at(table), table.strides[0], engine.table_kind),
            *(_at(engine.table_scale), _at(zero), engine.multiplier),
            *(_at(self.h), self.h.strides[0]),
            units=self.rows, grain=16,
        )  # fmt: skip

    def own(self, name: str, width: int) -> Array:
        """Work memory that `again` will read: of this layer alone then."""
        return self.desk.floats(name if self.again is None else f"{name}.{self._layer}", width)

    def stateful(
        self, task: str, *arguments: Any, units: int, grain: int = 1, grain_of_few: int | None = None
    ) -> list[int]:
        """A step whose last word says whether it changes a state."""
        if self.again is None:
            programs = [(self.program, 1)]
        else:
            programs = [(self.program, 0), (self.again, 1)]
        return [
            program.add(
                load_task(task), *arguments, keep,
                units=units, grain=grain, grain_of_few=grain_of_few,
            )
            for program, keep in programs
        ]

    def layer(self, layer: Any, mixers: Sequence[tuple[Any, dict[str, Any], Any]]) -> None:
        """Norm, mixers, MLP; each mixer comes with what dense.json says and with its state."""
        read, x, self._layer = self.h, None, self._layer + 1
        for mixer, fields, state in mixers:
            if fields.get("router") and x is None:
                x = self.desk.floats("x", self.desk.hidden)
        outs = []
        ready = self.round(read, mixers[0][1]["in"], layer.norms["norm"], keep=x)
        for mixer, fields, state in mixers:
            y = self.desk.floats(f"y{len(outs)}", mixer.width)
            _MIXERS[type(mixer)](self, mixer, fields, ready, x, state, y)
            outs.append((y, fields["out"]))
        for y, matrix in outs:
            self.add(self.round(y, matrix), matrix, layer.norms["post_norm"])
        if layer.mlp is not None:
            self._mlp(layer)

    def _mlp(self, layer: Any) -> None:
        gate_up, down = layer.mlp["gate_up"], layer.mlp["down"]
        ready = self.round(self.h, gate_up, layer.norms["mlp_norm"])
        wide = self.desk.floats("wide", gate_up.outputs)
        self.linear(ready, gate_up, wide)
        mode = ACTS[layer.mlp["act"]] + (GATED if layer.mlp["gated"] else 0)
        ready = self.round(wide, down, mode=mode)
        self.add(ready, down, layer.norms["mlp_post_norm"])

    def round(
        self,
        x: Array,
        matrix: Matrix,
        norm: tuple[Array, float] | None = None,
        *,
        mode: int = PLAIN,
        keep: Array | None = None,
        rows: Variable | None = None,
    ) -> tuple[Any, ...]:
        """`x` after norm or activation as bytes for a product; `keep` takes the floats as well."""
        into = self.desk.bytes(matrix.padded)
        scales, sums = self.desk.grids(matrix.padded, matrix.block)
        weight, eps = norm or (None, 0.0)
        at: Any = self.head_from if rows is self.head_rows else _at(x)
        self.program.add(
            load_task("prepare_task"),
            *(NORM if norm else mode, matrix.inputs, matrix.padded, at, x.strides[0]),
            *(_at(weight), eps, _at(keep), 0 if keep is None else keep.strides[0]),
            *(_at(into), into.strides[0], _at(scales), _at(sums), matrix.block),
            units=rows or self.rows, grain=8,
        )  # fmt: skip
        return into, scales, sums

    def linear(
        self,
        ready: tuple[Any, ...],
        matrix: Matrix,
        out: Array,
        residual: Array | None = None,
        rows: Variable | None = None,
    ) -> None:
        """out = product + bias + residual."""
        from edgehybrid.runtime.engine import linear_name
        from edgehybrid_kernels.dense.dots import TILE

        (x, scales, sums), tiles = ready, -(-matrix.outputs // TILE)
        self.program.add(
            load_task(linear_name(matrix.block)),
            *(rows or self.rows, matrix.outputs, matrix.padded, _at(x), x.strides[0]),
            *(_at(scales), _at(sums), _at(matrix.weight), matrix.weight.strides[0]),
            *(_at(matrix.scale), _at(matrix.zero), _at(matrix.bias)),
            *(_at(residual), 0 if residual is None else residual.strides[0]),
            *(_at(out), out.strides[0]),
            units=tiles, grain_of_few=-(-tiles // (SHARES * len(self.desk.scratch))),
        )  # fmt: skip

    def add(self, ready: tuple[Any, ...], matrix: Matrix, norm: Any) -> None:
        """h + product, which is normalised first where there is a norm after it."""
        old = self.h
        self.h = next(h for h in self.desk.residuals if h is not old)
        if norm is None:
            self.linear(ready, matrix, self.h, old)
            return
        made = self.desk.residuals[2]
        self.linear(ready, matrix, made)
        self.norm(made, norm, made)
        self.program.add(
            load_task("add_task"),
            *(matrix.outputs, _at(old), _at(made), _at(self.h), old.strides[0]),
            units=self.rows, grain=16,
        )  # fmt: skip

    def norm(self, x: Array, norm: tuple[Array, float], out: Array) -> None:
        """Of whole rows, or of each part of them as wide as the weight, in place if need be."""
        weight, eps = norm
        groups = x.shape[1] // len(weight)
        self.program.add(
            load_task("norm_task"),
            *(Rows(x, self.rows), Rows(x, self.rows), weight, Rows(out, self.rows)),
            *(float(eps), groups, 0, 8),
            units=self.rows, grain=16,
        )  # fmt: skip

    def gate(self, y: Array, z: Array, out: Array, act: str) -> None:
        """out = y * act(z)."""
        self.program.add(
            load_task("gate_task"),
            *(Rows(y, self.rows), Rows(z, self.rows), Rows(out, self.rows), GATES[act]),
            units=self.rows, grain=16,
        )  # fmt: skip

    def conv(self, x: Array, weights: dict[str, Array], state: Array, out: Array, silu: int) -> None:
        from edgehybrid_kernels.simd import LANES

        self.stateful(
            "conv_task",
            *(Rows(x, self.rows), np.ascontiguousarray(weights["conv_weight"].T)),
            *(weights["conv_bias"], state, Rows(out, self.rows), silu),
            units=-(-x.shape[1] // LANES), grain=4, grain_of_few=x.shape[1],
        )  # fmt: skip

    def ssd(self, mixer: Ssd, fields: Any, ready: Any, _x: Any, state: Any, y: Array) -> None:
        from edgehybrid_kernels.simd import LANES

        desk, w, width = self.desk, mixer.weights, mixer.width
        projected = self.own("projected", width + mixer.conv_dim + mixer.heads)
        mixed, scan = desk.floats("mixed", mixer.conv_dim), desk.floats("scan", width)
        self.linear(ready, fields["in"], projected)
        z, dt = projected[:, :width], projected[:, width + mixer.conv_dim :]
        self.conv(projected[:, width : width + mixer.conv_dim], w, state.conv, mixed, 1)
        groups = mixer.n_groups * mixer.d_state
        x, b = mixed[:, :width], mixed[:, width : width + groups]
        c = mixed[:, width + groups :]
        steps = desk.floats("steps", 2 * mixer.heads).reshape(2, -1, mixer.heads)
        aside = mixer.head_dim % LANES or self.again is not None
        spare = desk.spare(mixer.heads if aside else 0, mixer.d_state, LANES)
        rows = (Rows(part, self.rows) for part in (x, dt))
        self.stateful(
            "ssd_task",
            *(*rows, w["a"], Rows(b, self.rows), Rows(c, self.rows), w["d"], w["dt_bias"]),
            *(state.recurrent, Rows(scan, self.rows), steps, spare),
            *(float(mixer.dt_low), float(mixer.dt_high)),
            units=mixer.heads, grain=max(mixer.heads // 16, 1),
        )  # fmt: skip
        if mixer.norm_eps is None:
            self.gate(scan, z, y, "silu")
            return
        self._gated_norm(scan, z, w["norm"], y, mixer.norm_eps, mixer.norm_groups, (
            4 if mixer.norm_before_gate else 0
        ))

    def _gated_norm(
        self, y: Array, z: Array, weight: Array, out: Array, eps: float, groups: int, mode: int
    ) -> None:
        self.program.add(
            load_task("norm_task"),
            *(Rows(y, self.rows), Rows(z, self.rows), weight, Rows(out, self.rows)),
            *(float(eps), groups, y.shape[1] // groups, mode | 9),
            units=self.rows, grain=8,
        )  # fmt: skip

    def short_conv(
        self, mixer: ShortConv, fields: Any, ready: Any, _x: Any, state: Any, y: Array
    ) -> None:
        size = mixer.width
        projected, bx = self.desk.floats("bcx", 3 * size), self.own("bx", size)
        self.linear(ready, fields["in"], projected)
        b, c, x = (projected[:, i * size : (i + 1) * size] for i in range(3))
        self.gate(b, x, bx, "identity")
        self.conv(bx, mixer.weights, state.conv, y, 0)
        self.gate(y, c, y, "identity")

    def delta(
        self, mixer: GatedDelta, fields: Any, ready: Any, _x: Any, state: Any, y: Array
    ) -> None:
        from edgehybrid_kernels.delta import L2_EPS
        from edgehybrid_kernels.delta.compiled import BLOCK, ROWS_OF_TOKEN
        from edgehybrid_kernels.simd import LANES

        desk, w = self.desk, mixer.weights
        conv, width, heads = mixer.conv_dim, mixer.width, mixer.v_heads
        decays = len(fields["a_rate"])
        projected = self.own("delta", conv + width + heads + decays)
        self.linear(ready, fields["in"], projected)
        z = projected[:, conv : conv + width]
        b, a = projected[:, conv + width : conv + width + heads], projected[:, -decays:]
        g, beta = self.own("g", decays), self.own("beta", heads)
        self.program.add(
            load_task("delta_gates_task"),
            *(decays, _at(a), _at(fields["dt_bias"]), _at(fields["a_rate"]), _at(g)),
            *(heads, _at(b), _at(beta), float(fields["correction"]), projected.strides[0]),
            units=self.rows, grain=16,
        )  # fmt: skip
        mixed, scan = desk.floats("delta_mixed", conv), desk.floats("scan", width)
        self.conv(projected[:, :conv], w, state.conv, mixed, 1)
        keys = mixer.k_heads * mixer.k_dim
        padded = -(-max(mixer.k_dim, 2) // LANES) * LANES
        size = heads * BLOCK * ROWS_OF_TOKEN * padded
        rows = desk.spare(1, 1, size).reshape(heads, BLOCK, ROWS_OF_TOKEN, padded)
        aside = mixer.v_dim % (2 * LANES) or self.again is not None
        spare = desk.spare(heads if aside else 0, mixer.k_dim, 2 * LANES)
        q, k, v = mixed[:, :keys], mixed[:, keys : 2 * keys], mixed[:, 2 * keys :]
        self.stateful(
            "delta_task",
            *(Rows(part, self.rows) for part in (q, k, v, g, beta)),
            *(state.recurrent, Rows(scan, self.rows), rows, spare, BLOCK, float(L2_EPS)),
            units=heads,
        )  # fmt: skip
        mode = 4 | (2 if mixer.gate == "sigmoid" else 0)
        self._gated_norm(scan, z, w["norm"], y, mixer.norm_eps, heads, mode)

    def attention(
        self, mixer: Attention, fields: Any, ready: Any, x: Array | None, state: Any, y: Array
    ) -> None:
        desk, (queries, keys, values) = self.desk, mixer.sizes
        total = queries + keys + values
        projected = self.own("qkv", total + (mixer.width if mixer.gated else 0))
        self.linear(ready, fields["in"], projected)
        q, k = projected[:, :queries], projected[:, queries : queries + keys]
        v = projected[:, queries + keys : total]
        for part, norm in ((q, fields["q_norm"]), (k, fields["k_norm"])):
            if norm:
                self.norm(part, norm, part)
        if fields["rotary"]:
            self._rotate((q, k), mixer.head_dim, *fields["rotary"])
        score = self.own("score", mixer.kv_heads)
        if fields["router"]:
            self._router(x, fields["router"], score)
        else:
            score = desk.floats("no_score", mixer.kv_heads)
        cut = [Rows(part, self.rows) for part in (q, k, v, score, y)]
        kept = state.slots_for(1)
        steps = self.stateful("attention_task", *cut, *_kept(kept, mixer), units=mixer.kv_heads)
        self._attentions.append((steps, state, mixer, kept))
        if mixer.gated:
            self.gate(y, projected[:, total:], y, "sigmoid")

    def _rotate(self, parts: Any, head_dim: int, inv_freq: Array, factor: float) -> None:
        key = id(inv_freq)
        pairs = len(inv_freq)
        if key not in self._angles:
            cos, sin = (self.desk.floats(f"{n}{len(self._angles)}", pairs) for n in ("cos", "sin"))
            self._angles[key] = (inv_freq, factor, cos, sin)
        _, _, cos, sin = self._angles[key]
        for part in parts:
            cut = [Rows(array, self.rows) for array in (part, cos, sin, part)]
            self.program.add(load_task("rotate_task"), *cut, head_dim, units=self.rows, grain=16)

    def _router(self, x: Array | None, router: Any, score: Array) -> None:
        assert x is not None
        (into, bias), (out, out_bias) = router["hidden"], router["scores"]
        hidden = self.desk.floats("router", into.shape[1])
        for source, weight, b, target, act in (
            (x, into, bias, hidden, 1),
            (hidden, out, out_bias, score, 0),
        ):
            self.program.add(
                load_task("linear_float_task"),
                *(weight.shape[1], weight.shape[0], _at(source), source.strides[0], _at(weight)),
                *(_at(b), _at(target), target.strides[0], act),
                units=self.rows, grain=8,
            )  # fmt: skip

    def head(self, head: Head) -> None:
        """Logits of the chosen rows of h."""
        logits = self.desk.logits(head.project.outputs)
        ready = self.round(self.h, head.project, head.norm, rows=self.head_rows)
        self.linear(ready, head.project, logits, rows=self.head_rows)

    def turn(self, position: int, count: int) -> None:
        """Angles of the next `count` positions."""
        if self._angles:
            places = np.arange(position, position + count, dtype=np.float32)[:, None]
            for inv_freq, factor, cos, sin in self._angles.values():
                angles = places * inv_freq
                cos[:count], sin[:count] = np.cos(angles) * factor, np.sin(angles) * factor

    def grow(self, count: int) -> None:
        """Make room for `count` more tokens where caches keep all."""
        for i, (steps, state, mixer, kept) in enumerate(self._attentions):
            longer = state.slots_for(count)
            if longer is not kept:
                words = _kept(longer, mixer)
                for program, step in zip((self.program, self.again), steps, strict=False):
                    if program is not None:
                        program.replace(step, _OF_CACHE, *words)
                self._attentions[i] = (steps, state, mixer, longer)

    @property
    def caches(self) -> list[RoutedCache | FullCache]:
        """Of the attention layers."""
        return [state for _, state, *_ in self._attentions]

    def saw(self, count: int) -> None:
        """Tell caches that so many tokens were read."""
        for state in self.caches:
            state.seen[0] += count


def _kept(kept: RoutedCache, mixer: Attention) -> list[Any]:
    logits = np.empty((mixer.kv_heads, 4, padded_slots(kept.slots)), np.float32)
    return [
        *(logits, float(mixer.scale), 0.0, kept.keys, kept.values, kept.bias, kept.score),
        *(kept.position, kept.heap, kept.n_routed, kept.seen, kept.sinks, kept.window),
    ]


def _at(array: NDArray[Any] | None) -> int:
    """An array's address, 0 for none."""
    return 0 if array is None else int(array.ctypes.data)


_MIXERS: dict[type, Any] = {
    Ssd: Planner.ssd,
    ShortConv: Planner.short_conv,
    GatedDelta: Planner.delta,
    Attention: Planner.attention,
}
