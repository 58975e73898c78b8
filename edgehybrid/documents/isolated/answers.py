"""What a reading process may say: a header, pages in order, an end, and not without end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from shlex import quote

from edgehybrid.documents.document import Block, PageText
from edgehybrid.documents.isolated.limits import (
    MAX_BLOCKS,
    MAX_OUTPUT,
    OF,
    RECOGNISING_SECONDS,
    START_SECONDS,
)
from edgehybrid.documents.isolated.order import Header, Order
from edgehybrid.documents.isolated.wire import End, Message, Piece, Reading, Recognising
from edgehybrid.errors import DamagedDocument, DocumentError, DocumentTooLarge


class LostError(Exception):
    """The child sends no more; `error` is what to raise if it has sent no page."""

    def __init__(self, error: DocumentError) -> None:
        super().__init__(str(error))
        self.error = error


class Answers:
    """Takes the messages of one child, and says what is wrong with them."""

    def __init__(self, order: Order) -> None:
        self._order, self._limits = order, OF[order.kind]
        self._header: Header | None = None
        self._last_page = self._reading = self._bytes = self._blocks = 0
        self._waited = 0.0
        self._recognising: set[int] = set()
        self._pieces: list[Block] = []

    @property
    def patience(self) -> float:
        """Seconds to wait for the next message."""
        if self._header is None:
            return START_SECONDS
        recognises = self._reading in self._recognising
        return min(RECOGNISING_SECONDS if recognises else self._limits.silence, self._left)

    def waited(self, seconds: float) -> None:
        """Take note of seconds that passed without a message."""
        self._waited += seconds

    def took(self, size: int) -> None:
        """Take note of a line of `size` bytes.

        Raises:
            LostError: there were too many.
        """
        self._bytes += size
        if self._bytes > MAX_OUTPUT:
            raise LostError(self._too_much(f"{MAX_OUTPUT >> 20} MiB of text"))

    def take(self, message: Message) -> Header | Recognising | PageText | None:
        """What is known now; None if a page is still under way.

        Raises:
            LostError: there are too many blocks.
            DocumentError: the message does not belong here.
        """
        if isinstance(message, Header):
            self._expect(self._header is None and message.first <= message.last, message)
            self._header, self._last_page = message, message.first - 1
            return message
        if self._header is None or isinstance(message, End):
            self._expect(self._header is not None and self._left_pages == 0, message)
            return None
        if isinstance(message, Reading):
            self._reading = message.number
            return None
        if isinstance(message, Recognising):
            self._expect(self._order.kind == "pdf" and message.number == self._reading, message)
            self._recognising.add(message.number)
            return message
        return self._part(message)

    def rest(self, lost: LostError) -> Iterator[PageText]:
        """The pages that do not come any more, not readable.

        Raises:
            DocumentError: no page came, or it is a text, of which a part alone is worth nothing.
        """
        header = self._header
        if header is None or self._last_page < header.first or self._order.kind != "pdf":
            raise lost.error from None
        for number in range(self._last_page + 1, header.last + 1):
            yield PageText(number, (), readable=False)

    def silence(self) -> DocumentTooLarge:
        """The error for a child that says nothing for too long."""
        advice = "; read other pages with --pages" if self._order.kind == "pdf" else ""
        if self._header is not None and self._left <= 0:
            what = f"reading it took over {self._in_all} s in all"
        else:
            what = f"reading {self._where} took longer than {self.patience:.0f} s"
        return DocumentTooLarge(f"{self._order.name}: {what}{advice}")

    def crash(self, code: int) -> DocumentError:
        """The error for a child that ended with `code`."""
        name, is_pdf = self._order.name, self._order.kind == "pdf"
        if code < 0 and -code == getattr(signal, "SIGXCPU", 0):
            return DocumentTooLarge(f"{name}: reading {self._where} took too much processor time")
        cause = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        advice = (
            f"repair it (qpdf {quote(name)} repaired.pdf) or read other pages with --pages"
            if is_pdf
            else "read it in parts"
        )
        return DamagedDocument(
            f"{name}: the reading process ended ({cause}) at {self._where}: the file is damaged, "
            f"or needs more than {self._limits.memory >> 20} MiB of memory; {advice}"
        )

    def _part(self, message: Piece | PageText) -> PageText | None:
        self._expect(message.number == self._last_page + 1 and self._left_pages > 0, message)
        self._blocks += len(message.blocks)
        if self._blocks > MAX_BLOCKS:
            raise LostError(self._too_much(f"{MAX_BLOCKS:,} paragraphs"))
        if isinstance(message, Piece):
            self._pieces += message.blocks
            return None
        if self._pieces:
            message = message._replace(blocks=(*self._pieces, *message.blocks))
            self._pieces = []
        self._last_page = message.number
        return message

    def _expect(self, right: bool, message: Message) -> None:
        if not right:
            raise DocumentError(
                f"{self._order.name}: the reading process sent {type(message).__name__} out of "
                f"order, after page {self._last_page}; please report this as a bug of edgehybrid"
            )

    def _too_much(self, what: str) -> DocumentTooLarge:
        return DocumentTooLarge(f"{self._order.name}: it holds over {what}; read it in parts")

    @property
    def _pages(self) -> int:
        return self._header.last - self._header.first + 1 if self._header else 0

    @property
    def _left_pages(self) -> int:
        return self._header.last - self._last_page if self._header else 0

    @property
    def _left(self) -> float:
        return max(self._in_all - self._waited, 0.0)

    @property
    def _in_all(self) -> int:
        """Seconds for the file: pages that are recognised have theirs beside the others'."""
        recognised = min(len(self._recognising), self._pages)
        return self._limits.in_all(self._pages) + RECOGNISING_SECONDS * recognised

    @property
    def _where(self) -> str:
        return f"page {self._reading}" if self._reading else "the start of the file"
