"""Text of all sources -> a byte-level BPE -> one uint16 file a split, mapped and never loaded."""

from __future__ import annotations

import gzip
import json
import logging
import lzma
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

log = logging.getLogger("train_writer")

END = "<|endoftext|>"
#: Share of the training windows that each source gives; without it, articles drown the rest.
SHARES = {
    "openstax": 0.22, "pmc_jats": 0.22, "qmsum": 0.12, "squality": 0.10, "tech_proposals": 0.16,
    "standardebooks": 0.18,
}  # fmt: skip
BOOKS = "standardebooks"


def read_texts(data: Path, split: str, source: str) -> Iterator[tuple[str, str]]:
    """Yield (id, text) of each document; the books have no validation split."""
    if source != BOOKS:
        with lzma.open(data / split / f"{source}.jsonl.xz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                yield row["id"], f"{row['title']}\n{row['document']}"
    elif split == "train":
        with gzip.open(data / "text" / f"{BOOKS}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                yield row["id"], row["text"]


def train_tokenizer(data: Path, vocab_size: int, most: int = 3_000_000) -> Tokenizer:
    """A byte-level BPE that keeps case; it sees at most `most` characters of each source."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample(data, most), trainer)
    return tokenizer


def _sample(data: Path, most: int) -> Iterator[str]:
    for source in SHARES:
        left = most
        for _, text in read_texts(data, "train", source):
            yield text[:left]
            left -= len(text)
            if left <= 0:
                break


def prepare(data: Path, work: Path, vocab_size: int) -> Tokenizer:
    """Write tokenizer.json, train.uint16, val.uint16 and spans.json into `work`, once."""
    if (work / "spans.json").exists():
        return Tokenizer.from_file(str(work / "tokenizer.json"))
    tokenizer = train_tokenizer(data, vocab_size)
    tokenizer.save(str(work / "tokenizer.json"))
    spans = {split: _write_split(data, work, split, tokenizer) for split in ("val", "train")}
    (work / "spans.json").write_text(json.dumps(spans, indent=1))
    return tokenizer


def _write_split(
    data: Path, work: Path, split: str, tokenizer: Tokenizer, most: int = 30_000_000
) -> dict[str, list[int]]:
    """Tokens of at most `most` characters a source; returns the start and stop of each source."""
    spans, position, end = {}, 0, tokenizer.token_to_id(END)
    with open(work / f"{split}.uint16", "wb") as file:
        for source in SHARES:
            start, left = position, most
            for _, text in read_texts(data, split, source):
                ids = np.array([*tokenizer.encode(text).ids, end], dtype=np.uint16)
                file.write(ids.tobytes())
                position, left = position + len(ids), left - len(text)
                if left <= 0:
                    break
            spans[source] = [start, position]
            log.info("%s %s: %d tokens", split, source, position - start)
    return spans


class Tokens:
    """The tokens of one split and where each source stands in them."""

    def __init__(self, work: Path, split: str) -> None:
        self.ids = np.memmap(work / f"{split}.uint16", dtype=np.uint16, mode="r")
        spans = json.loads((work / "spans.json").read_text())[split]
        self.spans = {source: span for source, span in spans.items() if span[1] > span[0]}

    def draw(self, count: int, length: int, random: np.random.Generator) -> np.ndarray:
        """Windows (count, length + 1) int64 from random places, sources by their shares."""
        shares = np.array([SHARES[source] for source in self.spans])
        spans = np.array(list(self.spans.values()))
        picks = random.choice(len(spans), size=count, p=shares / shares.sum())
        starts = random.integers(spans[picks, 0], spans[picks, 1] - length)
        return np.stack([self.ids[s : s + length + 1] for s in starts]).astype(np.int64)

    def spread(self, source: str, count: int, length: int) -> np.ndarray:
        """Windows (count, length + 1) int64 of one source at even distances."""
        start, stop = self.spans[source]
        starts = np.linspace(start, stop - length - 1, count).astype(np.int64)
        return np.stack([self.ids[s : s + length + 1] for s in starts]).astype(np.int64)


def token_bytes(tokenizer: Tokenizer) -> np.ndarray:
    """How many bytes of text each token stands for, (vocab,) int64; the end token for none."""
    vocab = tokenizer.get_vocab()
    sizes = np.zeros(len(vocab), dtype=np.int64)
    for token, i in vocab.items():
        sizes[i] = 0 if token == END else len(token)  # byte level: one character a byte
    return sizes
