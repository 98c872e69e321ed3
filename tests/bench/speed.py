"""How fast a migration and a rotation are, as ratios against what the machine could do in the same run."""

from __future__ import annotations

import asyncio
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from reencrypt.cli.performing import adapt_interpreter
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache, derive_key
from reencrypt.crypto.envelope import Encryptor
from reencrypt.crypto.salt import new_salt
from reencrypt.events import Event, PageCommitted, PassStarted
from reencrypt.operations.migrate.run import run, run_stores
from reencrypt.planning.options import (
    RotationOptions,
    RunOptions,
    StoreOptions,
    TargetOptions,
    available_threads,
)
from reencrypt.settings import Settings, load_settings
from tests.bench import fixtures
from tests.bench.fixtures import Bench
from tests.bench.floors import floor_on_mysql, floor_on_postgres, floor_on_sqlite
from tests.bench.result import Result, publish
from tests.bench.threads import on_simulated_threads
from tests.support.engine import Engine
from tests.support.inprocess import in_session, in_stores, verify
from tests.support.mysql import MysqlServer
from tests.support.mysql_programs import Product, available
from tests.support.peak import MEGABYTE, peak_of
from tests.support.postgres import PostgresEngine, PostgresServer, connect, run_in_thread

Measure: TypeAlias = Callable[[Engine], float]
SECRET = fixtures.SECRET_KEY.encode()


@dataclass
class Clock:
    """Listens to a run: when its main pass began, when it committed last, and in which pages."""

    began: float = 0.0
    ended: float = 0.0
    pages: list[int] = field(default_factory=list)
    sweeping: bool = False

    def listen(self, event: Event) -> None:
        if isinstance(event, PassStarted):
            self.sweeping = event.number > 0
            if not self.sweeping:
                self.began = time.perf_counter()
        if isinstance(event, PageCommitted) and not self.sweeping:
            self.ended = time.perf_counter()
            self.pages.append(event.moved)

    @property
    def seconds(self) -> float:
        """From the first page to the last commit."""
        return self.ended - self.began


def settings_for(engine: Engine) -> Settings:
    """Grafana's configuration for a database."""
    return load_settings(
        config=None, home=None, database_url=engine.url, environ={"GF_SECURITY_SECRET_KEY": fixtures.SECRET_KEY}
    )


def ours(engine: Engine) -> Clock:
    """The real run, in this process."""
    clock = Clock()
    options = RunOptions(target=TargetOptions(to="secretKey.v1"), rotation=RotationOptions(fresh_data_key=True))
    report = asyncio.run(in_session(run, settings_for(engine), options, emit=clock.listen))
    assert report.outcome == "done", report.as_json()
    return clock


def alternately(rounds: int, prepare: Callable[[], Engine], mine: Measure, floor: Measure) -> tuple[float, float]:
    """The medians of two measures, in turn, each on a fresh database."""
    pairs = [(mine(prepare()), floor(prepare())) for _ in range(rounds)]
    left, right = zip(*pairs, strict=True)
    return statistics.median(left), statistics.median(right)


def migration(bench: Bench, count: int) -> list[Result]:
    """Legacy secrets, each with a salt of its own, against bare PBKDF2 on as many threads."""
    engine = bench.engine("postgres")
    fixtures.data_key_rows(engine, bench.folder)
    fixtures.insert(engine, fixtures.legacy_values(count))
    bare = derivations_per_second(available_threads())
    rate = count / ours(engine).seconds
    bare = (bare + derivations_per_second(available_threads())) / 2
    return [
        Result("first migration, secrets/s", rate, 0.95 * bare, "higher"),
        Result("… as a share of bare PBKDF2", rate / bare, 0.95, "higher"),
    ]


def derivations_per_second(threads: int) -> float:
    """PBKDF2 alone."""
    each = 1500

    def work(_thread: int) -> None:
        for _ in range(each):
            derive_key(fixtures.SECRET_KEY.encode(), os.urandom(8))

    since = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return each * threads / (time.perf_counter() - since)


def seconds_of_ours(engine: Engine) -> float:
    """The main pass of the real run."""
    return ours(engine).seconds


#: The share of the floor that a rotation has to reach on each server.
ROTATION = {"postgres": 0.75, "sqlite": 0.55, "mariadb": 0.75, "mysql": 0.7}


def rotation(bench: Bench, server: str, count: int, rounds: int) -> list[Result]:
    """Rows of an earlier run, against the same pages without safety."""
    kind = "mysql" if server == "mariadb" else server

    def prepare() -> Engine:
        engine = bench.engine(kind)
        data_key = fixtures.data_key_rows(engine, bench.folder)
        fixtures.insert(engine, fixtures.run_values(count, data_key))
        return engine

    floors: dict[str, Measure] = {"postgres": floor_on_postgres, "sqlite": floor_on_sqlite, "mysql": floor_on_mysql}
    seconds, least = alternately(rounds, prepare, seconds_of_ours, floors[kind])
    mine, bare = count / seconds, count / least
    print(f"{server}: {mine:,.0f} secrets/s, floor {bare:,.0f}", file=sys.stderr)  # noqa: T201
    return [Result(f"rotation on {server}, share of the floor", mine / bare, ROTATION[server], "higher")]


def manager_rotation(bench: Bench, count: int, rounds: int) -> list[Result]:
    """The same rows of the secrets manager, in AES-GCM, against the same floor as those of the classic store."""

    def managed() -> PostgresEngine:
        engine = PostgresEngine(bench.postgres.new_database())
        fixtures.manager_rows(engine, bench.folder, count)
        return engine

    def classic() -> Engine:
        engine = bench.engine("postgres")
        fixtures.insert(engine, fixtures.run_values(count, fixtures.data_key_rows(engine, bench.folder)))
        return engine

    pairs = [(seconds_of_manager(managed()), floor_on_postgres(classic())) for _ in range(rounds)]
    seconds, least = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"secrets manager: {count / seconds:,.0f} values/s, floor {count / least:,.0f}", file=sys.stderr)  # noqa: T201
    return [Result("rotation in the secrets manager on postgres, share of the floor", least / seconds, 0.4, "higher")]


def seconds_of_manager(engine: Engine) -> float:
    """The main pass of a rotation in the secrets manager."""
    clock = Clock()
    options = RunOptions(stores=StoreOptions("manager"), rotation=RotationOptions(fresh_data_key=True))
    (report,) = asyncio.run(in_stores(run_stores, settings_for(engine), options, emit=clock.listen))
    assert report.outcome == "done", report.as_json()
    return clock.seconds


def verification(bench: Bench, count: int) -> list[Result]:
    """`verify`, against the rotation of as many."""
    engine = bench.engine("postgres")
    data_key = fixtures.data_key_rows(engine, bench.folder)
    fixtures.insert(engine, fixtures.run_values(count, data_key))
    rotating = ours(engine).seconds
    since = time.perf_counter()
    report = asyncio.run(in_session(verify, settings_for(engine), RunOptions(target=TargetOptions(to="secretKey.v1"))))
    assert report.exit_code == 0
    return [Result("verify, times as fast as the rotation", rotating / (time.perf_counter() - since), 1.0, "higher")]


def grafanas_procedure(bench: Bench, count: int) -> list[Result]:
    """Row by row, two derivations for each, a transaction for each: what Grafana's own command does."""
    results = []
    for name, share, target in (("first migration", 1.0, 3.0), ("rotation", 10.0, 170.0)):
        engines = []
        for _ in range(2):
            engine = bench.engine("postgres")
            data_key = fixtures.data_key_rows(engine, bench.folder)
            number = round(count * share)
            legacy = name == "first migration"
            fixtures.insert(engine, fixtures.legacy_values(number) if legacy else fixtures.run_values(number, data_key))
            engines.append((engine, SECRET if legacy else data_key))
        mine = number / ours(engines[0][0]).seconds
        engine, password = engines[1]
        rows = min(number, 300)
        theirs = rows / run_in_thread(partial(row_by_row, engine, password, rows))
        results.append(Result(f"{name}, times as fast as Grafana's procedure", mine / theirs, target, "higher"))
    return results


async def row_by_row(engine: Engine, password: bytes, rows: int) -> float:
    """Seconds for so many rows."""
    connection = await connect(engine.url)
    found = await connection.fetch("SELECT id, value FROM secrets ORDER BY id LIMIT $1", rows)
    since = time.perf_counter()
    for row in found:
        parsed = envelopes.parse(gobase64.decode(row["value"].encode()))
        text = envelopes.decrypt(parsed, password, DerivedKeyCache())
        encryptor = Encryptor.create(
            key_id="other", password=b"f" * 16, algorithm=Algorithm.AES_CFB, salt=new_salt(), cache=DerivedKeyCache()
        )
        value = gobase64.encode(encryptor.encrypt(text), padded=False).decode()
        async with connection.transaction():
            await connection.execute("UPDATE secrets SET value = $1 WHERE id = $2", value, row["id"])
    seconds = time.perf_counter() - since
    await connection.close()
    return seconds


# A process of its own between us and the command: a child's largest size begins with that of whoever forks it.
def command(engine: Engine) -> tuple[float, float]:
    """The largest resident size of the real command in MB, and its seconds by its own report."""
    environment = {**os.environ, "GF_SECURITY_SECRET_KEY": fixtures.SECRET_KEY}
    line = [sys.executable, "-m", "reencrypt", "run", "--to", "secretKey.v1", "--fresh-data-key"]
    report, peak = peak_of([*line, "--database", engine.url, "--output", "json"], environment)
    return peak / MEGABYTE, json.loads(report)["seconds"]


def memory(bench: Bench, small: int, large: int) -> list[Result]:
    """The largest resident size of the real command, for few and for many secrets."""
    peaks = []
    for count in (small, large):
        engine = bench.engine("postgres")
        data_key = fixtures.data_key_rows(engine, bench.folder)
        fixtures.insert(engine, fixtures.run_values(count, data_key))
        peaks.append(command(engine)[0])
    return [
        Result("peak memory, MB", peaks[1], 150, "lower"),
        Result(f"… with {large:,} secrets, times that with {small:,}", peaks[1] / peaks[0], 1.15, "lower"),
    ]


def documents(bench: Bench, count: int) -> list[Result]:
    """Documents of 1 MiB: how many bytes of columns a second, by kind and against each other, and the memory."""
    results = []
    rates = {}
    for name in ("alerting documents", "snapshots"):
        engine = bench.engine("postgres")
        fixtures.document_rows(engine, bench.folder, name, count)
        peak, seconds = command(engine)
        rates[name] = count * 1.048576 / seconds
        results += [
            Result(f"{name} of 1 MiB, MB/s (reported)", rates[name], 0, "higher"),
            Result("… peak memory, MB", peak, 150, "lower"),
        ]
    share = rates["alerting documents"] / rates["snapshots"]
    return [*results, Result("alerting documents of 1 MiB, as a share of snapshots", share, 0.4, "higher")]


def scaling(bench: Bench, sizes: tuple[int, int]) -> list[Result]:
    """The exponent of time over number."""
    times = []
    for count in sizes:
        engine = bench.engine("postgres")
        data_key = fixtures.data_key_rows(engine, bench.folder)
        fixtures.insert(engine, fixtures.run_values(count, data_key))
        times.append(ours(engine).seconds)
    exponent = math.log(times[1] / times[0]) / math.log(sizes[1] / sizes[0])
    return [Result("scaling, exponent", exponent, 1.05, "lower")]


PRODUCTS: tuple[Product, ...] = ("mariadb", "mysql")


@contextmanager
def server_of(product: Product) -> Iterator[MysqlServer | None]:
    """A server of a product while the block runs, None where there is none."""
    server = MysqlServer(product=product) if available(product) else None
    try:
        yield server
    finally:
        if server is not None:
            server.stop()


def main() -> int:
    """Measure everything; `REENCRYPT_BENCH_SHARE=0.1` does it at a tenth of the size."""
    share = float(os.environ.get("REENCRYPT_BENCH_SHARE", "1"))

    def size(number: int) -> int:
        return max(1000, round(number * share))

    adapt_interpreter()  # as the command line does
    results: list[Result] = []
    postgres = PostgresServer()
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), postgres, None)
            results += memory(bench, size(10_000), size(1_000_000))
            results += documents(bench, max(20, round(200 * share)))
            results += migration(bench, size(40_000))
            results += on_simulated_threads(bench, size(40_000), seconds_of_ours)
            rounds = 5 if share == 1 else 3
            for kind in ("postgres", "sqlite"):
                results += rotation(bench, kind, size(200_000), rounds)
            for product in PRODUCTS:
                with server_of(product) as mysql:
                    if mysql is not None:
                        results += rotation(replace(bench, mysql=mysql), product, size(200_000), rounds)
            results += manager_rotation(bench, size(100_000), rounds)
            results += verification(bench, size(200_000))
            results += grafanas_procedure(bench, size(3000))
            results += scaling(bench, (size(100_000), size(1_000_000)))
    finally:
        postgres.stop()
    return publish("", results)
