"""What is kept at each position of a stream, over all attention layers and their KV heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.kept import KeptLayer

#: Where a token stands that is kept for its place, not for its score.
SINK, WINDOW = "sink", "window"


class Holder(NamedTuple):
    """A KV head that keeps a token, and the router's score."""

    layer: int
    head: int
    score: float


class Marks(NamedTuple):
    """Which tokens are kept.

    Attributes:
        routed: positions that a router keeps, and who keeps them, the highest score first.
        positions: (n,) the same positions in order.
        heads: KV heads that route, of all layers.
        sinks: positions below are sinks of some layer.
        window: positions from here on are in the window of some layer.
        full: a layer keeps every token.
    """

    routed: dict[int, list[Holder]]
    positions: NDArray[np.int64]
    heads: int
    sinks: int
    window: int
    full: bool

    def region(self, position: int) -> str:
        """SINK, WINDOW or ""."""
        if position < self.sinks:
            return SINK
        return WINDOW if position >= self.window else ""

    def counts(self, start: int, stop: int) -> tuple[int, int]:
        """Of the positions start <= p < stop, how many are routed, and how many are kept at all."""
        first, last = np.searchsorted(self.positions, [start, stop])
        inside = self.positions[first:last]
        if self.full:
            return len(inside), stop - start
        sinks = max(min(stop, self.sinks) - start, 0)
        by_place = sinks + max(stop - max(start, self.window, self.sinks), 0)
        both = int(((inside < self.sinks) | (inside >= self.window)).sum())
        return len(inside), len(inside) - both + by_place


def marks_of(layers: Sequence[KeptLayer], seen: int) -> Marks:
    """Gather what `layers` hold after `seen` tokens; those that keep every token mark none."""
    chosen = [layer for layer in layers if not layer.full]
    routed: dict[int, list[Holder]] = {}
    for layer in chosen:
        for head in range(layer.heads):
            pairs = zip(layer.routed[head].tolist(), layer.scores[head].tolist(), strict=True)
            for position, score in pairs:
                if position >= 0:
                    routed.setdefault(position, []).append(Holder(layer.layer, head, score))
    for holders in routed.values():
        holders.sort(key=lambda holder: -holder.score)
    return Marks(
        routed,
        np.array(sorted(routed), np.int64),
        sum(int((layer.routed >= 0).any(axis=1).sum()) for layer in chosen),
        max((layer.sinks for layer in chosen), default=0),
        min((layer.window for layer in chosen), default=seen),
        len(chosen) < len(layers),
    )
