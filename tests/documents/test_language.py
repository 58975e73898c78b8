"""Which language a document is in, and words of scripts with and without spaces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.documents.document import Document
from edgehybrid.documents.language import Languages, detect
from edgehybrid.documents.words import count_letters, count_words, is_without_spaces, stems

TEXTS = {
    "en": "The river rose for three days. Nobody in the town believed the warnings of the council.",
    "de": (
        "Der Fluss stieg am 3. Mai bis zur Brücke. Dr. Bach sah z. B. das Rathaus unter Wasser. "
        "Am Abend fiel der Pegel wieder."
    ),
    "fr": "La rivière est montée pendant trois jours. Personne ne croyait aux avertissements.",
    "es": "El río subió durante tres días. Nadie en el pueblo creía las advertencias del alcalde.",
    "ru": "Река поднималась три дня. Никто в городе не верил предупреждениям городского совета.",
    "el": "Ο ποταμός ανέβαινε επί τρεις ημέρες. Κανείς στην πόλη δεν πίστευε τις προειδοποιήσεις.",
    "ar": "ارتفع النهر ثلاثة أيام متتالية. لم يصدق أحد في المدينة تحذيرات المجلس البلدي القديم.",
    "hi": "नदी तीन दिन तक लगातार बढ़ती रही। शहर में किसी ने परिषद की चेतावनी पर विश्वास नहीं किया।",
    "zh": "河水连续上涨了三天，城里的人都不相信警告。第四天，大桥被关闭，学校变成了避难所。",
    "ja": "川の水は三日間も増え続けた。町の人々は誰も警告を信じなかった。四日目に橋は閉鎖された。",
    "ko": "강물은 사흘 동안 계속 불어났다. 마을 사람들은 아무도 의회의 경고를 믿지 않았다.",
    "th": "น้ำในแม่น้ำเพิ่มขึ้นติดต่อกันสามวัน ไม่มีใครในเมืองเชื่อคำเตือนของสภาเมืองเลยแม้แต่คนเดียว",
}


@pytest.mark.parametrize("language", TEXTS)
def test_languages_are_told(language: str) -> None:
    document = Document.from_text(TEXTS[language])
    assert document.language == language
    assert any(s.quotable for s in document.sentences)


@pytest.mark.parametrize("text", ["", "x = 3;", "Hello there.", "1.2 3.4 5.6 " * 20, "见下文。"])
def test_too_little_tells_nothing(text: str) -> None:
    assert detect(text) is None


def test_most_of_a_mixed_document_counts() -> None:
    mixed = [TEXTS["en"], TEXTS["de"], TEXTS["de"], TEXTS["fr"]]
    assert Document.from_text("\n\n".join(mixed)).language == "de"


def test_sentences_are_divided_by_the_rules_of_the_language() -> None:
    found = [s.text for s in Document.from_text(TEXTS["de"]).sentences]
    assert found[0] == "Der Fluss stieg am 3. Mai bis zur Brücke."
    assert len(found) == 3
    assert len(Document.from_text(TEXTS["ja"]).sentences) == 3


def test_a_long_document_is_looked_at_now_and_then() -> None:
    languages = Languages()
    for _ in range(200):
        languages.hear(TEXTS["fr"])
    assert languages.most == "fr"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Three plain words", 3),
        ("第四天大桥被关闭", 4),
        ("第四天 bridge 关闭", 4),
        ("한국어 단어 셋", 3),
        ("— . . .", 0),
    ],
)
def test_words_of_all_scripts(text: str, words: int) -> None:
    assert count_words(text) == words


def test_signs_of_scripts_are_letters() -> None:
    assert count_letters("विश्वास") == len("विश्वास")
    assert is_without_spaces("สามวัน")
    assert not is_without_spaces("三 days")


def test_stems() -> None:
    assert list(stems("The configured river", frozenset({"the"}))) == ["config", "river"]
    assert list(stems("大桥关闭")) == ["大桥", "桥关", "关闭"]


@given(st.text(max_size=60))
def test_any_text_is_looked_at(text: str) -> None:
    assert count_words(text) >= 0
    assert 0 <= count_letters(text) <= len(text)
    assert detect(text * 9) is None or len(text) > 0
    assert all(stems(text))
