"""Check before a commit that the server holds what the transaction has written.

A trigger or a rule can change, swallow or delete what is written, and a deferred one does so as late as at the commit.
So before the commit the server counts the rows that hold exactly what was sent. A trigger or rule on the journal is
refused, whatever it does. The count is left out only where the server's own catalogue shows, inside the transaction,
that there are no triggers and rules: to create one has to wait for the transaction's locks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import RAW
from reencrypt.catalogue.location import Field, Key, Location
from reencrypt.databases.protocol import Executor, RowUpdate, Value
from reencrypt.errors import ReencryptError, RefusedError, SchemaChangedError

Cells = tuple[bytes | None, ...]

#: It has no business with triggers: an entry that is not what was sent gives back something else, or nothing.
_JOURNAL: Final = "reencrypt_journal"


class _KeyTable:
    """A table of data keys: what a row of it must hold, and what the statements that write to it begin with.

    `row` is all that unwrapping needs, `wrapping` where only that was written. `parameters` give the key.
    """

    def __init__(self, table: str, key: tuple[str, ...], statements: str, parameters: tuple[str, ...]) -> None:
        self.row = _data_key_columns(table, key, "encrypted_data", "provider", "label")
        self.wrapping = _data_key_columns(table, key, "encrypted_data")
        self._parameters = parameters
        self.insert, self.rewrap, self.activate, self.deactivate, self.read = (
            f"{statements}_{action}" for action in ("insert", "rewrap", "activate", "deactivate", "read")
        )

    def found_by(self, parameters: Mapping[str, Value]) -> dict[str, str]:
        """The parameters that find the row."""
        return {name: str(parameters[name]) for name in self._parameters}

    def key_of(self, parameters: Mapping[str, Value]) -> Key:
        """The key of the row."""
        return tuple(self.found_by(parameters).values())


def _data_key_columns(table: str, key: tuple[str, ...], *columns: str) -> Location:
    fields = tuple(Field(column, WholeColumn(RAW)) for column in columns)
    return Location(f"{table} ({', '.join(columns)})", table, key, fields)


_KEY_TABLES: Final = (
    _KeyTable("data_keys", ("name",), "data_key", ("id",)),
    _KeyTable("secret_data_key", ("namespace", "uid"), "managed_key", ("namespace", "uid")),
)
_BY_STATEMENT: Final = {
    statement: each for each in _KEY_TABLES for statement in (each.insert, each.rewrap, each.activate, each.deactivate)
}


class Cause(NamedTuple):
    """A `trigger` or a `rule`, which may change a table's rows."""

    kind: str
    name: str
    table: str

    def __str__(self) -> str:
        """Name it in messages."""
        return f"the {self.kind} {self.name} on {self.table}"


@dataclass(frozen=True, slots=True)
class Causes:
    """The triggers and rules of some tables. `are_all`: this account sees all of them."""

    seen: Sequence[Cause]
    are_all: bool


class Server(Protocol):
    """Protocol of the queries that an engine's transaction answers."""

    async def causes(self, tables: Sequence[str]) -> Causes:
        """The triggers and rules of these tables that are not switched off."""
        ...

    async def fire_deferred(self) -> None:
        """Run now what the server has deferred until the commit."""
        ...

    async def count_holding(self, location: Location, rows: Mapping[Key, Cells]) -> int:
        """Count in the server how many of these rows hold exactly these bytes."""
        ...


@dataclass(slots=True)
class _Sent:
    """Writes to one location: the bytes that rows must hold, and those that rows were left with.

    `altered` counts rows that the server reports as changed, although they did not hold what was sent even then.
    """

    location: Location
    sent: dict[Key, Cells] = field(default_factory=dict)
    left: dict[Key, Cells] = field(default_factory=dict)
    altered: int = 0


@dataclass(slots=True)
class Written:
    """Writes of one transaction, by location."""

    _by_location: dict[str, _Sent] = field(default_factory=dict)

    def note_updates(self, location: Location, updates: Sequence[RowUpdate], lost: Sequence[Key], matched: int) -> None:
        """Note row updates: `lost` are those that did not happen, `matched` is the server's count of those that did."""
        sent = self._of(location)
        losers = set(lost)
        if not (losers or sent.left):
            # Nearly all pages, and each row of them costs.
            sent.sent.update((key, new) for key, _, new in updates)
        for update in updates if losers or sent.left else ():
            if update.key in losers:
                sent.left[update.key] = update.old
            else:
                sent.sent[update.key] = update.new
                sent.left.pop(update.key, None)
        sent.altered += max(0, matched - (len(updates) - len(losers)))

    def note_statement(self, statement: str, parameters: Mapping[str, Value], matched: int) -> None:
        """Note what a named statement sent to a table of data keys; others are ignored."""
        table = _BY_STATEMENT.get(statement)
        if table is None or statement == table.deactivate:
            return
        key, wrapped = table.key_of(parameters), _bytes(parameters["wrapped"])
        if statement == table.activate:
            if matched:
                self._of(table.wrapping).sent[key] = (wrapped,)
        elif matched or statement == table.insert:
            self._of(table.row).sent[key] = (wrapped, _bytes(parameters["provider"]), _bytes(parameters["label"]))
        else:
            self._of(table.wrapping).left[key] = (_bytes(parameters["old"]),)

    async def expect_deactivated(self, executor: Executor, statement: str, parameters: Mapping[str, Value]) -> None:
        """Note the present wrapping before the statement that sets a data key inactive, which names none."""
        table = _BY_STATEMENT.get(statement)
        if table is not None and statement == table.deactivate:
            for (wrapped,) in await executor.fetch(table.read, **table.found_by(parameters)):
                self._of(table.wrapping).sent[table.key_of(parameters)] = (_bytes(wrapped),)

    def _of(self, location: Location) -> _Sent:
        return self._by_location.setdefault(location.name, _Sent(location))

    async def check(self, server: Server) -> None:
        """Check that the server holds what was sent, after the last write and before the commit.

        Raises `RefusedError` where a row does not: nothing of the transaction may be committed then.
        """
        if not self._by_location:
            return
        causes = await server.causes(sorted({each.location.table for each in self._by_location.values()}))
        if on_journal := [each for each in causes.seen if each.table == _JOURNAL]:
            raise _journal_refusal(on_journal)
        if causes.are_all and not causes.seen and not any(each.altered for each in self._by_location.values()):
            return
        await server.fire_deferred()
        for each in self._by_location.values():
            wrong = each.altered + len(each.sent) - await server.count_holding(each.location, each.sent)
            if causes.seen:
                # A lost race leaves other bytes. Where the old ones are still there, the write was swallowed.
                wrong += await server.count_holding(each.location, each.left)
            if wrong > 0:
                raise _refusal(each.location.table, wrong, len(each.sent) + len(each.left), causes.seen)


async def blamed(location: Location, error: SchemaChangedError, read: Awaitable[object]) -> ReencryptError:
    """What a write means that says a table or column is missing; `read` reads the location again.

    Where that works, its own table is as it was: a trigger asks for something that is gone.
    """
    try:
        await read
    except ReencryptError:
        return error
    return RefusedError(
        f"{location.table}: a trigger on it asks for what is not there: {error.message}",
        hint="Nothing of this page was committed. Drop, disable or fix the trigger, then start again.",
    )


def _refusal(table: str, wrong: int, number: int, seen: Sequence[Cause]) -> RefusedError:
    who = " or ".join(map(str, seen)) or "a trigger that this account cannot see, or the server itself,"
    return RefusedError(
        f"{table}: {wrong} of {number} rows do not hold what was written to them: {who} changes it",
        hint="Nothing of this page was committed. Drop or disable what changes Grafana's secrets, or keep it off these "
        "columns, then start again.",
    )


def _journal_refusal(seen: Sequence[Cause]) -> RefusedError:
    return RefusedError(
        f"{_JOURNAL}: {' and '.join(map(str, seen))} may keep out, change or delete what undo needs",
        hint="Nothing of this page was committed. Drop or disable it, then start again.",
    )


def _bytes(value: Value) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return str(value).encode()
