"""What a chat cannot have is refused by name, and what changes nothing is ignored."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="the client that asks: edgehybrid[test]")
pytest.importorskip("uvicorn", reason="what serves: edgehybrid[serve]")
pytest.importorskip("torch", reason="the models are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="the models are made by transformers: edgehybrid[test]")

import openai
from chat_cases import TEMPLATES
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import (
    SECRET,
    Served,
    make_client,
    say,
    serving,
)
from test_summarize import STORY
from writers import write_bundle

from edgehybrid.runtime.template import ChatTemplate
from edgehybrid.serve import asked
from edgehybrid.serve.errors import ApiError
from edgehybrid.serve.models import load_models
from edgehybrid.serve.talking import Talker

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
