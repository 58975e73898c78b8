"""Tables of steps: how they are made, changed and run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid_kernels import threads
from edgehybrid_kernels.jit import Task
from edgehybrid_kernels.program.drive import DONE, STEP, TAKEN, drive
from edgehybrid_kernels.program.pace import Pace
from edgehybrid_kernels.program.views import WORD, words_of

#: Rows of a cache line, so that vectors do not straddle two.
LINE = 64
_WORDS = STEP // WORD


class Variable:
    """A whole number that changes from run to run: see :meth:`Program.set`."""


@dataclass(frozen=True)
class Rows:
    """An array of which the first ``count`` rows are meant."""

    array: NDArray[Any]
    count: Variable


class Program:
    """Steps, their packed arguments, and scratch memory for each thread.

    Not for use from several threads at once; ``run`` uses as many as it was given.
    """

    def __init__(self, scratch: NDArray[np.uint8]) -> None:
        """``scratch`` (threads, bytes) may be shared by programs that never run together."""
        self._scratch = scratch
        self._steps: list[tuple[int, int, int, int, int]] = []
        self._words: list[int] = []
        # Words are addresses: these keep what lies there.
        self._kept: list[Any] = []
        self._replaced: dict[int, Any] = {}
        self._paces: dict[int, Pace] = {}
        self._places: dict[Variable, tuple[list[int], list[int]]] = {}
        self._ready: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def add(
        self,
        task: Task,
        *arguments: Any,
        units: int | Variable,
        grain: int = 1,
        grain_of_few: int | None = None,
    ) -> int:
        """A step after all others; returns its number.

        Args:
            task: what it does.
            arguments: arrays, Rows of arrays, whole numbers, variables, floats.
            units: independent pieces of its work.
            grain: how many of them a thread takes at a time.
            grain_of_few: the same where units are short, see :meth:`be_quick`.
        """
        index, at = len(self._steps), len(self._words)
        for argument in arguments:
            self._pack(argument)
        if isinstance(units, Variable):
            self._places_of(units)[1].append(index)
            units = 0
        self._steps.append((task.address, at, units, grain, grain_of_few or grain))
        self._kept.append((task, arguments))
        self._ready = None
        return index

    def _places_of(self, variable: Variable) -> tuple[list[int], list[int]]:
        """Words and steps whose value or units the variable is."""
        return self._places.setdefault(variable, ([], []))

    def _pack(self, argument: Any) -> None:
        if isinstance(argument, Variable):
            self._places_of(argument)[0].append(len(self._words))
            self._words.append(0)
        elif isinstance(argument, Rows):
            self._places_of(argument.count)[0].append(len(self._words) + 1)
            self._words += words_of(argument.array)
        else:
            self._words += words_of(argument)

    def replace(self, step: int, place: int, *arguments: Any) -> None:
        """Other arrays for a step, from its ``place``-th word on."""
        _, words = self._tables()
        found = [word for argument in arguments for word in words_of(argument)]
        at = self._steps[step][1] + place
        words[at : at + len(found)] = found
        self._replaced[step] = arguments

    def set(self, variable: Variable, value: int) -> None:
        """Give a variable its value for the next runs."""
        table, words = self._tables()
        if variable in self._found:
            of_words, of_steps = self._found[variable]
            words[of_words] = value
            table[of_steps, 2] = value

    def be_quick(self, *, few: bool) -> None:
        """Choose between the grains of steps: those for few tokens, or the others."""
        table, _ = self._tables()
        table[:, 3] = table[:, 4 if few else 5]

    def run(self, size: int = 0) -> None:
        """Do all steps, in order, on all threads, or on one where that is faster just now.

        Runs of the same ``size`` are taken to last equally long.
        """
        if len(self._scratch) == 1:
            self._run(1)
            return
        pace = self._paces.setdefault(size, Pace())
        alone, began = pace.alone(), time.perf_counter()
        self._run(1 if alone else len(self._scratch))
        pace.took(time.perf_counter() - began, alone=alone)

    def _run(self, count_of_threads: int) -> None:
        table, _ = self._tables()
        table[:, TAKEN // WORD : DONE // WORD + 1] = 0
        at, count = table.ctypes.data, len(table)
        places = [row.ctypes.data for row in self._scratch[:count_of_threads]]
        threads.share(lambda i: drive(at, count, places[i]), len(places))

    def _tables(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self._ready is None:
            words = np.array(self._words, np.int64)
            table = aligned((len(self._steps), _WORDS), np.int64)
            for row, (task, at, *counts) in zip(table, self._steps, strict=True):
                row[:6] = task, words.ctypes.data + at * WORD, counts[0], *counts[1:], counts[1]
            self._found = {
                variable: (np.array(of_words, np.intp), np.array(of_steps, np.intp))
                for variable, (of_words, of_steps) in self._places.items()
            }
            self._ready = table, words
        return self._ready


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Zeros whose first byte begins a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    array: NDArray[Any] = memory[start : start + size].view(dtype).reshape(shape)
    return array


def address(array: NDArray[Any] | None) -> int:
    """Where an array's numbers begin; 0 for none."""
    return 0 if array is None else int(array.ctypes.data)
