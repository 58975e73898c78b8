"""The desktop app, as it is used: dropped files, a real reading process, keys and clicks."""

# ruff: noqa: E402  (whether Qt is there is asked before anything of it is imported)

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from documents.pdf_files import Text, simple
from test_no_network import BLOCK

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
REASON = "PySide6 with QtPdf is not installed: edgehybrid[desktop]"
pytest.importorskip("PySide6.QtPdfWidgets", reason=REASON, exc_type=ImportError)

import PySide6
from PySide6.QtCore import QEventLoop, QMimeData, QPoint, QPointF, QSettings, Qt, QTimer, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QImage, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from edgehybrid_desktop import settings as saved
from edgehybrid_desktop import style, texts
from edgehybrid_desktop.document_html import cited
from edgehybrid_desktop.jobs import Job, State
from edgehybrid_desktop.settings_dialog import SettingsDialog
from edgehybrid_desktop.widgets import ElidedLabel
from edgehybrid_desktop.window import Window

ROOT = Path(__file__).resolve().parents[1]
DESKTOP = ROOT / "examples" / "desktop"
HANDBOOK = ROOT / "examples" / "handbook.pdf"
#: One sentence a page, each of other words.
SUBJECTS = ("river", "bridge", "harbour", "school", "market", "railway", "library", "hospital")
LONG = "\f".join(
    f"The {a} of the town was described by the council in report {i}{j} of that year. " * 40
    for i, a in enumerate(SUBJECTS)
    for j in range(8)
)


def page(number: int, subject: str) -> list[Text]:
    lines = (
        f"The {subject} is what chapter {number} of this report is about.",
        f"Repairs of the {subject} cost the town {number},500 pounds in the spring.",
        f"The council decided that the {subject} must be kept open to everybody.",
    )
    return [Text(72, 700 - 14 * i, line) for i, line in enumerate(lines)]


@pytest.fixture(scope="module")
def app() -> QApplication:
    made = QApplication.instance() or QApplication([])
    assert isinstance(made, QApplication)
    made.setStyle("Fusion")
    return made


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents") / "report.pdf"
    path.write_bytes(simple(*[page(i, subject) for i, subject in enumerate(SUBJECTS, start=1)]))
    return path


@pytest.fixture
def store(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture(scope="module")
def read(
    app: QApplication, pdf: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Window]:
    """A window in which the PDF was read."""
    ini = tmp_path_factory.mktemp("settings") / "settings.ini"
    window = Window(QSettings(str(ini), QSettings.Format.IniFormat))
    window.show()
    drop(window, pdf)
    until(window, lambda: job_of(window).state is State.DONE)
    pages_open(window)
    yield window
    window.close()


@pytest.fixture
def fresh(app: QApplication, store: QSettings) -> Iterator[Window]:
    window = Window(store)
    window.show()
    yield window
    window.close()


def job_of(window: Window, index: int = 0) -> Job:
    return window.queue.jobs[index]


def until(window: Window, condition: Callable[[], object], seconds: int = 120) -> None:
    """Let the window live until something is so."""
    loop, limit = QEventLoop(), QTimer(singleShot=True, interval=seconds * 1000)
    limit.timeout.connect(loop.quit)

    def look(*_: object) -> None:
        if condition():
            loop.quit()

    signals = (window.queue.changed, window.pages.opened, window.queue.noted, window.pages.settled)
    for each in signals:
        each.connect(look)
    if not condition():
        limit.start()
        loop.exec()
    for each in signals:
        each.disconnect(look)
    assert condition(), "it did not come to that in time"


def pages_open(window: Window) -> None:
    until(window, lambda: window.pages.is_ready)


def drop(window: Window, *paths: Path) -> None:
    """Drag files over the window and let them go, as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    place = QPointF(200, 200) if PySide6.__version_info__ >= (6, 12) else QPoint(200, 200)
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    event = QDropEvent(QPointF(200, 200), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, event)


def click(window: Window, link: str) -> None:
    """Click on the first place of the text that is this link."""
    browser = window.view.browser
    browser.verticalScrollBar().setValue(0)
    view = browser.viewport()
    while True:
        for y in range(0, view.height(), 5):
            for x in range(0, view.width(), 5):
                if browser.anchorAt(QPoint(x, y)) == link:
                    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
                    return
        bar = browser.verticalScrollBar()
        assert bar.value() < bar.maximum(), f"there is no link {link}"
        bar.setValue(bar.value() + view.height() // 2)


def ask(window: Window, question: str) -> None:
    QTest.keyClicks(window.view.ask, question)
    QTest.keyClick(window.view.ask, Qt.Key.Key_Return)
    until(window, lambda: job_of(window).waiting_for is None)


def test_what_was_dropped_is_read_and_summarised(read: Window) -> None:
    job = job_of(read)
    assert job.summary is not None
    assert job.summary.pages == len(SUBJECTS)
    assert job.summary.state_bytes > 100_000
    shown = read.view.browser.toPlainText()
    assert all(point.text in shown for point in job.summary.points)
    assert "MB of memory · state 0." in read.view.facts.text()
    assert read.windowTitle().startswith("report.pdf")


def test_citations_open_their_page_and_mark_what_is_quoted(read: Window) -> None:
    for number, point in enumerate(cited(job_of(read))):
        click(read, f"page:{point.page}#{number}")
        assert read.pages.page == point.page
        assert read.pages.number.text() == str(point.page)
        assert SUBJECTS[point.page - 1] in point.text
        assert read.pages.marks.resultsOnPage(point.page - 1)


def test_pages_are_turned_by_keys(read: Window) -> None:
    read.pages.go_to(1)
    QTest.keyClick(read, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert read.pages.page == 2
    read.pages.number.selectAll()
    QTest.keyClicks(read.pages.number, "5\r")
    assert read.pages.page == 5
    QTest.keyClicks(read.pages.number, "999\r")
    assert read.pages.page == 5


def test_a_window_of_another_size_stays_on_the_page(read: Window) -> None:
    read.pages.go_to(6)
    read.resize(1000, 620)
    until(read, lambda: not read.pages._resized.isActive())
    assert read.pages.page == 6
    read.resize(1280, 800)
    until(read, lambda: not read.pages._resized.isActive())
    assert read.pages.page == 6


def test_questions_are_answered_with_pages(read: Window) -> None:
    ask(read, "What did the repairs of the harbour cost?")
    answer = job_of(read).exchanges[-1].answer
    assert answer is not None
    assert answer.passages[0].page == 3
    assert "3,500 pounds" in read.view.browser.toPlainText()
    read.pages.go_to(1)
    click(read, f"page:3#{cited(job_of(read)).index(answer.passages[0])}")
    assert read.pages.page == 3


def test_where_nothing_matches_it_says_so(read: Window) -> None:
    ask(read, "Who won the football cup?")
    shown = read.view.browser.toPlainText()
    assert texts.NOTHING_MATCHES in shown
    assert "Try other words" in shown


def test_another_length_needs_no_reading(read: Window) -> None:
    view, job = read.view, job_of(read)
    view.length.setCurrentIndex(saved.LENGTHS.index("points"))
    view.count.setValue(2)
    until(read, lambda: job.summary and len(job.summary.points) == 2)
    view.focus.setText("What about the library?")
    until(read, lambda: job.summary and job.summary.wish.focus)
    assert job.summary is not None
    assert any("library" in point.text for point in job.summary.points)
    assert view.browser.toPlainText().count("library") >= 1


def test_the_summary_is_copied_and_saved(read: Window, tmp_path: Path) -> None:
    summary = job_of(read).summary
    assert summary is not None
    QTest.mouseClick(read.view.copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == summary.text
    assert summary.text.startswith(f"[p. {summary.points[0].page}] {summary.points[0].text}")
    read.write_summary(tmp_path / "a.md")
    lines = (tmp_path / "a.md").read_text("utf-8").splitlines()
    assert lines[:2] == ["# report.pdf", ""]
    assert lines[2] == "- " + summary.text.splitlines()[0]


def test_everything_can_be_reached_and_has_a_name(read: Window) -> None:
    """By the key Tab, once around; and each of them can be spoken of."""
    read.activateWindow()
    reached: list[QWidget] = []
    widget: QWidget | None = read.view.ask
    while widget is not None and widget not in reached:
        reached.append(widget)
        widget = widget.nextInFocusChain()
    tab = Qt.FocusPolicy.TabFocus
    there = [w for w in reached if w.isVisible() and w.focusPolicy() & tab and w.isEnabled()]
    wanted = [read.open, read.list, read.preferences, read.view.length, read.view.focus]
    wanted += [read.view.copy, read.view.save, read.view.browser, read.view.ask]
    wanted += [read.pages.number, read.pages.forth, read.pages.pdf]
    assert [w for w in wanted if w not in there] == []
    inside = ("qt_", "")  # parts of Qt's own, which their owner speaks for
    for each in there:
        text = each.text() if isinstance(each, QAbstractButton) else ""
        assert each.accessibleName() or text or each.objectName().startswith(inside[0]), each
    item = read.list.item(0)
    assert item.data(Qt.ItemDataRole.AccessibleTextRole) == "report.pdf, 8 pages"


@pytest.mark.parametrize("size", [(1280, 800), (960, 560)])
def test_no_text_is_clipped(read: Window, size: tuple[int, int]) -> None:
    read.resize(*size)
    QApplication.processEvents()
    for each in read.findChildren(QWidget):
        if not each.isVisible() or not isinstance(each, QAbstractButton | QLabel):
            continue
        text, metrics = each.text().replace("&", ""), each.fontMetrics()
        wraps = isinstance(each, QLabel) and each.wordWrap()
        needed = each.heightForWidth(each.width()) if wraps else metrics.height()
        assert each.height() >= needed, text
        if not wraps and not isinstance(each, ElidedLabel):
            assert each.width() >= metrics.horizontalAdvance(text), text
    read.resize(1280, 800)


def test_a_queue_in_which_one_fails(fresh: Window, pdf: Path, tmp_path: Path) -> None:
    bad, text = tmp_path / "broken.pdf", tmp_path / "story.txt"
    bad.write_bytes(b"%PDF-1.4\nnothing that is a PDF\n")
    text.write_text("The old mill was sold. It had stood empty for years, and nobody missed it.")
    drop(fresh, bad, tmp_path / "missing.pdf", text)
    until(fresh, lambda: not any(job.is_open for job in fresh.queue.jobs))
    assert [job.state for job in fresh.queue.jobs] == [State.FAILED, State.FAILED, State.DONE]
    assert fresh.middle.currentWidget() is fresh.state
    shown = fresh.state.line.text()
    assert shown == texts.error(job_of(fresh))
    assert "\n" not in shown
    assert "--" not in shown
    assert fresh.state.damaged.isVisible()
    assert "Cannot read" in texts.row(job_of(fresh, 1))
    fresh.list.choose(job_of(fresh, 2))
    pages_open(fresh)
    fresh.pages.go_to(1, "It had stood empty")
    assert fresh.pages.text.textCursor().selectedText() == "It had stood empty"
    QTest.keyClick(fresh.list, Qt.Key.Key_Delete)
    assert len(fresh.queue.jobs) == 2


def test_a_password_is_asked_for(fresh: Window, shared: Path) -> None:
    drop(fresh, shared / "pdfs" / "bad" / "encrypted-aes256-userpw.pdf")
    job = job_of(fresh)
    until(fresh, lambda: not job.is_open)
    assert job.kind == "PasswordNeeded"
    assert fresh.state.password.isVisible()
    QTest.keyClicks(fresh.state.password, "foo\r")
    until(fresh, lambda: not job.is_open)
    assert job.state is State.DONE
    pages_open(fresh)


def test_one_is_cancelled_and_the_next_is_read(fresh: Window, pdf: Path, tmp_path: Path) -> None:
    fresh.settings.keep = False
    long = tmp_path / "long.txt"
    long.write_text(LONG)
    drop(fresh, long, pdf, pdf)
    first, second, third = fresh.queue.jobs
    assert third.state is State.WAITING
    QTest.mouseClick(fresh.list.button_of(third), Qt.MouseButton.LeftButton)
    assert third.state is State.CANCELLED
    until(fresh, lambda: first.progress)
    assert "of memory · state 0." in fresh.state.memory.text()
    assert fresh.state.line.text().startswith("Page ")
    QTest.mouseClick(fresh.state.cancel, Qt.MouseButton.LeftButton)
    assert first.state is State.STOPPING
    until(fresh, lambda: second.state is State.DONE)
    assert first.state is State.CANCELLED
    assert first.progress is not None
    assert first.progress.pages < first.progress.pages_total


def test_a_process_that_dies_is_told_and_replaced(fresh: Window, pdf: Path, tmp_path: Path) -> None:
    fresh.settings.keep = False
    long = tmp_path / "long.txt"
    long.write_text(LONG)
    drop(fresh, pdf, long)
    job, dying = fresh.queue.jobs
    until(fresh, lambda: dying.progress)
    os.kill(fresh.reader.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    until(fresh, lambda: not dying.is_open)
    assert dying.state is State.FAILED
    assert "the reading process" in dying.error
    assert not job.held
    fresh.queue.ask(job, "What did the repairs of the school cost?")  # it is read again for that
    until(fresh, lambda: job.waiting_for is None)
    answer = job.exchanges[0].answer
    assert answer is not None
    assert answer.passages[0].page == 4


def test_settings_survive_a_restart(app: QApplication, store: QSettings, tmp_path: Path) -> None:
    window = Window(store)
    window.view.length.setCurrentIndex(saved.LENGTHS.index("words"))
    window.view.count.setValue(230)
    window.view.focus.setText("What does it cost?")
    dialog = SettingsDialog(window.settings, window)
    dialog.model.setText(str(tmp_path))
    dialog.accept()
    assert "manifest.json" in dialog.problem.text()
    (tmp_path / "manifest.json").touch()
    dialog.keep.setChecked(False)
    dialog.accept()
    window.resize(765, 600)
    window.close()
    again = Window(QSettings(store.fileName(), QSettings.Format.IniFormat))
    assert again.settings == saved.Settings(
        "words", 230, 5, "What does it cost?", str(tmp_path), False
    )
    assert (again.view.count.value(), again.view.focus.text()) == (230, "What does it cost?")
    assert again.width() == 765
    again.close()


def test_settings_that_cannot_be_are_left_out(store: QSettings) -> None:
    store.setValue("reading/length", "miles")
    store.setValue("reading/words", -3)
    assert saved.load(store) == saved.Settings()


def test_pictures_of_it_are_not_blank(read: Window, app: QApplication, tmp_path: Path) -> None:
    light, dark = app.palette(), QPalette(QColor("#2b2d30"), QColor("#1f2023"))
    dark.setColor(QPalette.ColorRole.Base, QColor("#1a1b1e"))
    ground = []
    for name, palette in (("light", light), ("dark", dark)):
        app.setPalette(palette)
        QApplication.processEvents()
        file = tmp_path / f"{name}.png"
        assert read.grab().save(str(file))
        image = QImage(str(file))
        parts = [(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)]
        assert len({image.pixel(*part) for part in parts}) > 30
        pages = read.pages.pdf.mapTo(read, read.pages.pdf.rect().center())
        ground.append(
            [
                QColor(image.pixel(15, image.height() - 100)).lightness(),
                image.pixel(pages.x(), pages.y()),
            ]
        )
    app.setPalette(light)
    assert ground[0][0] > 200
    assert ground[1][0] < 80


def test_text_can_be_read_in_any_palette(app: QApplication) -> None:
    """WCAG AA: a contrast of 4.5 of all colours that are used for text."""
    for window in ("#ffffff", "#efefef", "#2b2d30", "#000000"):
        for accent in ("#308cc6", "#ffd400", "#7a1fa2"):
            palette = QPalette(QColor(window))
            palette.setColor(QPalette.ColorRole.Accent, QColor(accent))
            c = style.colors(palette)
            for text, ground in (
                *((c.text, c.paper), (c.muted, c.ground), (c.muted, c.paper)),
                *((c.link, c.paper), (c.link, c.soft), (c.danger, c.paper)),
            ):
                assert style.contrast(QColor(text), QColor(ground)) >= 4.5, (window, accent, text)


def test_the_window_holds_nothing_of_networks(read: Window) -> None:
    names = set(sys.modules)
    assert not {"PySide6.QtNetwork", "PySide6.QtWebEngineCore"} & names


def test_it_never_asks_for_the_network(pdf: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    done = subprocess.run(
        [sys.executable, str(DESKTOP / "run.py"), "--check", str(pdf)],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "PYTHONPATH": path, "XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "8 pages are shown" in done.stderr
    assert done.stdout.startswith("[p. ")
    assert "NETWORK" not in done.stderr
