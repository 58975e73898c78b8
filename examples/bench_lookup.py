"""What guessing from the document gains: `python examples/bench_lookup.py BUNDLE FILE.pdf`.

The bundle reads a document and then writes a summary that quotes it: the one that `edgehybrid
summarize` makes, so that the measurement does not depend on what a model happens to say (nor on
whether it was trained at all). Each of its tokens is forced; guesses are made, checked and refused
exactly as when a model chooses. Plain writing and guessing take turns; medians are printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import edgehybrid
from edgehybrid.runtime.generation import generate
from edgehybrid.runtime.sampling import Sampling


@dataclass(frozen=True)
class Forced(Sampling):
    """Chooses given tokens, one after the other, whatever the logits are."""

    tokens: Iterator[int] = field(default_factory=lambda: iter(()))

    def choose(self, logits: Any, seen: Any, random: Any) -> int:
        logits.argmax()  # what greedy choosing costs
        return next(self.tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("document", type=Path)
    parser.add_argument("--context", type=int, default=4096, help="tokens read of the document")
    parser.add_argument("--words", type=int, default=150, help="of the summary")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    reader, model = edgehybrid.load(), edgehybrid.load(args.bundle)
    # tokens of usual length, also where the bundle's own tokenizer knows bytes only
    encode = reader.tokenizer.encode
    text = "\n".join(page.text for page in edgehybrid.open_document(args.document).pages)
    read = encode(text, add_special_tokens=False).ids[: args.context]
    quoted = edgehybrid.Document.from_text(reader.tokenizer.decode(read))
    points = edgehybrid.summarize(quoted, words=args.words, model=reader).points
    summary = "\n".join(point.text for point in points)
    written = encode(summary, add_special_tokens=False).ids
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(args.runs):
        for lookup in seconds:
            stream = model.stream(budget=1024)
            stream.feed(read)
            began = time.perf_counter()
            pieces = generate(
                stream,
                Forced(tokens=iter(written)),
                max_tokens=len(written) - 4,
                stop=(),
                seed=None,
                callback=None,
                lookup=lookup,
            )
            list(pieces)
            seconds[lookup].append(time.perf_counter() - began)
    plain, guessed = ((len(written) - 4) / median(seconds[lookup]) for lookup in (False, True))
    print(f"{len(read)} tokens read, {len(written) - 4} written")
    print(f"plain {plain:.1f} tok/s, with lookup {guessed:.1f} tok/s: {guessed / plain:.2f} times")


if __name__ == "__main__":
    main()
