"""Rows with one text are found on PostgreSQL without reading every other text to its end."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from reencrypt.catalogue.locations import BY_NAME
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.databases.server.database import ServerTransaction
from reencrypt.settings import load_settings
from reencrypt.state.linked_rows import first_difference
from tests.grafana.builder import GrafanaBuilder
from tests.support.postgres import PostgresEngine, PostgresServer

HISTORY: Final = BY_NAME["alert_configuration_history"]
INSERT = (
    "INSERT INTO alert_configuration_history (id, org_id, alertmanager_configuration, configuration_hash, "
    "configuration_version, created_at) VALUES (?, ?, ?, 'h', 'v1', 1)"
)
START: Final = '{"name":"Grüße 🔔","url":"'
AT: Final = len(START.encode())


def text_of(seed: int, length: int = 200_000) -> str:
    """A configuration whose ciphertext differs from all others, as long as they are, and hard to compress."""
    return START + random.Random(seed).randbytes(length // 2).hex() + '"}'


@pytest.fixture
async def engine(postgres_server: PostgresServer, tmp_path: Path) -> PostgresEngine:
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key="s"):
        pass
    engine = PostgresEngine(await asyncio.to_thread(postgres_server.new_database))
    await asyncio.to_thread(engine.load, tmp_path / "grafana.db")
    return engine


@pytest.fixture
async def database(engine: PostgresEngine) -> AsyncIterator[Database]:
    settings = load_settings(config=None, home=None, database_url=engine.url, environ={})
    database = await open_database(settings.database, write=True)
    yield database
    await database.close()


async def found(database: Database, text: str, differs_at: int) -> list[int]:
    async with database.transaction() as transaction:
        rows = await transaction.read_linked(HISTORY, "org_id", 1, text.encode(), differs_at)
    return sorted(int(str(row.key[0])) for row in rows)


async def test_exactly_the_rows_with_the_text_are_found(engine: PostgresEngine, database: Database) -> None:
    text = text_of(1, 2000)
    others = {
        "another length": text + " ",
        "another beginning": "x" + text[1:],
        "another end": text[:-3] + "x" + text[-2:],
        "another ciphertext": text_of(2, 2000),
        "of as many bytes": text.replace("Grüße", "Gr\u00fb\u00dfe"),
    }
    held = {1: text, **dict(enumerate(others.values(), 2)), 8: text}
    for number, each in held.items():
        await asyncio.to_thread(engine.execute, INSERT, number, 1, each)
    await asyncio.to_thread(engine.execute, INSERT, 9, 2, text)
    # Wherever the texts are said to differ, at their end and in the middle of a character too.
    for differs_at in (0, 5, 12, AT, AT + 300, len(text.encode()) - 1, len(text.encode())):
        assert await found(database, text, differs_at) == [1, 8], differs_at
    for number, each in enumerate(others.values(), 2):
        assert await found(database, each, AT) == [number]


async def test_texts_of_one_length_are_not_read_to_their_ends(engine: PostgresEngine, database: Database) -> None:
    number = 30
    for each in range(number):
        await asyncio.to_thread(engine.execute, INSERT, each + 1, 1, text_of(each))
    text = text_of(7)
    assert await found(database, text, AT) == [8]
    async with database.transaction() as transaction:
        assert isinstance(transaction, ServerTransaction)
        session = transaction._session  # noqa: SLF001 - what the server reads is seen nowhere else
        rendering = await transaction._dialect.rendering(session, HISTORY)  # noqa: SLF001
        query, values = rendering.linked("org_id", 1, text.encode(), AT)
        ((plan,),) = await session.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", values)
        ((pages,),) = await session.fetch(
            "SELECT pg_relation_size(reltoastrelid) / 8192 FROM pg_class "
            "WHERE oid = 'alert_configuration_history'::regclass"
        )
    top = json.loads(plan)[0]["Plan"]
    read = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
    assert pages > 10 * number
    # One text as a whole, twice: for its hash, and for the answer; of the others their beginnings.
    assert read < 4 * pages / number + 10 * number


def test_the_first_difference_is_found_wherever_it_is() -> None:
    for length in (0, 1, 4095, 4096, 4097, 10_000):
        assert first_difference(b"a" * length + b"b", b"a" * length + b"c") == length
        assert first_difference(b"a" * length + b"bx", b"a" * length + b"cyz") == length
    assert first_difference(b"a" * 5000, b"a" * 5000) in {4096, 5000, 8192}
    assert first_difference(b"", b"abc") == 0
