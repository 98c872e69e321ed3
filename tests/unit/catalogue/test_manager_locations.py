"""Values of the secrets manager are found in each form, and written in the form that a release reads."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import splice
from reencrypt.catalogue.location import Location, Row, fit
from reencrypt.catalogue.namespace import qualified
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reading import FoundSecret, secrets_of
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.store_name import StoreName
from reencrypt.catalogue.stores import STORES
from reencrypt.crypto import envelope, managed
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.manager import SHIPPED, SecretsManagerBuilder
from tests.grafana.manager_decryptor import read_manager
from tests.grafana.manager_schema import ManagerShape

LOCATIONS = {each.name: each for each in STORES[StoreName.MANAGER].locations}
VALUES = LOCATIONS["secret_encrypted_value"]
(OLD_VALUES,) = fit(
    (VALUES,), {"secret_encrypted_value": frozenset({"namespace", "name", "version", "encrypted_data"})}
).locations
SNAPSHOTS = LOCATIONS["resource_snapshots"]

UID = b"abcdefghijkl12"
PAYLOAD = bytes.fromhex(
    "2a5957567a4c57646a62512a1011121314151617202122232425262728292a2b2b83db85d4b280efc53b9e72a946266c47e0d49f46e05d"
)
OLD_FORM = b"#" + base64.b64encode(UID).rstrip(b"=") + b"#" + PAYLOAD
NEW_PAYLOAD = b"*YWVzLWdjbQ*" + bytes(range(100, 140))
NEW_FORM = b"#" + base64.b64encode(b"zz9") + b"#" + NEW_PAYLOAD


def found(location: Location, cell: bytes) -> list[FoundSecret]:
    key = ("default", "name", 1) if location is not SNAPSHOTS else ("guid",)
    return list(secrets_of(location, Row(key, (cell,), tuple("default" for _ in location.extras))))


def reason_of(location: Location, cell: bytes) -> tuple[Reason | None, str]:
    (secret,) = found(location, cell)
    assert secret.envelope is None
    return secret.problem, secret.field


@pytest.mark.parametrize("cell", [UID + b"\0" + PAYLOAD, b"\0" + OLD_FORM], ids=["split", "not split yet"])
def test_a_joined_cell_is_read_in_either_form_and_written_in_the_split_one(cell: bytes) -> None:
    (secret,) = found(VALUES, cell)
    assert secret.envelope == managed.parse(OLD_FORM)._replace(key_id="default/abcdefghijkl12")
    assert (secret.field, secret.kind, secret.slot.strict) == ("encrypted_data", Kind.BYTES, True)
    assert not secret.needs_own_proof
    assert splice(cell, [(secret.slot, NEW_FORM)]) == b"zz9\0" + NEW_PAYLOAD
    assert splice(cell, [(secret.slot, secret.slot.ciphertext)]) == UID + b"\0" + PAYLOAD


def test_without_the_column_the_form_stays() -> None:
    (secret,) = found(OLD_VALUES, OLD_FORM)
    assert secret.envelope == managed.parse(OLD_FORM)._replace(key_id="default/abcdefghijkl12")
    assert splice(OLD_FORM, [(secret.slot, NEW_FORM)]) == NEW_FORM


@pytest.mark.parametrize(
    ("location", "cell"),
    [
        (VALUES, b"\0"),
        (VALUES, UID + b"\0"),
        (VALUES, b"\0" + PAYLOAD),
        (VALUES, UID + b"\0" + OLD_FORM),
        (VALUES, UID + b"\0" + PAYLOAD[:47]),
        (VALUES, b"\0##" + PAYLOAD),
        (VALUES, b"\xff\xfe\0" + PAYLOAD),
        (VALUES, b""),
        (OLD_VALUES, b""),
        (OLD_VALUES, PAYLOAD),
    ],
)
def test_what_grafana_cannot_read_is_counted_and_named(location: Location, cell: bytes) -> None:
    assert reason_of(location, cell) == (Reason.MALFORMED_ENVELOPE, "encrypted_data")


@given(st.binary(min_size=1, max_size=40).filter(lambda uid: b"\0" not in uid), st.binary(max_size=80))
def test_joining_and_splitting_are_inverse(uid: bytes, payload: bytes) -> None:
    assert managed.split_key_id(managed.join_key_id(uid, payload)) == (uid, payload)
    cell = uid + b"\0" + payload
    codec = VALUES.fields[0].codec
    (slot,) = codec.find(cell)
    assert splice(cell, [(slot, slot.ciphertext)]) == cell


# -- Snapshots --


DATA = base64.b64encode(PAYLOAD).decode()
FORMS = {
    "as Grafana writes it": (
        f'{{"spec":{{"dashboardEncrypted":{{"dataKeyId":"abcdefghijkl12","encryptedData":"{DATA}"}}}}}}'
    ),
    "the other way round": (
        f'{{"spec":{{"dashboardEncrypted":{{"encryptedData":"{DATA}","dataKeyId":"abcdefghijkl12"}}}}}}'
    ),
    "with other members and white space": (
        f'{{"kind":"Snapshot","spec" : {{"title":"ü","dashboardEncrypted":\n{{ "version" : [1,{{"dataKeyId":"no"}}], '
        f'"encryptedData" :\t"{DATA}" , "note":"\\"}}" , "dataKeyId": "abcdefghijkl12","x":null}} }}, "z":1e5}}'
    ),
    "with escapes": (
        '{"sp\\u0065c":{"dashboardEncrypted":{"dataKeyId":"\\u0061bcdefghijkl12","encryptedData":"'
        + DATA.replace("/", "\\/").replace("+", "\\u002b")
        + '"}}}'
    ),
}


@pytest.mark.parametrize("document", FORMS.values(), ids=list(FORMS))
def test_a_snapshot_moves_both_members_and_keeps_every_other_byte(document: str) -> None:
    cell = document.encode()
    (secret,) = found(SNAPSHOTS, cell)
    assert secret.slot.ciphertext == OLD_FORM
    assert (secret.kind, secret.field, secret.slot.strict) == (Kind.JSON, "value.spec.dashboardEncrypted", True)
    assert secret.envelope is not None
    assert secret.envelope.key_id == "default/abcdefghijkl12"
    written = splice(cell, [(secret.slot, NEW_FORM)])
    data = DATA if "\\u002b" not in document else DATA.replace("/", "\\/").replace("+", "\\u002b")
    uid = "\\u0061bcdefghijkl12" if "\\u0061" in document else "abcdefghijkl12"
    assert written.decode() == document.replace(uid, "zz9").replace(data, base64.b64encode(NEW_PAYLOAD).decode())
    (again,) = found(SNAPSHOTS, written)
    assert again.slot.ciphertext == NEW_FORM


def snapshot(encrypted: str) -> bytes:
    return f'{{"spec":{{"dashboardEncrypted":{encrypted}}}}}'.encode()


AT = "value.spec.dashboardEncrypted"


@pytest.mark.parametrize(
    ("encrypted", "reason", "field"),
    [
        ('{"dataKeyId":"abc"}', Reason.MALFORMED_ENVELOPE, AT),
        ('{"dataKeyId":"abc","encryptedData":null}', Reason.MALFORMED_ENVELOPE, AT),
        (f'{{"dataKeyId":"","encryptedData":"{DATA}"}}', Reason.MALFORMED_ENVELOPE, AT),
        (f'{{"encryptedData":"{DATA}"}}', Reason.MALFORMED_ENVELOPE, AT),
        ('{"dataKeyId":"abc","encryptedData":"Kg=="}', Reason.MALFORMED_ENVELOPE, AT),
        ('{"dataKeyId":"abc","encryptedData":"@@@@"}', Reason.MALFORMED_ENCODING, f"{AT}.encryptedData"),
        (f'{{"dataKeyId":7,"encryptedData":"{DATA}"}}', Reason.MALFORMED_ENCODING, f"{AT}.dataKeyId"),
        ('{"dataKeyId":"abc","encryptedData":{}}', Reason.MALFORMED_ENCODING, f"{AT}.encryptedData"),
        ('{"dataKeyId":"abc","encryptedData":["a"]}', Reason.MALFORMED_ENCODING, f"{AT}.encryptedData"),
        ('{"dataKeyId":"abc","encryptedData":[42,256]}', Reason.MALFORMED_ENCODING, f"{AT}.encryptedData"),
        ('{"dataKeyId":"abc","encryptedData":[42,89]}', Reason.NOT_UNDERSTOOD, f"{AT}.encryptedData"),
        (f'{{"dataKeyId":"abc","encryptedData":"{DATA}","dataKeyId":"abd"}}', Reason.NOT_UNDERSTOOD, AT),
        (f'{{"dataKeyId":"abc","encryptedData":"{DATA}"}},"dashboardEncrypted":null', Reason.NOT_UNDERSTOOD, AT),
        (f'{{"dataKeyId":"abc","encryptedData":"{DATA}"}}}},"spec":{{', Reason.NOT_UNDERSTOOD, AT),
    ],
)
def test_an_object_that_cannot_be_read_says_so(encrypted: str, reason: Reason, field: str) -> None:
    assert reason_of(SNAPSHOTS, snapshot(encrypted)) == (reason, field)


@pytest.mark.parametrize("encrypted", ["null", '""', "{}", '{"dataKeyId":"","encryptedData":null}', '{"other":"text"}'])
def test_an_object_without_anything_is_no_secret(encrypted: str) -> None:
    assert found(SNAPSHOTS, snapshot(encrypted)) == []


def test_data_without_padding_is_not_what_grafana_reads() -> None:
    assert DATA.endswith("=")
    (secret,) = found(SNAPSHOTS, snapshot(f'{{"dataKeyId":"a","encryptedData":"{DATA.rstrip("=")}"}}'))
    assert not secret.slot.strict
    assert secret.envelope is not None


def test_a_huge_document_is_read() -> None:
    payload = base64.b64encode(PAYLOAD + bytes(30_000_000)).decode()
    (secret,) = found(SNAPSHOTS, snapshot(f'{{"dataKeyId":"abc","encryptedData":"{payload}"}}'))
    assert secret.envelope is not None
    assert len(secret.envelope.body) > 30_000_000


@pytest.mark.parametrize(
    "cell", [b"", b"{", b"[" * 100_000, b"\xff", b'"text"', b'{"spec":[{"dashboardEncrypted":{}}]}']
)
def test_what_is_no_document_of_a_snapshot_is_for_the_classic_codec(cell: bytes) -> None:
    assert found(SNAPSHOTS, cell) == []


# -- Held against the fixture and its judge --


def read_rows(connection: sqlite3.Connection, location: Location) -> Iterator[tuple[Row, FoundSecret]]:
    (field,) = location.fields
    data = f"CAST({field.key_id} AS BLOB) || x'00' || {field.column}" if field.key_id else field.column
    columns = ", ".join((*location.key, *location.extras))
    conditions = [f'"{name}" IN ({", ".join(repr(each) for each in names)})' for name, names in location.only.items()]
    statement = f"SELECT CAST({data} AS BLOB), {columns} FROM {location.table} WHERE {' AND '.join(conditions) or '1'}"  # noqa: S608 - names are our own
    for cell, *values in connection.execute(statement):
        key, extras = values[: len(location.key)], values[len(location.key) :]
        row = Row(tuple(key), (cell,), tuple(extras))
        for secret in secrets_of(location, row):
            yield row, secret


@pytest.mark.parametrize("shape", [each for each in get_args(ManagerShape) if each != "experimental"])
def test_every_value_of_a_database_is_found_and_moves_as_the_judge_reads_it(
    shape: ManagerShape, tmp_path: Path
) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path) as builder:
        manager = SecretsManagerBuilder(builder, shape)
        keys = {qualified(each.namespace, each.uid): each for each in (manager.data_key(), manager.data_key("org-2"))}
        targets = {each: manager.data_key(each) for each in ("default", "org-2")}
        for number, key in enumerate(keys.values()):
            manager.add_value(key, b"a password \x00", name=f"first-{number}")
            manager.add_value(key, b"another", split=False)
            manager.add_snapshot(key, b'{"title":"a dashboard"}')
            manager.add_snapshot(key, b'{"title":"before"}', table="resource_history")
    before = read_manager(path, sections=SHIPPED)
    with closing(sqlite3.connect(path)) as connection:
        columns = {
            table: frozenset(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
            for table in ("secret_encrypted_value", "resource", "resource_history")
        }
        fitted = fit(tuple(LOCATIONS.values()), columns)
        assert fitted.missing == ()
        moved = 0
        for location in fitted.locations:
            for row, secret in list(read_rows(connection, location)):
                assert secret.envelope is not None
                key = keys[secret.envelope.key_id or ""]
                target = targets[key.namespace]
                cache = DerivedKeyCache()
                plaintext = envelope.decrypt(secret.envelope, key.dek, cache)
                encryptor = Encryptor.create(
                    key_id=target.uid, password=target.dek, algorithm=Algorithm.AES_GCM, salt=bytes(8), cache=cache
                )
                cell = splice(row.cells[0] or b"", [(secret.slot, encryptor.encrypt(plaintext))])
                write(connection, location, row, cell)
                moved += 1
        connection.commit()
    after = read_manager(path, sections=SHIPPED)
    assert moved == len(after) == len(before) == 8
    assert {place: each.plaintext for place, each in after.items()} == {
        place: each.plaintext for place, each in before.items()
    }
    assert {each.key_id for each in after.values()} == {each.uid for each in targets.values()}


def write(connection: sqlite3.Connection, location: Location, row: Row, cell: bytes) -> None:
    (field,) = location.fields
    values: dict[str, object] = {field.column: cell.decode() if location.table != "secret_encrypted_value" else cell}
    if field.key_id:
        uid, _, data = cell.partition(b"\0")
        values = {field.key_id: uid.decode(), field.column: data}
    sets = ", ".join(f"{name} = ?" for name in values)
    where = " AND ".join(f"{name} = ?" for name in location.key)
    connection.execute(
        f"UPDATE {location.table} SET {sets} WHERE {where}",  # noqa: S608 - names are our own
        (*values.values(), *row.key),
    )
