"""Token ids of a document into a stream, from the last checkpoint of the same beginning on."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import StateError
from edgehybrid.runtime.stream import Stream
from edgehybrid.store.entry import Unlocked
from edgehybrid.store.journal import Journal, Keeping, Link

log = logging.getLogger("edgehybrid")
Ids = NDArray[np.int32]


class Feeder:
    """Feeds batches to a stream; those that a kept state has read already are only compared.

    Batches must be cut by the document alone, so that an equal beginning is cut in the same way.

    Attributes:
        stream: has read all that was fed, once `finish` was called.
        resumed: tokens that were not read again.
        journal: places and sentence vectors.
    """

    def __init__(self, stream: Stream, keeping: Keeping | None, width: int) -> None:
        """`stream` is new; `width` is that of a sentence vector, 0 for a language model."""
        self.stream, self.resumed = stream, 0
        self.journal = Journal(keeping, width)
        sources = [] if keeping is None else [keeping.entry, *keeping.others]
        self._search: _Search | None = _Search(sources)
        self._waiting: list[tuple[Ids, Link]] = []
        self._sum, self._position = hashlib.sha256(), 0

    def feed(self, ids: Ids, page: int) -> None:
        """Read a batch, whose last token is of `page`; or note it, while it is known."""
        self._sum.update(ids.tobytes())
        self._position += len(ids)
        link = Link(self._position, self._sum.digest()[:16], page)
        self._waiting.append((ids, link))
        if self._search is None or not self._search.goes_on(link):
            self._catch_up()

    def finish(self) -> NDArray[np.float16]:
        """Read what waits and save the end; all sentence vectors (n, width)."""
        self._catch_up()
        self.save()
        return self.journal.rows()

    def save(self) -> None:
        """Save the state now, where readings are kept."""
        if self._search is None:
            self.journal.save(self.stream, at_once=True)

    def _catch_up(self) -> None:
        if self._search is not None:
            self._begin(self._search.found)
            self._search = None
        for ids, link in self._waiting:
            self.journal.add(link, self.stream.feed(ids))
            self.journal.save(self.stream)
        self._waiting = []

    def _begin(self, found: Sequence[tuple[int, Unlocked]]) -> None:
        """Go on from the last state that is sound; from the start if there is none."""
        for position, source in reversed(found):
            try:
                self.stream = self.journal.go_on(self.stream.model, source, position)
            except StateError as error:
                log.warning("%s; going on from an earlier place", error)
                continue
            self.resumed = position
            self._waiting = [wait for wait in self._waiting if wait[1].position > position]
            break
        self.journal.begin()


class _Search:
    """Follows a document through the chains of readings, as long as one of them is the same."""

    def __init__(self, sources: Sequence[Unlocked]) -> None:
        self._alive = [(source, set(source.states())) for source in sources if source.states()]
        self.found: list[tuple[int, Unlocked]] = []

    def goes_on(self, link: Link) -> bool:
        """Whether a later state may still be of the same beginning."""
        alive = []
        for source, states in self._alive:
            at = int(np.searchsorted(source.chain["position"], link.position))
            if at == len(source.chain) or source.chain["position"][at] != link.position:
                continue
            if bytes(source.chain["sum"][at]) != link.sum:
                continue
            if link.position in states:
                self.found.append((link.position, source))
            if max(states) > link.position:
                alive.append((source, states))
        self._alive = alive
        return bool(alive)
