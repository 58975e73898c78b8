"""Guesses come from what was read, the latest and longest match first."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgehybrid.runtime.lookup import LONGEST, MEMORY, SHORTEST, Guesser, History


def history(*tokens: int) -> History:
    made = History()
    made.add(np.array(tokens, np.int32))
    return made


def test_what_followed_before_is_guessed() -> None:
    assert history(1, 2, 3, 4, 5, 1, 2).guess(3, 2) == [4, 5]
    assert history(1, 2, 3, 4, 5, 1, 2).guess(3, 9) == [4, 5, 1, 2]


def test_the_longest_row_wins_and_then_the_latest() -> None:
    assert history(7, 1, 2, 50, 8, 1, 2, 60, 7, 1).guess(2, 1) == [50]
    assert history(5, 1, 2, 50, 5, 1, 2, 60, 5, 1).guess(2, 1) == [60]


def test_few_tokens_alone_are_no_sign() -> None:
    assert SHORTEST == 3
    assert history(9, 2, 50, 1).guess(2, 3) == []
    assert history(9, 1, 2, 50, 8, 1).guess(2, 3) == []
    assert history().guess(2, 3) == []
    assert history(2).guess(2, 3) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 3), st.integers(1, 4))
def test_as_a_plain_search(tokens: list[int], token: int, count: int) -> None:
    best: list[int] = []
    row = [*tokens, token]
    for length in range(SHORTEST, LONGEST + 1):
        ends = [e for e in range(length, len(tokens)) if tokens[e - length : e] == row[-length:]]
        if len(row) >= length and ends:
            best = tokens[ends[-1] : ends[-1] + count]
    assert history(*tokens).guess(token, count) == best


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, MEMORY), min_size=1, max_size=4), st.integers(0, 99))
def test_only_the_last_tokens_are_remembered(sizes: list[int], seed: int) -> None:
    rng, made, whole = np.random.default_rng(seed), History(), np.zeros(0, np.int32)
    size = made.nbytes
    for count in sizes:
        tokens = rng.integers(0, 1 << 30, count).astype(np.int32)
        made.add(tokens)
        whole = np.concatenate([whole, tokens])
    np.testing.assert_array_equal(made._known(), whole[-MEMORY:])
    assert made.nbytes == size
    made.clear()
    assert len(made._known()) == 0


def test_wrong_guesses_are_paid_for_less_and_less_often() -> None:
    guesser, known, asked = Guesser(), history(9, 1, 2, 3, 9, 1), 0
    for _ in range(100):
        if guesser.guess(known, 2, 5):
            asked += 1
            guesser.learn(0)
    assert asked < 15
    for _ in range(40):
        if guesser.guess(known, 2, 5):
            guesser.learn(2)
            break
    assert guesser.guess(known, 2, 5)


def test_no_guess_beyond_what_may_be_written() -> None:
    assert Guesser().guess(history(9, 1, 2, 3, 4, 9, 1), 2, 1) == [3]
    assert Guesser().guess(history(9, 1, 2, 3, 4, 9, 1), 2, 0) == []
