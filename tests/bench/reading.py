"""How fast `verify` and the search of `complete` are, as shares of the bare driver that reads the same."""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from reencrypt.cli.performing import adapt_interpreter
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor
from reencrypt.crypto.salt import new_salt
from reencrypt.operations.complete.search import Known, NotSecrets, Search
from reencrypt.operations.complete.table_search import search
from reencrypt.planning.options import RunOptions, TargetOptions
from reencrypt.planning.session import Session
from tests.bench import fixtures
from tests.bench.fixtures import DATA_KEY_ID, Bench
from tests.bench.result import Result, publish
from tests.bench.speed import settings_for
from tests.grafana.disguises import BYTES, TEXTS
from tests.support.engine import Engine
from tests.support.inprocess import in_session, verify
from tests.support.postgres import PostgresServer, connect, run_in_thread

T = TypeVar("T")

_PAGE: Final = 1000
_DOCUMENTS: Final = "dashboard"
_NOTES: Final = "annotation"
_BLOBS: Final = "plugin_blob"
_COLUMNS: Final = {
    _DOCUMENTS: ("title", "data"),
    _NOTES: ("text", "tags", "login"),
    _BLOBS: ("content",),
    "secrets": ("namespace", "type", "value"),
}
_PANELS: Final = 24


def in_turn(rounds: int, mine: Callable[[], float], bare: Callable[[], float]) -> float:
    """The share of `bare` that `mine` reaches, by the medians of rounds in turn."""
    pairs = [(mine(), bare()) for _ in range(rounds)]
    ours, least = map(statistics.median, zip(*pairs, strict=True))
    print(f"ours {ours:.3f} s, bare {least:.3f} s", file=sys.stderr)  # noqa: T201
    share: float = least / ours
    return share


def seconds_bare(engine: Engine, columns: dict[str, tuple[str, ...]]) -> float:
    """Seconds for the bare driver to read these columns of tables by pages, in one connection."""

    async def work() -> float:
        connection = await connect(engine.url)
        since = time.perf_counter()
        for table, names in columns.items():
            rows = _PAGE if table != _DOCUMENTS else _PAGE // 10
            query = f"SELECT id, {', '.join(names)} FROM {table} WHERE id > $1 ORDER BY id LIMIT {rows}"  # noqa: S608
            page = await connection.fetch(query, 0)
            while page:
                page = await connection.fetch(query, page[-1][0])
        seconds = time.perf_counter() - since
        await connection.close()
        return seconds

    return run_in_thread(work)


def seconds_in_session(engine: Engine, work: Callable[[Session], Awaitable[T]]) -> tuple[float, T]:
    """Seconds of work in an open session, and its result: the bare driver is connected too before it reads."""

    async def timed(session: Session) -> tuple[float, T]:
        since = time.perf_counter()
        found = await work(session)
        return time.perf_counter() - since, found

    options = RunOptions(target=TargetOptions(to="secretKey.v1"))
    return asyncio.run(in_session(timed, settings_for(engine), options))


def verification(bench: Bench, count: int, rounds: int) -> list[Result]:
    """`verify` of the secrets of an earlier run: each is decrypted and judged."""
    engine = bench.engine("postgres")
    fixtures.insert(engine, fixtures.run_values(count, fixtures.data_key_rows(engine, bench.folder)))

    def mine() -> float:
        seconds, report = seconds_in_session(engine, verify)
        assert report.exit_code == 0, report.as_json()
        assert report.found.readable == count
        return seconds

    share = in_turn(rounds, mine, lambda: seconds_bare(engine, {"secrets": ("value", "type")}))
    return [Result("verify, share of the bare driver that reads the same rows", share, 0.5, "higher")]


def searching(bench: Bench, share: float, rounds: int) -> list[Result]:
    """The search of `complete` over dashboards, short texts and secrets, with a ciphertext in every encoding."""
    engine = bench.engine("postgres")
    data_key = fixtures.data_key_rows(engine, bench.folder)
    fixtures.insert(engine, fixtures.run_values(round(100_000 * share), data_key))
    planted = run_in_thread(lambda: _fill(engine.url, share, data_key))

    async def work(session: Session) -> Search:
        locations = [(session.store, each) for each in session.locations]
        await session.ring.reload()
        keys = [(session.store, row) for row in session.ring.rows]
        known = Known.of(locations, keys, frozenset(), frozenset(), NotSecrets({}), frozenset())
        return await search(session.database, known, session.pool, emit=session.emit)

    def mine() -> float:
        seconds, found = seconds_in_session(engine, work)
        assert sum(stray.number for stray in found.strays.values()) == planted, found.strays
        return seconds

    reached = in_turn(rounds, mine, lambda: seconds_bare(engine, _COLUMNS))
    return [Result("search of complete, share of the bare driver that reads the same bytes", reached, 0.5, "higher")]


async def _fill(url: str, share: float, data_key: bytes) -> int:
    """Fill tables that the catalogue does not know; returns how many cells hold a ciphertext."""
    encryptor = Encryptor.create(
        key_id=DATA_KEY_ID, password=data_key, algorithm=Algorithm.AES_CFB, salt=new_salt(), cache=DerivedKeyCache()
    )
    connection = await connect(url)
    for table, names in _COLUMNS.items():
        if table != "secrets":
            kind = "BYTEA" if table == _BLOBS else "TEXT"
            columns = ", ".join(f"{name} {kind}" for name in names)
            await connection.execute(f"CREATE TABLE {table} (id BIGSERIAL PRIMARY KEY, {columns})")
    chance = random.Random(1)
    texts = [disguise(encryptor.encrypt(b"a password")).decode() for disguise in TEXTS.values()]
    blobs = [disguise(encryptor.encrypt(b"a password")) for disguise in BYTES.values()]
    documents = _dashboards(chance, round(2000 * share))
    await _copy(connection, _DOCUMENTS, ((f"Dashboard {number}", text) for number, text in enumerate(documents)))
    await _copy(connection, _DOCUMENTS, (("planted", text) for text in texts))
    await _copy(connection, _BLOBS, ((blob,) for blob in blobs))
    await _copy(connection, _NOTES, _annotations(chance, round(100_000 * share)))
    await connection.execute("ANALYZE")
    await connection.close()
    return len(texts) + len(blobs)


async def _copy(connection: Any, table: str, records: Iterator[Sequence[Any]]) -> None:
    await connection.copy_records_to_table(table, records=list(records), columns=_COLUMNS[table])


def _dashboards(chance: random.Random, count: int) -> Iterator[str]:
    """Dashboards as Grafana keeps them: JSON of queries, uids and colours; a picture in one of fifty."""
    for number in range(count):
        panels = [_panel(chance, index) for index in range(_PANELS)]
        document: dict[str, Any] = {"uid": chance.randbytes(7).hex(), "title": f"Service {number}", "panels": panels}
        if number % 50 == 0:
            picture = b64encode(chance.randbytes(20_000)).decode()
            document["panels"].append({"type": "text", "options": {"content": f"data:image/png;base64,{picture}"}})
        # As Go writes it.
        yield json.dumps(document).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _panel(chance: random.Random, index: int) -> dict[str, Any]:
    service, job = chance.choice(("checkout", "search", "billing")), chance.randint(1, 999)
    return {
        "id": index,
        "type": "timeseries",
        "title": f"Requests of {service} by route, job {job}",
        "datasource": {"type": "prometheus", "uid": chance.randbytes(7).hex()},
        "gridPos": {"h": 8, "w": 12, "x": 12 * (index % 2), "y": 4 * index},
        "fieldConfig": {
            "defaults": {
                "color": {"mode": "palette-classic"},
                "custom": {"lineWidth": 1, "fillOpacity": 10, "axisPlacement": "auto", "spanNulls": False},
                "thresholds": {"steps": [{"color": "#73BF69", "value": None}, {"color": "#F2495C", "value": job}]},
                "unit": "reqps",
            },
            "overrides": [{"matcher": {"id": "byRegexp", "options": "/^5\\d\\d$/"}, "properties": []}],
        },
        "targets": [
            {
                "refId": letter,
                "expr": f'sum by (route) (rate(http_requests_total{{job="{service}-{job}",'
                f'path=~"\\\\/api\\\\/v1\\\\/.*", code!="404"}}[$__rate_interval])) > {job}',
                "legendFormat": "{{route}} <{{code}}>",
                "interval": "30s",
            }
            for letter in "ABC"
        ],
        "links": [{"title": "Runbook", "url": f"https://example.org/runbooks/{service}?a=1&b=2", "targetBlank": True}],
    }


def _annotations(chance: random.Random, count: int) -> Iterator[Sequence[str]]:
    for number in range(count):
        text = f"Deployed {chance.randbytes(20).hex()} of checkout to production, ticket #{number}"
        yield text, '["deploy", "production"]', f"user{number % 100}@example.org"


def main() -> int:
    """Measure both; `REENCRYPT_BENCH_SHARE=0.1` does it at a tenth of the size."""
    share = float(os.environ.get("REENCRYPT_BENCH_SHARE", "1"))
    adapt_interpreter()  # as the command line does
    postgres = PostgresServer()
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), postgres, None)
            results = verification(bench, max(1000, round(200_000 * share)), 5)
            results += searching(bench, share, 5)
    finally:
        postgres.stop()
    return publish("reading", results)
