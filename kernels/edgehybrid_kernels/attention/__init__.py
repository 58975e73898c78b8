"""Streaming attention over sinks, a window, and the tokens a router chose to keep.

| symbol | meaning |
|---|---|
| T | tokens in this call |
| Hq, Hk | query heads; key/value heads, each shared by Hq / Hk query heads |
| Dh | head_dim |
| sinks | the first tokens of the stream, kept for ever (Xiao et al. 2023, arXiv:2309.17453) |
| window | the last tokens, the current one included |
| budget | how many tokens that left the window are kept per kv head, in tokens |
| score | what the router thinks of a token, per kv head |
| slot | a place in the cache for one token of one kv head |

The query at position i attends to positions j that are sinks (j < sinks), in the window
(i - window < j <= i), or among the ``budget`` highest scores of sinks <= j <= i - window; of equal
scores the earlier token stays. A routed key carries log sigmoid(score) as a bias of its logit:

    out = sum_j softmax_j(scale * q . k_j + bias_j) v_j

A token that was evicted would never come back, since the scores seen only grow in number: a heap
of ``budget`` slots therefore computes exactly the cumulative top-``budget`` mask that the model is
trained with, in memory that does not depend on the length of the stream.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edgehybrid_kernels.attention.cache import RoutedCache
from edgehybrid_kernels.checks import Floats, check_array, check_rank
from edgehybrid_kernels.errors import KernelError


class Attention(Protocol):
    """The signature shared by all backends."""

    def __call__(
        self,
        q: Floats,
        k: Floats,
        v: Floats,
        score: Floats,
        cache: RoutedCache,
        out: Floats,
        *,
        scale: float,
    ) -> None:
        """Reads T tokens, one after the other, each attending to what is then kept; T may be 0.

        Args:
            q: (T, Hq * Dh) float32, rows may be strided; so may those of k, v and score.
            k: (T, Hk * Dh) float32.
            v: (T, Hk * Dh) float32.
            score: (T, Hk) float32, of which a higher one is kept longer.
            cache: what is kept; moves on by T tokens.
            out: (T, Hq * Dh) float32, rows may be strided; may be q itself.
            scale: of the logits, before the bias.

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say."""

    tokens: int
    query_heads: int
    kv_heads: int
    head_dim: int


def check(q: Floats, k: Floats, v: Floats, score: Floats, cache: RoutedCache, out: Floats) -> Sizes:
    """Validates the arguments of :class:`Attention`."""
    check_rank("q", q, 2)
    tokens, width = q.shape
    kv_heads, head_dim = cache.n_kv_heads, cache.head_dim
    query_heads, rest = divmod(width, head_dim)
    if rest or not query_heads or query_heads % kv_heads:
        raise KernelError(
            f"q has {width} columns, expected Hq * {head_dim} where {kv_heads} kv heads divide Hq"
        )
    check_array("q", q, (tokens, width), strided=True)
    check_array("k", k, (tokens, kv_heads * head_dim), strided=True)
    check_array("v", v, (tokens, kv_heads * head_dim), strided=True)
    check_array("score", score, (tokens, kv_heads), strided=True)
    check_array("out", out, (tokens, width), strided=True, written=True)
    return Sizes(tokens, query_heads, kv_heads, head_dim)
