"""Documents with summaries -> sentences with targets, in flat arrays on disk.

Each sentence gets two targets: `soft`, how much its words and word pairs overlap with the
summary, and `oracle`, whether a greedy search for the best extract of the summary's length
picks it.
"""

from __future__ import annotations

import json
import lzma
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from nltk.stem.porter import PorterStemmer

from edgehybrid.documents.document import Document, Sentence

SOURCES = ("openstax", "pmc_jats", "qmsum", "squality", "tech_proposals")
WORD = re.compile(r"[a-z0-9]+")
_stemmer = PorterStemmer()


def read_rows(folder: Path, split: str, source: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON rows of one source: `document`, `summary`, `title`, `licence`, ..."""
    with lzma.open(folder / split / f"{source}.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


@lru_cache(maxsize=1 << 18)
def _stem(word: str) -> str:
    return str(_stemmer.stem(word)) if len(word) > 3 else word


def stems(text: str) -> list[str]:
    """The words that ROUGE compares: lower case, alphanumeric, Porter-stemmed if over 3 letters."""
    return [_stem(word) for word in WORD.findall(text.lower())]


def overlap_counts(sentences: list[list[str]], summary: list[str], n: int) -> np.ndarray:
    """Counts (sentences, distinct summary n-grams) int16 of the summary's n-grams."""
    grams = Counter(zip(*(summary[i:] for i in range(n)), strict=False))
    column = {gram: i for i, gram in enumerate(grams)}
    counts = np.zeros((len(sentences) + 1, len(column)), dtype=np.int16)
    for row, words in enumerate(sentences):
        for gram in zip(*(words[i:] for i in range(n)), strict=False):
            if gram in column:
                counts[row, column[gram]] += 1
    counts[-1] = list(grams.values())
    return counts


def _f1(hits: np.ndarray, length: np.ndarray, reference: int) -> np.ndarray:
    return 2 * hits / np.maximum(length + reference, 1)


def targets(sentences: list[Sentence], summary: str) -> tuple[np.ndarray, np.ndarray]:
    """Soft targets (n,) float32 in 0..1 and greedy-oracle picks (n,) float32 of 0 or 1."""
    words = [stems(s.text) for s in sentences]
    reference = stems(summary)
    length = np.array([len(w) for w in words], dtype=np.int64)
    quotable = np.array([s.quotable for s in sentences])
    tables = [overlap_counts(words, reference, n) for n in (1, 2)]
    totals = [len(reference), max(len(reference) - 1, 0)]
    soft = np.zeros(len(words), dtype=np.float32)
    for table, total in zip(tables, totals, strict=True):
        hits = np.minimum(table[:-1], table[-1]).sum(1)
        soft += 0.5 * _f1(hits, length, total).astype(np.float32)
    return soft * quotable, _greedy(tables, totals, length, quotable)


def _greedy(
    tables: list[np.ndarray], totals: list[int], length: np.ndarray, quotable: np.ndarray
) -> np.ndarray:
    picked = np.zeros(len(length), dtype=np.float32)
    if not len(length):
        return picked
    have = [np.zeros(t.shape[1], dtype=np.int16) for t in tables]
    size, best = 0, 0.0
    while size < totals[0]:
        gain = np.zeros(len(length))
        for table, total, sofar in zip(tables, totals, have, strict=True):
            hits = np.minimum(sofar + table[:-1], table[-1]).sum(1)
            gain += 0.5 * _f1(hits, size + length, total)
        gain[(picked > 0) | ~quotable] = -1.0
        pick = int(gain.argmax())
        if gain[pick] <= best:
            break
        best, size = float(gain[pick]), size + int(length[pick])
        picked[pick] = 1.0
        have = [sofar + table[pick] for table, sofar in zip(tables, have, strict=True)]
    return picked


def _prepare_row(row: dict[str, Any]) -> dict[str, Any]:
    document = Document.from_text(row["document"], name=row["id"])
    soft, oracle = targets(list(document.sentences), row["summary"])
    return {
        "id": row["id"],
        "texts": [s.text for s in document.sentences],
        "kinds": [s.kind for s in document.sentences],
        "quotable": np.array([s.quotable for s in document.sentences]),
        "soft": soft,
        "oracle": oracle,
    }


def prepare(folder: Path, split: str, source: str) -> list[dict[str, Any]]:
    """Sentences and targets of every row of one source, computed on all cores."""
    rows = list(read_rows(folder, split, source))
    with ProcessPoolExecutor() as pool:
        return list(pool.map(_prepare_row, rows, chunksize=16))
