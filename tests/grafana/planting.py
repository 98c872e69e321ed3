"""The ground under the builder: a SQLite file with Grafana's schema, rows, and the secrets encrypted into them."""

from __future__ import annotations

import base64
import datetime as dt
import random
import re
import sqlite3
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tests.grafana.datakeys import SHAPE_DDL, DataKey, Shape
from tests.grafana.encrypting import Algorithm, Recipe, envelope, make_nonce, make_salt
from tests.grafana.jsonspans import member
from tests.grafana.jsontext import render
from tests.grafana.migration_log import FIRST_OF_DATA_KEYS, MIGRATION_IDS
from tests.grafana.schema import SQLITE, Table, create_statements

if TYPE_CHECKING:
    from pathlib import Path

    from tests.grafana.jsontext import Json, Style

SqlValue = str | int | bytes | None
Storage = Literal["text", "blob"]
Key = tuple[int | str, ...]
Place = tuple[str, Key, str]  # table, key, path
Encoding = Literal["padded", "unpadded", "bytes"]


@dataclass(frozen=True, slots=True)
class Plain:
    """A secret to plant: what it says, and how it is encrypted and encoded."""

    data: bytes
    under: DataKey | None = None  # None: under `secret_key` itself, as before envelopes
    algorithm: Algorithm | None = None  # None: the builder's
    bare: bool = False
    own_salt: bool = False  # Grafana's way; by default secrets of one key share a salt, which is quick
    odd_padding: bool = False  # base64 padded where it should not be, and the other way round


Secrets = Mapping[str, Plain | None]


@dataclass(frozen=True, slots=True)
class PlantedSecret:
    """One secret in the database: where it is and what it decrypts to, unless it was damaged."""

    table: str
    key: Key
    path: str  # the column, then the way into its JSON: `settings.config.servers[0].bind_password`
    plaintext: bytes
    under: DataKey | None
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """How a planted secret stands in its column, for damage."""

    payload: bytes
    encoding: Encoding
    stored: bytes
    style: Style | None = None  # of the JSON text around it
    prefix: str = ""


class Ground:
    """An open fixture database: what every location's builder needs."""

    def __init__(self, path: Path, *, secret_key: str, seed: int, algorithm: Algorithm, data_keys: Shape) -> None:
        self.secret_key = secret_key.encode()
        self.rng = random.Random(seed)
        self.algorithm = algorithm
        self.planted: list[PlantedSecret] = []
        self.spots: dict[Place, Spot] = {}
        self._salts: dict[bytes, bytes] = {}
        self._ids: Counter[str] = Counter()
        self._clock = dt.datetime(2025, 1, 31, 8, 0, 0, tzinfo=dt.UTC)
        self.exists = path.exists()
        self.connection = sqlite3.connect(path)
        # Nobody needs a fixture after a power failure.
        self.connection.execute("PRAGMA synchronous = OFF")
        if self.exists:
            return  # a Grafana that goes on writing
        for statement in (*create_statements(SQLITE), *SHAPE_DDL[data_keys]):
            self.connection.execute(statement)
        for log, migrations in MIGRATION_IDS.items():
            for migration in migrations:
                if data_keys == "none" and migration == FIRST_OF_DATA_KEYS:
                    break
                row: dict[str, SqlValue] = {
                    "migration_id": migration,
                    "sql": "-",
                    "success": 1,
                    "error": "",
                    "timestamp": self.now(),
                }
                self.insert(log, {"id": self.next_id(log), **row})

    def next_id(self, table: str, wanted: int | None = None) -> int:
        """Return `wanted`, or the table's next id, from 1 on."""
        if wanted is not None:
            return wanted
        if table not in self._ids:
            ((newest,),) = self.connection.execute(f"SELECT MAX(id) FROM `{table}`")  # noqa: S608 - one of our tables
            self._ids[table] = max(0, newest or 0)
        self._ids[table] += 1
        return self._ids[table]

    def now(self) -> str:
        """The time as xorm stores it, a few seconds later with every call."""
        self._clock += dt.timedelta(seconds=self.rng.randint(1, 90))
        return self._clock.strftime("%Y-%m-%d %H:%M:%S")

    def precise_now(self, days: int = 0) -> str:
        """The time as the SQLite driver stores a Go `time.Time`."""
        self.now()
        moment = self._clock + dt.timedelta(days=days)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{self.rng.randint(1, 999_999_999):09d}".rstrip("0") + "+00:00"

    def times(self) -> dict[str, SqlValue]:
        """The columns `created` and `updated`."""
        return {"created": self.now(), "updated": self.now()}

    def uid(self) -> str:
        """A short uid of a data source and the like."""
        return f"{self.rng.choice('abcdef')}{self.rng.getrandbits(52):013x}"

    def uuid(self) -> str:
        """A random UUID."""
        return str(uuid.UUID(bytes=self.rng.randbytes(16), version=4))

    def has(self, table: str, key: int) -> bool:
        """Whether the table has a row with that id."""
        select = f"SELECT 1 FROM `{table}` WHERE id = ?"  # noqa: S608 - names are our own
        return self.connection.execute(select, (key,)).fetchone() is not None

    def ensure(self, table: Table) -> None:
        """Make an optional table, where there is none yet."""
        if self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table.name,)).fetchone() is None:
            for statement in create_statements(SQLITE, [table]):
                self.connection.execute(statement)

    def insert(self, table: str, row: Mapping[str, SqlValue]) -> None:
        """Insert one row."""
        columns = ", ".join(f"`{column}`" for column in row)
        marks = ", ".join("?" * len(row))
        statement = f"INSERT INTO `{table}` ({columns}) VALUES ({marks})"  # noqa: S608 - names are our own
        self.connection.execute(statement, tuple(row.values()))

    def encrypt(self, plain: Plain) -> bytes:
        """Return the payload of `plain`, envelope included."""
        password = self.secret_key if plain.under is None else plain.under.dek
        algorithm = plain.algorithm or self.algorithm
        shared = self._salts.get(password)
        if plain.own_salt or shared is None:
            shared = make_salt(self.rng)
            self._salts.setdefault(password, shared)
        recipe = Recipe(algorithm, shared, make_nonce(algorithm, self.rng), bare=plain.bare)
        payload = recipe.encrypt(plain.data, password)
        return payload if plain.under is None else envelope(plain.under.key_id, payload)

    def plant(
        self,
        place: Place,
        plain: Plain,
        encoding: Encoding,
        *,
        style: Style | None = None,
        prefix: str = "",
    ) -> str:
        """Encrypt `plain`, record it as planted at `place`, and return the text to store there."""
        payload = self.encrypt(plain)
        if plain.odd_padding:
            encoding = "unpadded" if encoding == "padded" else "padded"
        spot = Spot(payload, encoding, b"", style, prefix)
        stored = in_column(spot, payload)
        self.spots[place] = Spot(payload, encoding, stored, style, prefix)
        self.planted.append(PlantedSecret(*place, plain.data, plain.under))
        return prefix + encode(payload, encoding)

    def plant_bytes(self, place: Place, plain: Plain | None) -> bytes | None:
        """Encrypt `plain` for a column that holds the payload as it is."""
        if plain is None:
            return None
        payload = self.encrypt(plain)
        self.spots[place] = Spot(payload, "bytes", payload)
        self.planted.append(PlantedSecret(*place, plain.data, plain.under))
        return payload

    def plant_each(
        self, place: Place, secrets: Secrets, encoding: Encoding, *, style: Style | None = None
    ) -> dict[str, str]:
        """Plant each secret below the path of `place`; what is None becomes an empty text."""
        table, key, path = place
        return {
            name: "" if plain is None else self.plant((table, key, member(path, name)), plain, encoding, style=style)
            for name, plain in secrets.items()
        }

    def plant_columns(self, table: str, key: Key, secrets: Secrets) -> dict[str, SqlValue]:
        """Plant secrets that are a column each, in padded base64; what is None becomes NULL."""
        return {
            name: None if plain is None else self.plant((table, key, name), plain, "padded")
            for name, plain in secrets.items()
        }

    def plant_map(self, place: Place, secrets: Secrets | None, style: Style, storage: Storage) -> SqlValue:
        """Plant a column that is a JSON object of secrets; None becomes NULL."""
        if secrets is None:
            return None
        texts: Json = {**self.plant_each(place, secrets, "padded", style=style)}
        return stored_as(render(texts, style), storage)

    def replace_stored(self, place: Place, old: bytes, new: bytes) -> None:
        """Put `new` where `old` stands in the column of `place`, keeping the storage class."""
        table, key, path = place
        column = re.split(r"[.\[]", path, maxsplit=1)[0]
        names = ("guid",) if table.startswith("resource") else ("section", "key") if table == "setting" else ("id",)
        where = " AND ".join(f"`{name}` = ?" for name in names)
        select = f"SELECT `{column}` FROM `{table}` WHERE {where}"  # noqa: S608 - names are our own
        (value,) = self.connection.execute(select, key).fetchone()
        data = value if isinstance(value, bytes) else value.encode()
        if data.count(old) != 1:
            raise ValueError(f"the secret at {place} is not where it was planted")
        data = data.replace(old, new)
        update = f"UPDATE `{table}` SET `{column}` = ? WHERE {where}"  # noqa: S608 - names are our own
        self.connection.execute(update, (data if isinstance(value, bytes) else data.decode(), *key))

    def copy_planted(self, source: tuple[str, Key], target: tuple[str, Key]) -> None:
        """Record in `target` what was planted in `source`, for a row that holds the same text."""
        for secret in [secret for secret in self.planted if (secret.table, secret.key) == source]:
            self.spots[*target, secret.path] = self.spots[*source, secret.path]
            self.planted.append(replace(secret, table=target[0], key=target[1]))


def stored_as(text: str | None, storage: Storage) -> SqlValue:
    """Return `text` as the driver binds a Go string, or a Go byte slice."""
    return text.encode() if text is not None and storage == "blob" else text


def encode(payload: bytes, encoding: Encoding) -> str:
    """Return the base64 text of a payload, padded or not."""
    text = base64.b64encode(payload).decode()
    return text if encoding == "padded" else text.rstrip("=")


def in_column(spot: Spot, payload: bytes, text: str | None = None) -> bytes:
    """Return `payload` (or `text` in its place) exactly as it would stand in its column's bytes."""
    if spot.encoding == "bytes":
        return payload
    value = spot.prefix + (encode(payload, spot.encoding) if text is None else text)
    return render(value, spot.style).strip().encode() if spot.style else value.encode()
