"""Which checkpoints to keep within a number of bytes: many of late, ever fewer the older."""

from __future__ import annotations

from collections.abc import Mapping


def too_many(sizes: Mapping[int, int], coming: int, most: int) -> list[int] | None:
    """Positions to give up before a state of `coming` bytes is written; None if it has no room.

    The last one stays until the new one is there. Of the others, the one goes whose neighbours
    are nearest to each other, as seen from the end: so distances grow geometrically with age,
    and whatever page is edited, most of what stood before it need not be read again.

    Args:
        sizes: bytes of each state, by position.
        coming: of the next one.
        most: of all together.
    """
    kept, gone = dict(sorted(sizes.items())), []
    while sum(kept.values()) + coming > most:
        places = list(kept)
        if len(places) < 2:
            return None
        end = places[-1]
        before = [0, *places]
        worth = {
            place: (places[i + 1] - before[i]) / (end - before[i])
            for i, place in enumerate(places[:-1])
        }
        gone.append(min(worth, key=worth.__getitem__))
        del kept[gone[-1]]
    return gone
