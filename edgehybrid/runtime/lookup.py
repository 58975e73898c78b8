"""Guessing what comes next from what was read: prompt-lookup decoding.

A summary quotes its document, an answer repeats its question. Where the last few tokens stood
before, what followed them then is a good guess, which a model checks at the cost of little more
than one token. (The idea: A. Saxena, "Prompt Lookup Decoding", 2023, after speculative decoding,
arXiv:2211.17192.) Guesses never change what is written, only how fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid_kernels import KernelError

#: Tokens that are remembered, the last ones: 256 KB whatever the length of the document.
MEMORY = 1 << 16
#: How many tokens must have stood before, at most and at least. After two alone, a third of the
#: guesses were wrong altogether where a summary quoted 8,192 tokens; after three a fifth.
LONGEST, SHORTEST = 8, 3
#: Tokens of a guess. With the one before them they are as many as are read at the cost of one.
GUESS = 3


class History:
    """The last tokens of a stream."""

    def __init__(self) -> None:
        self._ring = np.zeros(MEMORY, np.int32)
        self._count = 0

    @property
    def nbytes(self) -> int:
        """Bytes allocated, always the same."""
        return self._ring.nbytes

    def clear(self) -> None:
        """Forget all."""
        self._count = 0

    def add(self, tokens: NDArray[np.int32]) -> None:
        """Remember tokens after those that are."""
        tokens = tokens[-MEMORY:]
        places = (self._count + np.arange(len(tokens))) % MEMORY
        self._ring[places] = tokens
        self._count += len(tokens)

    def copy(self) -> History:
        """An independent one with the same content."""
        twin = History()
        twin._ring[:], twin._count = self._ring, self._count
        return twin

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What has to be saved: the last tokens (n,) int32."""
        return {"tokens": self._known()}

    def restore(self, tensors: Mapping[str, NDArray[Any]], vocab_size: int) -> None:
        """Take what `tensors` gave.

        Raises:
            KernelError: these are no tokens.
        """
        tokens = tensors.get("tokens")
        if tokens is None or tokens.dtype != np.int32 or tokens.ndim != 1 or len(tokens) > MEMORY:
            raise KernelError(f"tokens are missing, or not at most {MEMORY} int32")
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < vocab_size:
            raise KernelError(f"tokens are not all in 0..{vocab_size - 1}")
        self.clear()
        self.add(tokens)

    def guess(self, token: int, count: int) -> list[int]:
        """Up to `count` tokens after `token`, which comes next: none if nothing is known.

        They follow the latest of those places where the longest row of tokens stood before.
        """
        known = self._known()
        ends = np.flatnonzero(known[:-1] == token)  # something must follow
        best = np.zeros(0, np.intp)
        for back in range(1, min(LONGEST, len(known))):
            ends = ends[ends >= back]
            ends = ends[known[ends - back] == known[-back]]
            if not len(ends):
                break
            if back + 1 >= SHORTEST:
                best = ends
        if not len(best):
            return []
        start = int(best[-1]) + 1
        return [int(t) for t in known[start : start + count]]

    def _known(self) -> NDArray[np.int32]:
        if self._count <= MEMORY:
            return self._ring[: self._count]
        cut = self._count % MEMORY
        return np.concatenate([self._ring[cut:], self._ring[:cut]])


class Guesser:
    """Decides when a guess is worth its cost: after wrong ones, only a while later."""

    def __init__(self) -> None:
        self._wait = self._wrong = 0

    def guess(self, history: History, token: int, most: int) -> list[int]:
        """Tokens to try after `token`."""
        if self._wait:
            self._wait -= 1
            return []
        return history.guess(token, min(GUESS, most)) if most > 0 else []

    def learn(self, right: int) -> None:
        """How many tokens of the last guess were right."""
        self._wrong = 0 if right else self._wrong + 1
        self._wait = 0 if right else min(self._wrong**2 - 1, 32)
