"""`edgehybrid serve`: real requests, by OpenAI's own client and by clients that mean harm."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="the client that asks: edgehybrid[test]")
pytest.importorskip("uvicorn", reason="what serves: edgehybrid[serve]")
pytest.importorskip("torch", reason="the models are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="the models are made by transformers: edgehybrid[test]")

import openai
from chat_cases import TEMPLATES
from documents.pdf_files import Text, simple
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import SECONDS, Served, form, serving, serving_command
from test_summarize import STORY
from writers import write_bundle

import edgehybrid
from edgehybrid.cli.serve import _require_extra
from edgehybrid.errors import RequestError
from edgehybrid.runtime.template import ChatTemplate
from edgehybrid.serve import asked, kept, limits, protocol
from edgehybrid.serve.access import is_loopback
from edgehybrid.serve.errors import ApiError
from edgehybrid.serve.models import Models, load_models
from edgehybrid.serve.settings import Settings, find_token
from edgehybrid.serve.talking import Talker
from edgehybrid.serve.turns import Turns
from edgehybrid.serve.upload import PREFIX, Upload, safe_name
from edgehybrid.tasks.rendering import as_json

LONG = "\f".join([STORY] * 100).encode()
TOKEN = "0123456789abcdef-wanted"
SECRET = "Xyzzy"  # stands in documents and turns, and must not stand in any log
COMMAND = [sys.executable, "-c", "from edgehybrid.cli import main; main()", "serve"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("writer"))


@pytest.fixture(scope="module")
def models(bundle: Path) -> Models:
    return load_models([bundle], None, None)


@pytest.fixture(scope="module")
def server(models: Models) -> Iterator[Served]:
    with serving(models) as served:
        yield served


@pytest.fixture(scope="module")
def name(models: Models) -> str:
    return [served.model.bundle.name for served in models][1]


@pytest.fixture(scope="module")
def model(models: Models, name: str) -> edgehybrid.Model:
    return models.named(name).model


@pytest.fixture
def talker(models: Models, name: str) -> Talker:
    return models.named(name).require_talker()


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[Any]:
    with make_client(server) as made:
        yield made


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def make_client(server: Served, key: str = "none") -> Any:
    return openai.OpenAI(base_url=server.url, api_key=key, max_retries=0, timeout=SECONDS)


def say(*texts: str) -> list[dict[str, str]]:
    """Turns, of which the first is the user's."""
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]


def wait_until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not so():
        assert time.monotonic() < end
        time.sleep(0.005)


# Turns


def test_time_is_shared_not_steps() -> None:
    """Of two, one with steps of 100 and one with steps of 1, both get the same time."""
    now, order, held = [0.0], list[str](), threading.Event()
    turns = Turns(lambda: now[0])

    def work(name: str, cost: float, steps: int) -> None:
        with turns.turn() as turn:
            for _ in range(steps):
                turn.offer()
                if not held.is_set():  # the first step lasts until the other one waits
                    held.set()
                    wait_until(lambda: turns.are_wanted)
                now[0] += cost
                order.append(name)

    long = threading.Thread(target=work, args=("L", 100, 5))
    long.start()
    assert held.wait(SECONDS)
    short = threading.Thread(target=work, args=("s", 1, 350))
    short.start()
    for thread in (long, short):
        thread.join(SECONDS)
    runs = re.findall("L+|s+", "".join(order))
    assert [len(run) for run in runs] == [1, 101, 1, 100, 1, 100, 1, 49, 1]
    assert not turns.is_taken
    assert not turns.are_wanted


def test_a_turn_is_given_back_whatever_happens() -> None:
    turns, taken = Turns(), []

    def fail() -> None:
        with turns.turn() as turn:
            turn.offer()
            taken.append(turns.is_taken)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert taken == [True]
    assert not turns.is_taken


# Models and chats


def test_models(client: Any, name: str) -> None:
    found = {model.id: model for model in client.models.list()}
    assert set(found) == {"reader-int8", name}
    assert found[name].object == "model"
    assert found[name].chats
    assert not found["reader-int8"].chats
    assert client.models.retrieve(name) == found[name]
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt-4o' here, there is: r"):
        client.models.retrieve("gpt-4o")


def test_a_chat(client: Any, name: str, model: edgehybrid.Model) -> None:
    turns = [{"role": "developer", "content": "Be terse."}, *say("Who was hurt?")]
    answer = client.chat.completions.create(model=name, messages=turns, max_tokens=12)
    chat = model.chat(system="Be terse.")
    wanted = "".join(chat.send("Who was hurt?", max_tokens=12))
    assert answer.model == name
    assert answer.choices[0].message.content == wanted
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 12
    assert answer.usage.prompt_tokens == chat.stream.position - 12
    assert answer.usage.total_tokens == chat.stream.position


def test_text_parts_are_one_text(client: Any, name: str) -> None:
    parts = [{"type": "text", "text": "Who was "}, {"type": "text", "text": "hurt?"}]
    answers = [
        client.chat.completions.create(
            model=name, messages=[{"role": "user", "content": content}], max_completion_tokens=9
        )
        for content in (parts, "Who was hurt?")
    ]
    assert answers[0].choices[0].message == answers[1].choices[0].message
    assert answers[0].usage.prompt_tokens == answers[1].usage.prompt_tokens


def test_a_streamed_chat(client: Any, name: str) -> None:
    asked = {"model": name, "messages": say("Why?"), "max_tokens": 20}
    whole = client.chat.completions.create(**asked)
    chunks = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    *choices, last = [c.choices[0] for c in chunks if c.choices]
    assert "".join(c.delta.content for c in choices) == whole.choices[0].message.content
    assert all(c.finish_reason is None for c in choices)
    assert last.finish_reason == "length"
    assert len({c.id for c in chunks}) == 1
    assert [c.usage for c in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    plain = list(client.chat.completions.create(**asked, stream=True))
    assert all(c.usage is None and c.choices for c in plain)


def test_later_turns_are_read_alone(client: Any, name: str, model: edgehybrid.Model) -> None:
    chat, turns = model.chat(), []
    for i, text in enumerate(("The river rose.", "Who was hurt?", "And the mayor?")):
        before = chat.stream.position
        turns.append({"role": "user", "content": text})
        answer = client.chat.completions.create(model=name, messages=turns, max_tokens=8)
        assert answer.choices[0].message.content == "".join(chat.send(text, max_tokens=8))
        assert answer.usage.total_tokens == chat.stream.position
        assert answer.usage.prompt_tokens_details.cached_tokens == before
        assert bool(before) == bool(i)
        turns.append({"role": "assistant", "content": answer.choices[0].message.content})
    turns[1]["content"] = "Something else."
    answer = client.chat.completions.create(model=name, messages=turns[:3], max_tokens=1)
    assert answer.usage.prompt_tokens_details.cached_tokens == 0


def test_old_conversations_are_forgotten(
    client: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known(*texts: str) -> tuple[int, str]:
        answer = client.chat.completions.create(model=name, messages=say(*texts), max_tokens=3)
        usage = answer.usage.prompt_tokens_details
        return usage.cached_tokens, answer.choices[0].message.content

    _, first = known("One.")
    _, other = known("Two.")
    assert known("One.", first, "Go on.")[0] > 0
    assert known("One.", first, "Go on.")[0] == 0  # it went on, and is not what it was
    monkeypatch.setattr(kept, "MOST", 1)
    _, first = known("One.")
    assert known("Two.", other, "Go on.")[0] == 0
    monkeypatch.setattr(kept, "MOST_BYTES", 1)
    _, first = known("One.")
    assert known("One.", first, "Go on.")[0] == 0


def test_stop(client: Any, name: str) -> None:
    asked = {"model": name, "messages": say("Stop."), "max_tokens": 30}
    whole = client.chat.completions.create(**asked).choices[0].message.content
    end = whole[7:9]
    for stop in (end, ["never written", end]):
        answer = client.chat.completions.create(**asked, stop=stop)
        assert answer.choices[0].message.content == whole[: whole.index(end)]
        assert answer.choices[0].finish_reason == "stop"
    count = answer.usage.completion_tokens
    assert count < 30
    last = client.chat.completions.create(**{**asked, "max_tokens": count}, stop=end)
    assert last.choices[0].finish_reason == "stop"  # both ends at once
    chunks = list(client.chat.completions.create(**asked, stop=end, stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks)
    assert text == whole[: whole.index(end)]


def test_an_end_that_the_model_chooses(client: Any, name: str, model: edgehybrid.Model) -> None:
    end = str(model.tokenizer.token_to_id("<|end_of_text|>"))
    answer = client.chat.completions.create(
        model=name, messages=say("End."), max_tokens=30, logit_bias={end: 100}
    )
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content == ""
    assert answer.usage.completion_tokens == 0


def test_a_seed(client: Any, name: str) -> None:
    def ask(**more: Any) -> str:
        answer = client.chat.completions.create(
            model=name, messages=say("Draw."), max_tokens=20, temperature=1, **more
        )
        return answer.choices[0].message.content

    assert ask(seed=3) == ask(seed=3)
    assert len({ask(seed=i) for i in range(4)}) > 1
    greedy = ask(seed=1, top_p=1e-6)
    assert greedy == ask(seed=2, extra_body={"top_k": 1})


def test_many_at_the_same_time(client: Any, name: str) -> None:
    """More than are worked on at once, of one model: each gets what it gets alone."""
    texts = [f"Question {i}?" for i in range(10)]

    def ask(text: str) -> str:
        answer = client.chat.completions.create(model=name, messages=say(text), max_tokens=15)
        return answer.choices[0].message.content

    alone = [ask(text) for text in texts]
    got: list[str] = [""] * len(texts)
    threads = [
        threading.Thread(target=lambda i=i: got.__setitem__(i, ask(texts[i])))
        for i in range(len(texts))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert got == alone


# What cannot be had

IMAGE = [{"type": "image_url", "image_url": {"url": "data:,"}}]


@pytest.mark.parametrize(
    ("more", "status", "param"),
    [
        ({"tools": [{"type": "function"}]}, 400, "tools"),
        ({"logprobs": True}, 400, "logprobs"),
        ({"n": 2}, 400, "n"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format"),
        ({"frequency_penalty": 0.5}, 400, "frequency_penalty"),
        ({"reasoning_effort": "high"}, 400, "reasoning_effort"),
        ({"modalities": ["text", "audio"]}, 400, "modalities"),
        ({"temprature": 1}, 400, "temprature"),
        ({"temperature": -1}, 400, "temperature"),
        ({"temperature": "hot"}, 400, "temperature"),
        ({"temperature": 1e-9}, 400, "temperature"),
        ({"top_p": 0}, 400, "top_p"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"max_completion_tokens": 1.5}, 400, "max_completion_tokens"),
        ({"max_tokens": True}, 400, "max_tokens"),
        ({"seed": -1}, 400, "seed"),
        ({"stop": ""}, 400, "stop"),
        ({"stop": ["a"] * 17}, 400, "stop"),
        ({"stream": "yes"}, 400, "stream"),
        ({"logit_bias": {"x": 1}}, 400, "logit_bias"),
        ({"logit_bias": {"1": 1e30}}, 400, "logit_bias"),
        ({"logit_bias": {"123456": 1}}, 400, "logit_bias"),
        ({"messages": []}, 400, "messages"),
        ({"messages": None}, 400, "messages"),
        ({"messages": ["hello"]}, 400, "messages[0]"),
        ({"messages": [{"role": "tool", "content": "a"}]}, 400, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, 400, "messages[0].content"),
        ({"messages": [{"role": "user", "content": IMAGE}]}, 400, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "assistant", "content": "", "tool_calls": [1]}]},
            400,
            "messages[0].tool_calls",
        ),
        ({"model": "reader-int8"}, 400, "model"),
        ({"model": "gpt-4o"}, 404, "model"),
        ({"model": None}, 400, "model"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_refusals(
    server: Served, name: str, more: dict[str, Any], status: int, param: str | None, stream: bool
) -> None:
    asked = {"model": name, "messages": say("Hi"), "max_tokens": 1, "stream": stream, **more}
    answer = server.ask("/v1/chat/completions", json.dumps(asked).encode())
    assert answer.status == status
    assert answer.error["param"] == param
    assert answer.error["type"] == "invalid_request_error"
    assert "\n" not in answer.error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_requests(server: Served, body: bytes) -> None:
    answer = server.ask("/v1/chat/completions", body)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"


FIELDS = sorted(asked.KNOWN | asked.IGNORED | set(asked.ONLY))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "tool"]), "content": st.text(max_size=9) | ANYTHING}
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING), st.lists(TURN | ANYTHING, max_size=3))
def test_any_fields_are_taken_or_refused(fields: dict[str, Any], turns: list[Any]) -> None:
    body = json.dumps({"model": "m", "messages": turns, **fields}).encode()
    refused = None
    try:
        found = asked.parse(body)
    except ApiError as error:
        refused = error
    if refused is not None:
        assert refused.status == 400
        assert refused.message.isprintable()
    else:
        assert all(isinstance(m.content, str) for m in found.messages)


def test_what_changes_nothing_is_ignored(client: Any, name: str) -> None:
    answer = client.chat.completions.create(
        model=name,
        messages=say("Hi"),
        max_tokens=1,
        n=1,
        user="me",
        store=False,
        metadata={"a": "b"},
        presence_penalty=0,
        logprobs=False,
        response_format={"type": "text"},
        tools=[],
        parallel_tool_calls=True,
    )
    assert answer.usage.completion_tokens == 1


def test_a_template_that_refuses(
    client: Any, name: str, talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talker, "_template", ChatTemplate(TEMPLATES["qwen3_5"], {}, "qwen"))
    turns = [*say("Hi"), {"role": "system", "content": "Late."}]
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="System message must be at the beginning"):
            client.chat.completions.create(model=name, messages=turns, stream=stream)


def test_a_model_without_a_template(tmp_path: Path) -> None:
    models = load_models([write_bundle(tmp_path, None, "lfm2")], None, None)
    with serving(models) as server, make_client(server) as client:
        name = next(m.id for m in client.models.list() if m.kind == "language model")
        with pytest.raises(openai.BadRequestError, match="has no chat template"):
            client.chat.completions.create(model=name, messages=say("Hi"))
        written = server.upload(STORY.encode(), model=name, max_tokens="3").json
    assert written["written"]
    assert written["stats"]["tokens_written"] == 3
    assert written["notices"] == [
        "the summary was cut off after 3 tokens: allow more with max_tokens"
    ]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/v1/completions", "POST", 404), ("/v1/chat/completions", "GET", 405)],
)
def test_other_paths(server: Served, path: str, method: str, status: int) -> None:
    answer = server.ask(path, method=method)
    assert answer.status == status
    assert path in answer.error["message"]


def test_an_error_that_nobody_expects(
    client: Any,
    name: str,
    talker: Talker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*args: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(talker, "answer", fail)
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(openai.InternalServerError, match="something went wrong") as told,
    ):
        client.chat.completions.create(model=name, messages=say(SECRET))
    assert SECRET not in str(told.value.body)
    assert "KeyError at " in caplog.text
    assert SECRET not in caplog.text


# Summaries


def test_a_summary(server: Served, tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text(STORY)
    answer = server.upload(STORY.encode(), "story.txt", points="2", focus="the river", pages="1")
    assert answer.status == 200
    wanted = as_json(edgehybrid.summarize(path, points=2, focus="the river"))
    for told in (answer.json, wanted):
        for changing in ("seconds", "tokens_per_second", "peak_rss_bytes"):
            told["stats"].pop(changing)
    assert answer.json == wanted


def test_a_summary_of_a_pdf_by_the_official_client(client: Any) -> None:
    data = simple([Text(72, 700, "The old bridge fell when the river rose in spring.")])
    told = client.post(
        "/summaries",
        cast_to=object,
        body={"points": 1},
        files=[("file", ("a.pdf", data, "application/pdf"))],
        options={"headers": {"Content-Type": "multipart/form-data"}},
    )
    assert told["document"]["name"] == "a.pdf"
    assert told["points"][0]["page"] == 1
    assert told["points"][0]["text"].startswith("The old bridge fell")


@pytest.mark.parametrize("how", ["field", "header"])
def test_a_summary_with_progress(server: Served, temporary: Path, how: str) -> None:
    if how == "field":
        answer = server.upload(LONG, points="3", stream="true")
    else:
        answer = server.upload(LONG, headers={"Accept": "text/event-stream"}, points="3")
    assert answer.headers["content-type"].startswith("text/event-stream")
    *progress, (last, summary) = answer.events
    assert {event for event, _ in progress} == {"progress"}
    assert last == "summary"
    pages = [now["pages_read"] for _, now in progress]
    assert len(pages) > 1
    assert pages == sorted(pages)
    assert pages[-1] == progress[0][1]["pages_total"] == 100
    assert progress[-1][1]["tokens"] == summary["document"]["tokens"]
    assert progress[0][1]["peak_rss_bytes"] > 1 << 20
    assert len(summary["points"]) == 3
    assert not list(temporary.iterdir())


def test_a_summary_that_is_written(server: Served, name: str) -> None:
    asked = {"model": name, "max_tokens": "12", "words": "20"}
    answer = server.upload(STORY.encode(), stream="true", **asked)
    pieces = [data["text"] for event, data in answer.events if event == "piece"]
    summary = answer.events[-1][1]
    assert summary["written"]
    assert "".join(pieces).strip() == summary["summary"]
    assert server.upload(STORY.encode(), **asked).json["summary"] == summary["summary"]


@pytest.mark.parametrize(
    ("content", "name", "fields", "status", "message"),
    [
        (b"", "a.txt", {}, 422, "a.txt is empty"),
        (b"%PDF-1.4 nothing", "a.pdf", {}, 422, "a.pdf"),
        (b"\0\1\2\3" * 99, "a.bin", {}, 415, "a.bin"),
        (b"words", "a.txt", {"words": "0"}, 400, "words is 0"),
        (b"words", "a.txt", {"words": "many"}, 400, "words is 'many'"),
        (b"words", "a.txt", {"pages": "9-3"}, 400, "pages 9-3"),
        (b"words", "a.txt", {"pages": "x"}, 400, "pages is 'x'"),
        (b"words", "a.txt", {"stream": "maybe"}, 400, "stream is 'maybe'"),
        (b"words", "a.txt", {"seed": "1"}, 400, "seed is 1, but reader-int8 is a reader"),
        (b"words", "a.txt", {"temperature": "hot"}, 400, "temperature is 'hot'"),
        (b"words", "a.txt", {"model": "gpt-4o"}, 404, "there is no model 'gpt-4o'"),
        (b"words", "a.txt", {"wrods": "9"}, 400, "'wrods' is not known"),
        (b"words", "a.txt", {"focus": "x" * 70_000}, 400, "Part exceeded maximum size"),
        (None, "", {"words": "9"}, 400, "there is no document"),
    ],
)
@pytest.mark.parametrize("stream", ["false", "true"])
def test_documents_that_cannot_be_read(
    server: Served,
    temporary: Path,
    content: bytes | None,
    name: str,
    fields: dict[str, str],
    status: int,
    message: str,
    stream: str,
) -> None:
    answer = server.upload(content, name, **{"stream": stream, **fields})
    assert answer.status == status, answer.body
    assert message in answer.error["message"]
    assert str(temporary) not in answer.error["message"]
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"words", "text/plain"),
        (b"words", "multipart/form-data"),
        (b"words", "multipart/form-data; boundary=x"),
        (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nw', "b"),
        (b"--x\r\n" * 1000, "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data; boundary=" + "x" * 300),
    ],
)
def test_bodies_that_are_no_forms(server: Served, temporary: Path, body: bytes, kind: str) -> None:
    answer = server.ask("/v1/summaries", body, {"Content-Type": kind})
    assert answer.status in (400, 415)
    assert answer.error["message"]
    assert not list(temporary.iterdir())


def test_two_files(server: Served, temporary: Path) -> None:
    body, kind = form(b"words", "a.txt")
    mark = body.split(b"\r\n")[0]
    twice = body.replace(mark + b"--", body.replace(mark + b"--\r\n", b"") + mark + b"--")
    answer = server.ask("/v1/summaries", twice, {"Content-Type": kind})
    assert answer.status == 400
    assert "Too many files" in answer.error["message"]
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\report.md", "report.md"),
        ("a\x1b[31m.pdf", "a?[31m.pdf"),
        ("..", "document"),
        ("", "document"),
        (None, "document"),
        ("/", "document"),
    ],
)
def test_names_are_not_trusted(name: str | None, shown: str) -> None:
    assert safe_name(name) == shown


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_a_safe_name_is_one(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) <= 120
    assert safe.isprintable()
    assert "/" not in safe
    assert safe != ".."


def test_an_upload_can_be_read_by_nobody_else(temporary: Path) -> None:
    source = temporary / "source"
    source.write_bytes(b"words")
    with source.open("rb") as opened:
        upload = Upload(opened, "../a.PDF")
    assert upload.path.parent.parent == temporary
    assert upload.path.name == "document.pdf"
    assert upload.path.read_bytes() == b"words"
    if os.name == "posix":
        assert upload.path.stat().st_mode & 0o777 == 0o600
        assert upload.path.parent.stat().st_mode & 0o777 == 0o700
    upload.close()
    upload.close()
    assert [path.name for path in temporary.iterdir()] == ["source"]


# Clients that go away, and limits


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


# Who may ask


def test_a_token(models: Models, name: str) -> None:
    with serving(models, token=TOKEN) as server:
        for key in ("wrong", TOKEN[:-1], TOKEN + "x", "tökén"):
            sent = f"Bearer {key}".encode().decode("latin-1")
            answer = server.ask("/v1/models", headers={"Authorization": sent})
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in answer.error["message"]
        for headers in ({}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}):
            assert server.ask("/v1/models", headers=headers).status == 401
        assert server.ask("/nowhere").status == 401
        assert server.ask("/health").json == {"status": "ok"}
        with make_client(server, "wrong") as client, pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model=name, messages=say("Hi"))
        with make_client(server, TOKEN) as client:
            answer = client.chat.completions.create(model=name, messages=say("Hi"), max_tokens=1)
        assert answer.usage.completion_tokens == 1


@pytest.mark.parametrize(
    ("host", "is_good"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:8000", True),
        ("127.1.2.3", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:8000", False),
        ("10.0.0.1", False),
        ("[2001:db8::1]", False),
        ("::1", False),
        ("", False),
    ],
)
def test_hosts(server: Served, host: str, is_good: bool) -> None:
    assert is_loopback(host) == is_good
    answer = server.ask("/health", headers={"Host": host})
    assert answer.status == (200 if is_good else 403)
    if not is_good:
        assert answer.error["code"] == "host_not_allowed"


def test_origins(models: Models, server: Served) -> None:
    good, evil = {"Origin": "http://localhost:3000"}, {"Origin": "http://evil.example"}
    asks = {"Access-Control-Request-Method": "POST"}
    for origin in (good, evil, {"Origin": "null"}):
        assert server.ask("/v1/models", headers=origin).error["code"] == "origin_not_allowed"
        answer = server.ask("/v1/models", headers={**origin, **asks}, method="OPTIONS")
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers
    with serving(models, origins=(good["Origin"],), token=TOKEN) as allowing:
        key = {"Authorization": f"Bearer {TOKEN}"}
        answer = allowing.ask("/v1/models", headers={**good, **key})
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == good["Origin"]
        assert allowing.ask("/v1/models", headers={**evil, **key}).status == 403
        answer = allowing.ask("/v1/models", headers={**good, **asks}, method="OPTIONS")
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == good["Origin"]
        assert allowing.ask("/v1/models", headers=good).status == 401


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"host": "0.0.0.0"}, "can be reached by others, so a token is needed"),
        ({"host": "::"}, "can be reached by others"),
        ({"host": "example.org", "token": TOKEN}, "'example.org' is not an address"),
        ({"port": 65536}, "port 65536 is not in 0..65535"),
        ({"origins": ("*",)}, "origin '\\*' is not of the form"),
        ({"origins": ("https://a.example/b",)}, "is not of the form"),
        ({"max_body": 0}, "max_body is 0"),
        ({"timeout": 0}, "timeout is 0"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"parallel": 0}, "parallel is 0"),
        ({"queue": -1}, "queue is -1"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Settings(**settings)


def test_where_tokens_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEHYBRID_TOKEN", raising=False)
    assert find_token(None) is None
    monkeypatch.setenv("EDGEHYBRID_TOKEN", TOKEN)
    assert find_token(None) == TOKEN
    assert "EDGEHYBRID_TOKEN" not in os.environ  # children do not get it
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert find_token(file) == TOKEN
    for bad, message in (
        ("short", "has 5 characters"),
        ("x" * 5000, "characters, expected"),
        ("with spaces inside it", "white space"),
    ):
        file.write_text(bad)
        with pytest.raises(RequestError, match=message):
            find_token(file)
    with pytest.raises(RequestError, match="cannot be read"):
        find_token(tmp_path)


def test_two_bundles_of_one_name(bundle: Path) -> None:
    with pytest.raises(RequestError, match="are both named"):
        load_models([bundle, bundle], None, None)


def test_budgets_are_of_language_models(bundle: Path, name: str) -> None:
    models = load_models([bundle], 8, "window")
    with serving(models) as server, make_client(server) as client:
        asked = {"model": name, "messages": say("Why? " * 20), "max_tokens": 5}
        text = client.chat.completions.create(**asked).choices[0].message.content
        assert (
            server.upload(STORY.encode(), model=name, max_tokens="2").json["stats"][
                "kv_tokens_kept"
            ]
            == 8
        )
    chat = models.named(name).model.chat(budget=8, router="window")
    assert text == "".join(chat.send("Why? " * 20, max_tokens=5))


def test_nothing_of_documents_is_logged(
    server: Served, client: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "edgehybrid"):
        server.upload(f"{SECRET} was here. ".encode() * 9, f"{SECRET}.txt")
        server.upload(b"%PDF-1.4" + SECRET.encode(), f"{SECRET}.pdf")
        client.chat.completions.create(model=name, messages=say(SECRET), max_tokens=1)
        server.ask(f"/health?{SECRET}")
        server.ask("/v1/chat/completions", SECRET.encode())
    assert SECRET not in caplog.text
    assert "POST /v1/summaries 200" in caplog.text
    assert "POST /v1/summaries 422" in caplog.text


def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"pip install 'edgehybrid\[serve\]'"):
        _require_extra()


# The command


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, timeout=SECONDS)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"edgehybrid: cannot listen on 127.0.0.1 port {port}: Address already in use; choose "
        "another with --port\n"
    )


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_it(bundle: Path, tmp_path: Path) -> None:
    """What can be finished in a moment is; the rest is broken off, and leaves nothing."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with serving_command("--model", str(bundle), env=env) as (server, process):
        body, kind = form("\f".join([STORY] * 4000).encode(), "a.txt", stream="true")
        with server.connect() as short, server.connect() as long:
            long.request("POST", "/v1/summaries", body, {"Content-Type": kind})
            answer = long.getresponse()
            assert answer.readline() == b"event: progress\n"
            assert uploads(tmp_path)
            body, kind = form("\f".join([STORY] * 40).encode(), "a.txt")
            short.request("POST", "/v1/summaries", body, {"Content-Type": kind})
            wait_until(lambda: len(uploads(tmp_path)) == 2)
            process.send_signal(signal.SIGINT)
            assert short.getresponse().status == 200
            assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        told = process.stderr.read().decode().splitlines()
    assert told[-1] == "edgehybrid: stopped"
    assert all(re.match(r"edgehybrid: (POST|stopped)", line) for line in told), told
    assert not uploads(tmp_path)


def uploads(folder: Path) -> list[Path]:
    """Ours: onnxruntime leaves a file of its own among temporary files."""
    return list(folder.glob(f"{PREFIX}*"))
