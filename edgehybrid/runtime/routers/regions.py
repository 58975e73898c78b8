"""How a budget is divided where the model was not trained with sinks, window and a router."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

#: First tokens that are kept for ever.
SINKS = 4
#: The window is a quarter of the budget, and no longer than this.
WINDOW = 64


class Regions(NamedTuple):
    """Tokens of each kind; `budget` of all KV heads, or of each."""

    sinks: int
    window: int
    budget: int | tuple[int, ...]


def divide(total: int | Sequence[int]) -> Regions:
    """Sinks, window and routed tokens of `total` in all; sinks and window are those of any head.

    At least one token is kept, the current one.
    """
    totals = (total,) if isinstance(total, int) else tuple(total)
    sinks = min(SINKS, max(min(totals) - 1, 0))
    window = max(min(WINDOW, min(totals) // 4), 1)
    routed = tuple(max(each - sinks - window, 0) for each in totals)
    return Regions(sinks, window, routed[0] if isinstance(total, int) else routed)
