"""A page as a picture, for recognising its text."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from edgehybrid.documents.pdf.pdfium import MAX_OBJECTS

#: Pages are drawn for recognising at so many pixels a point (150 an inch). Their longer side has at
#: least so many, if their pictures do, as scans may claim to be stamps; and at most so many: 23 MB.
PIXELS, MIN_SIDE, MAX_SIDE = 150 / 72, 1_400, 2_800


def picture_of(page: Any) -> tuple[NDArray[np.uint8], float]:
    """An open page as (height, width, 3) uint8, blue first, and its pixels a point."""
    size = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
    longest = max(*size, 1.0)
    least = min(MIN_SIDE, _pixels(page)) / longest
    scale = min(max(PIXELS, least), MAX_SIDE / longest)
    width, height = (max(int(side * scale), 1) for side in size)
    picture = np.full((height, width, 3), 255, np.uint8)
    place = picture.ctypes.data_as(ctypes.c_void_p)
    bitmap = pdfium.FPDFBitmap_CreateEx(width, height, pdfium.FPDFBitmap_BGR, place, 3 * width)
    try:
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, pdfium.FPDF_ANNOT)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    return picture, scale


def _pixels(page: Any) -> int:
    """The longest side of the pictures on a page, in their own pixels."""
    width, height, most = ctypes.c_uint(), ctypes.c_uint(), 0
    for index in range(min(pdfium.FPDFPage_CountObjects(page), MAX_OBJECTS)):
        item = pdfium.FPDFPage_GetObject(page, index)
        if pdfium.FPDFImageObj_GetImagePixelSize(item, width, height):
            most = max(most, width.value, height.value)
    return most
