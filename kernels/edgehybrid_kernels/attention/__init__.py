"""Streaming attention over sinks, a window, and the tokens a router chose to keep; or over all.

| symbol | meaning |
|---|---|
| T | tokens in this call |
| Hq, Hk | query heads; key/value heads, each shared by Hq / Hk query heads |
| Dh | head_dim, of queries and keys |
| Dv | value_dim, Dh in most models; not in latent attention (DeepSeek-V2, arXiv:2405.04434) |
| sinks | the first tokens of the stream, kept for ever (Xiao et al. 2023, arXiv:2309.17453) |
| window | the last tokens, the current one included |
| budget | how many tokens that left the window are kept per kv head, in tokens |
| score | what the router thinks of a token, per kv head |
| slot | a place in the cache for one token of one kv head |

The query at position i attends to positions j that are sinks (j < sinks), in the window
(i - window < j <= i), or among the ``budget`` highest scores of sinks <= j <= i - window; of equal
scores the earlier token stays. Where a router was trained with the model, a routed key carries log
sigmoid(score) as a bias of its logit; where a cache has another policy it carries none:

    out = sum_j softmax_j(cap(scale * q . k_j) + bias_j) v_j

where cap(l) = softcap * tanh(l / softcap), or l (Gemma 2, arXiv:2408.00118, section 2). A
``FullCache`` keeps every token, a ``RoutedCache`` with neither sinks nor budget only the window.

Where scores are fixed, a token that was evicted would never come back, since the scores seen only
grow in number: a heap of ``budget`` slots therefore computes exactly the cumulative
top-``budget`` mask that the model is trained with, in memory that does not depend on the length of
the stream. Policies that need no training, two of which have scores that change, are in
:mod:`edgehybrid_kernels.routing`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from edgehybrid_kernels.attention.cache import RoutedCache
from edgehybrid_kernels.attention.full import FullCache
from edgehybrid_kernels.checks import Floats, check_array, check_rank
from edgehybrid_kernels.errors import KernelError


class Attention(Protocol):
    """The signature shared by all backends."""

    def __call__(
        self,
        q: Floats,
        k: Floats,
        v: Floats,
        score: Floats | None,
        cache: RoutedCache | FullCache,
        out: Floats,
        *,
        scale: float,
        softcap: float | None = None,
    ) -> None:
        """Reads T tokens, one after the other, each attending to what is then kept; T may be 0.

        Args:
            q: (T, Hq * Dh) float32, rows may be strided; so may those of k, v and score.
            k: (T, Hk * Dh) float32.
            v: (T, Hk * Dv) float32.
            score: (T, Hk) float32, of which a higher one is kept longer; may be None where nobody
                reads it: a full cache, a budget of 0, or a cache whose policy scores by itself.
            cache: what is kept; moves on by T tokens.
            out: (T, Hq * Dv) float32, rows may be strided; may be q itself if it has its shape.
            scale: of the logits, before cap and bias.
            softcap: the bound of the logits, above 0; None for no bound.

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say."""

    tokens: int
    query_heads: int
    kv_heads: int
    head_dim: int
    value_dim: int


def check(
    q: Floats,
    k: Floats,
    v: Floats,
    score: Floats | None,
    cache: RoutedCache | FullCache,
    out: Floats,
    softcap: float | None,
) -> Sizes:
    """Validates the arguments of :class:`Attention`."""
    check_rank("q", q, 2)
    tokens, width = q.shape
    kv_heads, head_dim, value_dim = cache.n_kv_heads, cache.head_dim, cache.value_dim
    query_heads, rest = divmod(width, head_dim)
    if rest or not query_heads or query_heads % kv_heads:
        raise KernelError(
            f"q has {width} columns, expected Hq * {head_dim} where {kv_heads} kv heads divide Hq"
        )
    check_array("q", q, (tokens, width), strided=True)
    check_array("k", k, (tokens, kv_heads * head_dim), strided=True)
    check_array("v", v, (tokens, kv_heads * value_dim), strided=True)
    check_array("out", out, (tokens, query_heads * value_dim), strided=True, written=True)
    if score is not None:
        check_array("score", score, (tokens, kv_heads), strided=True)
    elif isinstance(cache, RoutedCache) and cache.budget and cache.policy == "learned":
        raise KernelError(f"score is None, expected scores for a budget of {cache.budget} tokens")
    if softcap is not None and not softcap > 0:
        raise KernelError(f"softcap is {softcap}, expected a number above 0, or None")
    return Sizes(tokens, query_heads, kv_heads, head_dim, value_dim)


def no_scores(tokens: int, kv_heads: int) -> Floats:
    """(T, Hk) zeros that take no memory, for tokens nobody will choose between."""
    return np.broadcast_to(np.zeros(1, np.float32), (tokens, kv_heads))
