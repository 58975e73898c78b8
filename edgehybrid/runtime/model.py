"""A loaded bundle: weights and graphs, shared by any number of streams."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgehybrid.bundle import DENSE, TOKENIZER, WRITING, Bundle, open_bundle
from edgehybrid.cores import available_cores
from edgehybrid.errors import BundleDamaged, RequestError, is_of_a_library
from edgehybrid.runtime.budgets import Budget
from edgehybrid.runtime.heads import SentenceHead, open_head
from edgehybrid.runtime.limits import HEAD_ROWS
from edgehybrid.runtime.mixers import Parallel, load_mixers
from edgehybrid.runtime.pipeline import split_evenly
from edgehybrid.runtime.recurrent import Ssd
from edgehybrid.runtime.remembered import Remembered
from edgehybrid.runtime.routing import route
from edgehybrid.runtime.sizes import as_damaged, check_sizes
from edgehybrid.runtime.state import Cache, CacheGroup, SsdState
from edgehybrid.runtime.stream import Kind, Stream
from edgehybrid.runtime.workspace import Workspace
from edgehybrid_kernels import (
    compile_all,
    is_compiled,
    load_kernels,
    multiplies_bytes_fast,
)

if TYPE_CHECKING:
    from edgehybrid.runtime.chat import Chat
    from edgehybrid.runtime.engine import Engine
    from edgehybrid.runtime.graph import Segment

Array = NDArray[np.float32]
log = logging.getLogger("edgehybrid")

#: Tokens a chunk: long enough for the products to be efficient, short enough for the caches.
CHUNK = 256
Backend = Literal["auto", "numba", "numpy"]


class Model:
    """Graphs, mixers and tokenizer of one bundle. Make streams with `stream`.

    Streams of one model take turns: each `feed` uses all of the model's threads.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int | None = None,
        kernels: Backend = "auto",
        graphs: bool = False,
    ) -> None:
        """See `load`; with `graphs`, ONNX Runtime runs what kernels could run alone."""
        if kernels not in get_args(Backend):
            known = ", ".join(get_args(Backend))
            raise RequestError(f"kernels {kernels!r} is not one of {known}")
        self.bundle = bundle
        self._threads, self._graphs = threads or available_cores(), graphs
        self.kernels = load_kernels(kernels)
        with as_damaged(bundle):
            check_sizes(bundle)
            self._load(bundle)
        self.lock = threading.Lock()
        self._turned: Engine | None = None
        self._spaces: list[Workspace] = []

    def _load(self, bundle: Bundle) -> None:
        fields = bundle.manifest["model"]
        self.hidden_size, self.vocab_size = int(fields["hidden_size"]), int(fields["vocab_size"])
        self._step_costs = [float(cost) for cost in fields["step_costs"]]
        self.tokenizer = open_tokenizer(bundle)
        self.mixers = load_mixers(bundle)
        self.engine = self._open_engine(bundle)
        self.writer = self._open_writer(bundle)
        self.segments = [] if self.engine else open_segments(bundle, len(self.mixers) + 1)
        self.head = open_head(bundle, self.vocab_size, graphs=self.engine is None)
        for engine in (self.engine, self.writer):
            if engine is not None and (engine.head is None) == self.writes:
                raise BundleDamaged(f"{bundle.folder}: manifest and dense.json differ in the head")

    def _open_engine(self, bundle: Bundle) -> Engine | None:
        """The program of kernels, where bundle and machine are fit for it; they are compiled."""
        if self.kernels.name != "numba":
            return None
        can = DENSE in bundle.manifest["files"] and multiplies_bytes_fast()
        if self._graphs or not can:
            _compile({n for mixer in self.mixers for n in mixer.kernels})
            return None
        from edgehybrid.runtime.dense import Dense
        from edgehybrid.runtime.engine import Engine, needed_tasks

        dense = Dense(bundle)
        _compile(needed_tasks(dense, self.mixers))
        size = self.vocab_size, self.hidden_size
        return Engine(dense, self.mixers, size, threads=self._threads, chunk=CHUNK)

    def _open_writer(self, bundle: Bundle) -> Engine | None:
        """What writes: other weights where the bundle has two sets."""
        if self.engine is None or WRITING not in bundle.manifest["files"]:
            return self.engine
        from edgehybrid.runtime.dense import Dense
        from edgehybrid.runtime.engine import Engine, needed_tasks

        dense = Dense(bundle, writing=True)
        _compile(needed_tasks(dense, self.mixers))
        size = self.vocab_size, self.hidden_size
        return Engine(dense, self.mixers, size, threads=self._threads, chunk=HEAD_ROWS)

    def turn_to(self, *, writing: bool) -> Engine | None:
        """The engine that reads or writes; the other's weights then leave memory."""
        chosen, other = (self.writer, self.engine) if writing else (self.engine, self.writer)
        if other is not None and other is not chosen and self._turned is not chosen:
            other.release()
        self._turned = chosen
        return chosen

    @property
    def route(self) -> str:
        """What reads: results are equal bit for bit only where it is the same."""
        return f"{self.kernels.name} {'alone' if self.engine else 'with graphs'}"

    @property
    def writes(self) -> bool:
        """Whether the bundle is a language model, not a reader."""
        return not isinstance(self.head, SentenceHead)

    @property
    def sentence_head(self) -> SentenceHead:
        """The head of a reader.

        Raises:
            RequestError: the bundle is a language model.
        """
        if not isinstance(self.head, SentenceHead):
            raise RequestError(
                f"{self.bundle.name} is a language model, not a reader: it has no sentence scores"
            )
        return self.head

    @property
    def threads(self) -> int:
        """How many threads work on a chunk."""
        return self.engine.threads if self.engine else len(self.stages)

    @property
    def stages(self) -> list[range]:
        """Which steps (segment i, then mixer i) each thread does."""
        return split_evenly(self._step_costs, min(self._threads, len(self._step_costs)))

    @property
    def spaces(self) -> list[Workspace]:
        """Work buffers: one for each stage and one on its way. Made when first needed."""
        if not self._spaces:
            count = len(self.stages) + (len(self.stages) > 1)
            self._spaces = [
                Workspace(self.segments, self.mixers, self.hidden_size, CHUNK) for _ in range(count)
            ]
        return self._spaces

    def stream(
        self,
        *,
        budget: Budget = None,
        router: str | None = None,
        state: Literal["float32", "float16"] = "float32",
    ) -> Stream:
        """A new stream at position 0, whose memory is constant where there is a budget.

        Args:
            budget: tokens that the router may keep per KV head; None for the bundle's own. Where
                a bundle has no router, None keeps every token (the memory then grows), and a
                number keeps so many in all: the first 4, the last ones, and those routed between.
                A mapping gives layers (0 is the first) numbers of their own, or one for each KV
                head: `{2: 64, 10: (128, 32)}`; a layer that it does not name is as with None.
            router: which tokens are kept, one of `edgehybrid.runtime.routers.NAMES`; None for the
                one that the bundle was trained with, or "window" where there is none.
            state: float16 halves the states of Mamba-2 layers. They are computed in float32 and
                rounded after every chunk, so results then depend, a little, on how tokens are cut.

        Raises:
            RequestError: the budget is out of range or names a layer that has no attention, the
                router cannot be had for this bundle, or float16 cannot be had here.
            BundleError: the fitted router is damaged.
        """
        routing = route(self.bundle, self.mixers, budget, router)
        caches = [
            mixer.alloc(asked) for mixer, asked in zip(self.mixers, routing.asked, strict=True)
        ]
        if state == "float16":
            self._halve(caches)
        elif state != "float32":
            raise RequestError(f"state {state!r} is not one of float32, float16")
        memory = Remembered.alloc(caches, self.hidden_size, self.vocab_size, writes=self.writes)
        return Stream(self, memory, Kind(routing.budget, state, routing.router, routing.probe))

    def resume(self, path: str | os.PathLike[str]) -> Stream:
        """A stream that goes on where `Stream.save` wrote it, without reading anything again.

        Raises:
            StateError: the file is missing, damaged, too new, or of another bundle.
        """
        from edgehybrid.runtime.saving import resume

        return resume(self, path)

    def _halve(self, caches: list[Cache]) -> None:
        parts = [p for c in caches for p in (c.parts if isinstance(c, CacheGroup) else [c])]
        layers = [m for x in self.mixers for m in (x.parts if isinstance(x, Parallel) else [x])]
        pairs = zip(parts, layers, strict=True)
        halved = [p for p, x in pairs if isinstance(p, SsdState) and isinstance(x, Ssd)]
        if self.engine is None or not halved:
            raise RequestError(
                f"state float16: {self.bundle.name} has no Mamba-2 layers that kernels run here"
            )
        _compile({"ssd_half_task"})
        for part in halved:
            part.halve()

    def chat(
        self, *, system: str | None = None, budget: Budget = None, router: str | None = None
    ) -> Chat:
        """A new conversation in the model's own chat template.

        Args:
            system: what the model is told before the first turn.
            budget: see `stream`.
            router: see there.

        Raises:
            RequestError: the bundle has no template or is a reader, or as `stream`.
        """
        from edgehybrid.runtime.chat import Chat

        return Chat(self, system=system, budget=budget, router=router)


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    threads: int | None = None,
    kernels: Backend = "auto",
) -> Model:
    """Load a bundle: the default reader if `path` is None.

    Args:
        path: a bundle's folder, as `edgehybrid export` writes it.
        threads: how many threads to use; all cores that this process may use if None.
        kernels: "numba", "numpy" (slower, but 60 MB smaller), or "auto": Numba where it is
            installed.

    Raises:
        BundleError: the bundle is missing, damaged or too new.
    """
    bundle = open_bundle(None if path is None else Path(path))
    return Model(bundle, threads=threads, kernels=kernels)


def open_segments(bundle: Bundle, count: int) -> list[Segment]:
    """The graphs between mixers; ONNX Runtime is imported only here."""
    from edgehybrid.runtime.graph import Segment

    return [Segment(bundle.file(f"segment.{i}.onnx")) for i in range(count)]


def open_tokenizer(bundle: Bundle) -> Tokenizer:
    """The tokenizer, without the limits of a training run that some files carry.

    Raises:
        BundleDamaged: tokenizer.json cannot be used.
    """
    path = bundle.file(TOKENIZER)
    try:
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
    except BaseException as error:
        if not is_of_a_library(error):
            raise
        why = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise BundleDamaged(f"{path} cannot be used ({why}); export the bundle again") from error
    return tokenizer


def _compile(names: Collection[str]) -> None:
    if not is_compiled(names):
        log.info("compiling kernels for this machine, once (some 10 to 20 s)")
    compile_all(names)
