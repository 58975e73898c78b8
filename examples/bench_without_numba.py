"""How much longer reading takes without Numba: `python examples/bench_without_numba.py`.

Each reading is a process of its own, with Numba and without in turn, so that a machine that is busy
slows both. Tokens are random, or those of documents: `... report.pdf other.md`. Printed are medians
and the median of the ratios of neighbours; of the time on the clock, and of the processor's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

import edgehybrid
from edgehybrid.bench.machine import describe_machine
from edgehybrid.documents.encoding import encode
from edgehybrid.tasks.reading import batches

KINDS = ("numba", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("documents", nargs="*", type=Path)
    parser.add_argument("--tokens", type=int, default=30_000, help="read at most so many")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--child", choices=KINDS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(read(args)))
        return
    print(json.dumps(describe_machine()))
    rounds = [{kind: _in_child(kind) for kind in KINDS} for _ in range(args.rounds)]
    first = rounds[0]["numba"]
    bundle = args.bundle or "the default reader"
    print(f"{first['tokens']:,} tokens in feeds of {first['feed']:,.0f} (median), {bundle}")
    for kind in KINDS:
        told = {k: median(r[kind][k] for r in rounds) for k in ("clock", "processor", "mb")}
        print(
            f"{kind}: {told['clock']:.1f} us/token on the clock, {told['processor']:.1f} of the "
            f"processor, peak {told['mb']:.0f} MB; {rounds[0][kind]['route']}, "
            f"{rounds[0][kind]['threads']} threads"
        )
    for what in ("clock", "processor"):
        ratios = [r["numpy"][what] / r["numba"][what] for r in rounds]
        print(
            f"without Numba {median(ratios):.2f} times as long by the {what} "
            f"({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} rounds)"
        )
    print(f"load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "")


def read(args: argparse.Namespace) -> dict[str, float | str]:
    """Seconds of the second reading; the first one allocates, and compiles what is missing."""
    from edgehybrid.memory import peak_rss_bytes

    model = edgehybrid.load(args.bundle, kernels=args.child)
    feeds = _feeds(model, args)
    stream = model.stream()
    stream.feed(feeds[0])
    stream.reset()
    tokens, began, spent = sum(map(len, feeds)), time.perf_counter(), time.process_time()
    for ids in feeds:
        stream.feed(ids)
    clock, processor = time.perf_counter() - began, time.process_time() - spent
    return {
        "tokens": tokens,
        "feed": median(map(len, feeds)),
        "clock": clock / tokens * 1e6,
        "processor": processor / tokens * 1e6,
        "mb": (peak_rss_bytes() or 0) / 1e6,
        "route": model.route,
        "threads": model.threads,
    }


def _feeds(model: edgehybrid.Model, args: argparse.Namespace) -> list[np.ndarray]:
    """Batches as a document is fed, until there are as many tokens as asked for."""
    if not args.documents:
        ids = np.random.default_rng(0).integers(0, model.vocab_size, args.tokens)
        return np.array_split(ids, max(1, args.tokens // 4000))
    found: list[np.ndarray] = []
    for path in args.documents:
        for batch in batches(edgehybrid.open_document(path).sentences):
            left = args.tokens - sum(map(len, found))
            if left > 0:
                found.append(encode(model.tokenizer, batch)[0][:left])
    return found


def _in_child(kind: str) -> dict[str, float]:
    """This script again, as a reader; Numba is blocked, not only unused, where it is not wanted."""
    block = "" if kind == "numba" else "sys.modules['numba'] = None\n"
    code = f"import runpy, sys\n{block}sys.argv[0] = {__file__!r}\nrunpy.run_path({__file__!r}, "
    code += "run_name='__main__')"
    command = [sys.executable, "-c", code, *sys.argv[1:], "--child", kind]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


if __name__ == "__main__":
    main()
