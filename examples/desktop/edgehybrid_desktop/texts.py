"""Numbers as words, for people."""

from __future__ import annotations

import re

from edgehybrid.documents.opening import SUFFIXES
from edgehybrid.documents.units import counted, place
from edgehybrid_desktop.jobs import Job, State
from edgehybrid_desktop.messages import Progress, Summary

#: Of documents that can be opened, for the dialog; whatever is dropped is tried.
FILTER = f"Documents ({' '.join(f'*{suffix}' for suffix in SUFFIXES)});;All files (*)"
NOTHING_MATCHES = "Nothing in this document matches."
NOTHING_MATCHES_HINT = (
    "Answers are passages of the document, word for word, and none is close enough to this "
    "question. Try other words, such as those that the document itself would use."
)


def size(count: int) -> str:
    """Bytes as MB or, if there are few, as kB."""
    if count < 1e5:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.2f} MB" if count < 1e7 else f"{count / 1e6:,.0f} MB"


def duration(seconds: float) -> str:
    """Seconds as a person would say them."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def left(progress: Progress) -> float | None:
    """Seconds that are left, if pages go on as they did; None before the first page."""
    if not progress.pages or not progress.seconds:
        return None
    return progress.seconds / progress.pages * (progress.pages_total - progress.pages)


def remaining(progress: Progress) -> str:
    """The same in words."""
    seconds = left(progress)
    if seconds is None:
        return ""
    if seconds < 1:
        return "almost done"
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {duration(seconds)} left"


def memory(peak: int | None, state: int) -> str:
    """What the reading process takes at most, and what the stream remembers of the document."""
    parts = [f"{size(peak)} of memory"] if peak else []
    return " · ".join([*parts, f"state {size(state)}"] if state else parts)


def row(job: Job) -> str:
    """The second line of a document in the queue."""
    if job.state is State.READING:
        if job.progress is None:
            return "Opening …"
        if job.progress.recognising:
            return f"Recognising {place(job.progress.unit, job.progress.recognising)} …"
        page = f"{job.progress.unit.title()} {job.progress.pages:,} of {job.progress.pages_total:,}"
        if job.progress.pages == job.progress.pages_total:
            return "Writing the summary …"
        return f"{page} · {remaining(job.progress)}".rstrip(" ·")
    if job.state is State.DONE and job.summary is not None:
        return counted(job.summary.unit, job.summary.pages)
    return {
        State.WAITING: "Waiting",
        State.STOPPING: "Stopping …",
        State.CANCELLED: "Cancelled",
    }.get(job.state, error(job))


def error(job: Job) -> str:
    """Why it has failed, without the file's name, which stands above, and options of commands."""
    why = re.sub(r" with --[a-z]+", "", job.error.removeprefix(f"{job.path.name}: "))
    return why[:1].upper() + why[1:]


def facts(summary: Summary) -> str:
    """The line below a document's name."""
    parts = [counted(summary.unit, summary.pages), counted("word", summary.words)]
    if summary.resumed and summary.seconds < 0.1:
        parts.append("read before")
    else:
        parts.append(f"read in {duration(summary.seconds)}")
    return " · ".join([*parts, memory(summary.peak_rss_bytes, summary.state_bytes)])
