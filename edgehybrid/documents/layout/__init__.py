"""What PDF geometry is made of: runs of words, lines, and pages of them.

Lengths are in points and y grows upwards; pages are turned until their main text is upright.

| name   | meaning                                                      |
|--------|--------------------------------------------------------------|
| left   | x of the first character's left edge                         |
| right  | x of the last character's right edge                         |
| base   | y of the lower edge of the font box, a little under the line |
| height | height of the font box, about the font size                  |
| size   | font size as drawn, after all scaling                        |
"""

from __future__ import annotations

from typing import NamedTuple

#: Bits of `style`; `FORMULA` is a font of mathematical signs.
BOLD, ITALIC, MONO, FORMULA = 1, 2, 4, 8


class Run(NamedTuple):
    """Words that the page draws one after the other on one baseline."""

    left: float
    right: float
    base: float
    height: float
    size: float
    style: int
    text: str

    @property
    def top(self) -> float:
        """The y of the upper edge of the font box."""
        return self.base + self.height


class Line(NamedTuple):
    """One line of a column: its runs from left to right.

    `cells` counts the pieces between wide gaps. `column` numbers the columns of a page in
    reading order; `column_left` and `column_right` are its edges.
    """

    left: float
    right: float
    base: float
    height: float
    size: float
    style: int
    text: str
    cells: int
    column: int
    column_left: float
    column_right: float

    @property
    def top(self) -> float:
        """The y of the upper edge of the font box."""
        return self.base + self.height


class RawPage(NamedTuple):
    """A page (1-based `number`) as it is drawn.

    `rotated` is text that does not run in the direction of the page's main text; `images`
    counts pictures. `fault` says why the page cannot be read, and is empty if it can. `recognised`
    says that the runs were read off a picture.
    """

    number: int
    runs: tuple[Run, ...] = ()
    rotated: str = ""
    images: int = 0
    fault: str = ""
    recognised: bool = False
