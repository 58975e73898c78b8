"""`POST /v1/summaries`: a document in, what it says out; events tell how far the reading is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edgehybrid.errors import EdgehybridError
from edgehybrid.serve.errors import ApiError, as_api_error
from edgehybrid.serve.events import EventStream, event
from edgehybrid.serve.form import KNOWN, Form, parse
from edgehybrid.serve.job import Job
from edgehybrid.serve.models import Served
from edgehybrid.serve.state import state_of
from edgehybrid.serve.upload import Upload
from edgehybrid.tasks.reading import Progress
from edgehybrid.tasks.rendering import as_json
from edgehybrid.tasks.summarize import Summary, summarize
from edgehybrid.tasks.write import MAX_TOKENS

#: Bytes of a field that is no file.
MAX_FIELD = 1 << 16
_OPTION = re.compile(r"--(password|damaged|pages)\b")


async def summarize_upload(request: Request) -> Response:
    """Read a document that was sent; answer with events if they are asked for."""
    state = state_of(request)
    with ExitStack() as stack:
        end = stack.enter_context(state.entered())
        form, upload = await _received(request)
        stack.callback(upload.close)
        call = _Call(state.models.named(form.model), form, upload)
        job = Job[Summary](request.receive, end)
        stack.callback(job.close)
        job.start(state.places.threads, call, upload.close)
        items = job.items()
        first = await anext(items, None)  # what is wrong by then is told as a status
        if form.stream:
            return EventStream(_events(job, first, items), stack.pop_all())
        async for _ in items:
            continue
        return JSONResponse(as_json(job.result))


async def _received(request: Request) -> tuple[Form, Upload]:
    """The fields, and the file on this machine."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise ApiError(
            415, f"the body is {kind!r:.80}, expected multipart/form-data with a document as file"
        )
    events = "text/event-stream" in request.headers.get("accept", "")
    limits = {"max_files": 1, "max_fields": len(KNOWN), "max_part_size": MAX_FIELD}
    async with request.form(**limits) as sent:
        pairs = sent.multi_items()
        names = [name for name, _ in pairs]
        if twice := next((n for n in names if names.count(n) > 1), None):
            raise ApiError(400, f"{twice!r:.80} comes twice", param=twice[:80])
        file = sent.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(400, "there is no document: send it as file, with a name", param="file")
        texts = {name: value for name, value in pairs if isinstance(value, str)}
        form = parse(texts, events=events)
        return form, await asyncio.to_thread(Upload, file.file, file.filename)


@dataclass(frozen=True)
class _Call:
    """What a thread does: the reading is isolated as it is everywhere."""

    served: Served
    form: Form
    upload: Upload

    def __call__(self, job: Job[Summary]) -> Summary:
        with self.served.turns.turn() as turn:

            def tell(item: Progress | str) -> None:
                job.tell(item)
                if self.served.model.writes:  # a reader's steps are short anyway
                    turn.offer()

            try:
                summary = self._summary(tell)
            except EdgehybridError as error:
                told = as_api_error(error)
                message = _OPTION.sub(r"the field \1", self.upload.named(told.message))
                raise ApiError(told.status, message, code=told.code) from error
        return replace(
            summary,
            document=self.upload.name,
            notices=(*summary.notices, *_cut_off(summary, self.form)),
        )

    def _summary(self, tell: Callable[[Progress | str], None]) -> Summary:
        return summarize(
            self.upload.path,
            model=self.served.model,
            progress=tell,
            show=tell,
            **self.served.streams,
            **self.form.wish,
        )


def _cut_off(summary: Summary, form: Form) -> list[str]:
    """What is to be said of a written summary that has no end."""
    written = summary.stats.tokens_written
    if summary.written is None or written < form.wish.get("max_tokens", MAX_TOKENS):
        return []
    return [f"the summary was cut off after {written:,} tokens: allow more with max_tokens"]


async def _events(job: Job[Summary], first: Any, items: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    """`progress` and, of a language model, `piece`; then `summary`, or `error`."""
    if first is not None:
        yield _event(first)
    try:
        async for item in items:
            yield _event(item)
    except ApiError as error:
        yield event(error.body(), "error")
        return
    yield event(as_json(job.result), "summary")


def _event(item: Progress | str) -> bytes:
    if isinstance(item, str):
        return event({"text": item}, "piece")
    return event(asdict(item), "progress")
