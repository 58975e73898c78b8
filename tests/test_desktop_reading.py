"""What the desktop app and its reading process say to each other; no Qt is needed for that."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid_desktop.messages import (
    Answer,
    Ask,
    Cancel,
    Cited,
    Failed,
    Message,
    NotAMessageError,
    Note,
    Piece,
    Progress,
    Read,
    Summary,
    Wish,
    decode,
    encode,
)
from edgehybrid_desktop.reading import Session

STORY = "The river rose in spring and the old bridge fell. Nobody was hurt. " * 30

texts = st.text(max_size=40)
numbers = st.integers(0, 2**53)
cited = st.lists(st.builds(Cited, texts, numbers), max_size=3).map(tuple)
wishes = st.builds(Wish, st.none() | numbers, st.none() | numbers, st.none() | texts)
messages = st.one_of(
    st.builds(Read, numbers, texts, st.none() | texts, st.booleans(), wishes, st.none() | texts),
    st.builds(Ask, numbers, texts),
    st.builds(Note, texts),
    st.builds(Answer, numbers, texts, cited, st.none() | texts, st.lists(numbers).map(tuple)),
    st.builds(Failed, numbers, texts, texts, texts),
)


@given(messages)
def test_a_message_is_one_line_and_comes_back(message: Message) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


@given(st.binary(max_size=60) | st.just(b'["Read", {"wish": 3}]') | st.just(b'["os", {}]'))
def test_other_lines_are_refused(line: bytes) -> None:
    with pytest.raises(NotAMessageError):
        decode(line)


def test_a_language_model_writes_and_is_stopped(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="checkpoints are made by PyTorch: edgehybrid[test]")
    from writers import write_bundle

    told: list[Message] = []
    bundle, file = write_bundle(tmp_path), tmp_path / "story.txt"
    file.write_text(STORY)

    def tell(message: Message) -> None:
        told.append(message)
        if sum(isinstance(m, Piece) for m in told) == 3:  # it would go on for 1,024 tokens
            session.stop(Cancel(1))

    session = Session(tell)
    session.do(Read(1, str(file), str(bundle), False, Wish()))
    failed = told[-1]
    assert isinstance(failed, Failed)
    assert (failed.what, failed.kind) == ("Read", "Cancelled")
    assert any(isinstance(message, Progress) for message in told)


def test_what_was_read_is_asked_and_forgotten(tmp_path: Path) -> None:
    told: list[Message] = []
    session = Session(told.append)
    file = tmp_path / "story.txt"
    file.write_text(STORY)
    session.do(Read(7, str(file), None, False, Wish(points=1, focus="What fell?")))
    summary = told[-1]
    assert isinstance(summary, Summary)
    assert summary.text == f"[p. 1] {summary.points[0].text}"
    session.do(Ask(7, " "))
    assert isinstance(told[-1], Failed)
    assert "empty" in told[-1].error
    session.do(Ask(7, "Which bridge fell?"))
    answer = told[-1]
    assert isinstance(answer, Answer)
    assert "old bridge" in answer.passages[0].text
