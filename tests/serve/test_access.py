"""Who may ask: tokens, hosts and origins; what is logged of them."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="the client that asks: edgehybrid[test]")
pytest.importorskip("uvicorn", reason="what serves: edgehybrid[serve]")
pytest.importorskip("torch", reason="the models are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="the models are made by transformers: edgehybrid[test]")

import openai
from serving import (
    SECRET,
    TOKEN,
    Served,
    make_client,
    say,
    serving,
)
from test_summarize import STORY

from edgehybrid.cli.serve import _require_extra
from edgehybrid.errors import RequestError
from edgehybrid.serve.access import is_loopback
from edgehybrid.serve.models import Models, load_models
from edgehybrid.serve.settings import Settings, find_token


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
