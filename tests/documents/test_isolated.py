"""The reading process: its messages, its end, and what the parent makes of a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from documents.pdf_files import Text, simple
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.documents.document import KINDS, Block, PageText
from edgehybrid.documents.isolated import answers, limits
from edgehybrid.documents.isolated import child as child_module
from edgehybrid.documents.isolated.child import Child
from edgehybrid.documents.isolated.order import Header, Order
from edgehybrid.documents.isolated.wire import (
    End,
    NotAMessageError,
    Piece,
    Reading,
    Recognising,
    decode,
    encode,
    pieces,
)
from edgehybrid.documents.pdf import read_pdf
from edgehybrid.documents.units import UNITS
from edgehybrid.errors import DamagedDocument, DocumentError, DocumentTooLarge, NoText

PAGES = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "words.pdf"
    made.write_bytes(simple(*[[Text(72, 700, f"Words of page {n}.")] for n in range(PAGES)]))
    return made


def pretend(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the child run `code` in place of the reader."""
    monkeypatch.setattr(child_module, "_command", lambda order: [sys.executable, "-c", code])


def header_and(*lines: str) -> str:
    sent = ['{"pages": 3, "first": 1, "last": 3}', *lines]
    return f"import os, sys, time; sys.stdout.write({chr(10).join(sent) + chr(10)!r});" + (
        "sys.stdout.flush();"
    )


ONE = '{"page": 1, "blocks": [["prose", "Words."]], "continues": false, "readable": true}'


def test_pages_come_with_their_count_first(path: Path) -> None:
    with read_pdf(path) as pages:
        assert (pages.page_count, pages.first, pages.last) == (PAGES, 1, PAGES)
        assert [page.number for page in pages] == list(range(1, PAGES + 1))


def test_both_ways_of_reading_agree(path: Path) -> None:
    with read_pdf(path) as pages:
        assert list(pages) == list(read_pdf(path, isolated=False))


def test_without_an_interpreter_it_reads_in_this_process(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "")
    assert len(list(read_pdf(path))) == PAGES


def test_errors_of_the_child_are_raised_here(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pdf"
    empty.write_bytes(simple([]))
    with pytest.raises(NoText, match=r"empty\.pdf: no text on page 1"):
        list(read_pdf(empty))


def test_closing_early_ends_the_child(path: Path) -> None:
    child = Child(Order(str(path)))
    next(child.messages())
    child.close()
    child.close()
    assert child._process.poll() is not None


def test_forgetting_it_ends_the_child(path: Path) -> None:
    pages = read_pdf(path)
    assert pages._child is not None
    process = pages._child._process
    next(pages)
    del pages
    assert process.poll() is not None


def test_a_crash_before_any_page_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, header_and('{"reading": 1}') + "os.abort()")
    with pytest.raises(DamagedDocument, match=r"words\.pdf: the reading process ended .* page 1"):
        list(read_pdf(path))


def test_after_a_crash_the_other_pages_are_not_readable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, header_and(ONE) + "os.abort()")
    assert [page.readable for page in read_pdf(path)] == [True, False, False]


def test_silence_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.OF, "pdf", limits.OF["pdf"]._replace(silence=0.3))
    pretend(monkeypatch, header_and('{"reading": 2}') + "time.sleep(60)")
    pages = read_pdf(path)
    with pytest.raises(DocumentTooLarge, match="page 2 took longer"):
        list(pages)
    assert pages._child is not None
    assert pages._child._process.poll() is not None


def test_nonsense_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, header_and("nonsense"))
    with pytest.raises(DocumentError, match="is no message"):
        list(read_pdf(path))


@pytest.mark.skipif(os.name != "posix", reason="signals and memory limits are tested on POSIX")
def test_the_child_limits_its_memory() -> None:
    code = (
        "from edgehybrid.limits import limit_memory\n"
        "limit_memory(64 << 20)\n"
        "try:\n    bytearray(200 << 20)\n"
        "except MemoryError:\n    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    if sys.platform == "linux":
        assert done.stdout.strip() == "refused"


@pytest.mark.skipif(os.name != "posix", reason="the parent is killed with a signal")
def test_the_child_ends_when_its_parent_is_killed(path: Path) -> None:
    code = (
        "import sys, time\n"
        "from edgehybrid.documents.isolated import child as child_module\n"
        "from edgehybrid.documents.isolated.order import Order\n"
        "child_module._BOOT = 'import sys, json; sys.path[:] = json.loads(sys.argv.pop(1));'"
        "'from edgehybrid.documents.isolated.limits import end_with_parent; import time;'"
        "'sys.stdin.buffer.raw.read(4096); end_with_parent(); time.sleep(60)'\n"
        f"child = child_module.Child(Order({str(path)!r}))\n"
        "print(child._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert _ends(pid)


def _ends(pid: int) -> bool:
    for _ in range(50):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z"):
                return True  # ended; only its new parent has not asked for it yet
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


def test_the_child_is_light() -> None:
    code = (
        "import sys, edgehybrid.documents.isolated.worker\n"
        "heavy = {'numpy', 'numba', 'onnxruntime', 'tokenizers', 'typer', 'sentencex'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_password_is_no_argument() -> None:
    assert "secret" not in " ".join(child_module._command(Order("/a.pdf", "secret", (2, 3), True)))


def test_modules_are_not_taken_from_the_current_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert read_pdf(path).page_count == PAGES


PAGE = '{"page": %d, "blocks": [%s], "continues": false, "readable": true}'
WORDS = '["prose", "Words."]'


@pytest.mark.parametrize(
    "lines",
    [
        [PAGE % (2, "")],
        [ONE, ONE],
        [PAGE % (n, "") for n in range(1, 5)],
        ['{"pages": 3, "first": 1, "last": 3}'],
        [ONE, '{"end": true}'],
        ['{"end": true}'],
    ],
)
def test_messages_out_of_order(
    path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    pretend(monkeypatch, header_and(*lines))
    with pytest.raises(DocumentError, match="out of order"):
        list(read_pdf(path))


def test_a_page_may_come_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piece = f'{{"page": 1, "blocks": [{WORDS}]}}'
    rest = [PAGE % (n, WORDS) for n in (1, 2, 3)]
    pretend(monkeypatch, header_and(piece, *rest, '{"end": true}'))
    assert [len(page.blocks) for page in read_pdf(path)] == [2, 1, 1]


def test_too_much_text(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_OUTPUT", 1 << 20)
    endless = "[sys.stdout.write('{\"reading\": 1}' + chr(10)) for _ in range(1 << 20)]"
    pretend(monkeypatch, header_and() + endless)
    with pytest.raises(DocumentTooLarge, match="over 1 MiB of text"):
        list(read_pdf(path))


def test_too_many_blocks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_BLOCKS", 3)
    pretend(monkeypatch, header_and(f'{{"page": 1, "blocks": [{WORDS}, {WORDS}]}}', ONE, ONE))
    with pytest.raises(DocumentError):
        list(read_pdf(path))
    pretend(monkeypatch, header_and(PAGE % (1, ", ".join([WORDS] * 4))))
    with pytest.raises(DocumentTooLarge, match="over 3 paragraphs"):
        list(read_pdf(path))


def test_too_much_time_in_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        limits.OF, "pdf", limits.OF["pdf"]._replace(silence=0.4, seconds=1, page_seconds=0)
    )
    slow = "[(print('{\"reading\": 1}', flush=True), time.sleep(0.2)) for _ in range(99)]"
    pretend(monkeypatch, header_and() + slow)
    with pytest.raises(DocumentTooLarge, match=r"took over 1 s in all|longer than 0 s"):
        list(read_pdf(path))


@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
def test_the_child_writes_no_files(tmp_path: Path) -> None:
    code = (
        "from edgehybrid.limits import limit_files\n"
        "limit_files(8)\n"
        "try:\n    open('left', 'wb', 0).write(b'x')\nexcept OSError:\n    print('refused')\n"
        "try:\n    [open('/dev/null') for _ in range(9)]\nexcept OSError:\n    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.split() == ["refused", "refused"]


BLOCKS = st.builds(Block, st.text(), st.sampled_from(KINDS))
TEXTS = st.builds(PageText, st.integers(1), st.lists(BLOCKS).map(tuple), *[st.booleans()] * 3)


@given(
    st.one_of(
        TEXTS,
        st.builds(Header, *[st.integers(0)] * 3, st.sampled_from(UNITS)),
        st.builds(Reading, st.integers()),
        st.builds(Recognising, st.integers()),
    )
)
def test_messages_survive_the_pipe(message: PageText | Header | Reading | Recognising) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


@given(TEXTS, st.integers(1, 100))
def test_pages_survive_in_pieces(page: PageText, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgehybrid.documents.isolated.wire.PIECE", size)
        *first, last = [decode(encode(piece)) for piece in pieces(page)]
    assert isinstance(last, PageText)
    blocks = [block for piece in first if isinstance(piece, Piece) for block in piece.blocks]
    assert last._replace(blocks=(*blocks, *last.blocks)) == page


def test_the_end_and_errors_survive_the_pipe() -> None:
    assert decode(encode(End())) == End()
    with pytest.raises(NoText, match="no words"):
        decode(encode(NoText("no words")))


@given(st.binary())
def test_any_bytes_are_a_message_or_none(line: bytes) -> None:
    try:
        decode(line)
    except (NotAMessageError, DocumentError):
        return
