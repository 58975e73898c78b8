"""A document that was read: what it says, where, and answers to questions about it."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QTimer, QUrl, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from edgehybrid_desktop import texts
from edgehybrid_desktop.document_html import cited, html
from edgehybrid_desktop.jobs import Job
from edgehybrid_desktop.settings import LENGTHS, RANGES, Settings
from edgehybrid_desktop.style import GAP, colors, scaled
from edgehybrid_desktop.widgets import ElidedLabel, label, line, primary

#: Milliseconds without another change, after which a summary of the new length is asked for.
SETTLED = 350
#: Of the controls in a row, in pixels: each kind would have a height of its own.
HEIGHT = 28


class Browser(QTextBrowser):
    """Rich text that loads nothing, whatever it holds: no pictures, no pages, no network."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.setAccessibleName("Summary and answers")
        self.document().setDocumentMargin(3 * GAP)
        scaled(self, 1.1)

    def loadResource(self, kind: int, name: QUrl | str) -> QByteArray:  # noqa: N802
        """Nothing."""
        return QByteArray()


class DocumentView(QWidget):
    """Name, facts, how the summary is to be, the summary with its questions, and the ask box."""

    cited = Signal(int, str)  # a page (1-based), and what is quoted from it
    asked = Signal(str)
    wished = Signal()  # the settings have been changed
    copied = Signal()
    saved = Signal()

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings, self._shown = settings, ""
        self._job: Job | None = None
        self.name, self.facts = ElidedLabel(), label("muted", wrap=True)
        self.length, self.count, self.focus = QComboBox(), QSpinBox(), QLineEdit()
        self.copy, self.save = QPushButton("&Copy"), QPushButton("&Save …")
        self.browser, self.ask = Browser(), QLineEdit()
        self.send = primary(QPushButton("As&k"))
        self._settled = QTimer(self, singleShot=True, interval=SETTLED)
        self._name_parts()
        self._connect()
        self._lay_out()
        self.show_settings()

    def _name_parts(self) -> None:
        scaled(self.name, 1.5, bold=True)
        self.length.addItems([length.capitalize() for length in LENGTHS])
        self.length.setAccessibleName("Length of the summary")
        self.length.setToolTip("How long the summary is to be")
        self.focus.setPlaceholderText("Focus: a question that the summary is to be about")
        self.focus.setAccessibleName("Focus of the summary")
        self.focus.setClearButtonEnabled(True)
        self.ask.setObjectName("ask")
        self.ask.setPlaceholderText("Ask this document a question")
        self.ask.setAccessibleName("Question about this document")
        self.copy.setToolTip("Copy the summary with its pages (Ctrl+Shift+C)")
        self.save.setToolTip("Save the summary as Markdown or text (Ctrl+S)")
        for edit in (self.focus, self.ask):
            edit.setAcceptDrops(False)  # files that are dropped on them are for the window

    def _connect(self) -> None:
        self.length.currentIndexChanged.connect(self._length_changed)
        self.count.valueChanged.connect(self._count_changed)
        self.focus.textChanged.connect(self._focus_changed)
        self.focus.returnPressed.connect(self._settled.start)
        self._settled.timeout.connect(self.wished)
        self.copy.clicked.connect(self.copied)
        self.save.clicked.connect(self.saved)
        self.ask.returnPressed.connect(self._ask)
        self.ask.textChanged.connect(lambda text: self.send.setEnabled(bool(text.strip())))
        self.send.clicked.connect(self._ask)
        self.send.setEnabled(False)
        self.browser.anchorClicked.connect(self._follow)

    def _lay_out(self) -> None:
        top, wish, bottom = QVBoxLayout(), QHBoxLayout(), QHBoxLayout()
        top.setContentsMargins(3 * GAP, 3 * GAP, 3 * GAP, 2 * GAP)
        top.setSpacing(4)
        top.addWidget(self.name)
        top.addWidget(self.facts)
        top.addSpacing(GAP)
        wish.setSpacing(GAP)
        for widget in (self.length, self.count, self.focus, self.copy, self.save):
            widget.setFixedHeight(HEIGHT)
        for widget in (self.length, self.count):
            wish.addWidget(widget)
        wish.addWidget(self.focus, 1)
        for button in (self.copy, self.save):
            wish.addWidget(button)
        top.addLayout(wish)
        bottom.setContentsMargins(3 * GAP, 2 * GAP, 3 * GAP, 2 * GAP)
        bottom.setSpacing(GAP)
        bottom.addWidget(self.ask, 1)
        bottom.addWidget(self.send)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(top)
        box.addWidget(line())
        box.addWidget(self.browser, 1)
        box.addWidget(line())
        box.addLayout(bottom)

    def show_job(self, job: Job) -> None:
        """Show what is known of it; a question that is new is scrolled to."""
        is_other, self._job = job is not self._job, job
        self.name.setText(job.path.name)
        if job.summary is not None:
            self.facts.setText(job.error or texts.facts(job.summary))
        made = html(job, colors(self.palette()))
        if made == self._shown:
            return
        bar = self.browser.verticalScrollBar()
        before, self._shown = (0 if is_other else bar.value()), made
        self.browser.setHtml(made)
        bar.setValue(before)
        if is_other:
            self.ask.clear()
        elif job.exchanges and (job.waiting_for or job.exchanges[-1].answer):
            bar.setValue(bar.maximum())  # where the newest question and its answer are

    def show_settings(self) -> None:
        """Show how long summaries are to be; nothing is asked for by that."""
        settings = self._settings
        for widget in (self.length, self.count, self.focus):
            widget.blockSignals(True)
        self.length.setCurrentIndex(LENGTHS.index(settings.length))
        self.count.setVisible(settings.length != "automatic")
        if settings.length != "automatic":
            least, most, step = RANGES[settings.length]
            self.count.setRange(least, most)
            self.count.setSingleStep(step)
            self.count.setValue(getattr(settings, settings.length))
            self.count.setAccessibleName(f"Number of {settings.length}")
        self.focus.setText(settings.focus)
        for widget in (self.length, self.count, self.focus):
            widget.blockSignals(False)

    def repaint_text(self) -> None:
        """The palette has changed."""
        self._shown = ""
        if self._job is not None:
            self.show_job(self._job)

    def _length_changed(self, index: int) -> None:
        self._settings.length = LENGTHS[index]
        self.show_settings()
        self._settled.start()

    def _count_changed(self, value: int) -> None:
        if self._settings.length != "automatic":
            setattr(self._settings, self._settings.length, value)
            self._settled.start()

    def _focus_changed(self, text: str) -> None:
        self._settings.focus = text
        self._settled.start()

    def _ask(self) -> None:
        question = self.ask.text().strip()
        if question:
            self.ask.clear()
            self.asked.emit(question)

    def _follow(self, link: QUrl) -> None:
        """A link is `page:5`, or `page:5#0` with the number of what is quoted from there."""
        if link.scheme() == "page" and link.path().isdecimal() and self._job is not None:
            number, quoted = link.fragment(), ""
            if number.isdecimal():
                quoted = cited(self._job)[int(number)].text
            self.cited.emit(int(link.path()), quoted)
