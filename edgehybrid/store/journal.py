"""What a reading has made so far: places, sentence vectors, and now and then a state on disk."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import StateDamaged, StateError, StateNotFound
from edgehybrid.runtime.model import Model
from edgehybrid.runtime.saving import size_of
from edgehybrid.runtime.stream import Stream
from edgehybrid.store.entry import LINK, STATE, Entry, Unlocked
from edgehybrid.store.thinning import too_many

log = logging.getLogger("edgehybrid")

#: Saving takes at most this part of the time, and is not done more often than so many seconds.
SHARE, SECONDS = 0.05, 0.1


@dataclass(frozen=True)
class Keeping:
    """Where a reading is kept, and how.

    Attributes:
        entry: the reading's own folder.
        others: readings with the same model and options, which may begin in the same way.
        checkpoint_bytes: all states of this reading together take at most so many.
        half: states are saved in half precision.
    """

    entry: Entry
    others: Sequence[Unlocked]
    checkpoint_bytes: int
    half: bool = False


class Link(NamedTuple):
    """The end of a batch: sum of all tokens up to it, and the page of its last token."""

    position: int
    sum: bytes
    page: int


class Journal:
    """Places and vectors of one reading; `keeping` None keeps them in memory only.

    Attributes:
        links: LINK records of all batches that were read.
    """

    def __init__(self, keeping: Keeping | None, width: int) -> None:
        """`width` is that of a sentence vector; 0 for a language model."""
        self._keeping = keeping if keeping is not None and keeping.entry.mine else None
        self._width = width
        self.links = np.zeros(0, LINK)
        self._rows: list[NDArray[np.float16]] = []
        self._rows_sum = hashlib.sha256()
        self._on_disk = 0, 0, 0  # links, arrays of rows, and the position of the last state
        self._next_save = 0.0

    def go_on(self, model: Model, source: Unlocked, position: int) -> Stream:
        """The stream that is kept in `source` at `position`, whose past becomes this one's.

        Raises:
            StateError: it is not sound.
        """
        states = source.states()
        if position not in states:
            raise StateNotFound(f"{source.path} has no state of position {position} any more")
        stream = model.resume(states[position])
        links = source.chain[source.chain["position"] <= position]
        rows = source.rows(int(links["rows"][-1]), self._width) if self._width else None
        data = b"" if rows is None else rows.tobytes()
        said, sums = stream.document or {}, hashlib.sha256(data)
        found = (stream.position, bytes(links["sum"][-1]).hex(), sums.hexdigest())
        if found != (position, said.get("sum"), said.get("rows")):
            raise StateDamaged(f"{source.path}: its files do not belong together")
        self.links, self._rows_sum = links, sums
        self._rows = [] if rows is None else [rows]
        return stream

    def begin(self) -> None:
        """Make the folder hold what this begins with, and nothing that came after it."""
        if self._keeping is None:
            return
        entry, end = self._keeping.entry, int(self.links["position"][-1]) if len(self.links) else 0
        try:
            entry.forget_states(p for p in entry.states() if p > end)
            entry.begin(self.links, self.rows())
        except OSError as error:
            self._give_up(error)
        self._on_disk = len(self.links), len(self._rows), end if end in entry.states() else 0

    def add(self, link: Link, rows: NDArray[np.float32]) -> None:
        """Take note of a batch that was read, and of what came out."""
        if self._width:
            self._rows.append(rows.astype(np.float16))
            self._rows_sum.update(self._rows[-1].tobytes())
        before = int(self.links["rows"][-1]) if len(self.links) else 0
        made = np.zeros(1, LINK)
        made[0] = (*link, before + (len(rows) if self._width else 0))
        self.links = np.concatenate([self.links, made])

    def rows(self) -> NDArray[np.float16]:
        """All sentence vectors (n, width)."""
        return np.concatenate([np.zeros((0, self._width), np.float16), *self._rows])

    def rows_sum(self) -> str:
        """sha256 of all vectors."""
        return self._rows_sum.hexdigest()

    def save(self, stream: Stream, *, at_once: bool = False) -> None:
        """Save the state, if that is worth its time (or `at_once`) and there is room for it."""
        keeping, began = self._keeping, time.monotonic()
        if keeping is None or stream.position == self._on_disk[2]:
            return
        if began < self._next_save and not at_once:
            return
        try:
            self._save(stream, keeping)
        except (StateError, OSError) as error:
            self._give_up(error)
        spent = time.monotonic() - began
        self._next_save = began + spent + max(spent / SHARE, SECONDS)

    def _save(self, stream: Stream, keeping: Keeping) -> None:
        entry, states = keeping.entry, keeping.entry.states()
        size = size_of(stream, half=keeping.half)
        sizes = {position: path.stat().st_size for position, path in states.items()}
        drop = too_many(sizes, size, keeping.checkpoint_bytes)
        if drop is None:
            self._keeping = None
            log.warning(
                "two states of %s bytes are more than the %s that checkpoints may take, and no "
                "more are saved: allow more, or keep fewer tokens with a budget",
                *(f"{size:,}", f"{keeping.checkpoint_bytes:,}"),
            )
            return
        links, arrays, _ = self._on_disk
        entry.append(self.links[links:], self._rows[arrays:])
        entry.forget_states(drop)
        link = self.links[-1]
        stream.document = {
            "page": int(link["page"]),
            "sum": bytes(link["sum"]).hex(),
            "rows": self.rows_sum(),
        }
        stream.save(entry.path / f"{stream.position}{STATE}", half=keeping.half)
        self._on_disk = len(self.links), len(self._rows), stream.position

    def _give_up(self, error: Exception) -> None:
        self._keeping = None
        log.warning("the reading is no longer kept on disk: %s", error)
