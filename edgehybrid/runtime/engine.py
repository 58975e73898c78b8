"""The layers of a bundle as one table of steps, run by kernels alone.

    embedding -> for each layer: norm -> product -> mixer -> product + residual -> ... -> head

Where a bundle has `dense.json` and the machine multiplies bytes fast, this replaces the graphs:
weights are read where they are mapped, a chunk's steps are shared by all threads, and a token is
one call into compiled code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import BundleDamaged, RequestError
from edgehybrid.runtime.dense import Dense, Matrix, expect
from edgehybrid.runtime.desk import Desk
from edgehybrid.runtime.limits import FEW, HEAD_ROWS
from edgehybrid.runtime.mixers import Mixer, Parallel
from edgehybrid.runtime.planning import Planner
from edgehybrid.runtime.routers import Asked
from edgehybrid.runtime.state import Cache, CacheGroup
from edgehybrid_kernels import FullCache, KernelError, RoutedCache
from edgehybrid_kernels.program.table import Program, aligned

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """Norm, product and cap of the logits."""

    norm: tuple[Array, float]
    project: Matrix
    softcap: float | None


class Engine:
    """Weights and work memory of one model; streams make a `Plan` each."""

    def __init__(
        self,
        dense: Dense,
        mixers: Sequence[Mixer],
        size: tuple[int, int],
        *,
        threads: int,
        chunk: int,
    ) -> None:
        """`size` is that of the vocabulary and of the residual stream.

        Raises:
            BundleDamaged: a size in dense.json does not fit the others.
        """
        vocab, hidden = size
        self.chunk, self.hidden, self.threads = chunk, hidden, threads
        self.mixers = mixers
        self.layers = [_Layer(dense, fields) for fields in dense.described["layers"]]
        expect("layers are", len(self.layers), len(mixers))
        fields = dense.described["embedding"]
        expect("the embedding has", (fields["outputs"], fields["inputs"]), (vocab, hidden))
        self.table, self.table_scale, self.table_zero = dense.table(fields)
        self.table_kind = int(fields["block"]) or 1
        self.multiplier = float(fields["multiplier"])
        self.head = _head(dense)
        self.release = dense.release
        self.release()  # much was only read to be rearranged
        matrices = [m for layer in self.layers for m in layer.matrices]
        matrices += [self.head.project] if self.head else []
        self.scratch = _scratch(threads, max(m.padded for m in matrices))
        self.desk = Desk(chunk, hidden, self.scratch)
        if self.head is not None:
            expect("the head has outputs", self.head.project.outputs, vocab)
        try:  # the checks are those of every stream, but now they speak of the bundle
            self.plan([mixer.alloc(Asked(budget=0)) for mixer in mixers])
        except KernelError as error:
            raise BundleDamaged(f"dense.json does not fit the manifest: {error}") from error

    @cached_property
    def small_desk(self) -> Desk:
        """Work memory for tokens that are tried out."""
        return Desk(HEAD_ROWS, self.hidden, self.scratch)

    def plan(self, caches: Sequence[Cache]) -> Plan:
        """The steps for a stream with these caches."""
        return Plan(self, caches)

    def trial(self, caches: Sequence[Cache]) -> Trial:
        """The steps for tokens of which it is not known yet whether they count."""
        return Trial(self, caches)

    def lay_out(self, planner: Planner, caches: Sequence[Cache]) -> None:
        """Add the steps of the whole model."""
        planner.embed(self)
        for layer, mixer, cache in zip(self.layers, self.mixers, caches, strict=True):
            parts = mixer.parts if isinstance(mixer, Parallel) else (mixer,)
            states = cache.parts if isinstance(cache, CacheGroup) else [cache]
            planner.layer(layer, list(zip(parts, layer.mixers, states, strict=True)))
        if self.head is not None:
            planner.head(self.head)


class _Layer:
    """One entry of `layers`, its weights opened."""

    def __init__(self, dense: Dense, fields: dict[str, Any]) -> None:
        self.norms = {
            name: dense.norm(fields[name]) if fields[name] else None
            for name in ("norm", "post_norm", "mlp_norm", "mlp_post_norm")
        }
        self.mixers = [_opened(dense, mixer) for mixer in fields["mixers"]]
        self.mlp = fields["mlp"]
        if self.mlp is not None:
            self.mlp = {**self.mlp, **{k: dense.matrix(self.mlp[k]) for k in ("gate_up", "down")}}

    @property
    def matrices(self) -> list[Matrix]:
        found = [mixer[side] for mixer in self.mixers for side in ("in", "out")]
        return found + ([self.mlp["gate_up"], self.mlp["down"]] if self.mlp else [])


def _opened(dense: Dense, fields: dict[str, Any]) -> dict[str, Any]:
    """What dense.json says of a mixer, with arrays for names."""
    opened = dict(fields)
    for side in ("in", "out"):
        opened[side] = dense.matrix(fields[side])
    for name in ("q_norm", "k_norm"):
        if fields.get(name):
            opened[name] = dense.norm(fields[name])
    for name in ("a_rate", "dt_bias"):
        if name in fields:
            opened[name] = dense.array(fields[name])
    if fields.get("rotary"):
        opened["rotary"] = (dense.array(fields["rotary"]["inv_freq"]), fields["rotary"]["factor"])
    if fields.get("router"):
        opened["router"] = {
            part: (dense.array(linear["weight"], 2), linear["bias"] and dense.array(linear["bias"]))
            for part, linear in fields["router"].items()
        }
    return opened


def _head(dense: Dense) -> Head | None:
    fields = dense.described.get("head")
    if fields is None:
        return None
    project, factor = dense.matrix(fields["project"]), np.float32(fields["scale"])
    if factor != 1:
        bias = None if project.bias is None else project.bias * factor
        project = replace(project, scale=project.scale * factor, bias=bias)
    softcap = None if fields["softcap"] is None else float(fields["softcap"])
    return Head(dense.norm(fields["norm"]), project, softcap)


def needed_tasks(dense: Dense, mixers: Sequence[Mixer]) -> set[str]:
    """Names of the steps that a bundle's program is made of."""
    names = {"drive", "prepare_task", "embed_task"}
    products = [dense.described.get("head", {}).get("project")]
    for layer in dense.described["layers"]:
        products += [m[side] for m in layer["mixers"] for side in ("in", "out")]
        products += [layer["mlp"][k] for k in ("gate_up", "down")] if layer["mlp"] else []
        if layer["post_norm"] or layer["mlp_post_norm"]:
            names |= {"add_task"}
        for mixer in layer["mixers"]:
            names |= {"rotate_task"} if mixer.get("rotary") else set()
            names |= {"norm_task"} if mixer.get("q_norm") or mixer.get("k_norm") else set()
            names |= {"linear_float_task"} if mixer.get("router") else set()
    names |= {linear_name(fields["block"]) for fields in products if fields}
    for mixer in mixers:
        for part in mixer.parts if isinstance(mixer, Parallel) else (mixer,):
            names |= set(getattr(part, "tasks", ()))
    return names


def linear_name(block: int) -> str:
    """The task for products with weights in such blocks."""
    return f"linear_int4_{block}_task" if block else "linear_int8_task"


class Plan:
    """A stream's steps: the model's weights, its own caches."""

    def __init__(self, engine: Engine, caches: Sequence[Cache]) -> None:
        self._engine = engine
        self.program = Program(engine.scratch)
        self._planner = Planner(self.program, engine.desk)
        engine.lay_out(self._planner, caches)
        self.last_h = self._planner.h

    @property
    def chunk(self) -> int:
        """Tokens that are read at once, at most."""
        return self._engine.chunk

    def run(self, ids: NDArray[np.int32], position: int, logits: int) -> None:
        """Read a chunk that begins at `position`; make logits of its last `logits` tokens."""
        _run(self.program, self._planner, ids, position, logits)
        self._planner.saw(len(ids))

    def attended(self) -> list[tuple[Array, RoutedCache]]:
        """See `Planner.attended`."""
        return self._planner.attended()

    def logits(self, count: int) -> Array:
        """(count, vocab) of what the last run made, count at most HEAD_ROWS; a view."""
        return _logits(self._engine, self._engine.desk, count)


class Trial:
    """Tokens are tried, all at once, and then so many of them as turn out right are read.

    Trying changes no state but those of attention, which are put back; reading then repeats only
    what changes states, not the products, and gives bit for bit what reading one by one would.
    """

    def __init__(self, engine: Engine, caches: Sequence[Cache]) -> None:
        self._engine = engine
        self._try, self._again = Program(engine.scratch), Program(engine.scratch)
        self._planner = Planner(self._try, engine.small_desk, self._again)
        engine.lay_out(self._planner, caches)
        self.last_h = self._planner.h
        # A ring that wraps loses what it wraps over, so it is copied; a full cache only forgets.
        self._rings = [(c, c.copy()) for c in self._planner.caches if isinstance(c, RoutedCache)]

    def run(self, ids: NDArray[np.int32], position: int) -> Array:
        """Logits (T, vocab) after each of up to HEAD_ROWS tokens; a view."""
        planner, count = self._planner, len(ids)
        before = [int(cache.seen[0]) for cache in planner.caches]
        for ring, twin in self._rings:
            _copy(ring, twin)
        _run(self._try, planner, ids, position, count)
        planner.saw(count)
        for cache, seen in zip(planner.caches, before, strict=True):
            if isinstance(cache, FullCache):
                cache.rewind(seen)
        for ring, twin in self._rings:
            _copy(twin, ring)
        return _logits(self._engine, self._engine.small_desk, count)

    def keep(self, count: int) -> None:
        """Read the first `count` of the tokens tried last."""
        self._again.set(self._planner.rows, count)
        self._again.run(count)
        self._planner.saw(count)


def _run(
    program: Program, planner: Planner, ids: NDArray[np.int32], position: int, logits: int
) -> None:
    count = len(ids)
    planner.desk.ids[:count] = ids
    planner.turn(position, count)
    planner.grow(count)
    program.set(planner.rows, count)
    program.be_quick(few=count <= FEW)
    program.set(planner.head_rows, logits)
    # A row that exists also when no logits are wanted: h may have no more rows than a chunk.
    first = max(count - max(logits, 1), 0)
    program.set(planner.head_from, planner.h[first].ctypes.data)
    program.run(count)


def _logits(engine: Engine, desk: Desk, count: int) -> Array:
    if engine.head is None:
        raise RequestError("a reader has no logits")
    logits = desk.logits(engine.head.project.outputs)[:count]
    if engine.head.softcap is not None:
        np.tanh(logits / np.float32(engine.head.softcap), out=logits)
        logits *= np.float32(engine.head.softcap)
    return logits


def _copy(source: RoutedCache, target: RoutedCache) -> None:
    for name, array in source.tensors().items():
        target.tensors()[name][...] = array


def _scratch(threads: int, inputs: int) -> NDArray[np.uint8]:
    """(threads, bytes) of whole pages and a line: threads then use other sets of the caches."""
    from edgehybrid_kernels.dense.linear import scratch_bytes

    size = -(-scratch_bytes(inputs) // 4096) * 4096 + 64
    made: NDArray[np.uint8] = aligned((threads, size), np.uint8)
    return made
