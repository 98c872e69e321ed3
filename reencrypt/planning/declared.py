"""Declared locations: what the user's file says, what earlier runs have saved, and what is in force together.

A run saves the declarations before its first page, so that every later command knows them without the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reencrypt.catalogue.declaration import Declaration, read_entry, read_stored
from reencrypt.catalogue.location import Location
from reencrypt.catalogue.store_name import StoreName
from reencrypt.catalogue.stores import STORE_OF, STORES
from reencrypt.databases.column_types import ColumnUse, Role
from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.databases.statements import DECLARED_TABLE, OUR_TABLES, STATE_TABLES
from reencrypt.errors import ConfigurationError, DeclarationError
from reencrypt.settings.files import read_text
from reencrypt.state.damaged import read_back
from reencrypt.state.declared import forget_declared, read_declared, read_undoable, save_declared
from reencrypt.state.lease import Lease

_HINT: Final = "--locations names a file in TOML with an entry [[location]] for each column; see docs/runbook.md."
_LISTS: Final = ("location", "forget")
#: What else a checkpoint is for, by the names that it has there in place of a location's.
_TAKEN: Final = frozenset(("data_keys", "journal"))
_PLACES: Final = tuple(each for store in STORES.values() for each in (*store.locations, *store.unread))
#: The columns that a location of the catalogue reads or writes, by table.
_CATALOGUE: Final[Mapping[str, frozenset[str]]] = {
    table: frozenset(
        column
        for location in _PLACES
        if location.table == table
        for column in (*location.stored, *location.key, *location.only, *location.extras)
    )
    for table in {location.table for location in _PLACES}
}
#: The columns that a run writes there.
_WRITTEN: Final = frozenset(
    (location.table, column) for location in _PLACES for column in (*location.stored, location.updated or "")
)
_RESERVED: Final = frozenset((*OUR_TABLES, *(store.data_keys for store in STORES.values())))


@dataclass(frozen=True, slots=True)
class LocationsFile:
    """What the user's file says: locations to look at, and names of saved ones to forget. `origin` is its path."""

    declarations: tuple[Declaration, ...] = ()
    forget: tuple[str, ...] = ()
    origin: str = ""


NO_FILE: Final = LocationsFile()


@dataclass(frozen=True, slots=True)
class Declared:
    """The declarations in force, and what the next run has to do about those that are saved.

    `unsaved` are new, or take the place of others of their name; `dropped` are the saved ones that give way.
    """

    file: LocationsFile = NO_FILE
    declarations: tuple[Declaration, ...] = ()
    unsaved: tuple[Declaration, ...] = ()
    dropped: tuple[Declaration, ...] = ()

    def of(self, store: StoreName) -> tuple[Location, ...]:
        """Return those of a store as locations."""
        return tuple(each.location() for each in self.declarations if each.store is store)

    @property
    def forgotten(self) -> tuple[Declaration, ...]:
        """The saved ones whose name nothing has any more. What takes another's name forgets that itself."""
        names = {each.name for each in self.declarations}
        return tuple(each for each in self.dropped if each.name not in names)

    def has_changes(self, store: StoreName) -> bool:
        """Whether a run in the store has any to save or to forget."""
        return any(each.store is store for each in (*self.unsaved, *self.forgotten))

    @property
    def tables(self) -> frozenset[str]:
        """Their tables."""
        return frozenset(each.table for each in self.declarations)


def read_file(path: Path | None) -> LocationsFile:
    """Read the user's file; without one nothing is said.

    Raises `DeclarationError` with the place of the first wrong entry, what is wrong, and what is allowed.
    """
    if path is None:
        return NO_FILE
    import tomllib  # noqa: PLC0415 - most Grafanas need no such file

    text = read_text(path, "the file of --locations", _HINT).removeprefix("\ufeff")
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number or a nesting without end"
        raise DeclarationError(f"{path} is not TOML: {detail}", hint=_HINT) from None
    return parse_file(content, str(path))


def parse_file(content: Mapping[str, object], origin: str) -> LocationsFile:
    """Read the content of the user's file; see `read_file`."""
    for key in content:
        if key not in _LISTS:
            raise DeclarationError(
                f"{origin}: there is no key {key!r} at the top", hint=f"{_HINT} And forget = [NAME]."
            )
    entries, forget = (content.get(key, []) for key in _LISTS)
    if not isinstance(entries, list):
        raise DeclarationError(f"{origin}: location is no list", hint="Begin each entry with a line [[location]].")
    if not (isinstance(forget, list) and all(isinstance(each, str) for each in forget)):
        raise DeclarationError(
            f"{origin}: forget is no list of names", hint='Write forget = ["my_plugin"], for example.'
        )
    declarations = tuple(read_entry(each, f"{origin}: entry {number}") for number, each in enumerate(entries, 1))
    numbers: dict[str, int] = {}
    for number, each in enumerate(declarations, 1):
        where = f"{origin}: entry {number} ({each.name})"
        _check_alone(each, where)
        if (other := numbers.setdefault(each.name, number)) != number:
            raise DeclarationError(
                f"{where}: name: entry {other} has it too", hint="Each name stands once: reports know a location by it."
            )
        if each.name in forget:
            raise DeclarationError(f"{where}: name: forget has it too", hint="Declare a location, or forget it.")
    _check_places(declarations, origin)
    return LocationsFile(declarations, tuple(forget), origin)


def _check_alone(declared: Declaration, where: str) -> None:
    """Refuse what belongs to the catalogue or to this program."""
    if declared.name in STORE_OF or declared.name in _TAKEN:
        raise DeclarationError(f"{where}: name: {declared.name} is taken", hint="Give the location another name.")
    if declared.table in _RESERVED:
        whose = "reencrypt's own" if declared.table in OUR_TABLES else "a table of data keys, which `rewrap` is for"
        raise DeclarationError(f"{where}: table: {declared.table} is {whose}", hint="Declare tables of others.")
    if _is_known(declared):
        raise DeclarationError(
            f"{where}: column: the catalogue reads {declared.table}.{declared.column} itself",
            hint="Leave the entry out: every command knows this column.",
        )
    for column in declared.fixed:
        if (declared.table, column) in _WRITTEN:
            raise DeclarationError(
                f"{where}: key: {declared.table}.{column} changes with a run",
                hint="Name columns that stay as they are.",
            )
    if declared.updated in _CATALOGUE.get(declared.table, ()):
        raise DeclarationError(
            f"{where}: updated: {declared.table}.{declared.updated} is no timestamp: the catalogue reads it",
            hint="updated is a column with a timestamp, which is set with each rewrite.",
        )


def _is_known(declared: Declaration) -> bool:
    """Whether the catalogue reads the column."""
    return declared.column in _CATALOGUE.get(declared.table, ())


def _check_places(declarations: Sequence[Declaration], origin: str) -> None:
    """Refuse two declarations of one column: a page of one would be rewritten by the other."""
    places: dict[tuple[str, str], Declaration] = {each.place: each for each in reversed(declarations)}
    for each in declarations:
        if each.updated is not None and (other := places.get((each.table, each.updated))) is not None:
            raise DeclarationError(
                f"{origin}: {each.name} sets {each.table}.{each.updated}, in which {other.name} has secrets",
                hint="updated is a column with a timestamp, which is set with each rewrite.",
            )
        for column in each.fixed:
            if (other := places.get((each.table, column))) is not None:
                raise DeclarationError(
                    f"{origin}: {each.name} finds rows by {each.table}.{column}, in which {other.name} has secrets",
                    hint="Name columns that stay as they are.",
                )
        if (other := places[each.place]) is not each:
            raise DeclarationError(
                f"{origin}: {each.name} and {other.name} both declare {'.'.join(each.place)}",
                hint="Declare a column once. `path` may be a list of several paths; forget = [NAME] drops a saved one.",
            )


async def find_declared(
    database: Database, columns: Mapping[str, frozenset[str]], file: LocationsFile
) -> tuple[Declared, list[ConfigurationError]]:
    """Bring the file and what runs have saved together; returns what is in force, and what is wrong with it.

    `columns` is what `Database.columns` shows. Raises `DamagedStateError` for what no run has saved like that.
    """
    stored = await _stored(database) if DECLARED_TABLE in columns else {}
    found: list[ConfigurationError] = []
    given = {each.name: each for each in file.declarations}
    unsaved = [each for name, each in given.items() if name not in stored or stored[name].as_json() != each.as_json()]
    dropped = [stored[each.name] for each in unsaved if each.name in stored]
    dropped += [stored[name] for name in file.forget if name in stored]
    if set(columns) >= set(STATE_TABLES):
        found += [
            _still_needed(each, given.get(each.name), runs, file.origin)
            for each in dropped
            if (runs := await read_undoable(database, *each.place))
        ]
    for each in file.declarations:
        found += _missing(database, each, columns, file.origin)
    found += await _no_moments(database, columns, file)
    # A later version of the catalogue may know a column that was declared under an earlier one.
    kept = {name: each for name, each in stored.items() if name not in file.forget and not _is_known(each)}
    found += [
        DeclarationError(
            f"{DECLARED_TABLE}: {name} is the name of a location of the catalogue now",
            hint=f'Give --locations a file with forget = ["{name}"] and the same location under another name.',
        )
        for name in kept
        if name in STORE_OF
    ]
    declarations = tuple((kept | given).values())
    try:
        _check_places(declarations, file.origin or "the saved declarations")
    except DeclarationError as error:
        found.append(error)
    return Declared(file, declarations, tuple(unsaved), tuple(dropped)), found


async def _stored(database: Database) -> dict[str, Declaration]:
    found = {}
    for name, text in (await read_declared(database)).items():
        with read_back(f"the declaration of {name} in {DECLARED_TABLE}"):
            declared = read_stored(text)
            if declared.name != name:
                raise ValueError("another name")
        found[name] = declared
    return found


def _still_needed(saved: Declaration, given: Declaration | None, runs: Sequence[str], origin: str) -> DeclarationError:
    what = f"declares it as {given.as_json()}" if given else "wants to forget it"
    return DeclarationError(
        f"{origin}: {saved.name} was saved as {saved.as_json()}, and the file {what}, while {', '.join(runs)} can "
        "still be undone and needs it as it was",
        hint=f"First `reencrypt undo {runs[-1]}`, or drop the journal with `reencrypt complete --finish`. "
        f"Else leave {saved.name} as it was.",
    )


def _missing(
    database: Database, declared: Declaration, columns: Mapping[str, frozenset[str]], origin: str
) -> Iterable[DeclarationError]:
    """What the file names and the database lacks. Something saved may be gone: that is named, as for the catalogue."""
    if (keys := STORES[declared.store].data_keys) not in columns and declared.store is StoreName.MANAGER:
        yield _without_keys(declared, origin, f"{database.name} has no secrets manager (no table {keys})")
    present = columns.get(declared.table)
    if present is None:
        yield DeclarationError(
            f"{origin}: {declared.name}: table: {database.name} has no table {declared.table}",
            hint="Write it exactly as the database has it, capital letters included; it has to be in Grafana's own "
            "schema, a plain table, and visible to this account.",
        )
        return
    for column in declared.columns:
        if column not in present:
            yield DeclarationError(
                f"{origin}: {declared.name}: {declared.table} has no column {column}",
                hint=f"It has {', '.join(sorted(present))}.",
            )


def refuse_remote(file: LocationsFile, why: str) -> None:
    """Refuse declarations of a secrets manager that another service keeps, as `why` says."""
    for each in file.declarations:
        if each.store is StoreName.MANAGER:
            raise _without_keys(each, file.origin, why)


def _without_keys(declared: Declaration, origin: str, why: str) -> DeclarationError:
    return DeclarationError(
        f"{origin}: {declared.name}: store: {why}, so that the data keys of {declared.store.in_words} cannot be found",
        hint=f'If the classic store\'s data keys encrypt it, write store = "{StoreName.CLASSIC}"; else leave the entry '
        "out.",
    )


async def _no_moments(
    database: Database, columns: Mapping[str, frozenset[str]], file: LocationsFile
) -> list[DeclarationError]:
    """The columns that the file names for a timestamp, and that hold something else, such as a number of seconds."""
    named = {
        ColumnUse(each.table, each.updated, Role.STAMP): each.name
        for each in file.declarations
        if each.updated is not None and each.updated in columns.get(each.table, ())
    }
    if not named:
        return []
    return [
        DeclarationError(
            f"{file.origin}: {named[ColumnUse(each.table, each.column, Role.STAMP)]}: updated: "
            f"{each.table}.{each.column} has the type {each.found}, and what reads it would find a timestamp there",
            hint=f"Leave updated out: the column then stays as it is. Only {' and '.join(each.expected)} can be set.",
        )
        for each in await database.unfit_columns(list(named))
    ]


async def save_changes(database: Database, lease: Lease, run_id: str, declared: Declared, store: StoreName) -> None:
    """Save what is new in a store, and forget what gives way. The state tables must exist.

    What has moved to another store is the other's alone: it may have saved it, and worked on it, already.
    """
    if not declared.has_changes(store):
        return
    gone = [each.name for each in declared.forgotten if each.store is store]
    new = [each for each in declared.unsaved if each.store is store]
    dropped = {each.name for each in declared.dropped}

    async def body(transaction: Transaction) -> None:
        await lease.check(transaction)
        for name in (*gone, *(each.name for each in new if each.name in dropped)):
            await forget_declared(transaction, name)
        for each in new:
            await save_declared(transaction, run_id, each.name, each.as_json())

    await retry_transaction(database, body)
