"""The database of a running Grafana that saves while a run is at work, inside the test's process."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from reencrypt.catalogue.location import Key
from reencrypt.operations.report import RunReport
from reencrypt.planning.options import RunOptions, SafetyOptions, ScopeOptions, TargetOptions, TrustOptions
from reencrypt.settings import Settings, load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import DecryptedSecret, SecretAddress, read_secrets
from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.manager_decryptor import read_manager
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.inprocess import run_in_process
from tests.support.story import CLASSIC, MANAGER, SECTIONS, StoryStore, manager_configuration

SECRET_KEY = "the secret_key of this test"
ROWS, LATER = 300, 20

#: What Grafana puts into the secret columns of a row.
Saved = tuple[object, ...]


@dataclass(frozen=True)
class Places:
    """Where the secrets of a store are in these tests: many rows in one location, and some in one that comes later.
    `last` is the location at the end.

    `columns` are those that a save changes, `key` those that a row is known by, and `row` gives the key of the row
    with a number. `insert` has the columns of the key, then those of the secret.
    `damaged` is a column to damage where `row_column` tells the row; `key_column` has the ids of the data keys.
    """

    first: str
    later: str
    last: str
    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    row: Callable[[int], Key]
    insert: str
    before: Callable[[int], Key]
    behind: Callable[[int], Key]
    target: str
    trust: TrustOptions
    cache: str
    damaged: str
    row_column: str
    key_column: str

    @property
    def where(self) -> str:
        """The condition that finds a row by its key."""
        return " AND ".join(f"{name} = ?" for name in self.key)


PLACES: Final = {
    CLASSIC.name: Places(
        "user_auth",
        "secrets",
        "secrets",
        "user_auth",
        ("o_auth_access_token",),
        ("id",),
        lambda number: (number,),
        "INSERT INTO user_auth (id, o_auth_access_token, user_id, auth_module, auth_id, created) "
        "VALUES (?, ?, 1, 'm', 'a', '2026-01-01 00:00:00')",
        lambda number: (-1000 - number,),
        lambda number: (5000 + number,),
        "secretKey.v1",
        TrustOptions(),
        "GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL",
        "o_auth_access_token",
        "id",
        "name",
    ),
    MANAGER.name: Places(
        "secret_encrypted_value",
        "resource_snapshots",
        "resource_history_snapshots",
        "secret_encrypted_value",
        ("encrypted_data", "data_key_id"),
        ("namespace", "name", "version"),
        lambda number: ("default", f"inline-{number:05}", 1),
        "INSERT INTO secret_encrypted_value (namespace, name, version, encrypted_data, data_key_id, created, updated) "
        "VALUES (?, ?, ?, ?, ?, 1769904000, 1769904000)",
        lambda number: ("default", f"before-{number:05}", 1),
        lambda number: ("default", f"later-{number:05}", 1),
        "secret_key.v2",
        # Grafana has wrapped nothing there.
        TrustOptions(accept_unproven=frozenset({"secret_key.v2"})),
        "GF_SECRETS_MANAGER_DATA_KEYS_CACHE_TTL",
        "encrypted_data",
        "name",
        "uid",
    ),
}


class Grafana:
    """The database of a running Grafana, and what it does meanwhile to the secrets of one store."""

    def __init__(
        self, engine: Engine, scratch: Path, monkeypatch: pytest.MonkeyPatch, store: StoryStore = CLASSIC
    ) -> None:
        self.engine = engine
        self.store = store
        self.places = PLACES[store.name]
        self._scratch = scratch
        self.monkeypatch = monkeypatch
        self.config: Path | None = None
        if store is MANAGER:
            self.config = scratch.with_name("manager.ini")
            self.config.write_text(manager_configuration(lines="data_keys_cache_ttl = 15m"))
        with self.builder() as builder:
            self.saves = self._fill_manager(builder) if store is MANAGER else self._fill_classic(builder)

    @staticmethod
    def _fill_classic(builder: GrafanaBuilder) -> list[Saved]:
        for number in range(ROWS):
            builder.add_user_auth({"o_auth_access_token": Plain(f"the token number {number}".encode())})
        for number in range(LATER):
            builder.add_secret(Plain(b'{"number":"%d"}' % number))
        return [(base64_of(builder.encrypt(Plain(text))),) for text in TEXTS]

    @staticmethod
    def _fill_manager(builder: GrafanaBuilder) -> list[Saved]:
        manager = SecretsManagerBuilder(builder, sections=SECTIONS)
        key = manager.data_key()
        for number in range(1, ROWS + 1):
            manager.add_value(key, f"the token number {number}".encode(), name=f"inline-{number:05}")
        for number in range(LATER):
            manager.add_snapshot(key, b'{"number":"%d"}' % number)
        return [(manager.encrypt(text, key), key.uid) for text in TEXTS]

    @contextmanager
    def builder(self, *, seed: int = 0) -> Iterator[GrafanaBuilder]:
        scratch = self.judged() if self._scratch.exists() else self._scratch
        with GrafanaBuilder(scratch, secret_key=SECRET_KEY, seed=seed) as builder:
            yield builder
        self.engine.load(self._scratch)

    def judged(self) -> Path:
        """The database as it is now, as an SQLite file."""
        if self.engine.kind != "sqlite":
            self._scratch.unlink()
            self.engine.dump(self._scratch)
        return self._scratch

    def execute(self, sql: str, *values: object) -> int:
        return self.engine.execute(sql, *values)

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        return self.engine.query(sql, *values)

    def save(self, key: Sequence[object], number: int) -> int:
        """Write over a row, with one of `TEXTS`; returns the rows that it changed."""
        columns = ", ".join(f"{name} = ?" for name in self.places.columns)
        update = f"UPDATE {self.places.table} SET {columns} WHERE {self.places.where}"  # noqa: S608 - our own names
        return self.execute(update, *self.saves[number], *key)

    def insert(self, key: Sequence[object], number: int) -> None:
        """Add a row with one of `TEXTS`."""
        self.execute(self.places.insert, *key, *self.saves[number])

    def delete(self, key: Sequence[object]) -> int:
        """Delete a row; returns the rows that it changed."""
        return self.execute(f"DELETE FROM {self.places.table} WHERE {self.places.where}", *key)  # noqa: S608 - the same

    def stored(self, key: Sequence[object]) -> Saved:
        """What a row holds."""
        columns = ", ".join(self.places.columns)
        select = f"SELECT {columns} FROM {self.places.table} WHERE {self.places.where}"  # noqa: S608 - the same
        (row,) = self.query(select, *key)
        return row

    def add_more(self) -> int:
        """Add one more secret in the first location of the store."""
        key = ("default", "one-more", 1) if self.store is MANAGER else (999,)
        self.insert(key, 0)
        return 1

    def grow(self) -> None:
        """Add 300 secrets, in every place of the store."""
        with self.builder(seed=1) as builder:
            if self.store is MANAGER:
                manager = SecretsManagerBuilder(builder, sections=SECTIONS)
                key = manager.data_key("org-2")
                for number in range(300):
                    manager.add_value(key, b"one of many %d" % number, split=bool(number % 2))
            else:
                populate(builder, count=300, under=[None], own_salts=False)

    def set_all_inactive(self) -> None:
        """Grafana's own rotation of data keys."""
        self.execute(f"UPDATE {self.store.keys} SET active = ?", False)  # noqa: FBT003, S608 - the same

    def target_keys(self) -> list[object]:
        """The ids of the data keys under the target."""
        select = f"SELECT {self.places.key_column} FROM {self.store.keys} WHERE provider = ?"  # noqa: S608 - the same
        return [key_id for (key_id,) in self.query(select, self.places.target)]

    def secrets(self) -> dict[SecretAddress, DecryptedSecret]:
        if self.store is MANAGER:
            return read_manager(self.judged(), sections=SECTIONS)
        return read_secrets(self.judged(), secret_key=SECRET_KEY)

    def plaintexts(self) -> list[bytes | None]:
        return [each.plaintext for each in self.secrets().values()]

    def off_target(self) -> int:
        return sum(each.provider != self.places.target for each in self.secrets().values())

    def options(self, scope: ScopeOptions | None = None, safety: SafetyOptions | None = None) -> RunOptions:
        """Options of a run to the target."""
        return RunOptions(
            target=TargetOptions(to=self.places.target),
            trust=self.places.trust,
            scope=scope or ScopeOptions(),
            safety=safety or SafetyOptions(),
        )

    def settings(self) -> Settings:
        """Grafana's configuration."""
        environ = {"GF_SECURITY_SECRET_KEY": SECRET_KEY}
        return load_settings(config=self.config, home=None, database_url=self.engine.url, environ=environ)

    async def run(self, **hooks: object) -> RunReport:
        return await run_in_process(
            self.engine.url,
            SECRET_KEY,
            self.monkeypatch,
            **{"options": self.options(), **hooks},  # type: ignore[arg-type]
            store=self.store.name,
            config=self.config,
        )


#: What Grafana saves meanwhile.
TEXTS: Final = [f"written meanwhile {number}".encode() for number in range(50)]


def base64_of(ciphertext: bytes) -> str:
    """As a column holds it."""
    return base64.b64encode(ciphertext).decode()
