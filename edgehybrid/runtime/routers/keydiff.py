"""Keys unlike the others stay: score = -cos(k, mean of k / norm(k)) (arXiv:2504.15364).

The paper takes the mean over the keys in the cache. Here it is the mean over all keys read so far,
evicted ones included, when the token leaves the window: it needs one sum, and the score is fixed.

As in the paper, keys are those that the cache holds: where they are rotated, dimensions that turn
fast cancel out of the mean, and slow ones decide.
"""

from __future__ import annotations

from edgehybrid.runtime.routers.router import scored_by

ROUTER = scored_by("keydiff")
