"""Requests to one language model take turns, so that a short answer need not wait for a long text.

A step is a piece of a prompt, a second or so, or a token of an answer, some milliseconds. Taken in
turn, each token would wait for a piece of somebody's prompt. So it is time that is shared equally:
the turn goes to whoever has had least of it, counted from when they came (start-time fair queueing;
Goyal, Vin and Cheng 1996, section 2).
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """Who works with a model, and who waits for that."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.changed = threading.Condition()
        self.waiting: list[tuple[float, int]] = []  # a heap: time had, and whose
        self.is_taken = False
        self.level = 0.0  # time had by whoever had the last turn: those who come begin there
        self._numbers = itertools.count()

    @property
    def are_wanted(self) -> bool:
        """Whether anybody waits, so that steps should be short."""
        return bool(self.waiting)

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """A share of the time, for one thread; it begins with the first `offer`."""
        turn = Turn(self, next(self._numbers))
        try:
            yield turn
        finally:
            turn.leave()


class Turn:
    """The share of one request."""

    def __init__(self, turns: Turns, number: int) -> None:
        self._turns, self._number = turns, number
        self._had, self._since = 0.0, 0.0
        self._is_mine = False

    def offer(self) -> None:
        """Before each step: go on, or let others work first who have had less time."""
        turns = self._turns
        with turns.changed:
            self._count()
            if self._is_mine and (not turns.waiting or turns.waiting[0][0] >= self._had):
                turns.level = self._had
                return
            self._release()
            self._had = max(self._had, turns.level)
            mine = (self._had, self._number)
            heapq.heappush(turns.waiting, mine)
            while turns.is_taken or turns.waiting[0] != mine:
                turns.changed.wait()
            heapq.heappop(turns.waiting)
            turns.is_taken = self._is_mine = True
            turns.level, self._since = self._had, turns.clock()

    def leave(self) -> None:
        """Work no more; another call does nothing."""
        with self._turns.changed:
            self._count()
            self._release()

    def _count(self) -> None:
        if self._is_mine:
            now = self._turns.clock()
            self._had, self._since = self._had + now - self._since, now

    def _release(self) -> None:
        if self._is_mine:
            self._turns.is_taken = self._is_mine = False
            self._turns.changed.notify_all()
