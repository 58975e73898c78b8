"""One context length, measured in a process of its own, so that its peak of memory is its own."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from edgehybrid.bench.energy import open_meter
from edgehybrid.errors import RequestError
from edgehybrid.runtime.budgets import Budget

Made = TypeVar("Made")

MAX_CONTEXT = 1 << 24
WRITTEN = 32
SEED = 0


@dataclass(frozen=True)
class Plan:
    """What is measured: medians of `runs` readings of `context` random tokens."""

    bundle: Path | None
    context: int
    runs: int
    threads: int | None
    budget: Budget
    router: str | None = None


@dataclass(frozen=True)
class Row:
    """Medians; what a reader or the machine does not have is None."""

    model: str
    weights: str
    threads: int
    context: int
    read_tokens_per_second: float
    first_token_seconds: float
    write_tokens_per_second: float | None
    peak_rss_bytes: int | None
    state_bytes: int
    joules_per_1000_tokens: float | None


def measure(plan: Plan) -> Row:
    """Measure in a fresh process, and wait for it.

    Raises:
        RequestError: the plan cannot be carried out.
        BundleError: the bundle cannot be used.
    """
    if plan.runs < 1:
        raise RequestError(f"runs is {plan.runs}; ask for 1 or more")
    return in_fresh_process(measure_here, plan)


def in_fresh_process(work: Callable[[Plan], Made], plan: Plan) -> Made:
    """What `work` makes of `plan` in a process of its own, whose peak of memory is its own.

    Raises:
        RequestError: `plan.context` is out of range.
        EdgehybridError: as `work` raises it.
    """
    if not 1 <= plan.context <= MAX_CONTEXT:
        raise RequestError(f"context {plan.context} is not in 1..{MAX_CONTEXT} tokens")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (plan,))


def measure_here(plan: Plan) -> Row:
    """Measure in this process."""
    from edgehybrid.memory import peak_rss_bytes
    from edgehybrid.runtime.model import load

    model, meter = load(plan.bundle, threads=plan.threads), open_meter()
    stream = model.stream(budget=plan.budget, router=plan.router)
    ids = np.random.default_rng(SEED).integers(0, model.vocab_size, plan.context)
    stream.feed(ids[:300])  # a whole chunk and a short one: buffers, graphs and kernels are ready
    reading, writing, joules = [], [], []
    for _ in range(plan.runs):
        stream.reset()
        before = meter.read()
        reading.append(_seconds(partial(stream.feed, ids)))
        joules.append(meter.joules(before, meter.read()))
        if model.writes:
            writing += [_seconds(partial(stream.take, int(i))) for i in ids[:WRITTEN]]
    spent = [j for j in joules if j is not None]
    first, each = statistics.median(reading), statistics.median(spent) if spent else None
    return Row(
        model=model.bundle.name,
        weights=str(model.bundle.manifest.get("weights", "unknown")),
        threads=model.threads,
        context=plan.context,
        read_tokens_per_second=round(plan.context / first, 1),
        first_token_seconds=round(first, 6),
        write_tokens_per_second=round(1 / statistics.median(writing), 2) if writing else None,
        peak_rss_bytes=peak_rss_bytes(),
        state_bytes=stream.nbytes,
        joules_per_1000_tokens=None if each is None else round(each / plan.context * 1000, 3),
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
