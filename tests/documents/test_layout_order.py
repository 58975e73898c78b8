"""Columns, lines, paragraphs and running heads, on made-up geometry."""

from __future__ import annotations

from edgehybrid.documents.layout import RawPage, Run
from edgehybrid.documents.layout.columns import columns_in_order
from edgehybrid.documents.layout.stream import lay_out

WORDS = "alpha beta gamma delta epsilon zeta"


def run(
    left: float, base: float, text: str, *, width: float | None = None, size: float = 10
) -> Run:
    right = left + (width if width is not None else 5 * len(text))
    return Run(left, right, base, size, size, 0, text)


def prose(left: float, top: float, name: str, lines: int, *, width: float = 160) -> list[Run]:
    return [run(left, top - 12 * row, f"{name} {row} {WORDS}", width=width) for row in range(lines)]


def texts(columns: list[list[Run]]) -> list[str]:
    return [r.text.split(" ")[0] for column in columns for r in column]


def test_two_columns_under_a_title() -> None:
    title = run(60, 740, "A title that spans both of the columns below it", width=450)
    runs = [*prose(60, 700, "left", 8), *prose(240, 700, "right", 8), title]
    runs = runs[::2] + runs[1::2]  # drawn in any order
    assert texts(columns_in_order(runs)) == ["A"] + ["left"] * 8 + ["right"] * 8


def test_three_columns_and_a_spanning_table_between() -> None:
    upper = [r for x in (60, 240, 420) for r in prose(x, 700, f"up{x}", 6)]
    lower = [r for x in (60, 240, 420) for r in prose(x, 500, f"low{x}", 6)]
    table = run(60, 600, "Table 1. A caption as wide as the page, over all columns", width=520)
    order = texts(columns_in_order([*lower, table, *upper]))
    assert order == [
        *(["up60"] * 6 + ["up240"] * 6 + ["up420"] * 6),
        "Table",
        *(["low60"] * 6 + ["low240"] * 6 + ["low420"] * 6),
    ]


def test_a_table_is_not_read_by_columns() -> None:
    rows = [
        run(x, 700 - 14 * row, f"{name}{row}", width=40)
        for row in range(8)
        for x, name in ((60, "name"), (200, "1"), (340, "2"))
    ]
    assert len(columns_in_order(rows)) == 1


def test_an_indented_single_column_stays_one() -> None:
    runs = prose(60, 700, "text", 6, width=450) + prose(90, 620, "quote", 6, width=400)
    assert len(columns_in_order(runs)) == 1


def page(number: int, runs: list[Run]) -> RawPage:
    return RawPage(number, tuple(runs))


def body(number: int, lines: int = 6) -> list[Run]:
    last = [run(60, 700 - 12 * lines, f"Here page {number} ends.", width=100)]
    return prose(60, 700, f"Body of page {'abcdefgh'[number % 8]}", lines, width=450) + last


def test_running_heads_and_page_numbers_are_dropped() -> None:
    pages = [
        page(
            n,
            [
                run(60, 760, "The Manual of Things"),
                *body(n),
                run(300, 40, str(n + 10)),
            ],
        )
        for n in range(1, 8)
    ]
    for text in lay_out(pages):
        words = " ".join(block.text for block in text.blocks)
        assert "Manual" not in words
        assert not words.endswith(str(text.number + 10))
        assert "Body of page" in words


def test_a_changing_chapter_title_beside_the_page_number_is_dropped() -> None:
    pages = [
        page(n, [run(60, 760, f"Chapter {'xyz'[n % 3]}ebra"), run(500, 760, str(n)), *body(n)])
        for n in range(1, 8)
    ]
    assert not any("ebra" in block.text for text in lay_out(pages) for block in text.blocks)


def test_numbers_that_are_no_page_numbers_stay() -> None:
    pages = [page(n, [*body(n), run(300, 40, str(n * n + 100))]) for n in range(1, 8)]
    kept = [block.text for text in lay_out(pages) for block in text.blocks]
    assert "149" in kept


def test_a_sentence_goes_on_over_pages_and_its_cut_word_is_joined() -> None:
    first = [
        *prose(60, 700, "Start", 3, width=450),
        run(60, 664, "and then the informa-", width=450),
    ]
    second = [run(60, 700, "tion went on to its end.", width=200)]
    one, two = lay_out([page(1, first), page(2, second)])
    assert one.continues
    assert one.blocks[-1].text.endswith("and then the information")
    assert two.blocks[0].text == "went on to its end."
    assert not two.continues


def test_a_caption_does_not_cut_a_paragraph() -> None:
    runs = [
        *prose(60, 700, "The text", 3, width=160),
        run(60, 664, "and it goes", width=160),
        run(60, 600, "Figure 3. What is seen.", width=150, size=8),
        run(60, 580, "on after the figure.", width=120),
    ]
    (text,) = lay_out([page(1, runs)])
    kinds = [block.kind for block in text.blocks]
    assert kinds == ["prose", "caption"]
    assert text.blocks[0].text.endswith("and it goes on after the figure.")


def test_pages_that_cannot_be_read_and_empty_pages_keep_their_place() -> None:
    pages = [page(1, body(1)), RawPage(2, fault="broken"), RawPage(3), page(4, body(4))]
    assert [(t.number, t.readable, bool(t.blocks)) for t in lay_out(pages)] == [
        (1, True, True),
        (2, False, False),
        (3, True, False),
        (4, True, True),
    ]
