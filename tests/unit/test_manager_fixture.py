"""The fixture of the secrets manager is faithful and its judge is right: held against vectors and a release."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decrypting import PayloadError
from tests.grafana.decryptor import SecretAddress
from tests.grafana.manager import SHIPPED, SecretsManagerBuilder
from tests.grafana.manager_decryptor import decrypt, read_manager
from tests.grafana.manager_schema import GRAFANAS, SHAPES, VALUES, ManagerShape, shape_in
from tests.grafana.releases import GrafanaDatabase, databases
from tests.grafana.schema import SQLITE

DEK = bytes(range(0xF0, 0x100))
#: Of Grafana's own tests, framed; and made with an independent implementation.
_FRAMED = (
    "2a5957567a4c57646a62512a306337323330534214632fee3d2c817d0e25a2e62f1f684690df1a33b4114c34245d11cb639edb664aad4a"
)
_WRAPPED = (
    "2a5957567a4c57646a62512a000102032a23feff000102030405060708090a0b66058d86293ea88527cfe90299e4159e"
    "30ab8e49089fb166ec7326275018b28c"
)
_VALUE = (
    "2a5957567a4c57646a62512a1011121314151617202122232425262728292a2b2b83db85d4b280efc53b9e72a946266c47e0d49f46e05d"
)
_OLD_VALUE = "2359574a6a5a47566d5a326870616d74734d544923" + _VALUE

SHAPE_NAMES = get_args(ManagerShape)
WITH_VALUES = [each for each in SHAPE_NAMES if each != "experimental"]


@pytest.mark.parametrize(
    ("payload", "password", "plaintext"),
    [
        (_FRAMED, b"1234", b"grafana"),
        (_WRAPPED, SHIPPED["secret_key.v1"].encode(), DEK),
        (_VALUE, DEK, b"grafana"),
    ],
)
def test_the_judge_passes_the_vectors(payload: str, password: bytes, plaintext: bytes) -> None:
    assert decrypt(bytes.fromhex(payload), password) == plaintext


def test_the_judge_is_strict() -> None:
    value = bytes.fromhex(_VALUE)
    for damaged, code in (
        (value[:-1], "tag"),
        (value[:-1] + bytes([value[-1] ^ 1]), "tag"),
        (value[:20], "too short"),
        (b"*no second star", "no prefix"),
    ):
        with pytest.raises(PayloadError) as raised:
            decrypt(damaged, DEK)
        assert raised.value.code == code
    with pytest.raises(PayloadError):
        decrypt(value, DEK[::-1])


def test_a_row_of_the_old_shape_names_its_data_key(tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path) as builder:
        manager = SecretsManagerBuilder(builder, "12.2")
        key = manager.data_key(dek=DEK)
        builder.ground.connection.execute("UPDATE secret_data_key SET uid = 'abcdefghijkl12'")
        builder.ground.insert(
            VALUES,
            {
                "namespace": key.namespace,
                "name": "x",
                "version": 1,
                "encrypted_data": bytes.fromhex(_OLD_VALUE),
                "created": 1,
                "updated": 1,
            },
        )
    (found,) = read_manager(path, sections=SHIPPED).values()
    assert (found.plaintext, found.key_id, found.provider) == (b"grafana", "abcdefghijkl12", "secret_key.v1")


@pytest.mark.parametrize("shape", WITH_VALUES)
def test_what_is_planted_is_found_again(shape: ManagerShape, tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path) as builder:
        manager = SecretsManagerBuilder(builder, shape, sections={**SHIPPED, "secret_key.v2": "another"})
        keys = [manager.data_key(), manager.data_key("org-2", provider="secret_key.v2", active=False)]
        for number, key in enumerate((*keys, *keys)):
            manager.add_value(key, f"secret {number} ☃".encode(), version=number + 1)
        manager.add_value(keys[0], b"collected")
        manager.collect(manager.planted[-1])
        guid = manager.add_snapshot(keys[1], b'{"title":"a dashboard"}')
    found = read_manager(path, sections={**SHIPPED, "secret_key.v2": "another"})
    snapshot = found.pop(SecretAddress("resource", (guid,), "value.spec.dashboardEncrypted"))
    assert snapshot.plaintext == b'{"title":"a dashboard"}'
    planted = {(each.namespace, each.name, each.version): each for each in manager.planted}
    assert {address.key: value.plaintext for address, value in found.items()} == {
        key: each.plaintext for key, each in planted.items()
    }
    assert {value.provider for value in found.values()} == {"secret_key.v1", "secret_key.v2"}
    under_v2 = read_manager(path, sections=SHIPPED)
    assert sorted({str(value.error) for value in under_v2.values()}) == ["None", "unknown provider"]


@pytest.mark.parametrize("shape", ["12.3", "12.4"])
def test_the_migration_of_12_3_splits_old_rows_and_changes_no_secret(shape: ManagerShape, tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path) as builder:
        manager = SecretsManagerBuilder(builder, shape)
        key = manager.data_key()
        manager.add_value(key, b"old", split=False)
        manager.add_value(key, b"new")
        builder.commit()
        before = read_manager(path, sections=SHIPPED)
        assert manager.split() == 1
        builder.commit()
    after = read_manager(path, sections=SHIPPED)
    assert (
        {each.plaintext for each in before.values()} == {each.plaintext for each in after.values()} == {b"old", b"new"}
    )
    with closing(sqlite3.connect(path)) as connection:
        assert set(connection.execute("SELECT data_key_id FROM secret_encrypted_value")) == {(key.uid,)}


def test_a_value_of_another_namespace_does_not_read(tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path) as builder:
        manager = SecretsManagerBuilder(builder)
        manager.add_value(manager.data_key(), b"a secret")
        builder.ground.connection.execute("UPDATE secret_encrypted_value SET namespace = 'org-2'")
    (found,) = read_manager(path, sections=SHIPPED).values()
    assert (found.plaintext, found.error) == (None, "unknown key")


@pytest.mark.parametrize("shape", SHAPE_NAMES)
def test_a_file_tells_its_shape(shape: ManagerShape, tmp_path: Path) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db") as builder:
        assert shape_in(builder.ground.connection) is None
        SecretsManagerBuilder(builder, shape)
        assert shape_in(builder.ground.connection) == shape
        assert SecretsManagerBuilder(builder).shape == shape


@pytest.mark.parametrize("release", databases("grafana-12-2026"))
def test_the_tables_are_those_of_a_release(release: GrafanaDatabase, tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(release.write(tmp_path / "grafana.db"))) as theirs,
        closing(sqlite3.connect(":memory:")) as ours,
    ):
        assert shape_in(theirs) == "12.3"
        for each in SHAPES["12.3"]:
            assert each.name in GRAFANAS
            for statement in each.create(SQLITE):
                ours.execute(statement)
            assert _columns(ours, each.name) == _columns(theirs, each.name)
            assert _indexes(ours, each.name) == _indexes(theirs, each.name)


def _columns(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT name, type, [notnull], dflt_value, pk FROM pragma_table_info(?)", (table,)
    ).fetchall()


def _indexes(connection: sqlite3.Connection, table: str) -> set[tuple[object, ...]]:
    lists = connection.execute(
        "SELECT name, [unique] FROM pragma_index_list(?) WHERE origin = 'c'", (table,)
    ).fetchall()
    return {
        (name, unique, *(row[0] for row in connection.execute("SELECT name FROM pragma_index_info(?)", (name,))))
        for name, unique in lists
    }
