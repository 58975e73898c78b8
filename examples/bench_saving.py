"""What it costs to save a state and to go on from it, and what half precision changes.

    python examples/bench_saving.py BUNDLE [--text FILE] [--contexts 1000,10000,100000]

For each length: bytes of the file, seconds to save it (synced to the disk) and from a file to the
first token of an answer, medians of several; and, of a file in half precision, how far the next
tokens' distributions are from what they would have been.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import edgehybrid

#: Medians of so many; tokens that are compared after a state in half precision.
TIMES, COMPARED = 7, 512


def main() -> None:
    """One row a length."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--text", type=Path, help="what is read; random tokens if none is given")
    parser.add_argument("--contexts", default="1000,10000,100000")
    parser.add_argument("--budget", type=int, default=1024)
    args = parser.parse_args()
    model = edgehybrid.load(args.bundle)
    contexts = [int(context) for context in args.contexts.split(",")]
    ids = np.random.default_rng(0).integers(0, model.vocab_size, max(contexts) + COMPARED)
    if args.text:
        text = args.text.read_text(encoding="utf-8", errors="ignore")
        ids = np.array(model.tokenizer.encode(text).ids, np.int32)
    print(
        "| read | file | save | resume to first token | half: file | KL of next, same likeliest |"
    )
    print("|---|---|---|---|---|---|")
    stream = model.stream(budget=args.budget)
    for context in contexts:
        stream.feed(ids[stream.position : context])
        print(row(model, stream, ids[context : context + COMPARED]), flush=True)


def row(model: edgehybrid.Model, stream: edgehybrid.Stream, after: np.ndarray) -> str:
    """Measurements of one place."""

    def resume() -> None:
        resumed = model.resume(path)
        resumed.take(int(resumed.next_logits().argmax()))

    with tempfile.TemporaryDirectory(dir=".") as folder:  # a real disk: /tmp may be memory
        path = Path(folder) / "state"
        saving = median(lambda: stream.save(path))
        size, resuming = path.stat().st_size, median(resume)
        half = stream.save(path, half=True)
        kl, same = drift(stream.fork(), model.resume(path), after)
    return (
        f"| {stream.position:,} | {size / 1e6:.2f} MB | {saving:.3f} s | {resuming:.3f} s "
        f"| {half / 1e6:.2f} MB | {kl:.1e}, {same:.1%} |"
    )


def median(call: Callable[[], object]) -> float:
    """Seconds of a call."""
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def drift(
    exact: edgehybrid.Stream, other: edgehybrid.Stream, ids: np.ndarray
) -> tuple[float, float]:
    """Mean KL of the distributions after each token, and how often the likeliest is the same."""
    wanted, got = (log_softmax(s.feed(ids, all_logits=True)) for s in (exact, other))
    divergence = float((np.exp(wanted) * (wanted - got)).sum(-1).mean())
    return divergence, float((wanted.argmax(-1) == got.argmax(-1)).mean())


def log_softmax(x: np.ndarray) -> np.ndarray:
    """In double precision."""
    shifted = x.astype(np.float64) - x.max(-1, keepdims=True)
    made: np.ndarray = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return made


if __name__ == "__main__":
    main()
