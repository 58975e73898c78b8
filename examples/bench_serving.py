"""What `edgehybrid serve` costs, and how long a short chat waits while a long text is read.

    python examples/bench_serving.py BUNDLE [--tokens 8000]

BUNDLE is a language model with a chat template. Needs `pip install 'edgehybrid[serve]' openai`. The
server is a process of its own; the same bundle in this process is measured in turn with it.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TIMES, WRITTEN = 5, 200
SENTENCE = "The river rose for three days and nobody was hurt. "
COMMAND = "from edgehybrid.cli import main; main()"


def main() -> None:
    """Medians; of a short chat beside a long prompt all times, as they come."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--tokens", type=int, default=8000, help="of the long text, about")
    parser.add_argument("--budget", default="1024")
    args = parser.parse_args()
    import openai

    import edgehybrid

    model = edgehybrid.load(args.bundle)
    command = [sys.executable, "-c", COMMAND, "serve", "--port", "0", "--budget", args.budget]
    with subprocess.Popen([*command, "--model", args.bundle], stderr=subprocess.PIPE) as process:
        try:
            with openai.OpenAI(base_url=url(process), api_key="none") as client:
                measure(model, Asker(client, model.bundle.name), args.tokens, int(args.budget))
        finally:
            process.terminate()


def url(process: subprocess.Popen[bytes]) -> str:
    """Where it listens; what else it says is thrown away."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(rb"http://[^;]*", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[0].decode()
    raise SystemExit("the server does not start")


class Asker:
    """Asks the server."""

    def __init__(self, client: Any, model: str) -> None:
        self._client, self._model = client, model

    def pieces(self, text: str, tokens: int) -> Iterable[str]:
        """Of an answer, as they come."""
        turns = [{"role": "user", "content": text}]
        for chunk in self._client.chat.completions.create(
            model=self._model, messages=turns, max_tokens=tokens, stream=True, temperature=1, seed=1
        ):
            if text := chunk.choices[0].delta.content:
                yield text


def measure(model: Any, asker: Asker, tokens: int, budget: int) -> None:
    """Print what is measured."""
    pairs = []
    for _ in range(TIMES):
        chat = model.chat(budget=budget)
        here = timed(chat.send("Tell.", max_tokens=WRITTEN, temperature=1, seed=1))
        pairs.append((rate(here), rate(timed(asker.pieces("Tell.", WRITTEN)))))
    here, there = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(there / here for here, there in pairs)
    print(f"tokens a second: {here:.0f} in a process, {there:.0f} served ({ratio:.2f} of it)")
    alone = timed(asker.pieces("Alone.", 20))[1]
    count = len(model.tokenizer.encode(SENTENCE).ids)
    text = SENTENCE * (tokens // count)
    began = time.perf_counter()
    long = threading.Thread(target=lambda: timed(asker.pieces(text, 1)))
    long.start()
    beside = []
    while long.is_alive():
        beside.append(timed(asker.pieces(f"Beside {len(beside)}.", 20))[1])
    print(f"20 tokens: {alone:.2f} s alone; while about {tokens:,} tokens are read for another")
    print(f"({time.perf_counter() - began:.1f} s): {', '.join(f'{s:.2f}' for s in beside)}")


def timed(pieces: Iterable[str]) -> tuple[float, float]:
    """Seconds to the first piece and to the last."""
    began, first = time.perf_counter(), 0.0
    for _ in pieces:
        first = first or time.perf_counter() - began
    return first, time.perf_counter() - began


def rate(times: tuple[float, float]) -> float:
    """Tokens a second after the first."""
    return (WRITTEN - 1) / (times[1] - times[0])


if __name__ == "__main__":
    main()
