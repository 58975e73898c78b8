"""Steps of layers, added to a program in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.dense import Matrix, expect
from edgehybrid.runtime.desk import Desk
from edgehybrid.runtime.mixers import Attention
from edgehybrid.runtime.planning_mixers import MIXERS, Read, cache_words
from edgehybrid_kernels import FullCache, RoutedCache, load_task
from edgehybrid_kernels import conv as conv_kernel
from edgehybrid_kernels import gate as gate_kernel
from edgehybrid_kernels import norm as norm_kernel
from edgehybrid_kernels.program.table import Program, Rows, Variable, address

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


class _Attending(NamedTuple):
    """Steps of an attention layer, and what they read and write."""

    steps: list[int]
    state: RoutedCache | FullCache
    mixer: Attention
    kept: RoutedCache
    weights: Array


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
        self._attentions: list[_Attending] = []

    def embed(self, engine: Engine) -> None:
        table, zero = engine.table, engine.table_zero
        self.program.add(
            load_task("embed_task"),
            *(engine.hidden, address(self.desk.ids), address(table), table.strides[0]),
            engine.table_kind,
            *(address(engine.table_scale), address(zero), engine.multiplier),
            *(address(self.h), self.h.strides[0]),
            units=self.rows, grain=16,
        )  # fmt: skip

    def own(self, name: str, width: int) -> Array:
        """Work memory that `again` will read: of this layer alone then."""
        return self.desk.floats(name if self.again is None else f"{name}.{self._layer}", width)

    def stateful(
        self,
        task: str,
        *arguments: Any,
        units: int,
        grain: int = 1,
        grain_of_few: int | None = None,
    ) -> list[int]:
        """A step whose last word says whether it changes a state."""
        if self.again is None:
            programs = [(self.program, 1)]
        else:
            programs = [(self.program, 0), (self.again, 1)]
        return [
            program.add(
                load_task(task),
                *arguments,
                keep,
                units=units,
                grain=grain,
                grain_of_few=grain_of_few,
            )
            for program, keep in programs
        ]

    def layer(self, layer: Any, mixers: Sequence[tuple[Any, dict[str, Any], Any]]) -> None:
        """Norm, mixers, MLP; each mixer comes with what dense.json says and with its state."""
        self._layer += 1
        x = self.desk.floats("x", self.desk.hidden)
        outs: list[tuple[Array, Matrix]] = []
        routed = any(fields.get("router") for _, fields, _ in mixers)
        into = mixers[0][1]["in"]
        ready = self.round(self.h, into, layer.norms["norm"], keep=x if routed else None)
        for mixer, fields, state in mixers:
            y = self.desk.floats(f"y{len(outs)}", mixer.width)
            MIXERS[type(mixer)](self, mixer, fields, Read(ready, x), state, y)
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
        width = x.shape[1] // 2 if mode >= GATED else x.shape[1]
        expect("a product has inputs", matrix.inputs, width)
        if norm is not None:
            expect("a norm has shape", norm[0].shape, (width,))
        into = self.desk.bytes(matrix.padded)
        scales, sums = self.desk.grids(matrix.blocks)
        weight, eps = norm or (None, 0.0)
        at: Any = self.head_from if rows is self.head_rows else address(x)
        self.program.add(
            load_task("prepare_task"),
            *(NORM if norm else mode, matrix.inputs, matrix.padded, at, x.strides[0]),
            *(address(weight), eps, address(keep), 0 if keep is None else keep.strides[0]),
            *(address(into), into.strides[0], address(scales), address(sums), matrix.block),
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

        expect("a product has outputs", matrix.outputs, out.shape[1])
        expect("a product's input has columns", ready[0].shape[1], matrix.padded)
        expect("a product's input has scales", ready[1].shape[1], matrix.blocks)
        (x, scales, sums), tiles = ready, -(-matrix.outputs // TILE)
        self.program.add(
            load_task(linear_name(matrix.block)),
            *(rows or self.rows, matrix.outputs, matrix.padded, address(x), x.strides[0]),
            *(address(scales), address(sums), address(matrix.weight), matrix.weight.strides[0]),
            *(address(matrix.scale), address(matrix.zero), address(matrix.bias)),
            *(address(residual), 0 if residual is None else residual.strides[0]),
            *(address(out), out.strides[0]),
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
            *(matrix.outputs, address(old), address(made), address(self.h), old.strides[0]),
            units=self.rows, grain=16,
        )  # fmt: skip

    def norm(self, x: Array, norm: tuple[Array, float], out: Array) -> None:
        """Of whole rows, or of each part of them as wide as the weight, in place if need be."""
        weight, eps = norm
        groups = x.shape[1] // max(len(weight), 1)
        expect("a norm's groups have columns", groups * len(weight), x.shape[1])
        norm_kernel.check(x, None, weight, out, groups, "silu")
        self.program.add(
            load_task("norm_task"),
            *(Rows(x, self.rows), Rows(x, self.rows), weight, Rows(out, self.rows)),
            *(float(eps), groups, 0, 8),
            units=self.rows, grain=16,
        )  # fmt: skip

    def gate(self, y: Array, z: Array, out: Array, act: str) -> None:
        """out = y * act(z)."""
        gate_kernel.check(y, z, out, act)
        self.program.add(
            load_task("gate_task"),
            *(Rows(y, self.rows), Rows(z, self.rows), Rows(out, self.rows), GATES[act]),
            units=self.rows, grain=16,
        )  # fmt: skip

    def conv(
        self, x: Array, weights: dict[str, Array], state: Array, out: Array, silu: int
    ) -> None:
        from edgehybrid_kernels.simd import LANES

        conv_kernel.check(x, weights["conv_weight"], weights["conv_bias"], state, out)
        self.stateful(
            "conv_task",
            *(Rows(x, self.rows), np.ascontiguousarray(weights["conv_weight"].T)),
            *(weights["conv_bias"], state, Rows(out, self.rows), silu),
            units=-(-x.shape[1] // LANES), grain=4, grain_of_few=x.shape[1],
        )  # fmt: skip

    def head(self, head: Head) -> None:
        """Logits of the chosen rows of h."""
        logits = self.desk.logits(head.project.outputs)
        ready = self.round(self.h, head.project, head.norm, rows=self.head_rows)
        self.linear(ready, head.project, logits, rows=self.head_rows)

    def angles(self, inv_freq: Array, factor: float) -> tuple[Array, Array]:
        """cos and sin (chunk, pairs), which `turn` fills."""
        key = id(inv_freq)
        if key not in self._angles:
            names = (f"{name}{len(self._angles)}" for name in ("cos", "sin"))
            cos, sin = (self.desk.floats(name, len(inv_freq)) for name in names)
            self._angles[key] = (inv_freq, factor, cos, sin)
        return self._angles[key][2:]

    def attend(
        self,
        steps: list[int],
        state: RoutedCache | FullCache,
        mixer: Attention,
        words: list[Any],
    ) -> None:
        """Take note of steps that read and write a cache of tokens, with `cache_words`."""
        self._attentions.append(_Attending(steps, state, mixer, state.slots_for(1), words[0]))

    def turn(self, position: int, count: int) -> None:
        """Angles of the next `count` positions."""
        if self._angles:
            places = np.arange(position, position + count, dtype=np.float32)[:, None]
            for inv_freq, factor, cos, sin in self._angles.values():
                angles = places * inv_freq
                cos[:count], sin[:count] = np.cos(angles) * factor, np.sin(angles) * factor

    def grow(self, count: int) -> None:
        """Make room for `count` more tokens where caches keep all."""
        for i, (steps, state, mixer, kept, _) in enumerate(self._attentions):
            longer = state.slots_for(count)
            if longer is not kept:
                words = cache_words(longer, mixer)
                for program, step in zip((self.program, self.again), steps, strict=False):
                    if program is not None:
                        program.replace(step, _OF_CACHE, *words)
                self._attentions[i] = _Attending(steps, state, mixer, longer, words[0])

    @property
    def caches(self) -> list[RoutedCache | FullCache]:
        """Of the attention layers."""
        return [layer.state for layer in self._attentions]

    def attended(self) -> list[tuple[Array, RoutedCache]]:
        """Per attention layer, exponentials (Hk, 4, slots) of the token read last, and the cache.

        The rows are those of the last queries of each head; those that it has not got stay zero.
        """
        return [(layer.weights, layer.kept) for layer in self._attentions]

    def saw(self, count: int) -> None:
        """Tell caches that so many tokens were read."""
        for state in self.caches:
            state.seen[0] += count
