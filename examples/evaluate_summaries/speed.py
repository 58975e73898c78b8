"""Words a second of the reader and of other summarisers: `python speed.py FILE.pdf ...`.

Each summarises the same sentences of a PDF that was read before (see bench_reading.py for the whole
way from file to answer). LexRank compares all pairs of sentences and is given the first
MOST_SENTENCES only, whose words alone are counted for it. Medians of runs that take turns.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "train_reader"))

import peers

import edgehybrid
from edgehybrid.documents.document import Document

WORDS = 150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    model = edgehybrid.load()
    edgehybrid.summarize(Document.from_text("A sentence to begin with. " * 50), model=model)
    print("| document | words | edgehybrid | LexRank (sumy) | lede | reader / LexRank |")
    print("|---|---|---|---|---|---|")
    for file in args.files:
        document = edgehybrid.open_document(file)
        sentences = list(document.sentences)
        text = "\n\n".join(page.text for page in document.pages)
        some = [s for s in sentences if s.quotable][: peers.MOST_SENTENCES]
        total, part = _words(sentences), _words(some)
        ways = {
            "edgehybrid": (
                total,
                lambda d=document: edgehybrid.summarize(d, words=WORDS, model=model),
            ),
            "LexRank": (part, lambda t=text, s=some: peers.sumy_peer("LexRank")(t, s, WORDS)),
            "lede": (total, lambda t=text, s=some: peers.lede_peer(t, s, WORDS)),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(args.runs):
            for name, (_, run) in ways.items():
                began = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - began)
        speeds = {name: words / median(times[name]) for name, (words, _) in ways.items()}
        cells = " | ".join(f"{speed:,.0f}" for speed in speeds.values())
        ratio = speeds["edgehybrid"] / speeds["LexRank"]
        print(f"| {file.name} | {total:,} | {cells} | {ratio:.1f} |", flush=True)


def _words(sentences: list) -> int:  # type: ignore[type-arg]
    return sum(len(s.text.split()) for s in sentences)


if __name__ == "__main__":
    main()
