"""How much memory a number of tokens takes, each number measured in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgehybrid.bench.measuring import SEED, Plan, in_fresh_process
from edgehybrid.runtime.mixers import Attention, Mixer, Parallel
from edgehybrid.runtime.state import Cache, CacheGroup, FullCache, RoutedCache

#: Tokens a feed: what is fed must not grow with what is read.
FED = 4096
#: float16, in which most runtimes keep keys and values; ours are float32.
TRANSFORMER_BYTES = 2


@dataclass(frozen=True)
class Transformer:
    """A plain transformer of the bundle's size: attention in every layer, every token kept.

    As many layers as the bundle; KV heads and their width as those of its attention, or one head
    of the hidden size where it has none. Its weights are taken to be as large as the bundle's.
    """

    layers: int
    kv_heads: int
    head_dim: int
    bytes: int = TRANSFORMER_BYTES

    def cache_bytes(self, tokens: int) -> int:
        """Keys and values of so many tokens."""
        return 2 * self.layers * self.kv_heads * self.head_dim * self.bytes * tokens


@dataclass(frozen=True)
class MemoryRow:
    """One length.

    Attributes:
        tokens: read.
        peak_rss_bytes: the most that the process ever had resident; None where nobody can tell.
        state_bytes: of what is remembered, all but keys and values.
        cache_bytes: of what is remembered, keys and values.
        transformer_bytes: keys and values of the plain transformer, by the formula.
    """

    tokens: int
    peak_rss_bytes: int | None
    state_bytes: int
    cache_bytes: int
    transformer_bytes: int


@dataclass(frozen=True)
class Measured:
    """A row, and what it was measured with."""

    model: str
    weights: str
    route: str
    threads: int
    transformer: Transformer
    row: MemoryRow


def measure_memory(plan: Plan) -> Measured:
    """Read `plan.context` random tokens once, in a fresh process, and wait for it.

    Raises:
        RequestError: the plan cannot be carried out.
        BundleError: the bundle cannot be used.
    """
    return in_fresh_process(measure_memory_here, plan)


def measure_memory_here(plan: Plan) -> Measured:
    """Measure in this process, whose peak may be that of something else."""
    from edgehybrid.memory import peak_rss_bytes
    from edgehybrid.runtime.model import load

    model = load(plan.bundle, threads=plan.threads)
    stream = model.stream(budget=plan.budget, router=plan.router)
    for ids in _tokens(plan.context, model.vocab_size):
        stream.feed(ids)
    transformer = like(model.mixers, model.hidden_size)
    cached = sum(map(cache_bytes, stream.caches))
    row = MemoryRow(
        tokens=plan.context,
        peak_rss_bytes=peak_rss_bytes(),
        state_bytes=stream.nbytes - cached,
        cache_bytes=cached,
        transformer_bytes=transformer.cache_bytes(plan.context),
    )
    weights = str(model.bundle.manifest.get("weights", "unknown"))
    return Measured(model.bundle.name, weights, model.route, model.threads, transformer, row)


def like(mixers: list[Mixer], hidden_size: int) -> Transformer:
    """The plain transformer to compare a model of these mixers with."""
    parts = [p for m in mixers for p in (m.parts if isinstance(m, Parallel) else (m,))]
    heads = [(p.kv_heads, p.head_dim) for p in parts if isinstance(p, Attention)]
    kv_heads, head_dim = max(heads, key=lambda size: size[0] * size[1], default=(1, hidden_size))
    return Transformer(len(mixers), kv_heads, head_dim)


def cache_bytes(cache: Cache) -> int:
    """Bytes of keys and values, and of the books about them."""
    if isinstance(cache, CacheGroup):
        return sum(map(cache_bytes, cache.parts))
    return cache.nbytes if isinstance(cache, (RoutedCache, FullCache)) else 0


def _tokens(count: int, vocab_size: int) -> Iterator[NDArray[np.int64]]:
    rng = np.random.default_rng(SEED)
    for start in range(0, count, FED):
        yield rng.integers(0, vocab_size, min(FED, count - start))
