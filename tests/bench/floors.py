"""What an engine can do at most: the same pages read and written, one after the other, without any safety."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from typing import Any

from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor
from reencrypt.crypto.salt import new_salt
from tests.bench.fixtures import DATA_KEY_ID, SECRET_KEY, THEN
from tests.support.engine import Engine
from tests.support.mysql import connect as connect_mysql
from tests.support.postgres import connect

_PAGE = 1000


def floor_on_postgres(engine: Engine) -> float:
    """Seconds for the bare driver: the same pages, bytes and journal, no crypto."""
    return asyncio.run(_postgres(engine.url))


async def _postgres(url: str) -> float:
    reader, writer = await connect(url), await connect(url)
    await writer.execute(
        "CREATE TABLE floor_journal (id BIGSERIAL PRIMARY KEY, run_id TEXT, action TEXT, table_name TEXT, "
        "row_key TEXT, column_name TEXT, old_bytes BYTEA, new_hash BYTEA)"
    )
    then, after = datetime.fromisoformat(THEN), 0
    since = time.perf_counter()
    while rows := await reader.fetch("SELECT id, value FROM secrets WHERE id > $1 ORDER BY id LIMIT $2", after, _PAGE):
        ids, texts = [row[0] for row in rows], [row[1] for row in rows]
        async with writer.transaction():
            await writer.execute(
                "UPDATE secrets AS t SET value = p.new, updated = $3 FROM unnest($1::int[], $2::text[]) AS p (id, new) "
                "WHERE t.id = p.id",
                *(ids, [text[::-1] for text in texts], then),
            )
            await writer.execute(
                "INSERT INTO floor_journal (run_id, action, table_name, row_key, column_name, old_bytes, new_hash) "
                "SELECT 'run', 'rewrite', 'secrets', p.k, 'value', p.old, p.hash "
                "FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS p (k, old, hash)",
                *([f"[{each}]" for each in ids], [text.encode() for text in texts], [b"x" * 32] * len(ids)),
            )
        after = ids[-1]
    seconds = time.perf_counter() - since
    await reader.close()
    await writer.close()
    return seconds


def floor_on_sqlite(engine: Engine) -> float:
    """Seconds to read, decrypt and encrypt once, and write, page by page."""
    translate = _translator(engine)
    with closing(sqlite3.connect(engine.url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        after = 0
        since = time.perf_counter()
        select = "SELECT id, value FROM secrets WHERE id > ? ORDER BY id LIMIT ?"
        while rows := connection.execute(select, (after, _PAGE)).fetchall():
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "UPDATE secrets SET value = ?, updated = ? WHERE id = ?",
                [(translate(text), THEN, row) for row, text in rows],
            )
            connection.execute("COMMIT")
            after = rows[-1][0]
        return time.perf_counter() - since


def floor_on_mysql(engine: Engine) -> float:
    """The same, with the values of a page in one statement."""
    translate = _translator(engine)
    with closing(connect_mysql(engine.url)) as connection, connection.cursor() as cursor:
        after = 0
        since = time.perf_counter()
        while True:
            cursor.execute("SELECT id, value FROM secrets WHERE id > %s ORDER BY id LIMIT %s", (after, 500))
            rows = list(cursor.fetchall())
            if not rows:
                return time.perf_counter() - since
            values: list[Any] = [part for row, text in rows for part in (row, translate(text))]
            page = " UNION ALL ".join(["SELECT %s AS id, %s AS value"] * len(rows))
            connection.begin()
            cursor.execute(
                f"UPDATE secrets AS t JOIN ({page}) AS p ON t.id = p.id SET t.value = p.value, t.updated = %s",  # noqa: S608
                (*values, THEN),
            )
            connection.commit()
            after = rows[-1][0]


def _translator(engine: Engine) -> Any:
    ((wrapped,),) = engine.query("SELECT encrypted_data FROM data_keys WHERE name = ?", DATA_KEY_ID)
    assert isinstance(wrapped, bytes)
    cache = DerivedKeyCache()
    data_key = envelopes.decrypt(envelopes.parse(wrapped), SECRET_KEY.encode(), cache)
    encryptor = Encryptor.create(
        key_id="floor", password=b"f" * 16, algorithm=Algorithm.AES_CFB, salt=new_salt(), cache=cache
    )

    def translate(text: str) -> str:
        plaintext = envelopes.decrypt(envelopes.parse(gobase64.decode(text.encode())), data_key, cache)
        return gobase64.encode(encryptor.encrypt(plaintext), padded=False).decode()

    return translate
