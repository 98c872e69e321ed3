"""Secrets that are judged at once count as if each were judged by itself, whatever a page holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import PADDED, PADDING_STRIPPED, RAW, Base64, Raw
from reencrypt.catalogue.location import Field, Location, Row
from reencrypt.catalogue.locations import BY_NAME
from reencrypt.catalogue.manager_locations import MANAGER_LOCATIONS
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reading import parse_rows
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto import gobase64, managed
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor
from reencrypt.databases.protocol import ColumnLimit
from reencrypt.operations.verify.judging import Verifier
from reencrypt.operations.verify.keys import Unusable
from reencrypt.operations.verify.ordinary import OrdinarySecrets
from reencrypt.operations.verify.verification import LocationResult, Verification
from reencrypt.state.accepted import NOTHING, Accepted
from reencrypt.state.journal import digest

CACHE = DerivedKeyCache()
PASSWORDS = {"first": b"f" * 16, "second": b"s" * 16, "unproven": b"u" * 16, "other/first": b"o" * 16}
SECRETS = BY_NAME["secrets"]
TOKENS = BY_NAME["user_auth"]
VALUES = MANAGER_LOCATIONS[0]


class TheseKeys:
    """Keys in memory; `gone` are those that Grafana cannot read."""

    def __init__(self, gone: str = "") -> None:
        self.gone = gone

    async def ensure(self, key_ids: Sequence[str]) -> None:
        """See `Keys`."""

    async def confirm(self, key_ids: Sequence[str]) -> None:
        """See `Keys`."""

    def key_for(self, key_id: str | None) -> tuple[str, bytes | Unusable]:
        """See `Keys`."""
        if key_id is None:
            return "secret_key", b"the secret_key"
        if key_id == self.gone or key_id not in PASSWORDS:
            return "missing", Unusable("unknown_data_key", f"{key_id} is gone")
        return "secretKey.v1", PASSWORDS[key_id]

    @property
    def whole(self) -> TheseKeys:
        """See `Keys`."""
        return self


def encryptor(
    key_id: str, salt: bytes = b"saltsalt", algorithm: Algorithm = Algorithm.AES_CFB, *, framed: str | None = None
) -> Encryptor:
    return Encryptor.create(
        key_id=key_id, password=PASSWORDS[key_id], algorithm=algorithm, salt=salt, cache=CACHE, framed_id=framed
    )


FIRST, SECOND, UNPROVEN = encryptor("first"), encryptor("second", b"another0"), encryptor("unproven")
TAGGED = encryptor("first", b"saltsalt", Algorithm.AES_GCM)
WRONG = replace(FIRST, derived_key=b"w" * 32)
UNKNOWN = FIRST.encrypt(b"under no key").replace(gobase64.encode(b"first", padded=False), b"bmVpbg")
TEXTS = st.one_of(
    st.sampled_from(
        [b"", b"{}", b"null", b'{"a":"b"}', b'{"a":"b","c":"\\u00e4\\n\xc3\xa4"}', b'{"a":\n"b"}', b"text", b'"']
    ),
    st.text(max_size=20).map(str.encode),
    st.dictionaries(st.text("ab", max_size=2), st.text(max_size=6), max_size=2).map(lambda each: str(each).encode()),
)
CIPHERTEXTS = st.one_of(
    st.builds(FIRST.encrypt, TEXTS),
    st.builds(SECOND.encrypt, TEXTS),
    st.builds(UNPROVEN.encrypt, st.just(b'{"a":"b"}')),
    st.builds(TAGGED.encrypt, st.binary(max_size=20)),
    st.builds(lambda text: TAGGED.encrypt(text)[:-1], st.binary(max_size=20)),
    st.builds(WRONG.encrypt, st.binary(min_size=1, max_size=40)),
    st.builds(lambda end: FIRST.encrypt(b"cut off")[:end], st.integers(0, 60)),
    st.just(UNKNOWN),
    st.binary(max_size=40),
)
CELLS = st.one_of(
    st.builds(lambda value, padded: gobase64.encode(value, padded=padded), CIPHERTEXTS, st.booleans()),
    st.builds(
        lambda value: gobase64.encode(value, padded=False)[:9] + b"\n" + gobase64.encode(value, padded=False)[9:],
        CIPHERTEXTS,
    ),
    st.builds(lambda value: gobase64.encode(value, padded=False) + b"A", CIPHERTEXTS),
    CIPHERTEXTS,
    st.none(),
    st.just(b""),
)
KINDS = st.sampled_from(["datasource", "a plugin", b"datasource", "cloudmigration-snapshot-encryption-key"])


def counted(
    location: Location,
    pages: Sequence[list[Row]],
    *,
    at_once: bool,
    limit: ColumnLimit | None = None,
    accepted: Accepted = NOTHING,
    keys: TheseKeys | None = None,
) -> tuple[object, int]:
    """What a verification of the pages says, and how many rows were judged one by one behind the first page."""
    keys = keys or TheseKeys()
    limits = (limit,) * len(location.columns)
    verification, result = Verification(), LocationResult()
    verifier = Verifier(StoreName.CLASSIC, keys, CACHE, {}, accepted, verification, limits)
    ordinary = OrdinarySecrets(location, limits, CACHE, held=False)
    singly = 0
    for index, page in enumerate(pages):
        rest = verifier.take(ordinary, page, result) if at_once else page
        singly += len(rest) if index else 0
        parsed = parse_rows(location, rest)
        verifier.check(location, parsed, result)
        verifier.learn(ordinary, parsed)
    return (result, verification.problems, verification.possibly_cut, verification.unreadable), singly


def first_page(kinds: tuple[object, ...]) -> list[Row]:
    """Rows that prove two keys."""
    cells = [gobase64.encode(each.encrypt(b'{"a":"a longer text"}'), padded=False) for each in (FIRST, SECOND, TAGGED)]
    return [Row((number,), (cell,), kinds) for number, cell in enumerate(cells)]


@given(st.lists(st.tuples(CELLS, KINDS), max_size=12), st.sampled_from([None, 74, 76]), st.integers(0, 2))
def test_a_page_counts_as_if_each_secret_were_judged_by_itself(
    cells: list[tuple[bytes | None, object]], limit: int | None, accepted: int
) -> None:
    page = [Row((number,), (cell,), (kind,)) for number, (cell, kind) in enumerate(cells, 3)]
    pages = [first_page(("datasource",)), page, page]
    hashes = Accepted(frozenset(digest(cell) or b"" for cell, _ in cells[:accepted] if cell))
    size = ColumnLimit(limit, in_characters=True) if limit else None
    singly, _ = counted(SECRETS, pages, at_once=False, limit=size, accepted=hashes)
    assert counted(SECRETS, pages, at_once=True, limit=size, accepted=hashes)[0] == singly


@pytest.mark.parametrize(
    "encoding",
    [
        RAW,
        Raw(empty_is_secret=True),
        PADDED,
        PADDING_STRIPPED,
        Base64(padded=True, prefix=b"x:"),
        Base64(padded=True, plain_allowed=True),
    ],
)
@given(cells=st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_the_same_in_several_columns_of_any_encoding(
    encoding: Base64, cells: list[tuple[bytes | None, bytes | None]]
) -> None:
    fields = tuple(Field(name, WholeColumn(encoding, Kind.JSON)) for name in ("a", "b"))
    location = Location("a plugin", "plugin", ("id",), fields)
    first = [Row((0,), (encoding.encode(FIRST.encrypt(b'{"a":"a longer text"}')), None))]
    page = [Row((number,), each) for number, each in enumerate(cells, 1)]
    pages = [first, page, page]
    assert counted(location, pages, at_once=True)[0] == counted(location, pages, at_once=False)[0]


NAMESPACED = {
    name: encryptor(name, b"saltsalt", Algorithm.AES_GCM, framed="first") for name in ("first", "other/first")
}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "other"]), st.sampled_from(sorted(NAMESPACED)), st.binary(max_size=9), st.booleans()
        ),
        max_size=12,
    )
)
def test_the_same_in_the_secrets_manager_whose_keys_have_namespaces(
    values: list[tuple[str, str, bytes, bool]],
) -> None:
    def row(number: int, namespace: str, key: str, text: bytes, *, damaged: bool = False) -> Row:
        uid, payload = managed.split_key_id(NAMESPACED[key].encrypt(text))
        return Row((namespace, f"name{number}", 1), (uid + b"\0" + payload[: -1 if damaged else None],))

    first = [row(0, "", "first", b"text"), row(1, "other", "other/first", b"text")]
    page = [
        row(number, namespace, key, text, damaged=damaged)
        for number, (namespace, key, text, damaged) in enumerate(values, 2)
    ]
    assert counted(VALUES, [first, page], at_once=True)[0] == counted(VALUES, [first, page], at_once=False)[0]


def test_what_a_run_has_written_is_judged_at_once() -> None:
    page = first_page(("datasource",)) * 5
    assert counted(SECRETS, [page, page], at_once=True)[1] == 0


def test_a_key_that_is_not_proven_or_gone_is_never_trusted() -> None:
    page = [Row((1,), (gobase64.encode(UNPROVEN.encrypt(b""), padded=False),), ("datasource",))]
    assert counted(SECRETS, [page, page], at_once=True)[1] == 1
    page = first_page(("datasource",))[:1]
    found, singly = counted(SECRETS, [page, page], at_once=True, keys=TheseKeys("first"))
    assert singly == 1
    assert found == counted(SECRETS, [page, page], at_once=False, keys=TheseKeys("first"))[0]


def test_a_secret_that_ends_where_its_column_ends_is_named() -> None:
    page = first_page(("datasource",))[:1]
    limit = ColumnLimit(len(page[0].cells[0] or b""), in_characters=True)
    found, singly = counted(SECRETS, [page, page], at_once=True, limit=limit)
    assert singly == 1
    assert found == counted(SECRETS, [page, page], at_once=False, limit=limit)[0]
