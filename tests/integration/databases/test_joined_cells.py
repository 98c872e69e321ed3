"""A data key's id and what it encrypts, in two columns, are read, compared and written as one cell on every engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import pytest

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import RAW
from reencrypt.catalogue.location import Field, Key, Location
from reencrypt.databases.connect import open_database
from reencrypt.databases.paging import count_rows
from reencrypt.databases.protocol import ColumnLimit, Database, RowUpdate, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.databases.server.database import ServerTransaction
from reencrypt.settings import load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.manager_schema import ManagerShape
from tests.support.engine import Engine
from tests.support.postgres import PostgresEngine, PostgresServer

VALUES: Final = Location(
    "secret_encrypted_value",
    "secret_encrypted_value",
    ("namespace", "name", "version"),
    (Field("encrypted_data", WholeColumn(RAW), key_id="data_key_id"),),
    updated="updated",
    namespace="namespace",
    updated_in_seconds=True,
)
#: The same in a Grafana that has no column for the id.
WHOLE: Final = Location(
    VALUES.name, VALUES.table, VALUES.key, (Field("encrypted_data", WholeColumn(RAW)),), updated="updated"
)
INSERT: Final = (
    "INSERT INTO secret_encrypted_value (namespace, name, version, encrypted_data, created, updated, data_key_id) "
    "VALUES (?, ?, ?, ?, 1, 1, ?)"
)
THE_FIRST: Final = "WHERE namespace = 'default' AND name = 'a' AND version = 1"
BYTES: Final = bytes(range(256))
ROWS: Final[Mapping[Key, tuple[str, bytes]]] = {
    ("default", "a", 1): ("k1", b"old\0" + BYTES),
    ("default", "a", 2): ("k2", b"\0"),
    ("default", "a", 10): ("k1", b""),
    ("default", "b", 1): ("", b"#azE#" + BYTES),
    ("org-2", "a", 1): ("k3", b"x" * 1000),
}

pytestmark = pytest.mark.every_engine


async def make(engine: Engine, folder: Path, shape: ManagerShape = "12.4") -> None:
    """Make Grafana's empty tables, with those of the secrets manager."""
    fixture = folder / "fixture.db"
    with GrafanaBuilder(fixture) as builder:
        SecretsManagerBuilder(builder, shape)
    await asyncio.to_thread(engine.load, fixture)


async def fill(engine: Engine, rows: Mapping[Key, tuple[str, bytes]] = ROWS) -> None:
    for key, (key_id, data) in rows.items():
        await execute(engine, INSERT, *key, data, key_id)


async def execute(engine: Engine, sql: str, *values: object) -> None:
    await asyncio.to_thread(engine.execute, sql, *values)


@asynccontextmanager
async def opened(engine: Engine) -> AsyncIterator[Database]:
    settings = load_settings(config=None, home=None, database_url=engine.url, environ={})
    database = await open_database(settings.database, write=True)
    try:
        yield database
    finally:
        await database.close()


def cell(key_id: str, data: bytes) -> tuple[bytes | None, ...]:
    return (key_id.encode() + b"\0" + data,)


async def update(database: Database, *updates: RowUpdate, location: Location = VALUES) -> list[Key]:
    async def body(transaction: Transaction) -> list[Key]:
        return await transaction.update_rows(location, updates)

    return await retry_transaction(database, body)


async def held(engine: Engine) -> dict[Key, tuple[str, bytes]]:
    rows = await asyncio.to_thread(
        engine.query, "SELECT namespace, name, version, data_key_id, encrypted_data FROM secret_encrypted_value"
    )
    return {cast("Key", row[:3]): (str(row[3]), cast("bytes", row[4])) for row in rows}


async def keys_by_pages(database: Database, *, rows: int, size: int = 1 << 20) -> list[Key]:
    found: list[Key] = []
    while page := await database.read_page(VALUES, found[-1] if found else None, rows=rows, size=size):
        assert len(page) <= rows
        found += [row.key for row in page]
    return found


async def test_a_cell_is_the_id_a_nul_and_the_bytes_beside_it(engine: Engine, tmp_path: Path) -> None:
    await make(engine, tmp_path)
    await fill(engine)
    async with opened(engine) as database:
        page = await database.read_page(VALUES, None, rows=100, size=1 << 20)
        assert {row.key: row.cells for row in page} == {key: cell(*each) for key, each in ROWS.items()}
        assert [row.key for row in page] == list(ROWS)
        assert sorted(await database.read_rows(VALUES, [*ROWS, ("default", "A", 1), ("default", "a", 3)])) == sorted(
            page
        )
        assert page == await database.read_page(VALUES, None, rows=100, size=None)
        for rows in (1, 2, 3):
            assert await keys_by_pages(database, rows=rows) == list(ROWS)
        assert await keys_by_pages(database, rows=100, size=1) == list(ROWS)
        assert await count_rows(database, VALUES) == len(ROWS)
        number, end = await database.count_stretch(VALUES, ("default", "a", 2), rows=2)
        assert (number, end) in {(2, ("default", "b", 1)), (3, None)}
        assert await database.count_keys(VALUES) == (len(ROWS), len(ROWS))


async def test_both_columns_change_together_and_the_time_is_in_seconds(engine: Engine, tmp_path: Path) -> None:
    await make(engine, tmp_path)
    await fill(engine)
    since = int(time.time())
    new = {key: (f"new-{number}", b"new\0" + BYTES) for number, key in enumerate(ROWS)}
    async with opened(engine) as database:
        updates = [RowUpdate(key, cell(*each), cell(*new[key])) for key, each in ROWS.items()]
        assert await update(database, *updates) == []
    assert await held(engine) == new
    times = await asyncio.to_thread(
        engine.query, "SELECT MIN(updated), MAX(updated), MAX(created) FROM secret_encrypted_value"
    )
    assert since <= int(str(times[0][0])) <= int(str(times[0][1])) <= time.time()
    assert times[0][2] == 1


@pytest.mark.parametrize(
    "meanwhile",
    [
        "UPDATE secret_encrypted_value SET encrypted_data = ?",
        "UPDATE secret_encrypted_value SET data_key_id = 'k2'",
        "UPDATE secret_encrypted_value SET data_key_id = 'K1'",
        "UPDATE secret_encrypted_value SET data_key_id = 'k1 '",
        "DELETE FROM secret_encrypted_value",
    ],
    ids=["data", "id", "case of the id", "blank behind the id", "gone"],
)
async def test_a_row_that_changed_in_either_column_is_not_written_to(
    meanwhile: str, engine: Engine, tmp_path: Path
) -> None:
    await make(engine, tmp_path)
    await fill(engine)
    changed: Key = ("default", "a", 1)
    async with opened(engine) as database:
        page = await database.read_page(VALUES, None, rows=100, size=1 << 20)
        await execute(engine, f"{meanwhile} {THE_FIRST}", *([b"other"] if "?" in meanwhile else []))
        as_changed = await held(engine)
        updates = [RowUpdate(row.key, row.cells, cell("n", b"new")) for row in page]
        assert await update(database, *updates) == [changed]
        expected = {key: each if key == changed else ("n", b"new") for key, each in as_changed.items()}
        assert await held(engine) == expected
        # The same bytes with the NUL in another place are another cell.
        moved = RowUpdate(("default", "b", 1), cell("n", b"new"), cell("", b"n\0new"))
        assert await update(database, moved) == []
        assert await update(database, RowUpdate(moved.key, moved.old, cell("k", b"late"))) == [moved.key]
        assert await update(database, RowUpdate(moved.key, moved.new, moved.old)) == []
        async with database.transaction() as transaction:
            holding = cast("ServerTransaction", transaction)
            rows = {key: cell("n", b"new") for key in ROWS if key != changed}
            assert await holding.count_holding(VALUES, rows) == len(rows)
            wrong: dict[Key, tuple[bytes | None, ...]] = {
                ("default", "a", 2): (b"m\0new",),
                ("default", "a", 10): (b"n\0neW",),
                ("x", "a", 1): (b"n\0new",),
            }
            assert await holding.count_holding(VALUES, wrong) == 0
            assert await holding.count_holding(VALUES, {("org-2", "a", 1): cell("n", b"new")}) == 1


@pytest.mark.parametrize("changed", [None, "UPDATE secret_encrypted_value SET data_key_id = 'k2'"], ids=["none", "one"])
async def test_what_all_rows_of_a_page_have_in_common_is_compared_in_each(
    changed: str | None, engine: Engine, tmp_path: Path
) -> None:
    """Nearly all pages: one namespace, one version, one data key before and one after."""
    await make(engine, tmp_path)
    rows: dict[Key, tuple[str, bytes]] = {("default", name, 1): ("k1", name.encode()) for name in "abc"}
    await fill(engine, {**rows, ("default", "a", 2): ("k1", b"a"), ("org-2", "a", 1): ("k1", b"a")})
    before = await held(engine)
    async with opened(engine) as database:
        if changed:
            await execute(engine, f"{changed} {THE_FIRST}")
        updates = [RowUpdate(key, cell("k1", data), cell("n", data + b"!")) for key, (_, data) in rows.items()]
        lost = await update(database, *updates)
    first: Key = ("default", "a", 1)
    assert lost == ([first] if changed else [])
    written = {key: ("n", data + b"!") for key, (_, data) in rows.items()}
    assert await held(engine) == {**before, **written, **({first: ("k2", b"a")} if changed else {})}


async def test_data_that_is_null_is_no_cell(engine: Engine, tmp_path: Path) -> None:
    await make(engine, tmp_path)
    await fill(engine)
    # A copy of SQLite's has no NOT NULL.
    copied = [each.format(table=VALUES.table) for each in engine.particulars.without_key]
    definitions = {
        "sqlite": copied,
        "postgres": ["ALTER TABLE secret_encrypted_value ALTER encrypted_data DROP NOT NULL"],
        "mysql": ["ALTER TABLE secret_encrypted_value MODIFY encrypted_data BLOB NULL"],
    }
    for definition in definitions[engine.kind]:
        await execute(engine, definition)
    await execute(engine, "UPDATE secret_encrypted_value SET encrypted_data = NULL WHERE version = 10")
    async with opened(engine) as database:
        assert len(await keys_by_pages(database, rows=2)) == len(ROWS) - 1
        assert await count_rows(database, VALUES) == len(ROWS) - 1
        (row,) = await database.read_rows(VALUES, [("default", "a", 10)])
        assert row.cells == (None,)
        assert await update(database, RowUpdate(row.key, (None,), cell("k", b"v"))) == [row.key]


async def test_the_limit_of_a_cell_is_that_of_each_of_its_columns(engine: Engine, tmp_path: Path) -> None:
    await make(engine, tmp_path)
    async with opened(engine) as database:
        (limit,) = await database.column_limits(VALUES)
        if engine.name == "sqlite":
            assert limit is None
            return
        assert limit is not None
        size = 65_535 if engine.kind == "mysql" else 1 << 30
        assert limit == ColumnLimit(size, in_characters=False, key_id=ColumnLimit(100, in_characters=True))
        largest = b"x" * 65_535
        assert limit.admits(b"k" * 100 + b"\0" + largest)
        assert not limit.admits(b"k" * 101 + b"\0")
        assert limit.admits(("é" * 100).encode() + b"\0")
        await fill(engine, {("default", "a", 1): ("", b"#")})
        found = await update(database, RowUpdate(("default", "a", 1), (b"\0#",), (b"k" * 100 + b"\0" + largest,)))
        assert found == []
        assert await held(engine) == {("default", "a", 1): ("k" * 100, largest)}
        if engine.kind == "mysql":
            assert not limit.admits(b"\0" + largest + b"x")
            assert limit.is_filled_by(b"k\0" + largest)
            assert not limit.is_filled_by(largest)


@pytest.mark.parametrize("shape", ["12.2", "12.2.4", "12.3", "12.4"])
async def test_the_composite_key_is_unique_in_every_shape(shape: ManagerShape, engine: Engine, tmp_path: Path) -> None:
    await make(engine, tmp_path, shape)
    location = VALUES if shape in {"12.3", "12.4"} else WHOLE
    async with opened(engine) as database:
        assert await database.unique_keys([location]) == {location.name}


async def test_a_row_without_the_column_keeps_its_one(engine: Engine, tmp_path: Path) -> None:
    await make(engine, tmp_path, "12.2")
    await execute(
        engine,
        "INSERT INTO secret_encrypted_value (namespace, name, version, encrypted_data, created, updated) "
        "VALUES ('default', 'a', 1, ?, 1, 1)",
        b"#azE#\0" + BYTES,
    )
    async with opened(engine) as database:
        (row,) = await database.read_page(WHOLE, None, rows=10, size=1 << 20)
        assert row.cells == (b"#azE#\0" + BYTES,)


@pytest.mark.parametrize("collation", ["utf8mb4_bin", "without a key"])
async def test_names_that_a_collation_takes_for_one_are_rows_of_their_own(
    collation: str, engine: Engine, tmp_path: Path
) -> None:
    """Also the blank at the end, where nothing makes keys unique."""
    await make(engine, tmp_path, "12.3")
    names = ["a", "A", "é", "e", "b"]
    if engine.kind == "mysql":
        if collation == "without a key":
            await execute(
                engine, "DROP INDEX UQE_secret_encrypted_value_namespace_name_version ON secret_encrypted_value"
            )
        else:
            await execute(
                engine,
                "ALTER TABLE secret_encrypted_value MODIFY name VARCHAR(253) CHARACTER SET utf8mb4 "
                "COLLATE utf8mb4_bin NOT NULL",
            )
    if engine.kind != "mysql" or collation == "without a key":
        names += ["a ", "A  "]
    rows: dict[Key, tuple[str, bytes]] = {("default", name, 1): ("k", name.encode()) for name in names}
    await fill(engine, rows)
    async with opened(engine) as database:
        for size in (1, 2, 100):
            assert sorted(await keys_by_pages(database, rows=size), key=str) == sorted(rows, key=str)
        assert await count_rows(database, VALUES) == len(rows)
        assert await database.count_keys(VALUES) == (len(rows), len(rows))
        (row,) = await database.read_rows(VALUES, [("default", "A", 1)])
        assert row.cells == cell("k", b"A")
        # Only the row with exactly this key, whatever the others hold.
        await execute(engine, "UPDATE secret_encrypted_value SET encrypted_data = ?", b"same")
        new = RowUpdate(("default", "A", 1), cell("k", b"same"), cell("n", b"new"))
        assert await update(database, new) == []
        assert [key for key, each in (await held(engine)).items() if each == ("n", b"new")] == [("default", "A", 1)]
        async with database.transaction() as transaction:
            holding = cast("ServerTransaction", transaction)
            wanted = dict.fromkeys(rows, cell("k", b"same"))
            assert await holding.count_holding(VALUES, wanted) == len(rows) - 1


@pytest.mark.one_engine
async def test_a_database_without_encoding_keeps_the_bytes_of_both_columns(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    options = "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    engine = PostgresEngine(await asyncio.to_thread(postgres_server.new_database, options))
    await make(engine, tmp_path)
    await fill(engine)
    async with opened(engine) as database:
        page = await database.read_page(VALUES, None, rows=100, size=1 << 20)
        assert {row.key: row.cells for row in page} == {key: cell(*each) for key, each in ROWS.items()}
        updates = [RowUpdate(row.key, row.cells, cell("n", b"new\0" + BYTES)) for row in page]
        lost = RowUpdate(("default", "b", 1), cell("other", b"x"), cell("m", b"y"))
        assert await update(database, *updates, lost) == [lost.key]
        rows = {key: cell("n", b"new\0" + BYTES) for key in ROWS}
        async with database.transaction() as transaction:
            assert await cast("ServerTransaction", transaction).count_holding(VALUES, rows) == len(rows)


@pytest.mark.one_engine
@pytest.mark.parametrize("number", [20_000, 60_000])
async def test_a_swap_reads_its_page_and_not_the_table(
    postgres_server: PostgresServer, tmp_path: Path, number: int
) -> None:
    # In a smaller table the planner takes the whole of it for cheaper, unless it knows where the page ends.
    engine = PostgresEngine(await asyncio.to_thread(postgres_server.new_database))
    await make(engine, tmp_path)
    await execute(
        engine,
        "INSERT INTO secret_encrypted_value (namespace, name, version, encrypted_data, created, updated, data_key_id) "
        "SELECT 'default', 'inline-' || lpad(n::text, 8, '0'), 1, decode(repeat('78', 100), 'hex'), 1, 1, 'k' "
        "FROM generate_series(1, ?) n",
        number,
    )
    await execute(engine, "ANALYZE secret_encrypted_value")
    updates = [
        RowUpdate(("default", f"inline-{each:08}", 1), cell("k", b"x" * 100), cell("n", b"y" * 100))
        for each in range(number - 500, number)
    ]
    span = (updates[0].key, updates[-1].key)
    looks = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'secret_encrypted_value'"
    async with opened(engine) as database, database.transaction() as transaction:
        assert isinstance(transaction, ServerTransaction)
        assert await transaction.update_rows(VALUES, updates, span) == []
        ((read,),) = await transaction._session.fetch(looks)  # noqa: SLF001 - told inside the transaction alone
        assert read <= 2 * len(updates)
