"""What a worker does with one document: the same here, in a process, and in a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import edgehybrid
from edgehybrid.documents.opening import check_range
from edgehybrid.errors import EdgehybridError, WorkersError, is_of_a_library
from edgehybrid.tasks.rendering import Format, render, shown, unread

if TYPE_CHECKING:
    from edgehybrid.runtime.budgets import Budget
    from edgehybrid.runtime.model import Model
    from edgehybrid.tasks.summarize import Summary


@dataclass(frozen=True)
class Options:
    """What is asked of every document; see `edgehybrid.summarize`."""

    format: Format = Format.text
    words: int | None = None
    points: int | None = None
    focus: str | None = None
    pages: tuple[int, int] | None = None
    password: str | None = None
    damaged: bool = False
    budget: Budget = None
    router: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None

    def told(self) -> dict[str, Any]:
        """What summaries depend on; a password is written nowhere."""
        told = {name: value for name, value in asdict(self).items() if name != "password"}
        if isinstance(self.budget, Mapping):  # as JSON would have it
            told["budget"] = {str(layer): kept for layer, kept in self.budget.items()}
        return told


class Setup(NamedTuple):
    """What a worker needs to know before the first document.

    `threads` None are all cores. `fingerprint` is the bundle's, `version` that of edgehybrid.
    """

    model: str | None
    fingerprint: str
    version: str
    options: Options
    threads: int | None = None


class Task(NamedTuple):
    """A document to be read: its number in this run, and where it is."""

    number: int
    path: Path


class Made(NamedTuple):
    """A summary, as it is written, and what the reading took."""

    text: str
    pages: int
    words: int
    tokens: int
    seconds: float
    peak_rss_bytes: int | None
    notes: tuple[str, ...]


class Outcome(NamedTuple):
    """What became of a task: `made`, or why not, in one line."""

    number: int
    made: Made | None
    reason: str = ""


class Moved(NamedTuple):
    """So many pages of a task were read."""

    number: int
    pages: int


class Workers(Protocol):
    """Those who do tasks. Nothing of them is left after `close`."""

    def has_room(self) -> bool:
        """Whether a task that is given now is begun soon."""

    def give(self, task: Task) -> None:
        """Begin a task."""

    def take(self) -> Iterable[Outcome | Moved]:
        """Wait a moment for something to happen, and tell it."""

    def close(self) -> None:
        """Stop at once, whatever is being done."""


def open_model(setup: Setup) -> Model:
    """The model, if it is the one that is meant, and can do what is asked.

    Raises:
        WorkersError: here is another version, or another model.
        BundleError: the model cannot be loaded.
        RequestError: it cannot do what is asked.
    """
    from edgehybrid.runtime.model import load
    from edgehybrid.tasks.summarize import check, only_writers

    if setup.version != edgehybrid.__version__:
        raise WorkersError(
            f"a worker has edgehybrid {edgehybrid.__version__}, but {setup.version} is wanted: "
            "install the same version everywhere"
        )
    model = load(setup.model, threads=setup.threads)
    if model.bundle.fingerprint != setup.fingerprint:
        raise WorkersError(
            f"a worker's bundle {model.bundle.name} in {model.bundle.folder} is another one than "
            "this program's: put the same there"
        )
    check(setup.options)
    check_range(setup.options.pages)
    if not model.writes:
        only_writers(model, setup.options)
    model.stream(budget=setup.options.budget, router=setup.options.router)
    return model


def attempt(
    model: Model, options: Options, task: Task, name: str, tell: Callable[[int], object]
) -> Outcome:
    """Summarise one document; whatever is wrong with it is told, not raised.

    Args:
        model: what reads.
        options: what is asked.
        task: the document.
        name: what it is called in its summary, and in what is said of it.
        tell: called with the number of pages that were read.
    """
    try:
        return Outcome(task.number, _make(model, options, task.path, name, tell))
    except EdgehybridError as error:
        reason = str(error)
    except MemoryError:
        reason = "there is not enough memory"
    except BaseException as error:
        if not is_of_a_library(error):
            raise
        reason = f"{type(error).__name__}: {error}; please report this as a bug of edgehybrid"
    reason = reason.replace(str(task.path), name).replace(task.path.name, name)
    reason = reason.removeprefix(shown(name)).removeprefix(":")  # it stands before the reason
    return Outcome(task.number, None, one_line(reason))


def one_line(text: str) -> str:
    """`text` as a line that steers no terminal."""
    return shown(" ".join(text.split()))


def _make(
    model: Model, options: Options, path: Path, name: str, tell: Callable[[int], object]
) -> Made:
    from edgehybrid.tasks.summarize import summarize

    asked = asdict(options)
    form = asked.pop("format")
    summary = summarize(path, model=model, progress=lambda p: tell(p.pages_read) and None, **asked)
    stats = summary.stats
    return Made(
        text=render(replace(summary, document=name), form) + "\n",
        pages=stats.pages,
        words=stats.words,
        tokens=stats.tokens,
        seconds=stats.seconds,
        peak_rss_bytes=stats.peak_rss_bytes,
        notes=tuple(_notes(summary, options)),
    )


def _notes(summary: Summary, options: Options) -> list[str]:
    from edgehybrid.tasks.write import MAX_TOKENS

    stats = summary.stats
    lines = [*summary.notices]
    lines += unread(stats)
    if stats.tokens_written >= (options.max_tokens or MAX_TOKENS):
        lines.append(f"the summary was cut off after {stats.tokens_written:,} tokens")
    return lines
