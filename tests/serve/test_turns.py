"""Requests to one model share its time."""

from __future__ import annotations

import re
import threading

import pytest

pytest.importorskip("openai", reason="the client that asks: edgehybrid[test]")
pytest.importorskip("uvicorn", reason="what serves: edgehybrid[serve]")
pytest.importorskip("torch", reason="the models are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="the models are made by transformers: edgehybrid[test]")

from serving import SECONDS, wait_until

from edgehybrid.serve.turns import Turns


def test_time_is_shared_not_steps() -> None:
    """Of two, one with steps of 100 and one with steps of 1, both get the same time."""
    now, order, held = [0.0], list[str](), threading.Event()
    turns = Turns(lambda: now[0])

    def work(name: str, cost: float, steps: int) -> None:
        with turns.turn() as turn:
            for _ in range(steps):
                turn.offer()
                if not held.is_set():  # the first step lasts until the other one waits
                    held.set()
                    wait_until(lambda: turns.are_wanted)
                now[0] += cost
                order.append(name)

    long = threading.Thread(target=work, args=("L", 100, 5))
    long.start()
    assert held.wait(SECONDS)
    short = threading.Thread(target=work, args=("s", 1, 350))
    short.start()
    for thread in (long, short):
        thread.join(SECONDS)
    runs = re.findall("L+|s+", "".join(order))
    assert [len(run) for run in runs] == [1, 101, 1, 100, 1, 100, 1, 49, 1]
    assert not turns.is_taken
    assert not turns.are_wanted


def test_a_turn_is_given_back_whatever_happens() -> None:
    turns, taken = Turns(), []

    def fail() -> None:
        with turns.turn() as turn:
            turn.offer()
            taken.append(turns.is_taken)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert taken == [True]
    assert not turns.is_taken
