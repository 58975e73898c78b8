"""Clients that go away stop their work; sizes, times and numbers of requests have limits."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="the client that asks: edgehybrid[test]")
pytest.importorskip("uvicorn", reason="what serves: edgehybrid[serve]")
pytest.importorskip("torch", reason="the models are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="the models are made by transformers: edgehybrid[test]")

import openai
from serving import (
    SECONDS,
    Served,
    form,
    make_client,
    say,
    serving,
    wait_until,
)
from test_summarize import STORY

from edgehybrid.serve import limits, protocol
from edgehybrid.serve.models import Models
from edgehybrid.serve.talking import Talker


@pytest.fixture(scope="module")
def narrow(models: Models) -> Iterator[Served]:
    """One at a time, one may wait."""
    with serving(models, parallel=1, queue=1, max_body=1 << 20) as served:
        yield served


def test_a_stream_that_is_closed_stops_the_writing(narrow: Served, name: str) -> None:
    with make_client(narrow) as client:
        stream = client.chat.completions.create(
            model=name, messages=say("All."), max_tokens=10_000_000, stream=True
        )
        for _, _ in zip(range(3), stream, strict=False):
            continue
        stream.close()
        narrow.wait_for_threads()
        wait_until(lambda: narrow.places._inside == 0)
        assert client.chat.completions.create(model=name, messages=say("Hi"), max_tokens=1).usage


def test_a_client_that_does_not_wait_stops_the_writing(
    narrow: Served, name: str, talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, answer = threading.Event(), talker.answer

    def note(*args: Any) -> Any:
        begun.set()
        return answer(*args)

    monkeypatch.setattr(talker, "answer", note)
    asked = {"model": name, "messages": say("All."), "max_tokens": 10_000_000}
    with narrow.connect() as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(asked).encode())
        assert begun.wait(SECONDS)
    narrow.wait_for_threads()
    wait_until(lambda: narrow.places._inside == 0)


def test_an_upload_that_is_given_up_leaves_nothing(
    narrow: Served, temporary: Path, tmp_path: Path
) -> None:
    body, kind = form("\f".join([STORY] * 600).encode(), "a.txt", stream="true")
    with narrow.connect() as connection:
        connection.request("POST", "/v1/summaries", body, {"Content-Type": kind})
        response = connection.getresponse()
        assert response.readline() == b"event: progress\n"
        assert list(temporary.iterdir())
        response.close()
    narrow.wait_for_threads()
    wait_until(lambda: narrow.places._inside == 0)
    assert not list(temporary.iterdir())


def test_too_many(narrow: Served, name: str) -> None:
    asked = {"model": name, "messages": say("All."), "stream": True}
    with make_client(narrow) as client:
        first = client.chat.completions.create(**asked, max_tokens=10_000_000)
        next(iter(first))
        waiting: list[Any] = []
        thread = threading.Thread(
            target=lambda: waiting.extend(client.chat.completions.create(**asked, max_tokens=2))
        )
        thread.start()
        wait_until(lambda: narrow.places._inside == 2)
        with pytest.raises(openai.InternalServerError, match="2 requests are being worked") as told:
            client.chat.completions.create(**asked)
        assert told.value.status_code == 503
        assert told.value.code == "server_busy"
        assert told.value.response.headers["retry-after"] == "5"
        assert narrow.upload(b"words").status == 503
        assert narrow.ask("/health").status == 200
        assert not waiting
        first.close()
        thread.join(SECONDS)
    assert waiting[-1].choices[0].finish_reason == "length"


def test_time_is_over(models: Models, name: str) -> None:
    asked = {"model": name, "messages": say("All."), "max_tokens": 10_000_000}
    with serving(models, timeout=0.3, parallel=1) as server, make_client(server) as client:
        with pytest.raises(openai.InternalServerError, match="the time for a request") as told:
            client.chat.completions.create(**asked)
        assert told.value.status_code == 504
        assert told.value.response.headers["x-should-retry"] == "false"
        server.wait_for_threads()
        with pytest.raises(openai.APIError, match="the time for a request"):
            list(client.chat.completions.create(**asked, stream=True))
        server.wait_for_threads()


def test_large_bodies(narrow: Served, temporary: Path) -> None:
    large = b"x" * (1 << 20)
    for answer in (
        narrow.upload(large),
        narrow.ask("/v1/chat/completions", large + b"x"),
        narrow.ask("/v1/chat/completions", iter([large, b"x"])),  # of unknown length
        narrow.ask("/v1/summaries", large * 9, {"Content-Type": "multipart/form-data; boundary=x"}),
    ):
        assert answer.status == 413
        assert answer.error["code"] == "request_too_large"
    assert not list(temporary.iterdir())
    said = b"POST /v1/summaries HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    said += b"Connection: close\r\n"
    assert b" 413 " in narrow.say(said + b"Content-Length: 99999999\r\n\r\n").split(b"\r\n")[0]


def test_a_body_that_does_not_come(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.1)
    said = server.say(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
    )
    assert said.startswith(b"HTTP/1.1 408 ")


def test_a_head_that_does_not_come(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    assert server.say(b"") == b""
    assert server.say(b"GET /health HTTP/1.1\r\n") == b""
    with server.connect() as connection:
        for _ in range(2):
            connection.request("GET", "/health")
            assert connection.getresponse().read()
        connection.sock.sendall(b"GET /hea")
        assert connection.sock.recv(1) == b""


def test_heads_that_are_too_large(server: Served) -> None:
    start = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    for head in (b"X: " + b"x" * 17_000, b"\r\n".join(b"X%d: x" % i for i in range(2000))):
        said = server.say(start + head + b"\r\n\r\n")
        assert re.match(rb"HTTP/1.1 4(00|31) ", said)
        assert b'"invalid_request_error"' in said
    assert server.ask("/health?" + "x" * 17_000).status in (400, 431)
    said = server.say(b"nonsense\r\n\r\n")
    assert json.loads(said.split(b"\r\n\r\n")[1])["error"]["type"] == "invalid_request_error"
