"""The router that was trained with the model: s = W2 silu(W1 x) + b per KV head, of its layer.

It looks at what the layer reads (x, after the norm), not at keys, so positions do not matter to it.
A token that left the window is kept while it is among the `budget` highest; the logits of its key
then carry log sigmoid(s), in training and here, which is what the router learns by.
"""

from __future__ import annotations

from edgehybrid.runtime.routers.router import scored_by

ROUTER = scored_by("learned")
