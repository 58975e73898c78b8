"""Tables 5 and 6: memory against length, cost against budget.

    python examples/router_study/table_memory.py

Memory is that of the default reader, fed with random tokens in one stream; beside it stands the KV
cache that its attention layer would need for all tokens. Cost is the time of the attention kernel
for a token, with the reader's heads, at each budget of each policy, medians of interleaved runs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import edgehybrid
from edgehybrid.memory import peak_rss_bytes
from edgehybrid.runtime import routers
from edgehybrid_kernels import load_kernels
from study.results import HERE, save

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
BUDGETS, POLICIES, TOKENS, TIMES = (0, 64, 256, 1024), ("learned", "keydiff", "h2o"), 4096, 5
SINKS, WINDOW, HEADS, KV_HEADS, HEAD_DIM = 4, 64, 4, 2, 64


def memory() -> list[dict[str, int | None]]:
    """Bytes of the state and of the process after so many tokens of one stream."""
    model, random, rows = edgehybrid.load(), np.random.default_rng(0), []
    stream = model.stream()
    for length in LENGTHS:
        while stream.position < length:
            count = min(4096, length - stream.position)
            stream.feed(random.integers(256, 16_000, count).astype(np.int32))
        all_tokens = 2 * KV_HEADS * HEAD_DIM * 4 * length
        row = {"tokens": length, "state": stream.nbytes, "peak_rss": peak_rss_bytes()}
        rows.append(row | {"all_tokens": all_tokens})
        print(rows[-1], flush=True)
    return rows


def cost() -> list[dict[str, object]]:
    """Microseconds a token of the attention kernel."""
    kernels, random = load_kernels(), np.random.default_rng(0)
    q, k, v = (
        random.normal(size=(TOKENS, n * HEAD_DIM)).astype(np.float32)
        for n in (HEADS, KV_HEADS, KV_HEADS)
    )
    score, out = random.normal(size=(TOKENS, KV_HEADS)).astype(np.float32), np.empty_like(q)
    spent: dict[tuple[str, int], list[float]] = {}
    for _ in range(TIMES + 1):
        for name in POLICIES:
            for budget in BUDGETS:
                cache = routers.get(name).alloc(KV_HEADS, HEAD_DIM, SINKS, WINDOW, budget)
                began = time.perf_counter()
                scores = score if name == "learned" else None
                kernels.attention(q, k, v, scores, cache, out, scale=HEAD_DIM**-0.5)
                spent.setdefault((name, budget), []).append(time.perf_counter() - began)
    return [
        {"policy": n, "budget": b, "microseconds": round(1e6 * float(np.median(t[1:])) / TOKENS, 3)}
        for (n, b), t in spent.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    save(args.out, "memory", {"model": "reader", "memory": memory(), "cost": cost()})


if __name__ == "__main__":
    main()
