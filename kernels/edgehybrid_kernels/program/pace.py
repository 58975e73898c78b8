"""Whether all threads or one alone are faster just now.

Threads that walk down a table together wait for each other at every step. On a quiet machine that
costs less than a microsecond; where another process wants the same cores, one thread may wait for
milliseconds until the other is given a core again, hundreds of times for a single token. So runs
are timed, and from time to time the other way is tried.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: After so many runs one way, the other is tried once; sooner while it is not known.
TRIED_EVERY, FIRST_TRIED = 48, 4
#: How much the last run counts.
WEIGHT = 0.3


@dataclass
class Pace:
    """Running means of seconds, of runs alike, with all threads and with one."""

    means: dict[bool, float] = field(default_factory=dict)
    runs: int = 0

    def alone(self) -> bool:
        """Whether the next run should be done by one thread."""
        due = FIRST_TRIED if len(self.means) < 2 else TRIED_EVERY
        is_trial = self.runs > 0 and self.runs % due == 0
        return not self._usual() if is_trial else self._usual()

    def took(self, seconds: float, *, alone: bool) -> None:
        """Note how long a run took; one that was a trial says all that is known of its way."""
        self.runs += 1
        old = self.means.get(alone, seconds) if alone == self._usual() else seconds
        self.means[alone] = old + WEIGHT * (seconds - old)

    def _usual(self) -> bool:
        return self.means.get(True, float("inf")) < self.means.get(False, float("inf"))
