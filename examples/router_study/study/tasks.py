"""Synthetic tasks whose answers depend on tokens far away, as batches of token ids.

Every task gives ids (B, L), the positions (B, A) of the tokens after which an answer is due, and
the answers (B, A). A row is one problem: what is to be remembered stands early or is spread over
the row, filler lies between, the questions come last (in MQAR they are spread, as in zoology).

mqar         key value ...: the value after a key (Arora et al. 2023, arXiv 2312.04927)
joint        context (key value) ...: the value of a key in a context (HAX, arXiv 2507.00449)
phonebook    first last digit digit digit ...: the digits after a name (arXiv 2402.01032)
needle       marker key value value, in filler with unmarked keys: both values
copying      values in filler: all of them, in their order (Gu and Dao 2023, arXiv 2312.00752)
overwritten  key value ..., some keys several times: the last value of a key
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

#: The shared vocabulary of the six tasks: marks, then keys, values and filler.
MARKS, KEYS, VALUES, FILLER = range(16), range(16, 144), range(144, 272), range(272, 400)
VOCABULARY = FILLER.stop
ASK, NEEDLE, COPY = 8, 9, 10
#: MQAR by itself: zoology's layout, keys from the lower half of the vocabulary.
MQAR_VOCABULARY = 1024


class Batch(NamedTuple):
    """ids (B, L); where (B, A) an answer is due after ids[b, where[b, a]]; answers (B, A)."""

    ids: Ids
    where: Ids
    answers: Ids


def _draw(random: np.random.Generator, span: range, shape: tuple[int, ...]) -> Ids:
    return random.integers(span.start, span.stop, shape)


def _distinct(random: np.random.Generator, span: range, rows: int, count: int) -> Ids:
    """(rows, count) of `span`, no two equal in a row."""
    return span.start + random.random((rows, len(span))).argpartition(count, 1)[:, :count]


def _places(random: np.random.Generator, rows: int, count: int, size: int, room: int) -> Ids:
    """Starts (rows, count), ascending, of pieces of `size` tokens that do not overlap in `room`."""
    free = room - count * (size - 1)
    starts = np.sort(random.random((rows, free)).argpartition(count - 1, 1)[:, :count], 1)
    return starts + np.arange(count) * (size - 1)


def _write(ids: Ids, starts: Ids, pieces: Ids) -> None:
    """Put pieces (rows, count, size) at starts (rows, count)."""
    rows = np.arange(len(ids))[:, None, None]
    ids[rows, starts[..., None] + np.arange(pieces.shape[2])] = pieces


def _ask(ids: Ids, questions: Ids, answers: Ids) -> Batch:
    """Questions (rows, count, q) and answers (rows, count, a) fill the end of `ids`."""
    rows, count, size = questions.shape
    both = np.concatenate([questions, answers], 2)
    begin = ids.shape[1] - count * both.shape[2]
    ids[:, begin:] = both.reshape(rows, -1)
    starts = begin + np.arange(count) * both.shape[2]
    where = (starts[:, None] + size - 1 + np.arange(answers.shape[2])).reshape(-1)
    return Batch(ids, np.broadcast_to(where, (rows, len(where))), answers.reshape(rows, -1))


def _row(random: np.random.Generator, task: int, rows: int, length: int) -> Ids:
    """Filler, after a first token that names the task."""
    ids = _draw(random, FILLER, (rows, length))
    ids[:, 0] = task
    return ids


def _some(full: int, level: float) -> int:
    return max(1, round(full * level))


def _pick(random: np.random.Generator, rows: int, of: int, count: int) -> Ids:
    return random.random((rows, of)).argsort(1)[:, :count]


def mqar(random: np.random.Generator, rows: int, length: int, level: float = 1.0) -> Batch:
    """Fourteen pairs scattered over the first half; eight queries at the end."""
    ids, pairs = _row(random, 0, rows, length), _some(14, level)
    keys, values = _distinct(random, KEYS, rows, pairs), _draw(random, VALUES, (rows, pairs))
    pieces = np.stack([keys, values], 2)
    _write(ids, 1 + _places(random, rows, pairs, 2, length // 2), pieces)
    asked = _pick(random, rows, pairs, min(pairs, 8))
    chosen = np.take_along_axis(pieces, asked[..., None], 1)
    return _ask(ids, chosen[..., :1], chosen[..., 1:])


def joint(random: np.random.Generator, rows: int, length: int, level: float = 1.0) -> Batch:
    """The same three keys in each of four contexts, with values of their own; six queries."""
    ids, keys, contexts = _row(random, 1, rows, length), 3, _some(4, level)
    names = _distinct(random, KEYS, rows, contexts + keys)
    values = _draw(random, VALUES, (rows, contexts, keys))
    tables = np.zeros((rows, contexts, 1 + 2 * keys), np.int64)
    tables[..., 0] = names[:, :contexts]
    tables[..., 1::2] = names[:, None, contexts:]
    tables[..., 2::2] = values
    _write(ids, 1 + _places(random, rows, contexts, tables.shape[2], length // 2), tables)
    asked = _pick(random, rows, contexts * keys, min(contexts * keys, 6))
    context, key = asked // keys, asked % keys
    at = np.arange(rows)[:, None]
    question = np.stack([names[at, context], names[at, contexts + key]], 2)
    return _ask(ids, question, values[at, context, key][..., None])


def phonebook(random: np.random.Generator, rows: int, length: int, level: float = 1.0) -> Batch:
    """Five names of two tokens, of which either may be shared; numbers of three; three queries."""
    ids, people = _row(random, 2, rows, length), _some(5, level)
    few = _distinct(random, KEYS, rows, 6)
    name = _pick(random, rows, 9, people)
    at = np.arange(rows)[:, None]
    names = np.stack([few[at, name // 3], few[at, 3 + name % 3]], 2)
    entries = np.concatenate([names, _draw(random, VALUES, (rows, people, 3))], 2)
    _write(ids, 1 + _places(random, rows, people, 5, length // 2), entries)
    chosen = np.take_along_axis(entries, _pick(random, rows, people, min(people, 3))[..., None], 1)
    return _ask(ids, chosen[..., :2], chosen[..., 2:])


def needle(random: np.random.Generator, rows: int, length: int, level: float = 1.0) -> Batch:
    """Five marked needles anywhere in filler that is 30 % unmarked keys; two are asked."""
    ids, needles = _row(random, 3, rows, length), _some(5, level)
    noise = _draw(random, KEYS, ids.shape)
    ids = np.where((random.random(ids.shape) < 0.3) & (ids >= FILLER.start), noise, ids)
    count = min(needles, 2)
    pieces = np.concatenate(
        [
            np.full((rows, needles, 1), NEEDLE),
            _distinct(random, KEYS, rows, needles)[..., None],
            _draw(random, VALUES, (rows, needles, 2)),
        ],
        2,
    )
    _write(ids, 1 + _places(random, rows, needles, 4, length - 1 - 4 * count), pieces)
    chosen = np.take_along_axis(pieces, _pick(random, rows, needles, count)[..., None], 1)
    question = np.concatenate([np.full((rows, count, 1), ASK), chosen[..., 1:2]], 2)
    return _ask(ids, question, chosen[..., 2:])


def copying(random: np.random.Generator, rows: int, length: int, level: float = 1.0) -> Batch:
    """Twelve values in filler, to be repeated in their order."""
    ids, count = _row(random, 4, rows, length), _some(12, level)
    values = _distinct(random, VALUES, rows, count)
    room = length - 2 - count
    _write(ids, 1 + _places(random, rows, count, 1, room), values[..., None])
    return _ask(ids, np.full((rows, 1, 1), COPY), values[:, None])


def overwritten(random: np.random.Generator, rows: int, length: int, level: float = 1.0) -> Batch:
    """Five keys, written twelve times in all; each key's last value is asked."""
    ids, count, writes = _row(random, 5, rows, length), _some(5, level), _some(12, level)
    keys = _distinct(random, KEYS, rows, count)
    order = np.concatenate([np.arange(count), np.arange(writes - count) % count])
    order = random.permuted(np.broadcast_to(order, (rows, writes)), axis=1)
    values = _draw(random, VALUES, (rows, writes))
    at = np.arange(rows)[:, None]
    pieces = np.stack([keys[at, order], values], 2)
    _write(ids, 1 + _places(random, rows, writes, 2, length * 3 // 4), pieces)
    last = writes - 1 - (order[:, ::-1, None] == np.arange(count)).argmax(1)
    asked = _pick(random, rows, count, count)
    chosen = values[at, np.take_along_axis(last, asked, 1)]
    return _ask(ids, keys[at, asked][..., None], chosen[..., None])


#: By name; each takes (random, rows, length, level): the share of the full number of items.
TASKS: dict[str, Callable[..., Batch]] = {
    "mqar": mqar,
    "joint": joint,
    "phonebook": phonebook,
    "needle": needle,
    "copying": copying,
    "overwritten": overwritten,
}


def mixed(random: np.random.Generator, rows: int, length: int, level: float = 1.0) -> Batch:
    """All six tasks, `rows` of each; answers are -100 where a row has fewer than others."""
    batches = [task(random, rows, length, level) for task in TASKS.values()]
    most = max(batch.where.shape[1] for batch in batches)

    def joined(parts: list[Ids], empty: int) -> Ids:
        padded = [np.pad(p, ((0, 0), (0, most - p.shape[1])), constant_values=empty) for p in parts]
        return np.concatenate(padded)

    ids, where, answers = zip(*batches, strict=True)
    return Batch(np.concatenate(ids), joined(list(where), 0), joined(list(answers), -100))


def zoology(random: np.random.Generator, rows: int, length: int, pairs: int) -> Batch:
    """MQAR as zoology lays it out: pairs first, then queries among random tokens, near ones often.

    The gap before a query follows a power law with exponent 0.01 - 1. Tokens that are neither pair
    nor query are random ones of the whole vocabulary, values and keys included.
    """
    half, context = MQAR_VOCABULARY // 2, 2 * pairs
    keys = _distinct(random, range(1, half), rows, pairs)
    values = _distinct(random, range(half, MQAR_VOCABULARY), rows, pairs)
    space = (length - context) // 2
    weight = 0.01 * np.arange(1, space + 1) ** (0.01 - 1)
    race = np.log(random.random((rows, space))) / weight  # Gumbel-like: weights without return
    gaps = race.argpartition(space - pairs, 1)[:, -pairs:]
    gaps = random.permuted(gaps, axis=1)
    ids = random.integers(0, MQAR_VOCABULARY, (rows, length))
    ids[:, 0:context:2], ids[:, 1:context:2] = keys, values
    where = context + 2 * gaps
    np.put_along_axis(ids, where, keys, 1)
    return Batch(ids, where, values)
