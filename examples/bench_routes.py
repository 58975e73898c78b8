"""Kernels alone against ONNX Runtime's graphs: `python examples/bench_routes.py BUNDLE`.

Both are loaded in one process and take turns; medians of tokens per second.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np

import edgehybrid
from edgehybrid.runtime import model as model_module

CONTEXT, WRITTEN = 2048, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    models = {"kernels": edgehybrid.load(args.bundle)}
    with patch.object(model_module, "multiplies_bytes_fast", lambda: False):
        models["graphs"] = edgehybrid.load(args.bundle)
    ids = np.random.default_rng(0).integers(0, models["kernels"].vocab_size, CONTEXT)
    times: dict[tuple[str, str], list[float]] = {}
    streams = {name: model.stream(budget=1024) for name, model in models.items()}
    for turn in range(args.rounds + 1):
        for name, stream in streams.items():
            began = time.perf_counter()
            stream.feed(ids)
            read = time.perf_counter()
            for token in ids[:WRITTEN]:
                stream.take(int(token))
            if turn:  # the first one allocates
                times.setdefault((name, "prefill"), []).append((read - began) / CONTEXT)
                times.setdefault((name, "decode"), []).append(
                    (time.perf_counter() - read) / WRITTEN
                )
    for task in ("prefill", "decode"):
        fast, slow = (1 / median(times[name, task]) for name in models)
        print(f"{task}: kernels {fast:.0f} tok/s, graphs {slow:.0f} tok/s, {fast / slow:.2f} times")


if __name__ == "__main__":
    main()
