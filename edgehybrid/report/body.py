"""The text of a page: sentences as paragraphs, headings and items, what is kept marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from edgehybrid.report.escaping import escaped
from edgehybrid.report.marks import Holder, Marks
from edgehybrid.report.pieces import Piece, pieces
from edgehybrid.report.style import LEVELS
from edgehybrid.report.units import BEFORE, WHOLE, Text, Unit

#: So many heads are named where a token is kept by more.
NAMED = 6
#: Stand for tokens that have no characters to mark: the end of a sentence, and white space.
END, SPACE = "¶", "␣"

Place = tuple[int, Unit]


def blocks(
    places: Iterable[Place], text: Text, marks: Marks, cited: Mapping[int, int]
) -> Iterator[str]:
    """The elements of one page.

    Args:
        places: its units, each with its index.
        text: what they are units of.
        marks: what is kept.
        cited: the number in the summary of the units that it cites.
    """
    for kind, group in groupby(places, key=lambda place: place[1].kind):
        shown = [_sentence(place, text, marks, cited) for place in group]
        if kind == "heading":
            yield "".join(f'<h3 dir="auto">{one}</h3>\n' for one in shown)
        elif kind == "list":
            items = "".join(f'<li dir="auto">{one}</li>\n' for one in shown)
            yield f"<ul>\n{items}</ul>\n"
        else:
            known = {"prose": "", WHOLE: ' class="whole"', BEFORE: ' class="whole"'}
            named = known.get(kind, ' class="aside"')
            yield f'<p dir="auto"{named}>{" ".join(shown)}</p>\n'


def _sentence(place: Place, text: Text, marks: Marks, cited: Mapping[int, int]) -> str:
    index, unit = place
    routed, kept = marks.counts(unit.start, unit.start + unit.tokens)
    if routed or kept:
        shown = "".join(_piece(piece, marks) for piece in pieces(unit, text.spans(unit), marks))
    else:
        shown = escaped(unit.text)
    if index not in cited:
        return shown
    number = cited[index]
    return (
        f'<strong class="cited" id="cited-{number}">{shown}</strong>'
        f'<sup lang="en"><a href="#point-{number}" aria-label="sentence {number} of the summary">'
        f"{number}</a></sup>"
    )


def _piece(piece: Piece, marks: Marks) -> str:
    shown = escaped(piece.text)
    if not piece.routed:
        return f'<span class="{piece.region}">{shown}</span>' if piece.region else shown
    holders = [holder for position in piece.routed for holder in marks.routed[position]]
    heads = len({holder[:2] for holder in holders})
    level = -(-LEVELS * heads // marks.heads)
    names, after = f"k{level} {piece.region}".strip(), ""
    if not piece.text.strip():
        names, after, shown = f"{names} glyph", shown, SPACE if piece.text else END
    told = f"{heads} of {marks.heads} heads: {_told(holders)}"
    return f'<mark class="{names}" title="{told}">{shown}</mark>{after}'


def _told(holders: list[Holder]) -> str:
    named = ", ".join(f"layer {h.layer} head {h.head} {h.score:.3g}" for h in holders[:NAMED])
    more = len(holders) - NAMED
    return f"{named}, {more:,} more" if more > 0 else named
