"""Text and Markdown made to do harm: linear where it is read here, limited where it is not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgehybrid.documents import open_document
from edgehybrid.documents.document import Block
from edgehybrid.documents.isolated import limits
from edgehybrid.documents.isolated.pages import Pages
from edgehybrid.documents.opening import HERE, open_pages, open_text
from edgehybrid.documents.sentences import WINDOW, iter_sentences
from edgehybrid.documents.text import MAX_BLOCK, pages_of_text
from edgehybrid.errors import DocumentError, DocumentTooLarge, NotThisFormat

#: Each took minutes to hours as a megabyte, with patterns that search again from every character.
SLOW_ONCE = {
    "dots": "." * (1 << 20),
    "spaced dots": ". " * (1 << 19),
    "dots and a word": "." * (1 << 20) + "x",
    "hyphens": "word-\n" * (1 << 17),
    "short lines": "a short line\n" * (1 << 16),
    "open quotes": '."' * (1 << 18),
    "open brackets": "![[](" * (1 << 16),
}
#: The worst that Markdown does for its size.
DEEP = {
    "brackets": "[" * HERE["markdown"],
    "images": "![[]("[:5] * (HERE["markdown"] // 5),
    "quotes": ">" * HERE["markdown"],
    "lists": "- " * (HERE["markdown"] // 2),
    "wide table": "|" + "a|" * 9000 + "\n|" + "-|" * 9000 + "\n|" + "a|" * 9000,
    "links": "[a](<b" * (HERE["markdown"] // 6),
}
SECONDS = 5.0


def seconds(text: str, *, markdown: bool = False) -> float:
    began = time.process_time()
    for _ in iter_sentences(open_text(text, "made", markdown=markdown).pages):
        pass
    return time.process_time() - began


@pytest.mark.parametrize("name", SLOW_ONCE)
def test_text_takes_time_that_grows_with_its_length(name: str) -> None:
    assert seconds(SLOW_ONCE[name]) < SECONDS


@pytest.mark.parametrize("name", DEEP)
def test_markdown_that_is_read_here_is_too_small_to_take_long(name: str) -> None:
    assert seconds(DEEP[name], markdown=True) < SECONDS


def test_a_long_line_is_cut_and_nothing_is_lost() -> None:
    text = "words " * (MAX_BLOCK // 3)
    blocks = [block for page in pages_of_text(text) for block in page.blocks]
    assert all(len(block.text) <= MAX_BLOCK for block in blocks)
    assert " ".join(block.text for block in blocks) == text.strip()
    assert [len(b.text) for p in pages_of_text("x" * (MAX_BLOCK + 1)) for b in p.blocks] == [
        MAX_BLOCK,
        1,
    ]


def test_long_paragraphs_have_the_sentences_of_short_ones() -> None:
    sentences = [f"This is the sentence with the number {i} in it." for i in range(2000)]
    page = next(iter(pages_of_text("x")))._replace(blocks=(Block(" ".join(sentences), "prose"),))
    assert len(page.blocks[0].text) > 2 * WINDOW
    assert [sentence.text for sentence in iter_sentences([page])] == sentences


def test_large_files_are_read_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    text = "\f".join(f"This is page {i}. " + "It says something. " * 40_000 for i in range(1, 8))
    path.write_text(text)
    with open_pages(path) as source:
        assert isinstance(source.pages, Pages)
        assert source.pages._child is not None
        assert source.page_count == 7
        assert list(source) == list(pages_of_text(text))
    with open_pages(path, pages=(2, 3)) as source:
        assert [page.number for page in source] == [2, 3]
    small = tmp_path / "small.txt"
    small.write_text("Few words.")
    with open_pages(small) as source:
        assert isinstance(source.pages, Pages)
        assert source.pages._child is None


def test_markdown_that_hangs_costs_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.OF, "markdown", limits.OF["markdown"]._replace(seconds=1))
    monkeypatch.setattr("edgehybrid.documents.isolated.answers.START_SECONDS", 2.0)
    path = tmp_path / "hangs.md"
    path.write_text("![[](" * (1 << 18))
    with pytest.raises(DocumentTooLarge, match=r"^hangs\.md: reading the start .*longer than 2 s"):
        open_document(path)
    with open_pages(Path(__file__)) as source:
        assert source.page_count == 1


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_markdown_that_fills_the_memory_costs_one_document(tmp_path: Path) -> None:
    path = tmp_path / "bomb.md"
    path.write_text("|" + "a|" * (1 << 17) + "\n|" + "-|" * (1 << 17) + "\n|" + "a|" * (1 << 17))
    code = (
        "from edgehybrid.documents.isolated import limits\n"
        "from edgehybrid.documents.isolated.worker import main\n"
        "limits.OF['markdown'] = limits.OF['markdown']._replace(memory=64 << 20)\n"
        f"main(['--kind=markdown', {str(path)!r}])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write("{}\n".replace("{}", '{"password": null}'))
        process.stdin.flush()
        assert '"error": "DocumentTooLarge"' in process.stdout.readline()
    process.wait(10)


@pytest.mark.skipif(sys.platform == "win32", reason="devices are files on POSIX")
def test_devices_and_pipes_are_no_documents(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", "/dev/null", tmp_path / "pipe"):
        with pytest.raises(NotThisFormat, match="is a pipe or device"):
            open_document(path)


def test_names_that_no_system_can_open() -> None:
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(DocumentError, match="cannot open"):
            open_document(name)


def test_entities_do_not_steer_terminals() -> None:
    text = "Some &#27;[2J words &#x9b; and &#8238;sdrow&#x2066; &ZeroWidthSpace;more."
    (page,) = open_text(text, "made", markdown=True)
    assert all(character.isprintable() for block in page.blocks for character in block.text)
