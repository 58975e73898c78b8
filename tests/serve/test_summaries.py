"""Documents that are sent: the same summary as the command's, progress, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="the client that asks: edgehybrid[test]")
pytest.importorskip("uvicorn", reason="what serves: edgehybrid[serve]")
pytest.importorskip("torch", reason="the models are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="the models are made by transformers: edgehybrid[test]")

from documents.pdf_files import Text, simple
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import LONG, Served, form
from test_summarize import STORY

import edgehybrid
from edgehybrid.serve.upload import Upload, safe_name
from edgehybrid.tasks.rendering import as_json


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
