"""One thread or all: whichever was faster, tried again now and then."""

from __future__ import annotations

from edgehybrid_kernels.program.pace import FIRST_TRIED, TRIED_EVERY, Pace


def play(pace: Pace, runs: int, together: float, alone: float) -> int:
    """Runs that take so long; how many were done alone."""
    count = 0
    for _ in range(runs):
        chosen = pace.alone()
        count += chosen
        pace.took(alone if chosen else together, alone=chosen)
    return count


def test_all_threads_come_first_and_one_is_tried_soon() -> None:
    pace = Pace()
    assert play(pace, FIRST_TRIED, 1, 2) == 0
    assert play(pace, 1, 1, 2) == 1


def test_the_faster_way_is_kept() -> None:
    assert play(Pace(), 480, 1, 2) <= 2 + 480 // TRIED_EVERY
    assert play(Pace(), 480, 2, 1) >= 480 - FIRST_TRIED - 480 // TRIED_EVERY - 1


def test_a_machine_that_becomes_busy_and_quiet_again() -> None:
    pace = Pace()
    play(pace, 100, 1, 2)
    assert play(pace, 200, 50, 2) > 100
    assert play(pace, 400, 1, 2) < 300
