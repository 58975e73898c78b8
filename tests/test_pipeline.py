"""Stages in threads give what stages in turn give, and fail as one."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.runtime.pipeline import run_stages, split_evenly


@dataclass
class Space:
    value: int = 0
    trail: list[int] = field(default_factory=list)


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=30),
    st.integers(1, 8),
)
def test_split_covers_all_in_order(costs: list[float], parts: int) -> None:
    runs = split_evenly(costs, parts)
    assert [i for run in runs for i in run] == list(range(len(costs)))
    assert 1 <= len(runs) <= parts
    assert all(len(run) for run in runs)


def test_split_balances() -> None:
    assert split_evenly([1, 1, 1, 1], 2) == [range(2), range(2, 4)]
    assert split_evenly([9, 1, 1, 1], 2) == [range(1), range(1, 4)]


def _fills(count: int):
    def fill_with(i: int):
        def fill(space: Space) -> None:
            space.value, space.trail = i, []

        return fill

    return (fill_with(i) for i in range(count))


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 40))
def test_every_chunk_passes_every_stage_in_order(stages: int, spaces: int, count: int) -> None:
    seen: list[list[int]] = [[] for _ in range(stages)]
    ends: list[list[int]] = []

    def stage(s: int):
        def run(space: Space) -> None:
            seen[s].append(space.value)
            space.trail.append(s)
            if s == stages - 1:
                ends.append(list(space.trail))

        return run

    run_stages([stage(s) for s in range(stages)], [Space() for _ in range(spaces)], _fills(count))
    assert all(values == list(range(count)) for values in seen)
    assert all(trail == list(range(stages)) for trail in ends)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_the_first_error_of_any_stage_is_raised(failing: int) -> None:
    def stage(s: int):
        def run(space: Space) -> None:
            if s == failing and space.value == 3:
                raise ValueError(f"stage {s}")

        return run

    with pytest.raises(ValueError, match=f"stage {failing}"):
        run_stages([stage(s) for s in range(3)], [Space() for _ in range(4)], _fills(50))
