"""The short way ends where the long way does, whatever a page holds, and judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import RAW
from reencrypt.catalogue.location import Field, Location, Row
from reencrypt.catalogue.locations import BY_NAME, LOCATIONS
from reencrypt.catalogue.reading import parse_rows
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor
from reencrypt.databases.protocol import ColumnLimit
from reencrypt.keys.proof import Evidence, KeyStanding, Proof, Verdict
from reencrypt.operations.migrate.fast_path import FastPath
from reencrypt.operations.migrate.slow_path import PageOutcome, Transformer, UnusableKey, UsableKey
from reencrypt.state.failure_rate import FailureRate
from reencrypt.state.journal import digest
from reencrypt.state.quarantine import KnownSecret, Place
from reencrypt.state.rowkey import key_to_text

SECRETS = BY_NAME["secrets"]
OF_BYTES = replace(SECRETS, fields=(Field("value", WholeColumn(RAW)),))
CACHE = DerivedKeyCache()
PASSWORDS = {"old": b"o" * 16, "older": b"p" * 16, "target": b"t" * 16, "unproven": b"u" * 16}


def encryptor_of(key_id: str, salt: bytes, algorithm: Algorithm = Algorithm.AES_CFB) -> Encryptor:
    return Encryptor.create(key_id=key_id, password=PASSWORDS[key_id], algorithm=algorithm, salt=salt, cache=CACHE)


TARGET = encryptor_of("target", b"targets0")
OLD = encryptor_of("old", b"saltsalt")
STANDING = KeyStanding("old", "secretKey.v1", conclusive=False, under_secret_key=True)
WRONG = replace(OLD, derived_key=b"w" * 32)


def key_of(key_id: str | None) -> UsableKey | UnusableKey:
    if key_id not in PASSWORDS:
        return UnusableKey(Reason.UNKNOWN_DATA_KEY, f"data_keys has no key {key_id}")
    return UsableKey(PASSWORDS[key_id], replace(STANDING, key_id=key_id))


def transformer(
    known: dict[Place, KnownSecret] | None = None,
    *,
    limit: ColumnLimit | None = None,
    proven: Sequence[str] = ("old", "older"),
    key_of: Callable[[str | None], UsableKey | UnusableKey] = key_of,
) -> Transformer:
    proof = Proof(Verdict.PROVEN, {key: Evidence(bits=40.0) for key in proven})
    return Transformer(TARGET, lambda key, _: key == "target", key_of, proof, CACHE, (limit,), key_of, known or {})


KIND = ("other",)  # of the column that decides what a plaintext should be


def row(number: int, value: bytes | None) -> Row:
    return Row((number,), (None if value is None else gobase64.encode(value, padded=False),), KIND)


def both_ways(location: Location, fast_path: FastPath, rows: Sequence[Row], by: Transformer) -> PageOutcome:
    page, rest = fast_path.take(rows, by)
    page.merge(by.transform(location, parse_rows(location, rest)))
    return page


def outcome_of(page: PageOutcome, decode: Callable[[bytes], bytes] = gobase64.decode) -> tuple[object, ...]:
    """All that an outcome says but for the random bytes of its new values: those are decrypted."""
    texts = {}
    for update in page.updates:
        (cell,) = update.new
        envelope = envelopes.parse(decode(cell or b""))
        assert (envelope.key_id, envelope.salt) == ("target", TARGET.salt)
        texts[update.key] = (update.old, envelopes.decrypt(envelope, PASSWORDS["target"], CACHE))
    findings = sorted((each.key, each.reason, each.detail, each.text) for one in page.detailed for each in one.findings)
    counts = page.counts
    return (
        texts,
        findings,
        counts.as_numbers(),
        counts.left_because,
        page.failure_rate.tried,
        page.failure_rate.failed,
        page.moved,
    )


def with_prefixes(*encryptors: Encryptor, known: dict[Place, KnownSecret] | None = None) -> FastPath:
    fast_path = FastPath(SECRETS, known or {})
    for encryptor in encryptors:
        fast_path.learn(row(0, encryptor.encrypt(b"an example")), transformer(known))
    return fast_path


VALUES = st.one_of(
    st.builds(OLD.encrypt, st.text(max_size=60).map(str.encode)),
    st.builds(encryptor_of("old", b"saltsalt", Algorithm.AES_GCM).encrypt, st.binary(max_size=20)),
    st.builds(encryptor_of("older", b"others00").encrypt, st.just(b"older")),
    st.builds(encryptor_of("unproven", b"nobody00").encrypt, st.just(b"unproven")),
    st.builds(TARGET.encrypt, st.just(b"moved already")),
    st.builds(encryptor_of("target", b"earlier0").encrypt, st.just(b"current")),
    st.builds(WRONG.encrypt, st.binary(min_size=8, max_size=60)),  # garbage under the key that it names
    st.builds(lambda end: OLD.encrypt(b"cut off")[:end], st.integers(0, 60)),
    st.builds(lambda end: TARGET.encrypt(b"cut off")[:end], st.integers(0, 60)),
    st.just(OLD.encrypt(b"from nowhere").replace(b"#b2xk#", b"#bmVpbg#")),
    st.binary(max_size=40),
    st.none(),
)


@given(st.lists(VALUES, max_size=12))
def test_both_ways_lead_to_the_same(values: list[bytes | None]) -> None:
    rows = [row(number, value) for number, value in enumerate(values) if value is None or value]
    known = {
        ("secrets", key_to_text(each.key), "value"): KnownSecret(
            Reason.IMPLAUSIBLE_PLAINTEXT, "garbage", digest(each.cells[0]) or b"", accepted=True
        )
        for each in rows[::5]
    }
    fast_path = with_prefixes(
        OLD, encryptor_of("older", b"others00"), encryptor_of("old", b"saltsalt", Algorithm.AES_GCM), known=known
    )
    by = transformer(known)
    assert outcome_of(both_ways(SECRETS, fast_path, rows, by)) == outcome_of(
        by.transform(SECRETS, parse_rows(SECRETS, rows))
    )


@given(st.lists(VALUES, max_size=12), st.booleans())
def test_both_ways_lead_to_the_same_where_no_cell_is_decoded(values: list[bytes | None], held: bool) -> None:  # noqa: FBT001
    """A column of bytes, where values are told by how their cells begin."""
    rows = [Row((number,), (value,), KIND) for number, value in enumerate(values)]
    known = {
        ("secrets", key_to_text(each.key), "value"): KnownSecret(
            Reason.IMPLAUSIBLE_PLAINTEXT, "garbage", digest(each.cells[0]) or b"", accepted=True
        )
        for each in rows[::5]
        if held
    }
    fast_path, by = FastPath(OF_BYTES, known), transformer(known)
    for encryptor in (encryptor_of("older", b"others00"), OLD):
        fast_path.learn(Row((0,), (encryptor.encrypt(b"an example"),), KIND), by)
    found = outcome_of(both_ways(OF_BYTES, fast_path, rows, by), bytes)
    assert found == outcome_of(by.transform(OF_BYTES, parse_rows(OF_BYTES, rows)), bytes)


def test_no_cell_of_a_column_of_bytes_is_decoded_for_the_short_way() -> None:
    fast_path = FastPath(OF_BYTES, {})
    fast_path.learn(Row((0,), (OLD.encrypt(b"an example"),), KIND), transformer())
    rows = [Row((number,), (value,), KIND) for number, value in enumerate([OLD.encrypt(b"one"), OLD.encrypt(b"two")])]
    page, rest = fast_path.take(rows, transformer())
    assert (len(page.updates), rest) == (2, [])


def test_what_is_ordinary_takes_the_short_way_and_nothing_else() -> None:
    rows = [
        row(1, OLD.encrypt(b"one")),
        row(2, WRONG.encrypt(b"garbage, garbage")),
        row(3, OLD.encrypt(b"two")),
        row(4, None),
    ]
    rows += [
        row(5, encryptor_of("older", b"others00").encrypt(b"of another salt")),
        row(6, TARGET.encrypt(b"of this run")),
    ]
    page, rest = with_prefixes(OLD).take(rows, transformer())
    assert [update.key for update in page.updates] == [(1,), (3,)]
    assert [each.key for each in rest] == [(2,), (4,), (5,)]
    assert (page.unchanged.re_encrypted, page.failure_rate.tried, page.failure_rate.failed) == (1, {"old": 2}, {})


def test_a_value_that_the_column_would_not_hold_takes_the_long_way() -> None:
    _, rest = with_prefixes(OLD).take(
        [row(1, OLD.encrypt(b"one"))], transformer(limit=ColumnLimit(20, in_characters=False))
    )
    assert len(rest) == 1


def test_what_was_in_quarantine_takes_the_long_way() -> None:
    known = {("secrets", "[1]", "value"): KnownSecret(Reason.RACE_LOST, "", b"", accepted=False)}
    _, rest = with_prefixes(OLD, known=known).take(
        [row(1, OLD.encrypt(b"one")), row(2, OLD.encrypt(b"two"))], transformer(known)
    )
    assert [each.key for each in rest] == [(1,)]


@pytest.mark.parametrize(
    "now",
    [
        transformer(proven=()),
        transformer(key_of=lambda _: UnusableKey(None, "skipped_key old")),
        transformer(key_of=lambda _: UsableKey(b"x" * 16, STANDING)),
        replace(transformer(), is_current=lambda *_: True),
    ],
    ids=["not proven any more", "skipped", "other bytes", "the target itself"],
)
def test_what_was_learnt_is_given_up_where_it_no_longer_holds(now: Transformer) -> None:
    page, rest = with_prefixes(OLD).take([row(1, OLD.encrypt(b"one"))], now)
    assert (page.updates, len(rest)) == ([], 1)


def test_what_is_where_it_should_be_takes_no_place_among_the_beginnings() -> None:
    others = [encryptor_of("target", b"salt%04d" % number) for number in range(40)]
    page, rest = with_prefixes(OLD, *others).take([row(1, OLD.encrypt(b"one"))], transformer())
    assert (len(page.updates), rest) == (1, [])


def test_a_key_that_others_vouch_for_is_no_ordinary_one() -> None:
    fast_path = with_prefixes(encryptor_of("unproven", b"nobody00"))
    page, rest = fast_path.take([row(1, encryptor_of("unproven", b"nobody00").encrypt(b"one"))], transformer())
    assert (page.updates, len(rest)) == ([], 1)


def test_the_oldest_beginnings_make_room() -> None:
    encryptors = [encryptor_of("old", b"salt%04d" % number) for number in range(40)]
    rows = [row(number, each.encrypt(b"one")) for number, each in enumerate(encryptors)]
    _, rest = with_prefixes(*encryptors).take(rows, transformer())
    assert [each.key for each in rest] == [(number,) for number in range(8)]


def test_only_columns_that_are_one_secret_have_a_short_way() -> None:
    names = {location.name for location in LOCATIONS if FastPath.fits(location)}
    assert "secrets" in names
    assert "user_auth" not in names
    assert all(len(BY_NAME[name].columns) == 1 for name in names)
    assert not any(BY_NAME[name].linked or BY_NAME[name].text_hash for name in names)


def test_nothing_is_tallied_where_nothing_moves() -> None:
    page, _ = with_prefixes().take([], transformer())
    assert page.failure_rate == FailureRate()
