"""Choosing the next token from its logits.

In the order of transformers' processors: repetition penalty, bias, temperature, top-k, top-p,
min-p, then one draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import RequestError

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen; the defaults are greedy.

    Attributes:
        temperature: logits are divided by it; 0 takes the likeliest token and ignores the rest.
        top_k: choose among so many of the likeliest; 0 for all.
        top_p: choose among the likeliest that together have this probability; 1 for all.
        min_p: drop tokens less likely than this part of the likeliest; 0 for none.
        repetition_penalty: divides positive and multiplies negative logits of tokens that the
            stream has read or written; 1 for none.
        logit_bias: added to the logits of these tokens.

    Raises:
        RequestError: a value is out of range.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] | None = None

    def __post_init__(self) -> None:
        allowed = {
            "temperature": (0 <= self.temperature < float("inf"), "0 or more"),
            "top_k": (self.top_k >= 0, "0 or more"),
            "top_p": (0 < self.top_p <= 1, "above 0, at most 1"),
            "min_p": (0 <= self.min_p <= 1, "in 0..1"),
            "repetition_penalty": (0 < self.repetition_penalty < float("inf"), "above 0"),
        }
        for name, (good, expected) in allowed.items():
            if not good:
                raise RequestError(f"{name} is {getattr(self, name)}, expected {expected}")

    @property
    def is_greedy(self) -> bool:
        """Whether the next token depends on its logits alone."""
        return self.temperature == 0 and self.repetition_penalty == 1

    def choose(self, logits: Array, seen: NDArray[np.bool_], random: np.random.Generator) -> int:
        """The next token.

        Args:
            logits: (vocab,) float32; not changed.
            seen: (vocab,) which tokens the repetition penalty is for.
            random: draws one number, none where greedy.

        Raises:
            RequestError: logit_bias has a token out of range, or leaves no token to choose.
        """
        biased = self._biased(logits, seen)
        if self.temperature == 0:
            return int(biased.argmax())
        scores = biased.astype(np.float64) / self.temperature
        scores = _keep_top_k(scores, self.top_k)
        scores = _keep_top_p(scores, self.top_p)
        probabilities = softmax(scores)
        probabilities[probabilities < self.min_p * probabilities.max()] = 0
        total = np.cumsum(probabilities)
        return int(np.searchsorted(total, random.random() * total[-1], side="right"))

    def _biased(self, logits: Array, seen: NDArray[np.bool_]) -> Array:
        scores = logits.copy()
        if self.repetition_penalty != 1:
            old = scores[seen]
            penalty = np.float32(self.repetition_penalty)
            scores[seen] = np.where(old < 0, old * penalty, old / penalty)
        for token, bias in (self.logit_bias or {}).items():
            if not 0 <= token < len(scores):
                raise RequestError(f"logit_bias: token id {token} is not in 0..{len(scores) - 1}")
            scores[token] += bias
        if not np.isfinite(scores.max()):
            raise RequestError(f"logit_bias leaves {scores.max()} as the highest logit")
        return scores


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (vocab,); -inf becomes 0."""
    powers = np.exp(scores - scores.max())
    result: NDArray[np.float64] = powers / powers.sum()
    return result


def _keep_top_k(scores: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    if not 0 < k < len(scores):
        return scores
    lowest = np.partition(scores, -k)[-k]  # as in transformers, ties with it stay
    return np.where(scores < lowest, -np.inf, scores)


def _keep_top_p(scores: NDArray[np.float64], p: float) -> NDArray[np.float64]:
    if p >= 1:
        return scores
    order = np.argsort(-scores, kind="stable")
    before = np.cumsum(softmax(scores)[order])
    keep = order[: 1 + int(np.searchsorted(before, p))]  # the one that reaches p is in
    kept = np.full_like(scores, -np.inf)
    kept[keep] = scores[keep]
    return kept
