"""What the first question to a document costs, and what the next ones do.

    python examples/bench_asking.py FILE [--model LM]

The first reads the document and keeps the reading; the second finds it on the disk, as another
command would; the third asks the same document in memory. The model is loaded already.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

QUESTIONS = ("What was measured?", "How large was the effect?", "Who paid for it?")
TIMES = 5


def main() -> None:
    """Medians, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", type=Path)
    args = parser.parse_args()
    import edgehybrid

    model, told = edgehybrid.load(args.model), []
    more = {"max_tokens": 1} if model.writes else {}
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["EDGEHYBRID_CACHE"] = cache
            first, second = (
                seconds(lambda q=q: edgehybrid.ask(args.file, q, model=model, **more))
                for q in QUESTIONS[:2]
            )
            document = edgehybrid.read(args.file, model=model, keep=True)
            third = seconds(lambda d=document: d.ask(QUESTIONS[2], **more))
        told.append((first, second, third))
    first, second, third = (statistics.median(column) for column in zip(*told, strict=True))
    pages, tokens = document.reading.pages, document.reading.tokens
    print(
        f"{document.name}: {pages} pages, {tokens:,} tokens; first {first:.3f} s, second "
        f"{second:.3f} s ({first / second:.0f} times as fast), in memory {third:.3f} s "
        f"({first / third:.0f} times)"
    )


def seconds(call: Callable[[], object]) -> float:
    """Of a call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
