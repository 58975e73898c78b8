"""What the last query attended to stays (TOVA: token omission via attention, arXiv:2401.06104).

The score is the last query's softmax, mean over the query heads that share the KV head. Whenever a
token leaves the window, the one with the smallest score goes: it or a routed one. The paper has
neither sinks nor window; with `sinks=0, window=1` this is its policy, per KV head.

The softmax is over what is kept, rotated or not, so positions count as in attention itself.
"""

from __future__ import annotations

from edgehybrid.runtime.routers.router import scored_by

ROUTER = scored_by("tova")
