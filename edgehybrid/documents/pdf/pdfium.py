"""The calls to PDFium: a file to pages of runs of words. No layout is decided here."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pypdfium2.raw as pdfium

from edgehybrid.documents.layout import RawPage
from edgehybrid.documents.layout.drawn import drawn
from edgehybrid.documents.pdf.fonts import Fonts
from edgehybrid.documents.pdf.words import words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A page with more characters than this is not read: no printed page has as many.
MAX_CHARACTERS = 1_000_000
#: PDFium keeps every object that it has seen; opening the file again frees them.
PAGES_PER_OPENING = 256
#: Form XObjects are drawn inside others; real files nest them three or four deep.
MAX_NESTING = 16
#: So many objects of a page are searched for nested forms.
MAX_OBJECTS = 5_000


class PdfiumError(Exception):
    """PDFium could not open the file."""

    def __init__(self, code: int) -> None:
        super().__init__(f"PDFium error {code}")
        self.needs_password = code == pdfium.FPDF_ERR_PASSWORD


class PdfiumFile:
    """An open PDF file that reads pages by number.

    Raises:
        PdfiumError: PDFium cannot open the file, or not with this password.
    """

    def __init__(self, path: str, password: str | None) -> None:
        self._path = os.fsencode(path)
        self._password = None if password is None else password.encode()
        self._document = self._open()
        self._pages_read = 0
        self._fonts = Fonts()
        self.page_count = int(pdfium.FPDF_GetPageCount(self._document))

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._document:
            pdfium.FPDF_CloseDocument(self._document)
        self._document = None

    def read(self, number: int) -> RawPage:
        """The text of page `number` (1-based), or a page with a `fault`.

        Raises:
            PdfiumError: the file was changed or removed since it was opened.
        """
        if self._pages_read == PAGES_PER_OPENING:
            self.close()
            self._document, self._pages_read = self._open(), 0
        self._pages_read += 1
        page = pdfium.FPDF_LoadPage(self._document, number - 1)
        if not page:
            return RawPage(number, fault="its page object cannot be read")
        try:
            return self._read_page(number, page)
        finally:
            pdfium.FPDF_ClosePage(page)

    def draw(self, number: int) -> tuple[NDArray[np.uint8], float]:
        """Page `number` (1-based) as (height, width, 3) uint8, blue first, and pixels a point.

        Raises:
            PdfiumError: the page cannot be read.
        """
        from edgehybrid.documents.pdf.picture import picture_of

        page = pdfium.FPDF_LoadPage(self._document, number - 1)
        if not page:
            raise PdfiumError(int(pdfium.FPDF_GetLastError()))
        try:
            return picture_of(page)
        finally:
            pdfium.FPDF_ClosePage(page)

    def _open(self) -> Any:
        document = pdfium.FPDF_LoadDocument(self._path, self._password)
        if not document:
            raise PdfiumError(int(pdfium.FPDF_GetLastError()))
        return document

    def _read_page(self, number: int, page: Any) -> RawPage:
        images, endless = _survey(page)
        if endless:
            return RawPage(number, fault=f"its forms are nested over {MAX_NESTING} deep")
        textpage = pdfium.FPDFText_LoadPage(page)
        if not textpage:
            return RawPage(number, fault="its text cannot be read")
        try:
            if pdfium.FPDFText_CountChars(textpage) > MAX_CHARACTERS:
                return RawPage(number, fault=f"it has over {MAX_CHARACTERS:,} characters")
            words = list(words_of(textpage))
            font = partial(self._fonts.at, textpage)
            upside_down = pdfium.FPDFPage_GetRotation(page) == 2
            return drawn(number, words, upside_down=upside_down, images=images, font=font)
        finally:
            pdfium.FPDFText_ClosePage(textpage)


def _survey(page: Any) -> tuple[int, bool]:
    """How many images the page has, and whether its forms are nested without end."""
    images, endless = 0, False
    for index in range(min(pdfium.FPDFPage_CountObjects(page), MAX_OBJECTS)):
        item = pdfium.FPDFPage_GetObject(page, index)
        kind = pdfium.FPDFPageObj_GetType(item)
        images += kind == pdfium.FPDF_PAGEOBJ_IMAGE
        if kind == pdfium.FPDF_PAGEOBJ_FORM:
            endless = endless or _is_deep(item, MAX_NESTING)
    return images, endless


def _is_deep(form: Any, depth: int) -> bool:
    """Whether `depth` forms are nested in `form`."""
    if depth == 0:
        return True
    for index in range(min(pdfium.FPDFFormObj_CountObjects(form), MAX_OBJECTS)):
        item = pdfium.FPDFFormObj_GetObject(form, index)
        is_form = pdfium.FPDFPageObj_GetType(item) == pdfium.FPDF_PAGEOBJ_FORM
        if is_form and _is_deep(item, depth - 1):
            return True
    return False
