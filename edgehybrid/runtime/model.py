"""A loaded bundle: weights and graphs, shared by any number of streams."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from edgehybrid.bundle import MANIFEST, MIXERS, TOKENIZER, Bundle, open_bundle
from edgehybrid.errors import BundleDamaged, RequestError
from edgehybrid.runtime.graph import Segment
from edgehybrid.runtime.mixers import Mixer, make_mixer
from edgehybrid.runtime.pipeline import split_evenly
from edgehybrid.runtime.stream import Stream
from edgehybrid.runtime.workspace import Workspace
from edgehybrid_kernels import Kernels, compile_all, is_compiled, load_kernels

Array = NDArray[np.float32]
log = logging.getLogger("edgehybrid")

#: Tokens a chunk: long enough for the products to be efficient, short enough for the caches.
CHUNK = 256
#: Sentences whose features are in memory at a time.
SCORED_TOGETHER = 1024
Backend = Literal["auto", "numba", "numpy"]


class Model:
    """Graphs, mixers and tokenizer of one bundle. Make streams with `stream`.

    Streams of one model take turns: each `feed` uses all of the model's threads.
    """

    def __init__(
        self, bundle: Bundle, *, threads: int | None = None, kernels: Backend = "auto"
    ) -> None:
        if kernels not in get_args(Backend):
            known = ", ".join(get_args(Backend))
            raise RequestError(f"kernels {kernels!r} is not one of {known}")
        self.bundle = bundle
        self.kernels = _ready_kernels(kernels)
        try:
            self._load(bundle)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleDamaged(
                f"{bundle.folder / MANIFEST} does not describe its files: "
                f"{type(error).__name__} {error}; export the bundle again"
            ) from error
        self.lock = threading.Lock()
        self._threads = threads or available_cores()
        self._spaces: list[Workspace] = []

    def _load(self, bundle: Bundle) -> None:
        fields = bundle.manifest["model"]
        self.hidden_size, self.vocab_size = int(fields["hidden_size"]), int(fields["vocab_size"])
        self._step_costs = [float(cost) for cost in fields["step_costs"]]
        self.tokenizer = Tokenizer.from_file(str(bundle.file(TOKENIZER)))
        self.mixers = _load_mixers(bundle)
        count = len(self.mixers) + 1
        self.segments = [Segment(bundle.file(f"segment.{i}.onnx")) for i in range(count)]
        self.head = SentenceHead(bundle)

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

    def stream(self, *, budget: int | None = None) -> Stream:
        """A new stream at position 0, whose memory is constant from here on.

        Args:
            budget: tokens that the router may keep per KV head; None for the bundle's own.
        """
        if budget is not None and not 0 <= budget <= 1 << 20:
            raise RequestError(f"budget {budget} is not in 0..{1 << 20} tokens")
        return Stream(self, [mixer.alloc(budget) for mixer in self.mixers])


class SentenceHead:
    """Sentence vectors at end tokens, and scores of all sentences at the end of a document."""

    def __init__(self, bundle: Bundle) -> None:
        fields = bundle.manifest["head"]
        if fields.get("kind") != "sentences":
            raise BundleDamaged(f"the manifest's head is {fields.get('kind')!r}, not 'sentences'")
        self.vector_size, self.context_size = (
            int(fields["vector_size"]),
            int(fields["context_size"]),
        )
        self.end_tokens = np.array(fields["end_tokens"], dtype=np.int32)
        self._vectors = Segment(bundle.file("sentence.onnx"))
        self._scores = Segment(bundle.file("head.onnx"))

    @property
    def width(self) -> int:
        """Columns of a sentence vector: a unit vector of meaning, then its context."""
        return self.vector_size + self.context_size

    def vectors(self, means: Array, ends: Array) -> Array:
        """(n, width) of n sentences, from their mean and last residuals (n, hidden)."""
        return np.concatenate(self._vectors.run({"mean": means, "end": ends}), axis=1)

    def score(
        self, vectors: NDArray[np.floating[Any]], place: Array, quotable: NDArray[np.bool_]
    ) -> Array:
        """Importance (n,) of each sentence of a whole document; higher is more important.

        Args:
            vectors: (n, width) as a stream gave them, in order; half precision will do.
            place: (n, PLACE_SIZE) from `edgehybrid.documents.encoding.place_features`.
            quotable: (n,) which sentences count for the document's mean.
        """
        chosen = vectors[quotable] if quotable.any() else vectors
        mean = chosen.mean(axis=0, keepdims=True, dtype=np.float32)
        last = vectors[-1:, self.vector_size :].astype(np.float32)
        scores = np.empty(len(vectors), dtype=np.float32)
        for i in range(0, len(vectors), SCORED_TOGETHER):
            rows = slice(i, i + SCORED_TOGETHER)
            feeds = {
                "vector": vectors[rows, : self.vector_size].astype(np.float32),
                "context": vectors[rows, self.vector_size :].astype(np.float32),
                "place": place[rows],
                "mean": mean,
                "last": last,
            }
            scores[rows] = self._scores.run(feeds)[0][:, 0]
        return scores


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


def _ready_kernels(backend: Backend) -> Kernels:
    kernels = load_kernels(backend)
    if kernels.name == "numba":
        if not is_compiled():
            log.info("compiling kernels for this machine, once (some 5 to 15 s)")
        compile_all()
    return kernels


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _load_mixers(bundle: Bundle) -> Sequence[Mixer]:
    layers: list[dict[str, Any]] = bundle.manifest["layers"]
    tensors = load_file(bundle.file(MIXERS))
    mixers = []
    for i, layer in enumerate(layers):
        prefix = f"layers.{i}."
        own = {n.removeprefix(prefix): a for n, a in tensors.items() if n.startswith(prefix)}
        mixers.append(make_mixer(layer, own))
    return mixers
