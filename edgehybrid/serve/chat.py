"""`POST /v1/chat/completions`: turns in, a language model's answer out, whole or in pieces."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edgehybrid.serve.asked import Asked, parse
from edgehybrid.serve.errors import ApiError
from edgehybrid.serve.events import DONE, EventStream, comment, event
from edgehybrid.serve.job import Job
from edgehybrid.serve.state import state_of
from edgehybrid.serve.talking import Finished, Read


async def complete(request: Request) -> Response:
    """Answer turns; what is wrong with the request is told as a status, before any event."""
    state = state_of(request)
    with ExitStack() as stack:
        end = stack.enter_context(state.entered())
        asked = await asyncio.to_thread(parse, await request.body())
        talker = state.models.named(asked.model).require_talker()
        job = Job[Finished](request.receive, end)
        stack.callback(job.close)
        job.start(state.places.threads, lambda job: talker.answer(asked, job))
        items = job.items()
        await anext(items)  # the first item says that the turns can be read
        if asked.stream:
            return EventStream(_Answer(asked).events(job, items), stack.pop_all())
        pieces = [item async for item in items if isinstance(item, str)]
        return JSONResponse(_Answer(asked).whole("".join(pieces), job.result))


class _Answer:
    """An answer as OpenAI's clients want it; all its chunks have the same name."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": asked.model,
        }

    def whole(self, text: str, finished: Finished) -> dict[str, Any]:
        """The answer in one piece."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None}
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [{**choice, "finish_reason": finished.reason}],
            "usage": _usage(finished),
        }

    async def events(self, job: Job[Finished], items: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        """The answer in pieces; while the turns are read, comments say how far that is."""
        yield self._chunk({"role": "assistant", "content": ""})
        try:
            async for item in items:
                if isinstance(item, Read):
                    yield comment(f"{item.tokens} of {item.total} tokens read")
                else:
                    yield self._chunk({"content": item})
        except ApiError as error:
            yield event(error.body())
            return
        yield self._chunk({}, job.result.reason)
        if self._asked.usage:
            yield event(self._with(choices=[], usage=_usage(job.result)))
        yield DONE

    def _chunk(self, delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        more = {"usage": None} if self._asked.usage else {}
        return event(self._with(choices=[choice], **more))

    def _with(self, **fields: Any) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk", **fields}


def _usage(finished: Finished) -> dict[str, Any]:
    return {
        "prompt_tokens": finished.prompt,
        "completion_tokens": finished.written,
        "total_tokens": finished.prompt + finished.written,
        "prompt_tokens_details": {"cached_tokens": finished.known},
    }
