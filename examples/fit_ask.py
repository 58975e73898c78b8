"""From which match on a sentence answers: the threshold of `edgehybrid ask`, fitted on documents.

    python examples/fit_ask.py DATA

DATA holds train/*.jsonl.xz and val/*.jsonl.xz: documents with summaries, and sections where they
are known. A sentence of a document's own summary, or a question for the title of one of its
sections, has an answer in it; in another document of the same source it has, mostly, none. The
threshold parts these best on `train`; what is printed of `val` was not used to find it.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import edgehybrid
from edgehybrid.tasks.matching import NO_MATCH, matches, meaning

#: Documents of each source, and questions of each kind for each.
DOCUMENTS, QUESTIONS = 25, 3


class Asked(NamedTuple):
    """A question: its best match at home and elsewhere, and whether a hit is where it should be."""

    source: str
    kind: str
    own: float
    other: float
    right: bool | None


def main() -> None:
    """Fit on train, report on val."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    model = edgehybrid.load()
    fitted = [asked for path in sorted((data / "train").glob("*.xz")) for asked in ask(model, path)]
    best = threshold(fitted)
    print(f"best on train ({len(fitted)} questions): {best:.2f}; in the code: {NO_MATCH}\n")
    held = [asked for path in sorted((data / "val").glob("*.xz")) for asked in ask(model, path)]
    print("| val | questions | answered at home | refused elsewhere | right section in 3 |")
    print("|---|---|---|---|---|")
    for kind in ("sentence", "title"):
        for source in sorted({a.source for a in held}):
            rows = [a for a in held if (a.kind, a.source) == (kind, source)]
            if rows:
                print(row(f"{source}, {kind}", rows))
    print(row("all", held))


def row(name: str, asked: list[Asked]) -> str:
    """One line of the table, with the threshold of the code."""
    own, other = (np.array([a[i] for a in asked]) for i in (2, 3))
    found = [a.right for a in asked if a.right is not None]
    right = f"{np.mean(found):.0%}" if found else "-"
    hits, refused = (own >= NO_MATCH).mean(), (other < NO_MATCH).mean()
    return f"| {name} | {len(asked)} | {hits:.0%} | {refused:.0%} | {right} |"


def threshold(asked: list[Asked]) -> float:
    """The match with the best mean of both rights."""
    own, other = (np.array([a[i] for a in asked]) for i in (2, 3))
    cuts = np.arange(0.3, 2.0, 0.01)
    rights = [((own >= cut).mean() + (other < cut).mean()) / 2 for cut in cuts]
    return float(cuts[int(np.argmax(rights))])


def ask(model: edgehybrid.Model, path: Path) -> Iterator[Asked]:
    """Questions to documents of one source, each asked at home and in the next document."""
    source, draw = path.name.partition(".")[0], random.Random(7)
    with lzma.open(path, "rt") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(DOCUMENTS), strict=False)]
    read = [_read(model, row["document"]) for row in rows]
    for i, (row_, own) in enumerate(zip(rows, read, strict=True)):
        for kind, question, section in _questions(row_, draw):
            vector = meaning(model, question)
            here = matches(question, vector, *own)
            there = matches(question, vector, *read[(i + 1) % len(read)])
            right = None if section is None else _is_right(here, own[0], section)
            yield Asked(source, kind, float(here.max()), float(there.max()), right)


def _read(model: edgehybrid.Model, text: str) -> tuple[list[str], Any]:
    reading = edgehybrid.read(edgehybrid.Document.from_text(text), model=model).reading
    places = [i for i, s in enumerate(reading.sentences) if s.quotable]
    size = model.sentence_head.vector_size
    return [reading.sentences[i].text for i in places], reading.vectors[places, :size]


def _questions(row: dict[str, Any], draw: random.Random) -> Iterator[tuple[str, str, str | None]]:
    said = [s for s in re.split(r"(?<=[.!?])\s+", row["summary"]) if len(s.split()) >= 6]
    for sentence in draw.sample(said, min(QUESTIONS, len(said))):
        yield "sentence", sentence, None
    titled = [s for s in row.get("sections") or [] if len(s["title"].split()) >= 2]
    for section in draw.sample(titled, min(QUESTIONS, len(titled))):
        title = section["title"][0].lower() + section["title"][1:]
        text = row["document"][section["start"] : section["end"]]
        yield "title", f"What does it say about {title}?", text


def _is_right(scores: Any, texts: list[str], section: str) -> bool:
    joined = " ".join(section.split())
    return any(texts[i][:60] in joined for i in np.argsort(-scores)[:3])


if __name__ == "__main__":
    main()
