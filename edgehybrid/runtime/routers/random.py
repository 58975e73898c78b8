"""The floor that a policy has to beat: a hash of position and KV head, the same in each run.

Every token has the same chance to be among the `budget` that are kept. Layers draw alike.
"""

from __future__ import annotations

from edgehybrid.runtime.routers.router import scored_by

ROUTER = scored_by("random")
