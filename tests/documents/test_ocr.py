"""Scanned pages: what is recognised, where it stands, and what is said of it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
from documents.pdf_files import Text, simple
from numpy.typing import NDArray
from PIL import Image
from shared_files import SHARED
from test_cli import run

from edgehybrid import summarize
from edgehybrid.documents import ocr, open_document
from edgehybrid.documents.layout import RawPage, Run
from edgehybrid.documents.ocr.engine import Line
from edgehybrid.documents.ocr.runs import runs_of
from edgehybrid.documents.pdf import read_pdf
from edgehybrid.documents.pdf.pdfium import PdfiumFile
from edgehybrid.documents.pdf.picture import MAX_SIDE, MIN_SIDE
from edgehybrid.documents.pdf.scans import is_scan
from edgehybrid.errors import Cancelled, NoText
from edgehybrid.tasks.read import ReadDocument, read
from edgehybrid.tasks.reading import Progress

needs_ocr = pytest.mark.skipif(ocr.version() is None, reason="needs the extra `ocr`")
WORDS = [
    "The river rose twice in the spring of that year.",
    "Farmers of the valley were glad of the water.",
    "A dam was built above the town in the following year.",
    "Its gates are opened whenever the lake is full.",
]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages: the first is a picture of text, the second is text."""
    folder = tmp_path_factory.mktemp("scan")
    drawn = folder / "drawn.pdf"
    lines = [Text(72, 720 - 40 * i, text, size=13) for i, text in enumerate(WORDS)]
    drawn.write_bytes(simple(lines))
    with pdfium.PdfDocument(drawn) as document:
        picture = document[0].render(scale=150 / 72).to_pil().convert("L")
    path = folder / "scan.pdf"
    picture.save(path, "PDF", resolution=150)
    more = folder / "more.pdf"
    more.write_bytes(simple([Text(72, 700, "The second page has words of its own, as text.")]))
    with pdfium.PdfDocument(path) as made, pdfium.PdfDocument(more) as second:
        made.import_pages(second)
        both = io.BytesIO()
        made.save(both)
    path.write_bytes(both.getvalue())
    return path


@pytest.fixture(scope="module")
def told() -> list[Progress]:
    """What progress was told while `reading` was made."""
    return []


@pytest.fixture(scope="module")
def reading(scan: Path, told: list[Progress]) -> ReadDocument:
    return read(scan, progress=told.append)


NOTICE = (
    "1 of 2 pages were read off pictures (OCR of Latin, Chinese and Japanese letters), which makes "
    "mistakes: 1"
)


@needs_ocr
def test_a_mixed_document(reading: ReadDocument) -> None:
    found = reading.reading
    assert (found.recognised_pages, found.pages_without_text) == ([1], [])
    second = "The second page has words of its own, as text."
    assert [(s.page, s.text) for s in found.sentences] == [
        *((1, text) for text in WORDS),
        (2, second),
    ]


@needs_ocr
def test_the_summary_says_so(reading: ReadDocument) -> None:
    summary = reading.summarize(points=2)
    assert summary.stats.recognised_pages == (1,)
    assert summary.notices == (NOTICE,)


@needs_ocr
def test_progress_moves_before_anything_is_read(
    reading: ReadDocument, told: list[Progress]
) -> None:
    assert reading.reading.pages == 2
    assert [now.recognising for now in told if now.recognising] == [1]
    assert (told[0].recognising, told[0].tokens) == (1, 0)


@needs_ocr
def test_recognising_can_be_stopped(scan: Path) -> None:
    with pytest.raises(Cancelled):
        summarize(scan, points=1, progress=lambda now: False)


@needs_ocr
def test_the_command(scan: Path) -> None:
    done = run("summarize", str(scan), "--points", "1", "--format", "json")
    told = json.loads(done.stdout)
    assert told["document"]["recognised_pages"] == [1]
    assert done.stderr == f"edgehybrid: {NOTICE}\n"


@needs_ocr
def test_a_shared_scan_without_words() -> None:
    """Its pages are drawings of 16 x 16 pixels: there is nothing to recognise."""
    path = SHARED / "pdfs" / "bad" / "scan-imagemagick-6p.pdf"
    if not path.exists():
        pytest.skip(f"{path} is not here: it is not part of the project")
    with pytest.raises(NoText, match=r"no text on pages 1-6, only pictures, and none was recog"):
        open_document(path)


@needs_ocr
def test_models_are_never_downloaded(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from edgehybrid.documents.isolated.limits import refuse_network\n"
        "refuse_network()\n"
        "import numpy as np\n"
        "from edgehybrid.documents.ocr.engine import Recogniser\n"
        "print(Recogniser().lines(np.full((64, 64, 3), 255, np.uint8)))\n"
        "import socket\n"
        "try: socket.create_connection(('127.0.0.1', 9))\n"
        "except OSError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == "[]"
    assert "without the network" in second


def test_without_it_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocr, "version", lambda: None)
    path = tmp_path / "scan.pdf"
    Image.new("L", (40, 40), 255).save(path, "PDF")
    with pytest.raises(NoText) as error:
        list(read_pdf(path, isolated=False))
    assert str(error.value) == (
        "scan.pdf: no text on page 1, only pictures, as of a scan; to recognise the text of "
        "scanned pages: pip install 'edgehybrid[ocr]'"
    )


def test_what_is_a_scan() -> None:
    word = Run(0, 10, 0, 10, 10, 0, "stamp of a library")
    assert is_scan(RawPage(1, images=1))
    assert is_scan(RawPage(1, (word,), images=1))
    assert not is_scan(RawPage(1, (word, word), images=1))
    assert not is_scan(RawPage(1))
    assert not is_scan(RawPage(1, images=1, fault="it is broken"))


def test_lines_become_runs_of_one_size() -> None:
    lines = [Line(10, 10, 100, 30, "with tails: pg"), Line(10, 40, 100, 56, "once more")]
    heading = Line(10, 100, 100, 160, "A title")
    first, second, third = runs_of([*lines, heading], 2.0, 400)
    assert first.size == second.size < third.size
    assert first.left == 5
    assert first.base > second.base > third.base
    assert list(runs_of([], 2.0, 400)) == []


def test_drawing_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(simple([Text(72, 700, "x")]).replace(b"[0 0 612 792]", b"[0 0 9000 90]"))
    picture, scale = drawn(path)
    assert MAX_SIDE - 1 <= max(picture.shape) <= MAX_SIDE
    assert max(picture.shape) == pytest.approx(scale * 9000, abs=1)


def test_a_scan_that_claims_to_be_a_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    Image.new("L", (2000, 1000), 255).save(path, "PDF", resolution=72_000)
    assert max(drawn(path)[0].shape) in (MIN_SIDE - 1, MIN_SIDE)
    Image.new("L", (16, 16), 255).save(path, "PDF", resolution=300)
    assert max(drawn(path)[0].shape) in (15, 16)


def drawn(path: Path) -> tuple[NDArray[np.uint8], float]:
    file = PdfiumFile(str(path), None)
    try:
        return file.draw(1)
    finally:
        file.close()
