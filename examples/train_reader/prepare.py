"""Phase 1: sentences, targets, tokenizer and token ids, as one flat archive a split."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import data
from edgehybrid.documents.document import Sentence
from edgehybrid.documents.encoding import END_TOKENS, OTHER_END, encode
from edgehybrid.documents.features import text_features
from edgehybrid.documents.lexicon import Lexicon

log = logging.getLogger("train_reader")


@dataclass(frozen=True)
class Corpus:
    """All documents of a split, end to end.

    ids (T,) int32; per sentence: ends (S,) int64 (index into ids of its end token), quotable,
    heading, soft, oracle (S,), text (S, F), the features that need no vectors; per document: first
    (D + 1,) int64 (index into sentences), source (D,) int8.
    """

    ids: np.ndarray
    ends: np.ndarray
    quotable: np.ndarray
    heading: np.ndarray
    soft: np.ndarray
    oracle: np.ndarray
    text: np.ndarray
    first: np.ndarray
    source: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Corpus:
        with np.load(path, allow_pickle=False) as archive:
            return cls(**{name: archive[name] for name in archive.files})

    def tokens(self, sentence: int) -> slice:
        """Where the tokens of one sentence, with its end token, stand in `ids`."""
        return slice(
            int(self.ends[sentence - 1]) + 1 if sentence else 0, int(self.ends[sentence]) + 1
        )


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE over lower-cased text; digits stand alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel()]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[*END_TOKENS.values(), OTHER_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _texts(rows: dict[str, list[dict[str, Any]]], folder: Path) -> Iterator[str]:
    """Training text, with at most 12 million characters a source, so that none drowns the rest."""
    for source in data.SOURCES:
        left = 12_000_000
        for row in rows[source]:
            yield from row["texts"]
            left -= sum(map(len, row["texts"]))
            if left < 0:
                break
    books = folder / "text" / "standardebooks.jsonl.gz"
    with gzip.open(books, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield str(json.loads(line)["text"])


def _flatten(rows: dict[str, list[dict[str, Any]]], tokenizer: Tokenizer) -> dict[str, np.ndarray]:
    ids, ends, text, heading, first, source = [], [], [], [], [0], []
    offset = 0
    for number, name in enumerate(data.SOURCES):
        for row in rows[name]:
            sentences = [
                Sentence(text, 1, kind, bool(quotable))
                for text, kind, quotable in zip(
                    row["texts"], row["kinds"], row["quotable"], strict=True
                )
            ]
            one, last = encode(tokenizer, sentences)
            ids.append(one)
            ends.append(last + offset)
            lexicon = Lexicon.of(row["texts"])
            text.append(text_features(sentences, lexicon, np.array(row["quotable"], dtype=bool)))
            heading.append(np.array([kind == "heading" for kind in row["kinds"]], dtype=bool))
            offset += len(one)
            first.append(first[-1] + len(sentences))
            source.append(number)
    every = [row for name in data.SOURCES for row in rows[name]]
    joined = {
        key: np.concatenate([r[key] for r in every]) for key in ("quotable", "soft", "oracle")
    }
    return {
        "ids": np.concatenate(ids),
        "ends": np.concatenate(ends),
        "text": np.concatenate(text),
        "heading": np.concatenate(heading),
        "first": np.array(first, dtype=np.int64),
        "source": np.array(source, dtype=np.int8),
        **joined,
    }


def prepare(folder: Path, out: Path, vocab_size: int) -> None:
    """Write tokenizer.json, train.npz, val.npz and sentences.json into `out`, once."""
    if (out / "sentences.json").exists():
        return
    rows = {}
    for split in ("train", "val"):
        rows[split] = {s: data.prepare(folder, split, s) for s in data.SOURCES}
        log.info("%s: %d documents", split, sum(map(len, rows[split].values())))
    tokenizer = train_tokenizer(_texts(rows["train"], folder), vocab_size)
    tokenizer.save(str(out / "tokenizer.json"))
    for split in ("train", "val"):
        flat = _flatten(rows[split], tokenizer)
        np.savez(out / f"{split}.npz", **flat)
        log.info("%s: %d tokens, %d sentences", split, len(flat["ids"]), len(flat["ends"]))
    texts = [t for s in data.SOURCES for row in rows["train"][s] for t in row["texts"]]
    (out / "sentences.json").write_text(json.dumps(texts))
