"""The pages of a document, where citations lead: a PDF as it looks, or a text as it is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QIntValidator, QPalette, QResizeEvent, QTextCursor
from PySide6.QtPdf import QPdfDocument, QPdfSearchModel
from PySide6.QtPdfWidgets import QPdfView
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from edgehybrid_desktop.style import GAP, Colors
from edgehybrid_desktop.widgets import label, line, tool

#: A longer text, in bytes, is not shown: laying it out would hold the window up.
MAX_TEXT = 1 << 18
#: So many words find nearly every sentence: 75 of 75 in three documents, the whole sentence 68.
FIRST_WORDS = 5
#: Milliseconds without another change of size, after which the page is found again.
RESIZED = 60
#: Pages whose sizes are looked at before the window may do something else.
AT_ONCE = 20
ZOOM, LEAST_ZOOM, MOST_ZOOM = 1.25, 0.25, 4.0


class PageView(QWidget):
    """One document at a time. PDF pages are drawn in threads of Qt."""

    settled = Signal()  # after another size
    opened = Signal(int)  # with so many pages; 0 of what has none to show

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("pages")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._path: Path | None = None
        self.document, self.marks = QPdfDocument(self), QPdfSearchModel(self)
        self._blank = QPdfDocument(self)  # what the view shows while another is being opened
        self._looked, self._wanted = 0, (1, "")
        self.is_ready = False
        self._kept, self._size = 1, QSize()
        self._resized = QTimer(self, singleShot=True, interval=RESIZED)
        self._resized.timeout.connect(self._keep_page)
        self._looking = QTimer(self, interval=0)
        self._looking.timeout.connect(self._look)
        self.pdf, self.text, self.message = QPdfView(self), QPlainTextEdit(), label("muted")
        self.number, self.total = QLineEdit(), label("muted")
        self.back = tool(self, "‹", "Previous page", "Alt+Left")
        self.forth = tool(self, "›", "Next page", "Alt+Right")
        self.smaller = tool(self, "−", "Smaller", "Ctrl+-")
        self.larger = tool(self, "+", "Larger", "Ctrl++")
        self.fit = tool(self, "Fit", "Fit the width", "Ctrl+0")
        self._set_up()
        self._lay_out()

    def _set_up(self) -> None:
        self.pdf.setSearchModel(self.marks)
        self.pdf.setPageMode(QPdfView.PageMode.MultiPage)
        self.pdf.setZoomMode(QPdfView.ZoomMode.FitToWidth)
        self.pdf.setAccessibleName("Pages of the document")
        self.pdf.setAcceptDrops(False)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Text of the document")
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.number.setAccessibleName("Page")
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.number.setFixedWidth(56)
        self.number.setValidator(QIntValidator(self.number))
        self.number.returnPressed.connect(lambda: self.go_to(int(self.number.text())))
        self.pdf.pageNavigator().currentPageChanged.connect(self._moved)
        self.back.clicked.connect(lambda: self.go_to(self.page - 1))
        self.forth.clicked.connect(lambda: self.go_to(self.page + 1))
        self.smaller.clicked.connect(lambda: self.zoom(1 / ZOOM))
        self.larger.clicked.connect(lambda: self.zoom(ZOOM))
        self.fit.clicked.connect(lambda: self.pdf.setZoomMode(QPdfView.ZoomMode.FitToWidth))

    def _lay_out(self) -> None:
        self.bar, self.stack = QWidget(), QStackedWidget()
        row = QHBoxLayout(self.bar)
        row.setContentsMargins(GAP, GAP - 2, GAP, GAP - 2)
        row.setSpacing(4)
        for widget in (self.back, self.number, self.total, self.forth):
            row.addWidget(widget)
        row.addStretch()
        for widget in (self.smaller, self.fit, self.larger):
            row.addWidget(widget)
        for shown in (self.pdf, self.text, self.message):
            self.stack.addWidget(shown)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.bar)
        box.addWidget(line())
        box.addWidget(self.stack, 1)

    @property
    def page(self) -> int:
        """The page that is shown (1-based)."""
        return self.pdf.pageNavigator().currentPage() + 1

    def open(self, path: Path, password: str | None = None) -> None:
        """Show a document that was read; nothing happens if it is shown already.

        What has been read was parsed before in a process with limits, so files that are damaged or
        made to do harm have been refused there and do not come here.
        """
        if path == self._path:
            return
        self.close_document()
        self._path, self._wanted = path, (1, "")
        if _is_pdf(path):
            self._open_pdf(path, password)
        else:
            self._open_text(path)

    def close_document(self) -> None:
        """Show nothing."""
        self._path = None
        self._looking.stop()
        self.is_ready = False
        self.text.clear()
        if self.document.pageCount():
            self.marks.setSearchString("")
            for part in (self.marks, self.pdf):
                part.setDocument(self._blank)
            self.document.deleteLater()
            self.document = QPdfDocument(self)

    def go_to(self, number: int, quoted: str = "") -> None:
        """Show a page (1-based), and mark what is quoted from it."""
        if not self.is_ready:
            self._wanted = number, quoted
        elif self.stack.currentWidget() is self.text:
            self._find(quoted)
        elif 1 <= number <= self.document.pageCount():
            self._mark(number - 1, quoted)
            if number != self.page:
                self.pdf.pageNavigator().jump(number - 1, QPointF())

    def zoom(self, factor: float) -> None:
        """Make pages larger or smaller than they are shown now."""
        width = self.document.pagePointSize(max(self.page - 1, 0)).width()
        shown = self.pdf.zoomFactor()
        if self.pdf.zoomMode() == QPdfView.ZoomMode.FitToWidth and width:
            inches = (self.pdf.viewport().width() - 2 * GAP) / self.logicalDpiX()
            shown = inches / (width / 72)
        self.pdf.setZoomMode(QPdfView.ZoomMode.Custom)
        self.pdf.setZoomFactor(min(max(shown * factor, LEAST_ZOOM), MOST_ZOOM))

    def set_colors(self, c: Colors) -> None:
        """Colour what lies around the pages, which themselves stay as they are."""
        palette = QPalette(self.pdf.palette())
        palette.setColor(QPalette.ColorRole.Dark, QColor(c.ground))
        self.pdf.setPalette(palette)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Stay on the page: pages of another width lie at other places."""
        super().resizeEvent(event)
        self._resized.start()

    def _keep_page(self) -> None:
        self._size = self.pdf.size()
        if self.is_ready:
            self.pdf.pageNavigator().jump(self._kept - 1, QPointF())
        self.settled.emit()

    def _open_pdf(self, path: Path, password: str | None) -> None:
        self.document.setPassword(password or "")
        if self.document.load(str(path)) != QPdfDocument.Error.None_:
            self._say("The pages of this file cannot be shown here.")
            return
        self._looked = 0
        self._say("Opening the pages …")
        self._looking.start()

    def _look(self) -> None:
        """Ask for the sizes of some pages; when all are known, the view need not ask for them.

        It would do so at once, which takes a quarter of a millisecond a page: too long for the
        thread of the window where there are hundreds.
        """
        count = self.document.pageCount()
        for index in range(self._looked, min(self._looked + AT_ONCE, count)):
            self.document.pagePointSize(index)
        self._looked += AT_ONCE
        if self._looked < count:
            return
        self._looking.stop()
        self.pdf.setDocument(self.document)
        self.marks.setDocument(self.document)
        self.total.setText(f"of {count:,}")
        self.bar.setVisible(True)
        self.stack.setCurrentWidget(self.pdf)
        self._moved(self.page - 1)
        QTimer.singleShot(0, self, self._be_ready)  # the view lays its pages out first

    def _be_ready(self) -> None:
        self.is_ready, self._size, self._kept = True, self.pdf.size(), 1
        self.go_to(*self._wanted)
        self.opened.emit(self.document.pageCount())

    def _open_text(self, path: Path) -> None:
        self.bar.setVisible(False)
        try:
            if path.stat().st_size > MAX_TEXT:
                self._say("This text is too long to be shown here.")
                return
            self.text.setPlainText(path.read_text("utf-8", errors="replace"))
        except OSError as error:
            self._say(f"This file cannot be opened: {error.strerror}")
            return
        self.stack.setCurrentWidget(self.text)
        self._be_ready()

    def _say(self, what: str) -> None:
        self.bar.setVisible(False)
        self.message.setText(what)
        self.stack.setCurrentWidget(self.message)

    def _moved(self, index: int) -> None:
        if self.pdf.size() == self._size:  # else it has only another size, see `resizeEvent`
            self._kept = index + 1
        self.number.setText(str(index + 1))
        self.back.setEnabled(index > 0)
        self.forth.setEnabled(index + 1 < self.document.pageCount())

    def _mark(self, index: int, quoted: str) -> None:
        """Mark it, or its first words where hyphens and notes keep the whole from being found."""
        for text in (quoted, " ".join(quoted.split()[:FIRST_WORDS])):
            self.marks.setSearchString(text)
            if not text or self.marks.resultsOnPage(index):
                return

    def _find(self, quoted: str) -> None:
        """The first words are looked for: line breaks stand elsewhere in what was read."""
        words = quoted.split()[:FIRST_WORDS]
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
        while words and not self.text.find(" ".join(words)):
            words.pop()


def _is_pdf(path: Path) -> bool:
    """By its content, or its name, as the reading process decides it."""
    try:
        with path.open("rb") as file:
            return b"%PDF-" in file.read(1024) or path.suffix.lower() == ".pdf"
    except OSError:
        return False
