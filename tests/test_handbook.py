"""The handbook's PDF file says what its Markdown says, and can be built again."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pypdfium2
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
HANDBOOK, PDF = EXAMPLES / "handbook", EXAMPLES / "handbook.pdf"
#: So many letters of a paragraph stand on its first line, which no page break divides.
FIRST_LETTERS = 40


def _load_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("handbook_build", HANDBOOK / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


build = _load_build()


def _pages(path: Path) -> list[str]:
    document = pypdfium2.PdfDocument(path)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


def _letters(text: str) -> str:
    """Letters and digits only: how lines are broken and quotation marks are drawn is no matter."""
    return re.sub(r"[\W_]+", "", text).casefold()


def _texts(kinds: set[str]) -> Iterator[str]:
    """The plain texts of all blocks of these kinds in the chapters."""
    for chapter in build.chapters():
        for node in build.parse(chapter.read_text(encoding="utf-8")).walk():
            if node.type == "inline" and node.parent.type in kinds:
                yield "".join(n.content or " " for n in node.walk() if not n.children)


@pytest.fixture(scope="module")
def pages() -> list[str]:
    return _pages(PDF)


@pytest.fixture(scope="module")
def letters(pages: list[str]) -> str:
    return _letters("".join(pages))


def test_it_has_pages_that_all_carry_text(pages: list[str]) -> None:
    assert len(pages) >= 15
    assert all(len(page.split()) > 8 for page in pages)


def test_every_heading_is_in_the_contents_and_in_the_text(letters: str) -> None:
    headings = [_letters(text) for text in _texts({"heading"})]
    assert len(headings) > 50
    assert [h for h in headings if letters.count(h) < 2] == []


@pytest.mark.parametrize("kind", ["paragraph", "td"])
def test_every_text_is_there(letters: str, kind: str) -> None:
    starts = [_letters(text)[:FIRST_LETTERS] for text in _texts({kind})]
    assert len(starts) > 30
    assert [start for start in starts if start not in letters] == []


def test_every_block_of_code_is_there(letters: str) -> None:
    nodes = [n for c in build.chapters() for n in build.parse(c.read_text("utf-8")).walk()]
    blocks = [n.content for n in nodes if n.type == "fence" and n.info != "math"]
    assert len(blocks) > 10
    assert [block for block in blocks if _letters(block) not in letters] == []


def test_building_again_gives_the_same_text(tmp_path: Path, pages: list[str]) -> None:
    pytest.importorskip("typst", reason="typst sets the handbook: pip install '.[handbook]'")
    build.build(tmp_path / "again.pdf")
    assert _pages(tmp_path / "again.pdf") == pages


def test_an_unknown_kind_of_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="no rule for 'image'"):
        build.typeset(build.parse("![a picture](picture.png)"))
