"""Keys that queries are expected to attend to stay (expected attention, arXiv:2510.00636).

If queries are normal with mean mu and variance var of each dimension, a key's weight before the
softmax is expected to be exp(scale mu . k + scale**2 / 2 sum(var k**2)); times norm(v) it is how
much the token is expected to add. The score is the logarithm of that.

Mean and variance are those of all queries read so far when the token leaves the window, of all
query heads that share the KV head, taken as one distribution; the paper has the full covariance,
or none, of each query head, from the prompt.

The paper takes queries before rotation and turns their mean to the places that come next. Here
queries come rotated: dimensions that turn fast have a mean near 0 and only their variance counts.
A bound of the logits (softcap) is not in the formula.
"""

from __future__ import annotations

from edgehybrid.runtime.routers.router import scored_by

ROUTER = scored_by("expected")
