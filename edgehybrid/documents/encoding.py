"""Sentences to the token stream that a reader bundle was trained on, and their places.

Each sentence, heading or other unit is followed by an end token that says what it was; the
model emits one sentence vector at each end token.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgehybrid.documents.document import Sentence
from edgehybrid.documents.numbering import share
from edgehybrid.errors import BundleDamaged

END_TOKENS = {"prose": "<|prose|>", "list": "<|item|>", "heading": "<|heading|>"}
OTHER_END = "<|other|>"

#: Number of columns of `place_features`.
PLACE_SIZE = 12


def encode(
    tokenizer: Tokenizer, sentences: Sequence[Sentence]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Token ids (T,) int32 of all sentences, and the index (n,) int64 of each one's end token."""
    known = {kind: _id(tokenizer, token) for kind, token in END_TOKENS.items()}
    other = _id(tokenizer, OTHER_END)
    encoded = tokenizer.encode_batch_fast([s.text for s in sentences], add_special_tokens=False)
    pieces: list[int] = []
    last = np.empty(len(sentences), dtype=np.int64)
    for i, (sentence, one) in enumerate(zip(sentences, encoded, strict=True)):
        pieces += one.ids
        last[i] = len(pieces)
        pieces.append(known.get(sentence.kind, other))
    return np.array(pieces, dtype=np.int32), last


def _id(tokenizer: Tokenizer, token: str) -> int:
    found = tokenizer.token_to_id(token)
    if found is None:
        raise BundleDamaged(f"the bundle's tokenizer.json has no token {token}")
    return found


def place_features(sentences: Sequence[Sentence]) -> NDArray[np.float32]:
    """Where each sentence stands and what it looks like, (n, PLACE_SIZE) float32, about 0..1."""
    n = len(sentences)
    index = np.arange(n, dtype=np.float32)
    words = np.array([len(s.text.split()) for s in sentences], dtype=np.float32)
    heads = np.array([s.kind == "heading" for s in sentences], dtype=bool)
    after = index - np.maximum.accumulate(np.where(heads, index, -1.0))
    seen = np.cumsum(heads).astype(np.float32)
    columns = [
        index / max(n, 1),
        1 / (1 + index),
        1 / (n - index),
        np.log1p(index) / 6,
        np.full(n, np.log1p(n) / 6),
        np.log(np.maximum(words, 1)) / 4,
        np.minimum(words / 40, 3),
        [s.kind == "list" for s in sentences],
        1 / np.maximum(after, 1),
        seen / max(seen[-1], 1) if n else seen,
        [share(s.text, str.isdigit) for s in sentences],
        [share(s.text, str.isupper) for s in sentences],
    ]
    return np.array(columns, dtype=np.float32).T.reshape(n, PLACE_SIZE)
