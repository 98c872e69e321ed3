"""Documents in bulk end where the slow path leads them, whatever a page holds, and nothing is judged in bulk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import splice
from reencrypt.catalogue.document_memory import DocumentMemory
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.locations import BY_NAME
from reencrypt.catalogue.manager_locations import MANAGER_LOCATIONS
from reencrypt.catalogue.reading import ordinary_secrets, parse_rows, secrets_of
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.text_hash import md5_hex
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.databases.protocol import ColumnLimit
from reencrypt.operations.migrate.bulk_path import bulk_path_of
from reencrypt.operations.migrate.document_path import DocumentPath
from reencrypt.operations.migrate.slow_path import PageOutcome, Transformer, UnusableKey
from reencrypt.state.accepted import Accepted
from reencrypt.state.journal import digest
from reencrypt.state.quarantine import KnownSecret, Place
from reencrypt.state.rowkey import key_to_text
from tests.unit.operations.test_fast_path import CACHE, OLD, PASSWORDS, TARGET, WRONG, encryptor_of, transformer

ALERTS = BY_NAME["alert_configuration"]
MAPS = BY_NAME["data_source"]
REPOSITORIES = BY_NAME["resource"]
GCM = encryptor_of("old", b"saltsalt", Algorithm.AES_GCM)
OTHER = encryptor_of("older", b"others00")


def text_of(value: bytes, *, padded: bool = True) -> str:
    return gobase64.encode(value, padded=padded).decode()


def alerts(number: int, texts: Sequence[object], *, hashed: bool = True) -> Row:
    configs = [{"name": "\u00e9<\\", "secureSettings": {"url": text}} for text in texts]
    receivers = [{"grafana_managed_receiver_configs": [each], "name": "x"} for each in configs]
    cell = json.dumps({"alertmanager_config": {"receivers": receivers}, "n": 1.50}, ensure_ascii=False).encode()
    return Row((number,), (cell, md5_hex(cell) if hashed else b"not-yet-calculated"), (1,))


def maps(number: int, texts: Sequence[object]) -> Row:
    cell = json.dumps({f"secret{index}": text for index, text in enumerate(texts)}, indent=1).encode()
    return Row((number,), (cell,))


def repositories(number: int, texts: Sequence[object]) -> Row:
    spec = {"github": {"encryptedToken": texts[0]}} if texts else {}
    status = {"webhook": {"encryptedSecret": texts[1]}} if len(texts) > 1 else None
    return Row((str(number),), (json.dumps({"spec": spec, "status": status}).encode(),))


PAGES = ((ALERTS, alerts), (MAPS, maps), (REPOSITORIES, repositories))


def path_with(
    location: Location,
    *values: bytes,
    known: dict[Place, KnownSecret] | None = None,
    memory: DocumentMemory | None = None,
) -> DocumentPath:
    """A path that has met such values, as it does in a run."""
    path = DocumentPath(location, known or {}, memory or DocumentMemory())
    by = transformer(known)
    for value in values:
        row = {ALERTS.name: alerts, MAPS.name: maps}.get(location.name, repositories)(0, [text_of(value)])
        path.take([row], by)
        path.learn(row, by)
    return path


def in_bulk(location: Location, path: DocumentPath, rows: Sequence[Row], by: Transformer) -> PageOutcome:
    page, rest = path.take(rows, by)
    page.merge(by.transform(location, parse_rows(location, rest)))
    return page


def opened(location: Location, row: Row, cell: bytes | None) -> bytes:
    """The cell with the plaintext, in base64, in the place of each secret that the run has written."""
    secrets = [each for each in secrets_of(location, row._replace(cells=(cell, *row.cells[1:]))) if each.envelope]
    written = [each for each in secrets if each.envelope and each.envelope.salt == TARGET.salt]
    assert all(each.slot.strict for each in written)
    plain = [
        (each.slot, envelopes.decrypt(each.envelope, PASSWORDS["target"], CACHE)) for each in written if each.envelope
    ]
    return splice(cell or b"", plain)


def outcome_of(location: Location, rows: Sequence[Row], page: PageOutcome) -> tuple[object, ...]:
    """All that an outcome says but for the random bytes of its new values: those are decrypted."""
    by_key = {row.key: row for row in rows}
    updates = {}
    for update in page.updates:
        row = by_key[update.key]
        assert update.old == row.cells
        hashed = location.text_hash and (update.new[-1] == md5_hex(update.new[0] or b""), row.cells[-1])
        updates[update.key] = (opened(location, row, update.new[0]), hashed)
    detailed = {each.row.key: each for each in page.detailed}
    return (
        updates,
        {key: (one.findings, one.counts.to_numbers(), one.moved, one.accepted) for key, one in detailed.items()},
        page.unchanged.to_numbers(),
        page.counts.to_numbers(),
        page.failure_rate.tried,
        page.failure_rate.failed,
        page.moved,
        page.secrets,
        page.namespaces,
    )


ORDINARY = st.one_of(
    st.builds(OLD.encrypt, st.text(max_size=40).map(str.encode)),
    st.sampled_from([OLD.encrypt(b"a copy"), OTHER.encrypt(b"another copy"), OLD.encrypt(b"")]),
    st.builds(OTHER.encrypt, st.just(b"older")),
    st.builds(GCM.encrypt, st.text(max_size=20).map(str.encode)),
)
ODD = st.one_of(
    st.builds(GCM.encrypt, st.binary(max_size=20)),
    st.builds(replace(GCM, derived_key=b"w" * 32).encrypt, st.just(b"whose tag does not match")),
    st.builds(WRONG.encrypt, st.binary(min_size=8, max_size=60)),  # garbage under the key that it names
    st.builds(encryptor_of("unproven", b"nobody00").encrypt, st.just(b"unproven")),
    st.builds(TARGET.encrypt, st.just(b"moved already")),
    st.builds(encryptor_of("target", b"earlier0").encrypt, st.just(b"current")),
    st.builds(encryptor_of("old", b"newsalt0").encrypt, st.just(b"of a salt that nobody has met")),
    st.builds(lambda end: OLD.encrypt(b"cut off")[:end], st.integers(0, 60)),
    st.just(OLD.encrypt(b"from nowhere").replace(b"#b2xk#", b"#bmVpbg#")),
    st.binary(max_size=40),
)
TEXTS = st.one_of(
    *(ORDINARY.map(text_of) for _ in range(12)),
    st.builds(TARGET.encrypt, st.just(b"moved already")).map(text_of),
    ODD.map(text_of),
    ORDINARY.map(lambda value: text_of(value, padded=False)),
    ORDINARY.map(lambda value: "crypto_" + text_of(value)),
    st.sampled_from([None, "", "short", "plain text of a reference", 5, ["list"]]),
)


@pytest.mark.parametrize(("location", "row"), PAGES, ids=[location.name for location, _ in PAGES])
@given(pages=st.lists(st.lists(TEXTS, max_size=5), max_size=5), data=st.data())
def test_both_ways_lead_to_the_same(
    location: Location, row: object, pages: list[list[object]], data: st.DataObject
) -> None:
    assert callable(row)
    rows = [row(number, texts) for number, texts in enumerate(pages)]
    known = {}
    if data.draw(st.booleans()):
        for parsed in parse_rows(location, rows[::2]):
            for secret in parsed.secrets[:1]:
                reason = data.draw(st.sampled_from([Reason.IMPLAUSIBLE_PLAINTEXT, Reason.AUTHENTICATION_FAILED]))
                found = KnownSecret(reason, "before", digest(secret.text_in(parsed.row)) or b"", accepted=True)
                known[location.name, key_to_text(parsed.row.key), secret.field] = found
    path = path_with(location, OLD.encrypt(b"one"), OTHER.encrypt(b"one"), GCM.encrypt(b"one"), known=known)
    by = transformer(known)
    if pages and pages[0] and isinstance(pages[0][0], str) and data.draw(st.booleans()):
        by = replace(by, accepted=Accepted(frozenset({digest(pages[0][0].encode()) or b""})))
    expected = by.transform(location, parse_rows(location, rows))
    assert outcome_of(location, rows, in_bulk(location, path, rows, by)) == outcome_of(location, rows, expected)


def test_what_is_ordinary_is_taken_and_nothing_else() -> None:
    one, two = text_of(OLD.encrypt(b"one")), text_of(OTHER.encrypt(b"two"))
    rows = [
        alerts(1, [one, two, one], hashed=False),
        alerts(2, [one, text_of(WRONG.encrypt(b"garbage, garbage"))]),
        alerts(3, [one, ""]),
        alerts(4, [one, text_of(TARGET.encrypt(b"of this run"))]),
        alerts(5, [text_of(TARGET.encrypt(b"of this run"))] * 2),
        alerts(6, []),
        alerts(7, [one, text_of(encryptor_of("target", b"earlier0").encrypt(b"current"))]),
        alerts(8, [one.rstrip("=") + "!"]),
        Row((9,), (None, None), (1,)),
        alerts(10, [text_of(OLD.encrypt(b"12"), padded=False), one]),
        alerts(11, [one, text_of(encryptor_of("old", b"newsalt0").encrypt(b""))]),
    ]
    page, rest = path_with(ALERTS, OLD.encrypt(b"x"), OTHER.encrypt(b"x")).take(rows, transformer())
    assert [update.key for update in page.updates] == [(1,), (3,)]
    assert [each.key for each in rest] == [(2,), (4,), (7,), (8,), (10,), (11,)]
    assert page.unchanged.re_encrypted == 2
    # Copies of a secret count once.
    assert (page.failure_rate.tried, page.failure_rate.failed) == ({"old": 1, "older": 1}, {})
    assert page.moved == 4


def test_rows_whose_tag_does_not_match_and_those_with_secrets_like_theirs_take_the_slow_path() -> None:
    bad = replace(GCM, derived_key=b"w" * 32).encrypt(b"whose tag does not match")
    rows = [
        maps(1, [text_of(GCM.encrypt(b"one"))]),
        maps(2, [text_of(OLD.encrypt(b"one")), text_of(bad)]),
        maps(3, [text_of(OLD.encrypt(b"three"))]),
    ]
    by = transformer()
    page, rest = path_with(MAPS, OLD.encrypt(b"x"), GCM.encrypt(b"x")).take(rows, by)
    assert [each.key for each in rest] == [(1,), (2,)]
    assert outcome_of(MAPS, rows, page)[0] == {(3,): (b'{\n "secret0": "dGhyZWU="\n}', None)}


def test_a_document_that_the_column_would_not_hold_takes_the_slow_path() -> None:
    row = maps(1, [text_of(OLD.encrypt(b"one"))])
    limit = ColumnLimit(20, in_characters=False)
    assert path_with(MAPS, OLD.encrypt(b"x")).take([row], transformer(limit=limit))[1] == [row]


def test_a_document_that_ends_where_a_column_of_mysql_does_takes_the_slow_path() -> None:
    row = maps(1, [text_of(OLD.encrypt(b"one"))])
    row = row._replace(cells=((row.cells[0] or b"").ljust(65_535),))
    assert path_with(MAPS, OLD.encrypt(b"x")).take([row], transformer())[1] == [row]


def test_a_document_with_a_secret_in_quarantine_takes_the_slow_path() -> None:
    known = {("data_source", "[1]", "x"): KnownSecret(Reason.RACE_LOST, "", b"", accepted=False)}
    rows = [maps(number, [text_of(OLD.encrypt(b"one"))]) for number in (1, 2)]
    _, rest = path_with(MAPS, OLD.encrypt(b"x"), known=known).take(rows, transformer(known))
    assert rest == rows[:1]


@pytest.mark.parametrize(
    "now",
    [
        transformer(proven=()),
        transformer(key_of=lambda _: UnusableKey(None, "skipped_key old")),
        replace(transformer(), is_current=lambda *_: True),
        replace(transformer(), namespace="another"),
    ],
    ids=["not proven any more", "skipped", "the target itself", "of another namespace"],
)
def test_what_was_learnt_is_given_up_where_it_no_longer_holds(now: Transformer) -> None:
    row = maps(1, [text_of(OLD.encrypt(b"one"))])
    page, rest = path_with(MAPS, OLD.encrypt(b"x")).take([row], now)
    assert (page.updates, rest) == ([], [row])


def test_several_salts_of_one_document_are_learnt_at_once() -> None:
    texts = [text_of(encryptor_of("old", b"salt%04d" % number).encrypt(b"one")) for number in range(20)]
    path, by = DocumentPath(MAPS, {}, DocumentMemory()), transformer()
    rows = [maps(1, texts)]
    assert path.take(rows, by)[1] == rows
    path.learn(rows[0], by)
    page, rest = path.take(rows, by)
    assert (page.moved, rest) == (20, [])


def test_documents_with_secrets_at_known_paths_have_a_bulk_path() -> None:
    locations = (*BY_NAME.values(), *MANAGER_LOCATIONS)
    names = {each.name for each in locations if isinstance(bulk_path_of(each, {}, DocumentMemory()), DocumentPath)}
    assert names == {
        *("data_source", "plugin_setting", "alert_configuration", "alert_configuration_history"),
        *("resource", "resource_history"),
    }


def long_alerts(number: int, value: bytes) -> Row:
    return alerts(number, [text_of(OLD.encrypt(value + b"%d" % each)) for each in range(100)])


def test_what_the_census_has_searched_leads_to_the_same() -> None:
    rows = [long_alerts(1, b"one"), long_alerts(2, b"two"), long_alerts(3, b"three")]
    memory, by = DocumentMemory(), transformer()
    for row in rows[:2]:
        assert len(ordinary_secrets(ALERTS, row, memory) or []) == 100
    page, rest = path_with(ALERTS, OLD.encrypt(b"x"), memory=memory).take(rows, by)
    assert (page.moved, rest) == (300, [])
    assert outcome_of(ALERTS, rows, page) == outcome_of(ALERTS, rows, by.transform(ALERTS, parse_rows(ALERTS, rows)))


@pytest.mark.parametrize("remembers", [True, False], ids=["from memory", "in a resumed run"])
def test_a_sweep_counts_what_this_run_has_written(remembers: bool) -> None:  # noqa: FBT001
    memory, by, row = DocumentMemory(), transformer(), long_alerts(1, b"one")
    page, _ = path_with(ALERTS, OLD.encrypt(b"x"), memory=memory).take([row], by)
    swept = [row._replace(cells=update.new) for update in page.updates]
    again, rest = path_with(ALERTS, memory=memory if remembers else DocumentMemory()).take(swept, by)
    assert outcome_of(ALERTS, swept, again) == outcome_of(
        ALERTS, swept, by.transform(ALERTS, parse_rows(ALERTS, swept))
    )
    assert (again.unchanged.re_encrypted, rest) == (100, [])


def test_what_another_run_has_written_is_not_taken_for_this_run_s() -> None:
    memory, row = DocumentMemory(), long_alerts(1, b"one")
    page, _ = path_with(ALERTS, OLD.encrypt(b"x"), memory=memory).take([row], transformer())
    swept = [row._replace(cells=update.new) for update in page.updates]
    other = replace(transformer(), encryptor=encryptor_of("target", b"nextrun0"))
    again, rest = path_with(ALERTS, memory=memory).take(swept, other)
    assert (again.unchanged.re_encrypted, rest) == (0, swept)


def test_a_secret_in_quarantine_is_not_passed_over_because_its_document_was_written() -> None:
    memory, row = DocumentMemory(), long_alerts(1, b"one")
    page, _ = path_with(ALERTS, OLD.encrypt(b"x"), memory=memory).take([row], transformer())
    swept = [row._replace(cells=update.new) for update in page.updates]
    known = {("alert_configuration", "[1]", "x"): KnownSecret(Reason.RACE_LOST, "", b"", accepted=False)}
    assert path_with(ALERTS, known=known, memory=memory).take(swept, transformer(known))[1] == swept
