"""A page that is searched at once is found to hold what its rows hold one by one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.location import Row
from reencrypt.catalogue.locations import BY_NAME
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import algorithm_prefix, key_id_prefix
from reencrypt.databases.shapes import Shape
from reencrypt.operations.complete import table_search
from reencrypt.operations.complete.search import Known, NotSecrets, Search
from reencrypt.operations.complete.signatures import MOST_BYTES, marks_of
from reencrypt.operations.complete.table_search import TableSearch

SECRETS = BY_NAME["secrets"]
SHAPE = Shape("secrets", ("id",), ("type", "value"))
CLASSIC = frozenset(("known", "twice"))
KNOWN = Known(
    {"secrets": ((StoreName.CLASSIC, SECRETS),)},
    {each: {StoreName.CLASSIC: frozenset(("",))} for each in CLASSIC}
    | {"managed": {StoreName.MANAGER: frozenset(("",))}},
    frozenset(),
    marks_of((*CLASSIC, "managed")),
    frozenset(),
    NotSecrets({}),
    frozenset(),
)
HEADERS = st.sampled_from(
    [
        *(key_id_prefix(each) + algorithm_prefix(Algorithm.AES_CFB) for each in ("known", "twice", "managed", "gone")),
        key_id_prefix("known") + algorithm_prefix(Algorithm.AES_GCM),
        key_id_prefix("known"),
        algorithm_prefix(Algorithm.AES_CFB),
        b"",
    ]
)
VALUES = st.builds(lambda header, body: header + body, HEADERS, st.binary(min_size=36, max_size=50))
CELLS = st.one_of(
    st.builds(lambda value: gobase64.encode(value, padded=False), VALUES),
    st.builds(lambda value: gobase64.encode(value, padded=True), VALUES),
    st.builds(lambda value: gobase64.encode(value, padded=False) + b"!", VALUES),
    VALUES,
    st.sampled_from([None, b"", b"text", b"A" * 80]),
)
SHORT = st.builds(lambda header, body: gobase64.encode(header + body, padded=False), HEADERS, st.binary(max_size=40))
TYPES = st.one_of(st.sampled_from([b"datasource", None]), VALUES)


def searched(pages: Sequence[Sequence[Row]], known: Known = KNOWN, *, remembers: bool) -> Search:
    """What is found; without memory each row is searched as if it were the first."""
    found = Search()
    search = TableSearch(SHAPE, known, found)
    for page in pages:
        if not remembers:
            search.counted.clear()
        search.page(page)
    return found


@given(st.lists(st.tuples(TYPES, st.one_of(CELLS, SHORT)), min_size=1, max_size=12), st.integers(0, 3))
def test_a_page_is_found_to_hold_what_its_rows_hold(cells: list[tuple[bytes | None, bytes | None]], first: int) -> None:
    rows = [Row((number,), each) for number, each in enumerate(cells)]
    with pytest.MonkeyPatch.context() as patch:
        # A page of a test is short.
        patch.setattr(table_search, "_FIRST_ROWS", first)
        at_once = searched([rows, rows], remembers=True)
    assert at_once == searched([[row] for row in rows + rows], remembers=False)


def test_a_value_that_is_too_large_is_named_wherever_it_stands() -> None:
    large = Row((2,), (b"datasource", b"A" * (MOST_BYTES + 1)))
    small = Row((1,), (b"datasource", gobase64.encode(b"#a25vd24#*YWVzLWNmYg*" + bytes(40), padded=False)))
    assert searched([[small], [small, large]], remembers=True).unsearched == {
        "secrets.value": "row [2] holds more than 64 MiB"
    }


def test_values_of_another_stores_key_are_no_secrets_that_its_census_counts() -> None:
    row = Row((1,), (b"datasource", gobase64.encode(b"#bWFuYWdlZA#*YWVzLWNmYg*" + bytes(40), padded=False)))
    assert list(searched([[row], [row]], remembers=True).strays) == [("secrets", "value", "managed")]


def test_a_value_that_is_too_short_is_no_secret_that_the_census_counts() -> None:
    whole = gobase64.encode(b"#a25vd24#*YWVzLWNmYg*" + bytes(60), padded=False)
    cut = gobase64.encode(b"#a25vd24#*YWVzLWNmYg*" + bytes(20), padded=False)
    rows = [Row((number,), (b"datasource", cell)) for number, cell in enumerate((whole, cut))]
    assert searched([rows[:1], rows[1:]], remembers=True).strays["secrets", "value", "known"].number == 1
