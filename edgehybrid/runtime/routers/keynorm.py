"""Keys of small norm stay: score = -norm(k) (Devoto et al. 2024, arXiv:2406.11430).

Keys that much attention goes to were found to have small norms. A rotation changes no norm, so
rotary positions do not matter.
"""

from __future__ import annotations

from edgehybrid.runtime.routers.router import scored_by

ROUTER = scored_by("keynorm")
