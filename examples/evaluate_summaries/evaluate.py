"""ROUGE of the reader and its peers, on documents with summaries.

    python examples/evaluate_summaries/evaluate.py ../shared/data

Every summary has the median length of its source's summaries. Rows: ROUGE-1 / 2 / L F1 with
stemming, a source each, and their mean (macro). `--save` keeps the table as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "train_reader"))

import peers

import data
import edgehybrid
from edgehybrid.documents.document import Document
from rouge import rouge

Summariser = Callable[[dict[str, Any], Document, int], str]


def summarisers(bundle: Path | None, only: list[str]) -> dict[str, Summariser]:
    """Name to function of (row, document, words)."""
    model = edgehybrid.load(bundle)

    def reader(row: dict[str, Any], document: Document, words: int) -> str:
        return edgehybrid.summarize(document, words=words, model=model).text

    made: dict[str, Summariser] = {f"edgehybrid ({model.bundle.name})": reader}
    plain: dict[str, peers.Peer] = {
        name: peers.sumy_peer(name) for name in ("LexRank", "TextRank", "Luhn", "SumBasic")
    }
    for name, peer in {"lead": peers.lead, **plain, "lede": peers.lede_peer}.items():
        made[name] = lambda row, doc, words, peer=peer: peer(row["document"], doc.sentences, words)
    made["greedy oracle"] = lambda row, doc, words: peers.oracle(doc.sentences, row["summary"])
    return {n: f for n, f in made.items() if not only or any(o in n for o in only)}


def evaluate(folder: Path, split: str, chosen: dict[str, Summariser], most: int) -> dict[str, Any]:
    """Mean ROUGE (3,) by summariser and source."""
    table: dict[str, Any] = {name: {} for name in chosen}
    for source in data.SOURCES:
        rows = list(data.read_rows(folder, split, source))
        words = round(float(np.median([len(r["summary"].split()) for r in rows])))
        rows = rows[:most] if most else rows
        documents = [Document.from_text(row["document"], name=row["id"]) for row in rows]
        for name, run in chosen.items():
            began = time.monotonic()
            scores = [
                rouge(row["summary"], run(row, document, words))
                for row, document in zip(rows, documents, strict=True)
            ]
            table[name][source] = np.mean(scores, axis=0).round(2).tolist()
            print(
                f"{source}: {name}: {table[name][source]} ({len(rows)} documents of {words} words, "
                f"{time.monotonic() - began:.0f} s)",
                file=sys.stderr,
            )
    return table


def as_markdown(table: dict[str, Any]) -> str:
    """A row a summariser, a column a source, the macro mean last."""
    lines = [
        f"| ROUGE-1 / 2 / L | {' | '.join(data.SOURCES)} | macro |",
        "|---|" + "---|" * (len(data.SOURCES) + 1),
    ]
    for name, sources in table.items():
        cells = [*(sources[s] for s in data.SOURCES), np.mean(list(sources.values()), axis=0)]
        shown = (" / ".join(f"{v:.1f}" for v in cell) for cell in cells)
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--bundle", type=Path, help="default: the bundle in the package")
    parser.add_argument("--only", nargs="*", default=[], help="parts of summarisers' names")
    parser.add_argument("--documents", type=int, default=0, help="first N of each source; 0: all")
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    chosen = summarisers(args.bundle, args.only)
    table = evaluate(args.data, args.split, chosen, args.documents)
    print(as_markdown(table))
    if args.save:
        args.save.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
