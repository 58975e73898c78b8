"""How far a float16 state drifts from a float32 one: `python examples/state_drift.py BUNDLE TEXT`.

Both read the same tokens of the text, in chunks and then one by one, which rounds the state after
every token. At places spread evenly over the text it prints the KL divergence of the next token's
distribution and whether the likeliest token is the same, over the tokens before that place.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

import edgehybrid

#: Tokens whose logits are compared before each place.
COMPARED = 64


def log_softmax(x: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    shifted = x.astype(np.float64) - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def drift(
    model: edgehybrid.Model,
    ids: np.ndarray,
    step: int,
    places: int,  # type: ignore[type-arg]
) -> Iterator[tuple[int, float, float]]:
    """Tokens read, mean KL, share of equal likeliest tokens; tokens come `step` at a time."""
    exact, half = model.stream(budget=512), model.stream(budget=512, state="float16")
    edges = np.linspace(0, len(ids), places + 1).astype(int)
    for start, end in pairwise(edges):
        for stream in (exact, half):
            for i in range(start, end - COMPARED, step):
                stream.feed(ids[i : min(i + step, end - COMPARED)])
        rows = [
            np.stack([stream.feed(ids[i : i + 1]) for i in range(end - COMPARED, end)])
            for stream in (exact, half)
        ]
        wanted, got = map(log_softmax, rows)
        divergence = float((np.exp(wanted) * (wanted - got)).sum(-1).mean())
        yield end, divergence, float((wanted.argmax(-1) == got.argmax(-1)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--places", type=int, default=5)
    args = parser.parse_args()
    model = edgehybrid.load(args.bundle)
    text = args.text.read_text(encoding="utf-8", errors="ignore")
    ids = np.array(model.tokenizer.encode(text).ids[: args.tokens], np.int32)
    print("| tokens at a time | read | mean KL | same likeliest token |\n|---|---|---|---|")
    for step in (256, 1):
        for read, divergence, same in drift(model, ids, step, args.places):
            print(f"| {step} | {read:,} | {divergence:.1e} | {same:.1%} |", flush=True)


if __name__ == "__main__":
    main()
