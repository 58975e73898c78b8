"""Tables of steps: every unit once, in order, whoever comes and whenever."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from edgehybrid_kernels import KernelError, load_task, threads
from edgehybrid_kernels.program import views
from edgehybrid_kernels.program.table import LINE, Program, Rows, Variable, aligned


def scratch(count: int) -> np.ndarray:  # type: ignore[type-arg]
    return aligned((count, 4096), np.uint8)


def add(program: Program, a: np.ndarray, b: np.ndarray, out: np.ndarray, units: object) -> None:  # type: ignore[type-arg]
    """A step out = a + b, rows as units."""
    places = (x.ctypes.data for x in (a, b, out))
    program.add(load_task("add_task"), a.shape[1], *places, a.strides[0], units=units)  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(1, 30), st.integers(1, 4), st.integers(0, 1 << 16))
def test_steps_run_in_order_and_each_unit_once(
    rows: int, steps: int, count: int, seed: int
) -> None:
    """x <- x + y, y <- y + x ... shows any unit that was done twice, early or not at all."""
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, 9, (40, 8)).astype(np.float32) for _ in range(2))
    wanted = [x.copy(), y.copy()]
    program, cut = Program(scratch(count)), Variable()
    for step in range(min(steps, 20)):
        a, b = (x, y) if step % 2 == 0 else (y, x)
        add(program, a, b, a, cut)
        wanted[step % 2][:rows] += wanted[1 - step % 2][:rows]
    program.set(cut, rows)
    program.run()
    np.testing.assert_array_equal(x, wanted[0])
    np.testing.assert_array_equal(y, wanted[1])


def test_a_program_runs_again_with_other_counts() -> None:
    x, one = np.zeros((10, 4), np.float32), np.ones((10, 4), np.float32)
    program, cut = Program(scratch(2)), Variable()
    add(program, x, one, x, cut)
    for count in (10, 3, 0, 7):
        program.set(cut, count)
        program.run()
    np.testing.assert_array_equal(x[:, 0], [3, 3, 3, 2, 2, 2, 2, 1, 1, 1])


def test_helpers_that_never_come_are_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """All the pool's threads are busy: the calling one does everything, and does not wait."""
    threads.set_threads(2)
    gate = threading.Event()
    busy = [threads._workers().submit(gate.wait) for _ in range(4)]
    try:
        x, one = np.zeros((64, 4), np.float32), np.ones((64, 4), np.float32)
        program = Program(scratch(2))
        add(program, x, one, x, 64)
        program.run()
        assert (x == 1).all()
    finally:
        gate.set()
        for wait in busy:
            wait.result()
        threads.set_threads(None)


def test_rows_cut_an_array() -> None:
    y, z = np.ones((9, 4), np.float32), np.full((9, 4), 2.0, np.float32)
    out = np.zeros((9, 4), np.float32)
    program, cut = Program(scratch(1)), Variable()
    rows = (Rows(array, cut) for array in (y, z, out))
    program.add(load_task("gate_task"), *rows, 3, units=cut)
    program.set(cut, 5)
    program.run()
    np.testing.assert_array_equal(out[:, 0], [2] * 5 + [0] * 4)


def test_replaced_arrays_are_used() -> None:
    y, z, old, new = (np.ones((2, 4), np.float32) for _ in range(4))
    program = Program(scratch(1))
    step = program.add(load_task("gate_task"), y, z, old * 0, 3, units=2)
    program.replace(step, 10, new)
    new[:] = 0
    program.run()
    np.testing.assert_array_equal(new, np.ones((2, 4)))


def test_grains_change_nothing() -> None:
    x, one = np.zeros((100, 4), np.float32), np.ones((100, 4), np.float32)
    program = Program(scratch(2))
    places = (array.ctypes.data for array in (x, one, x))
    program.add(
        load_task("add_task"), 4, *places, x.strides[0], units=100, grain=7, grain_of_few=1000
    )
    for few in (False, True):
        program.be_quick(few=few)
        program.run()
    assert (x == 2).all()


def test_words() -> None:
    array = np.zeros((3, 4), np.float32)[:, 1:]
    assert views.words_of(array) == [array.ctypes.data, 3, 3, 16, 4]
    assert views.words_of(7) == [7]
    assert np.array(views.words_of(0.1), np.int64).view(np.float32)[0] == np.float32(0.1)


@pytest.mark.parametrize("shape", [(1,), (3, 5), (0, 4), (7, 1000)])
def test_aligned_arrays_begin_a_line(shape: tuple[int, ...]) -> None:
    array = aligned(shape, np.float32)
    assert array.shape == shape
    assert array.ctypes.data % LINE == 0 or array.size == 0
    assert not array.any()


def test_unknown_task() -> None:
    with pytest.raises(KernelError, match="task is 'nothing'"):
        load_task("nothing")
