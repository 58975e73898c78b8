"""Fitting a router to somebody's own text: what its tokens show, and how much attention they get.

| symbol | meaning |
|---|---|
| T | tokens of a segment |
| Hq, Hk | query heads; KV heads, each shared by Hq / Hk query heads |
| Dh, Dv | columns of a query or key, and of a value |
| p_ij | softmax over all tokens up to i of the query at i, mean over the queries of a KV head |
| window | the last tokens, which are kept anyway; j is *far* from i where j <= i - window |
| sinks | the first tokens, likewise |

The target of token j is how much its KV head will miss it once it has left the window:

    y_j = log(mean over i >= j + window of (i + 1) p_ij + FLOOR)

The softmax is the whole one, sinks and window included, not one of far tokens alone: a query that
finds what it needs nearby would not miss a far token, and must not count like one that looks far.
Times i + 1, the tokens that it is divided between, since an early token competes with fewer: 1 is
what even attention would give. The mean, and not the sum, since an early token has more queries
after it.
"""
