"""Chats by OpenAI's own client: whole, in pieces, several turns, many at the same time."""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytest.importorskip("openai", reason="the client that asks: edgehybrid[test]")
pytest.importorskip("uvicorn", reason="what serves: edgehybrid[serve]")
pytest.importorskip("torch", reason="the models are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="the models are made by transformers: edgehybrid[test]")

import openai
from serving import (
    SECONDS,
    say,
)

import edgehybrid
from edgehybrid.serve import kept


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
