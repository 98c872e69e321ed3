"""A census counts documents, and rows that begin alike, at once, and gets the same as from each of their secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.document_memory import DocumentMemory
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import alike_rows, ordinary_secrets, secrets_of
from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.planning.census import LocationCensus, Samples, Scan
from reencrypt.state.accepted import Accepted
from reencrypt.state.journal import digest
from reencrypt.state.quarantine import KnownSecret
from tests.unit.operations.test_document_path import ALERTS, MAPS, PAGES, TEXTS, alerts, text_of
from tests.unit.operations.test_fast_path import KIND, OLD, SECRETS, VALUES, encryptor_of

#: Values of a few keys, many of them alike, in the padding of their column and the other one.
ENCRYPTORS = [OLD, encryptor_of("older", b"others00"), encryptor_of("old", b"othersal", Algorithm.AES_GCM)]
CELLS = st.lists(
    st.one_of(
        st.sampled_from(
            [OLD, encryptor_of("older", b"others00"), encryptor_of("old", b"othersal", Algorithm.AES_GCM)]
        ).flatmap(lambda by: st.builds(lambda text: by.encrypt(text.encode()), st.text(max_size=30))),
        VALUES,
    ),
    max_size=12,
)
PADDED = st.lists(st.booleans(), min_size=12, max_size=12)
NOTHING_KNOWN: dict[Any, KnownSecret] = {}


class OneByOne(dict[Any, KnownSecret]):
    """What was given up: nothing, though the census has to ask for each secret."""

    def __bool__(self) -> bool:
        return True


def census_of(
    location: Location, rows: Sequence[Row], accepted: Accepted, given_up: dict[Any, KnownSecret]
) -> tuple[object, ...]:
    found, samples = LocationCensus(), Samples(4)
    scan = Scan(
        location, found, samples, lambda _, envelope: envelope.key_id != "older", accepted, given_up, DocumentMemory()
    )
    scan.look_at(rows)
    return found, {key: samples.of(key) for key in sorted(samples.key_ids)}, samples.of(None)


@pytest.mark.parametrize(("location", "row"), PAGES, ids=[location.name for location, _ in PAGES])
@given(pages=st.lists(st.lists(TEXTS, max_size=6), max_size=5), data=st.data())
def test_both_ways_lead_to_the_same(
    location: Location, row: object, pages: list[list[object]], data: st.DataObject
) -> None:
    assert callable(row)
    rows = [row(number, texts) for number, texts in enumerate(pages)]
    texts = [text.encode() for page in pages for text in page if isinstance(text, str)]
    accepted = Accepted(frozenset(digest(each) or b"" for each in data.draw(st.sets(st.sampled_from([b"", *texts])))))
    at_once = census_of(location, rows, accepted, NOTHING_KNOWN)
    assert at_once == census_of(location, rows, accepted, OneByOne())
    for each in rows:
        ordinary = ordinary_secrets(location, each, DocumentMemory())
        secrets = [(one.text_in(each), one.envelope, one.kind) for one in secrets_of(location, each)]
        assert ordinary is None or list(ordinary.each()) == secrets


def test_an_ordinary_document_is_counted_at_once() -> None:
    row = alerts(1, [text_of(OLD.encrypt(b"one"))] * 3)
    assert len(ordinary_secrets(ALERTS, row, DocumentMemory()) or []) == 3
    nothing = ordinary_secrets(ALERTS, row._replace(cells=(None, None)), DocumentMemory())
    assert nothing is not None
    assert len(nothing) == 0
    odd = Row((1,), (json.dumps({"a": "@@@"}).encode(),))
    assert ordinary_secrets(MAPS, odd, DocumentMemory()) is None


@given(values=CELLS, padded=PADDED, several=st.booleans(), data=st.data())
def test_rows_that_begin_alike_are_counted_as_each_of_them_is(
    values: list[bytes | None],
    padded: list[bool],
    several: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    cells = [
        None if value is None else gobase64.encode(value, padded=several and is_padded)
        for value, is_padded in zip(values, padded, strict=False)
    ]
    rows = [Row((number,), (cell,), KIND) for number, cell in enumerate(cells)]
    texts = [each for each in cells if each]
    accepted = Accepted(frozenset(digest(each) or b"" for each in data.draw(st.sets(st.sampled_from([b"", *texts])))))
    at_once = census_of(SECRETS, rows, accepted, NOTHING_KNOWN)
    assert at_once == census_of(SECRETS, rows, accepted, OneByOne())


def test_rows_that_begin_alike_are_found_in_one_step() -> None:
    rows = [Row((number,), (gobase64.encode(OLD.encrypt(b"x" * number), padded=False),), KIND) for number in range(50)]
    found = alike_rows(SECRETS, rows)
    assert found is not None
    assert (list(found.rows), found.longest, len(found.others)) == (rows, 49, 0)
