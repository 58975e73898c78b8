"""Heavy hitters stay: the softmax that a token has received so far (arXiv:2306.14048).

It is summed over all queries since the token came, mean over the query heads that share the KV
head. Whenever a token leaves the window, the one with the smallest sum goes: it or a routed one.
The sum is float32: once it is in the millions, a part below a tenth is lost.

The softmax is over what is kept, rotated or not, so positions count as in attention itself.
"""

from __future__ import annotations

from edgehybrid.runtime.routers.router import scored_by

ROUTER = scored_by("h2o")
