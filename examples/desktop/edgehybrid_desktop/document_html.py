"""A document's summary, questions and answers as rich text, whose links are pages: `page:5`.

All text of documents is escaped, and the view that shows this loads nothing (see `document_view`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from itertools import count

from edgehybrid.documents.units import UNITS, place
from edgehybrid_desktop.jobs import Exchange, Job
from edgehybrid_desktop.messages import Answer, Cited
from edgehybrid_desktop.style import Colors
from edgehybrid_desktop.texts import NOTHING_MATCHES, NOTHING_MATCHES_HINT

_PAGE_CELL = "white-space: nowrap; padding: 0 14px 10px 0"
#: How a language model cites pages, because it is asked to.
_CITED = rf"pp?\.|(?:{'|'.join(UNITS)})s?"
_CITATION = re.compile(rf"\[(?:{_CITED})\s*(\d{{1,6}})(?:\s*[-–,]\s*\d{{1,6}})*\]")


def cited(job: Job) -> list[Cited]:
    """All that is quoted, in the order of the numbers in links: `page:5#0` leads to the first."""
    found = list(job.summary.points) if job.summary else []
    for exchange in job.exchanges:
        found += exchange.answer.passages if exchange.answer else ()
    return found


def html(job: Job, c: Colors) -> str:
    """What is known of a document that was read."""
    numbers = count()
    parts = [f"<style>{_style(c)}</style>"]
    if job.summary is not None:
        parts += [_notice(notice) for notice in job.summary.notices]
        if job.writing and job.waiting_for is None:
            parts.append(_written(job.writing))
        elif job.summary.written is not None:
            parts.append(_written(job.summary.written) + _may_be_wrong())
        else:
            parts.append(_cited(job.summary.points, job.summary.unit, numbers))
    if job.exchanges:
        parts.append('<p class="heading">Questions</p>')
    parts += [_exchange(exchange, job, numbers) for exchange in job.exchanges]
    return "".join(parts)


def _style(c: Colors) -> str:
    return f"""
    body, p, td {{ color: {c.text}; }}
    a {{ color: {c.link}; text-decoration: none; }}
    p {{ margin: 0 0 8px 0; line-height: 145%; }}
    td {{ line-height: 145%; }}
    td.page {{ color: {c.link}; }}
    .heading {{ color: {c.muted}; margin-top: 20px; font-weight: 600; }}
    .question {{ font-weight: 600; margin-top: 14px; }}
    .muted {{ color: {c.muted}; }}
    .danger {{ color: {c.danger}; }}
    """


def _cited(items: Iterable[Cited], unit: str, numbers: Iterator[int]) -> str:
    """A line for each: the page, which is a link, and the words."""
    rows = "".join(
        f'<tr><td class="page" align="right" style="{_PAGE_CELL}">'
        f"{_link(unit, item.page, next(numbers))}</td>"
        f'<td style="padding: 0 0 10px 0">{escape(item.text)}</td></tr>'
        for item in items
    )
    return f'<table cellspacing="0" cellpadding="0" style="margin-top: 6px">{rows}</table>'


def _link(unit: str, page: int, number: int | None = None) -> str:
    where = "" if number is None else f"#{number}"
    return f'<a href="page:{page}{where}">{place(unit, page)}</a>'


def _written(text: str) -> str:
    """Paragraphs and bullet points as a language model has written them, citations as links."""
    linked = _CITATION.sub(lambda found: f'<a href="page:{found[1]}">{found[0]}</a>', escape(text))
    return "".join(f"<p>{line}</p>" for line in linked.splitlines() if line.strip())


def _may_be_wrong() -> str:
    return '<p class="muted">Written by a language model; it may be wrong.</p>'


def _notice(text: str) -> str:
    end = "" if text.endswith((".", "…")) else "."
    return f'<p class="muted">{escape(text[:1].upper() + text[1:])}{end}</p>'


def _exchange(exchange: Exchange, job: Job, numbers: Iterator[int]) -> str:
    question = f'<p class="question">{escape(exchange.question)}</p>'
    if exchange.failure is not None:
        return f'{question}<p class="danger">{escape(exchange.failure)}</p>'
    if exchange.answer is None:
        writing = _written(job.writing) if exchange is job.waiting_for and job.writing else ""
        return question + (writing or '<p class="muted">Looking …</p>')
    return question + _answer(exchange.answer, numbers)


def _answer(answer: Answer, numbers: Iterator[int]) -> str:
    if answer.written is not None:
        pages = ", ".join(_link(answer.unit, page) for page in answer.sources)
        sources = f'<p class="muted">It attended most to {pages}</p>' if pages else ""
        return _written(answer.written) + sources + _may_be_wrong()
    if not answer.passages:
        return f'<p>{NOTHING_MATCHES}</p><p class="muted">{NOTHING_MATCHES_HINT}</p>'
    return _cited(answer.passages, answer.unit, numbers)
