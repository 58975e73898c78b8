"""How a token that leaves the window is scored, where the model has no score of its own.

| symbol | meaning |
|---|---|
| k, v | key (Dh,) and value (Dv,) of the token that leaves, as the cache holds them |
| q | the queries (Hq / Hk, Dh) that share its kv head |
| position | its place in the stream |
| stats | sums over all tokens so far, per kv head, float64 |
| p_i | softmax of the query at i, mean over the queries that share the kv head |

The ``policy`` of a :class:`~edgehybrid_kernels.RoutedCache` is one of these; higher scores stay:

| policy | score | fixed |
|---|---|---|
| learned | as given with the token; only this one adds log sigmoid(score) to a routed key's logit | when it comes |
| fitted | w . [k, v] | when it leaves |
| keynorm | -norm(k) | when it leaves |
| random | a hash of position and head | when it leaves |
| keydiff | -cos(k, sum of all k / norm(k)) | when it leaves |
| lagkv | std of (k - min) / (max - min), the extremes being those of the rest of the window; the same of v added | when it leaves |
| expected | scale mu . k + scale**2 / 2 var . k**2 + log norm(v), with mean mu and variance var of the queries | when it leaves |
| h2o | sum of p_i over all i since it came | never |
| tova | p_i of the last i | never |

A score that is fixed when a token leaves the window goes into the heap and never changes. Of the
two that change, the smallest of all routed tokens is looked for whenever one leaves: one pass over
the budget. In both cases the token that leaves is dropped itself if none is below it.

Sums are float64 and scores are rounded to float32 once, so that the two backends, which add in
another order, decide alike. ``h2o`` and ``tova`` read the softmax, which is float32 and differs in
its last bits between backends; scores closer than that may be told apart differently.
"""  # noqa: E501

from __future__ import annotations

from typing import Final

#: Names in the order of their codes.
POLICIES: Final = (
    *("learned", "fitted", "keynorm", "random", "keydiff", "lagkv", "expected"),
    *("h2o", "tova"),
)
LEARNED, FITTED, KEYNORM, RANDOM, KEYDIFF, LAGKV, EXPECTED, H2O, TOVA = range(len(POLICIES))
#: From this code on, scores change with every query.
CHANGING: Final = H2O
#: Rows (Dh,) of float64 that a policy keeps of each kv head: a sum, or mean and squared deviations.
STATS: Final = {"keydiff": 1, "expected": 2}
#: The smallest squared norm of a value that is told from 0.
TINY: Final = 1e-300


def place_of(position: int, head: int) -> float:
    """A number in 0..1 that looks drawn, for the token at ``position`` of one kv head.

    T. Mueller's hash of 32 bits. Plain Python, which the kernel compiles: products stay within 63
    bits, so both do the same.
    """
    x = (position ^ (position >> 32) ^ (head * 0x9E3779B1)) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    return ((x ^ (x >> 16)) >> 8) / 16777216.0
