"""Text for people in the width of a terminal: nothing is cut off, and no word is broken."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.cli.layout import table
from reencrypt.wording import counted, paragraph

HEADER = ("location", "total", "re-encrypted", "already current", "in quarantine")
ROWS = [("data_source", 1234567, 3, 40, 0), ("alert_configuration_history", 1, 0, 0, 12)]


def test_a_table_that_fits_has_a_line_for_each_row() -> None:
    assert table(("location", "total"), [("data_source", 12), ("secrets", 3)], 80) == [
        "  location     total",
        "  data_source     12",
        "  secrets          3",
    ]


def test_headers_break_first_then_the_name_stands_above_then_each_cell_below() -> None:
    wide = table(HEADER, ROWS, 90)
    assert wide[0].split() == " ".join(HEADER).split()
    assert len(wide) == 3
    narrower = table(HEADER, ROWS, 78)
    assert len(narrower) == 4
    assert max(map(len, narrower)) <= 78
    stacked = table(HEADER, ROWS, 60)
    assert [line.strip() for line in stacked if not line.startswith("   ")] == [
        "location",
        "data_source",
        "alert_configuration_history",
    ]
    assert max(map(len, stacked)) <= 60
    records = table(HEADER, ROWS, 32)
    assert "    already current: 40" in records
    assert max(map(len, records)) <= 32


def test_without_a_terminal_a_row_is_a_line() -> None:
    rows = [("x" * 300, 1, 2, 3, 4)]
    assert len(table(HEADER, rows, None)) == 2


WORDS = st.lists(st.text(string.ascii_letters + "-_./:", min_size=1, max_size=40), min_size=1, max_size=30)


@given(WORDS, st.integers(20, 120))
def test_a_paragraph_keeps_every_word_whole(words: list[str], width: int) -> None:
    text = " ".join(words)
    lines = paragraph(text, width).splitlines()
    assert " ".join(lines).split() == words
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)


@given(st.lists(st.tuples(st.text(string.ascii_letters, min_size=1), st.integers(0), st.text("abc ", max_size=60))))
def test_a_table_loses_nothing_in_any_width(rows: list[tuple[str, int, str]]) -> None:
    for width in (20, 40, 80, None):
        printed = " ".join(table(("what", "how many", "why"), rows, width)).split()
        for name, number, why in rows:
            assert {name, str(number), *why.split()} <= set(printed)


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12345, "12,345 rows"), (-1, "-1 rows")]
)
def test_a_number_has_the_right_noun(number: int, words: str) -> None:
    assert counted(number, "row") == words


def test_an_odd_plural_is_said() -> None:
    assert [counted(number, "data key of its own", "data keys of their own") for number in (1, 2)] == [
        "1 data key of its own",
        "2 data keys of their own",
    ]
