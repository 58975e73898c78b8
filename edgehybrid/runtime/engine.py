"""The layers of a bundle as one table of steps, run by kernels alone.

    embedding -> for each layer: norm -> product -> mixer -> product + residual -> ... -> head

Where a bundle has `dense.json` and the machine multiplies bytes fast, this replaces the graphs:
weights are read where they are mapped, a chunk's steps are shared by all threads, and a token is
one call into compiled code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.dense import Dense, Matrix
from edgehybrid.runtime.mixers import Mixer, Parallel
from edgehybrid.runtime.limits import FEW
from edgehybrid.runtime.planning import Desk, Planner
from edgehybrid.runtime.state import Cache, CacheGroup
from edgehybrid_kernels.program.table import Program

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
        self, dense: Dense, mixers: Sequence[Mixer], hidden: int, *, threads: int, chunk: int
    ) -> None:
        self.chunk, self.hidden, self.threads = chunk, hidden, threads
        self.mixers, self.described = mixers, dense.described
        self.layers = [_Layer(dense, fields) for fields in dense.described["layers"]]
        fields = dense.described["embedding"]
        self.table, self.table_scale, self.table_zero = dense.table(fields)
        self.table_kind = int(fields["block"]) or 1
        self.multiplier = float(fields["multiplier"])
        self.head = _head(dense)
        dense.release()
        matrices = [m for layer in self.layers for m in layer.matrices]
        matrices += [self.head.project] if self.head else []
        self.desk = Desk(chunk, hidden, threads, [m.padded for m in matrices])

    def plan(self, caches: Sequence[Cache]) -> Plan:
        """The steps for a stream with these caches."""
        return Plan(self, caches)


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
            part: (dense.array(linear["weight"]), dense.array(linear["bias"]))
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
    return Head(dense.norm(fields["norm"]), project, fields["softcap"])


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
            names |= set(part.tasks)
    return names


def linear_name(block: int) -> str:
    """The task for products with weights in such blocks."""
    return f"linear_int4_{block}_task" if block else "linear_int8_task"


class Plan:
    """A stream's steps: the model's weights, its own caches."""

    def __init__(self, engine: Engine, caches: Sequence[Cache]) -> None:
        self._engine = engine
        desk = engine.desk
        self.program = Program(desk.scratch)
        self._planner = planner = Planner(self.program, desk)
        planner.embed(engine)
        for layer, mixer, cache in zip(engine.layers, engine.mixers, caches, strict=True):
            parts = mixer.parts if isinstance(mixer, Parallel) else (mixer,)
            states = cache.parts if isinstance(cache, CacheGroup) else [cache]
            planner.layer(layer, list(zip(parts, layer.mixers, states, strict=True)))
        self.last_h = planner.h
        if engine.head is not None:
            planner.head(engine.head)

    def run(self, ids: NDArray[np.int32], position: int, logits: int) -> None:
        """Read a chunk that begins at `position`; make logits of its last `logits` tokens."""
        desk, planner, count = self._engine.desk, self._planner, len(ids)
        desk.ids[:count] = ids
        planner.turn(position, count)
        planner.grow(count)
        self.program.set(planner.rows, count)
        self.program.be_quick(few=count <= FEW)
        if self._engine.head is not None:
            self.program.set(planner.head_rows, logits)
            row = self.last_h[max(count - logits, 0)]
            self.program.set(planner.head_from, row.ctypes.data)
        self.program.run()
        planner.saw(count)

    def logits(self, count: int) -> Array:
        """(count, vocab) of what the last run made, count at most HEAD_ROWS; a view."""
        head, logits = self._engine.head, self._engine.desk.logits[:count]
        if head is not None and head.softcap is not None:
            np.tanh(logits / np.float32(head.softcap), out=logits)
            logits *= np.float32(head.softcap)
        return logits
