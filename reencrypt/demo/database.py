"""Builds the demonstration's Grafana database on SQLite: secrets in every location, one of them damaged."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from reencrypt.demo import schema, sealing
from reencrypt.demo.rows import WRITERS, SqlValue
from reencrypt.demo.schema import Column, Table
from reencrypt.demo.sealing import Keys, Pen, Tally

#: The damaged secret. Its location is the first that a run comes to, so it is found before the interruption.
DAMAGED_TABLE: Final = "dashboard_snapshot"
DAMAGED_ID: Final = 2

_NOW: Final = "2025-01-31 08:00:00"
_FILLERS: Final[Mapping[str, SqlValue]] = {
    "bigint": 0,
    "int": 0,
    "bool": 0,
    "datetime": _NOW,
    "blob": b"",
    "mediumblob": b"",
}


@dataclass(frozen=True, slots=True, repr=False)
class Built:
    """What is in the new database; `secret_key` is what its Grafana would be configured with."""

    secret_key: str
    secrets: int
    legacy: int
    data_key_id: str

    def __repr__(self) -> str:
        return f"Built(secrets={self.secrets}, legacy={self.legacy})"


def build(path: Path, wanted: int) -> Built:
    """Create the database with `wanted` secrets, or as many more as complete the last round of rows."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in schema.create_statements("sqlite"):
            connection.execute(statement)
        sheet = _Sheet(connection, Keys(wanted * 2 // 5))
        sheet.insert(schema.ORG, {"name": "Main Org."})
        sheet.insert_data_key()
        for number in count():
            for write, rounds in WRITERS:
                if number % rounds == 0:
                    write(sheet, number)
            if sheet.written.secrets >= wanted:
                break
        sheet.damage()
        connection.commit()
    keys, written = sheet.keys, sheet.written
    return Built(keys.secret_key, written.secrets, written.legacy, keys.data_key_id)


class _Sheet:
    """An open database that is being filled."""

    def __init__(self, connection: sqlite3.Connection, keys: Keys) -> None:
        self.keys = keys
        self._connection = connection
        self._turns: Counter[str] = Counter()
        self._pens: list[Pen] = []
        self._copied = Tally()

    @property
    def written(self) -> Tally:
        """All that was written so far."""
        tallies = (self._copied, *(pen.tally for pen in self._pens))
        return Tally(sum(each.secrets for each in tallies), sum(each.legacy for each in tallies))

    def pen(self, table: Table) -> Pen:
        """A pen for the table's next row: the ages take turns."""
        self._turns[table.name] += 1
        return self._hand_out(sealing.pen(self.keys, self._turns[table.name] - 1))

    def legacy_pen(self) -> Pen:
        """A pen for a place that never knows a data key."""
        return self._hand_out(sealing.legacy_pen(self.keys))

    def _hand_out(self, pen: Pen) -> Pen:
        self._pens.append(pen)
        return pen

    def count(self, tally: Tally) -> None:
        """Count copies."""
        self._copied.secrets += tally.secrets
        self._copied.legacy += tally.legacy

    def insert(self, table: Table, values: Mapping[str, SqlValue]) -> None:
        """Insert a row, with what Grafana would put into the columns that are not given."""
        columns = [column for column in table.columns if column.type != "id"]
        names = ", ".join(schema.quote(column.name, "sqlite") for column in columns)
        marks = ", ".join("?" * len(columns))
        self._connection.execute(
            f"INSERT INTO {schema.quote(table.name, 'sqlite')} ({names}) VALUES ({marks})",  # noqa: S608 - our schema
            [values[column.name] if column.name in values else _filler(column) for column in columns],
        )

    def insert_data_key(self) -> None:
        """The data key of one day, as Grafana made it."""
        provider = "secretKey.v1"
        row: dict[str, SqlValue] = {"name": self.keys.data_key_id, "active": 1, "scope": "root", "provider": provider}
        label = f"{_NOW[:10]}/root@{provider}"
        self.insert(schema.DATA_KEYS, {**row, "encrypted_data": self.keys.wrapped, "label": label})

    def damage(self) -> None:
        """Cut one secret off within its header: no key can read it, and nothing about any key follows from it."""
        self._connection.execute(
            f"UPDATE {DAMAGED_TABLE} SET dashboard_encrypted = ? WHERE id = ?",  # noqa: S608 - a constant
            (self.keys.truncated_envelope(), DAMAGED_ID),
        )


def _filler(column: Column) -> SqlValue:
    if column.default is not None:
        return int(column.default) if isinstance(column.default, bool) else column.default
    return None if column.null else _FILLERS.get(column.type, "")
