"""How much memory many streams over one model take: its weights, and a state each?

python examples/many_streams.py [--bundle BUNDLE] [--streams 16] [--budget 1024]
"""

from __future__ import annotations

import argparse
import gc
import json
from pathlib import Path

import numpy as np

import edgehybrid


def resident() -> int:
    """Bytes of this process that are in memory now (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this system does not tell how much memory is resident")


def main() -> None:
    """Read with one stream, then with many in turn, and compare what came on top."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--budget", type=int)
    parser.add_argument("--tokens", type=int, default=1024)
    args = parser.parse_args()
    model = edgehybrid.load(args.bundle)
    ids = np.random.default_rng(0).integers(0, model.vocab_size, args.tokens)
    first = model.stream(budget=args.budget)
    first.feed(ids)  # brings the weights and the work memory into memory
    state = first.nbytes
    del first
    gc.collect()
    before = resident()
    streams = [model.stream(budget=args.budget) for _ in range(args.streams)]
    for _ in range(2):
        for stream in streams:
            stream.feed(ids)
    after, expected = resident(), before + args.streams * state
    told = {
        "model": model.bundle.name,
        "streams": args.streams,
        "state_bytes": state,
        "before": before,
        "after": after,
        "weights_and_states": expected,
        "measured_over_expected": round(after / expected, 4),
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
