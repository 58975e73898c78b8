"""Which tokens stay: the bookkeeping of one kv head, for scores that are fixed and others.

Plain Python on arrays of one kv head, so that the NumPy twin runs it as it is and the compiled
kernel compiles it: both backends keep the same tokens in the same slots.
"""

from __future__ import annotations

from typing import Any

NO_SLOT = -1


def leaves_first(left: int, right: int, score: Any, position: Any) -> bool:
    """Whether the token in slot ``left`` is evicted before the one in slot ``right``.

    The lower score goes first and of equal scores the later token, as a stable top-k over the
    sequence would have it.
    """
    if score[left] == score[right]:
        return bool(position[left] > position[right])
    return bool(score[left] < score[right])


def sift_up(heap: Any, index: int, score: Any, position: Any) -> None:
    """Restores the heap after a slot was appended at ``index``."""
    slot = heap[index]
    while index > 0:
        parent = (index - 1) // 2
        if not leaves_first(slot, heap[parent], score, position):
            break
        heap[index] = heap[parent]
        index = parent
    heap[index] = slot


def sift_down(heap: Any, length: int, score: Any, position: Any) -> None:
    """Restores the heap after the token in the slot at its root was replaced."""
    slot = heap[0]
    index = 0
    while 2 * index + 1 < length:
        child = 2 * index + 1
        if child + 1 < length and leaves_first(heap[child + 1], heap[child], score, position):
            child += 1
        if not leaves_first(heap[child], slot, score, position):
            break
        heap[index] = heap[child]
        index = child
    heap[index] = slot


def admit(leaving: int, heap: Any, length: int, first_routed: int, score: Any) -> int:
    """The routed slot for the token that leaves the window from slot ``leaving``.

    It is a free slot while there are fewer than ``budget`` routed tokens, else the slot of the
    token that leaves first if that has a strictly lower score, else NO_SLOT. A NaN score is never
    lower nor higher: it is kept while there is room and then stays.
    """
    if length < len(heap):
        return first_routed + length
    if length > 0 and score[leaving] > score[heap[0]]:
        return int(heap[0])
    return NO_SLOT


def record(slot: int, leaving: int, heap: Any, length: int, score: Any, position: Any) -> int:
    """Enters the leaving token into the heap under its routed slot; returns the new length."""
    replaces = length == len(heap)
    score[slot] = score[leaving]
    position[slot] = position[leaving]
    if replaces:
        sift_down(heap, length, score, position)
        return length
    heap[length] = slot
    sift_up(heap, length, score, position)
    return length + 1


def admit_by_scan(
    leaving: int, heap: Any, length: int, first_routed: int, score: Any, position: Any
) -> int:
    """As :func:`admit` where scores change: the lowest is looked for among all routed tokens.

    NaN is nobody's lowest, as in a heap.
    """
    if length < len(heap):
        return first_routed + length
    lowest = NO_SLOT
    for slot in range(first_routed, first_routed + length):
        if score[slot] == score[slot] and (
            lowest == NO_SLOT or leaves_first(slot, lowest, score, position)
        ):
            lowest = slot
    if lowest != NO_SLOT and score[leaving] > score[lowest]:
        return lowest
    return NO_SLOT


def record_by_scan(
    slot: int, leaving: int, heap: Any, length: int, score: Any, position: Any
) -> int:
    """As :func:`record` for :func:`admit_by_scan`: the heap only lists the slots."""
    replaces = length == len(heap)
    score[slot] = score[leaving]
    position[slot] = position[leaving]
    if replaces:
        return length
    heap[length] = slot
    return length + 1
