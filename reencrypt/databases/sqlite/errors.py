"""Errors of an SQLite file: checked before opening, translated while working."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reencrypt.databases.meanings import (
    CHANGED,
    CONSTRAINT,
    LIMIT,
    NO_VALUE,
    OWN_FAULT,
    REFUSED,
    TRIGGER,
    VALUE,
    Meaning,
    OwnFault,
)
from reencrypt.errors import ConfigurationError, NotWritableError, ReencryptError, UnavailableError


class UnfinishedError(ConfigurationError):
    """A program died in the middle of a commit. A read needs its rollback, and only a writer can do that."""


class DatabaseLockedError(UnavailableError):
    """Another program held the file's lock for longer than SQLite's own handler waits."""

    code = "locked"


_LOCKED: Final = Meaning(
    DatabaseLockedError,
    "stayed locked by another program",
    "Wait until it is done, then start again; progress is saved.",
)
_UNFINISHED: Final = Meaning(
    UnfinishedError,
    "holds an unfinished commit of a program that died",
    "Run as the user that owns it, usually grafana, so that it can be rolled back.",
)
_READ_ONLY: Final = Meaning(
    ConfigurationError, "is read-only", "Run as the user that owns it, usually grafana; progress is saved."
)
_MOVED: Final = Meaning(
    UnavailableError,
    "was moved or replaced while it was open",
    "Start again when it is in its place; progress is saved in the file that was moved.",
)
_INACCESSIBLE: Final = Meaning(
    UnavailableError,
    "could not be accessed",
    "Check the disk's free space and the folder's permissions, then start again; progress is saved.",
)
_DAMAGED: Final = Meaning(
    ConfigurationError,
    "is damaged",
    "Repair it first (sqlite3 FILE .recover, or a backup); nothing was changed.",
)
_ENCODING: Final = Meaning(
    ConfigurationError,
    "holds a key or a name that is no UTF-8",
    "Find the row by that column and repair it, then start again; progress is saved.",
)
_EXTENSION: Final = Meaning(
    ConfigurationError,
    "needs an extension of SQLite that this program does not load",
    "Grafana itself needs none: drop what uses it, or take it out of the copy that you work on.",
)

#: By result code (https://sqlite.org/rescode.html); an extended one that is not here has the meaning of its code.
CODES: Final[Mapping[str, Meaning | OwnFault]] = {
    "SQLITE_ERROR_MISSING_COLLSEQ": _EXTENSION,
    "SQLITE_ERROR_SNAPSHOT": _LOCKED,
    "SQLITE_ERROR_RETRY": _LOCKED,
    "SQLITE_INTERNAL": _DAMAGED,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_ABORT": _INACCESSIBLE,
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_LOCKED_VTAB": _LOCKED,
    "SQLITE_NOMEM": _INACCESSIBLE,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_READONLY_DBMOVED": _MOVED,
    "SQLITE_READONLY_ROLLBACK": _UNFINISHED,
    "SQLITE_READONLY_RECOVERY": _UNFINISHED,
    "SQLITE_INTERRUPT": _INACCESSIBLE,
    "SQLITE_IOERR": _INACCESSIBLE,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTFOUND": OWN_FAULT,
    "SQLITE_FULL": _INACCESSIBLE,
    "SQLITE_CANTOPEN": _INACCESSIBLE,
    "SQLITE_PROTOCOL": _LOCKED,
    "SQLITE_SCHEMA": CHANGED,
    "SQLITE_TOOBIG": LIMIT,
    "SQLITE_CONSTRAINT": CONSTRAINT,
    "SQLITE_CONSTRAINT_DATATYPE": VALUE,
    "SQLITE_CONSTRAINT_FUNCTION": TRIGGER,
    "SQLITE_CONSTRAINT_NOTNULL": NO_VALUE,
    "SQLITE_CONSTRAINT_TRIGGER": TRIGGER,
    "SQLITE_CONSTRAINT_VTAB": TRIGGER,
    "SQLITE_MISMATCH": VALUE,
    "SQLITE_MISUSE": OWN_FAULT,
    "SQLITE_NOLFS": _INACCESSIBLE,
    "SQLITE_AUTH": REFUSED,
    "SQLITE_FORMAT": _DAMAGED,
    "SQLITE_RANGE": OWN_FAULT,
    "SQLITE_NOTADB": _DAMAGED,
}
#: What SQLITE_ERROR and the driver say only in words. Any other words of SQLITE_ERROR are those of the file's own code,
#: a trigger or an expression of a CHECK, an index or a generated column: a function fails on a value (`malformed JSON`,
#: `integer overflow`), or what it names has changed since. A statement of ours has only the last ones.
WORDS: Final = (
    ("fts5: ", TRIGGER),
    ("no such module", _EXTENSION),
    ("no such function", _EXTENSION),
    ("no such collation", _EXTENSION),
    ("unsafe use of", _EXTENSION),
    ("malformed database schema", _DAMAGED),
    ("unsupported file format", _DAMAGED),
    ("no such table", CHANGED),
    ("no such column", CHANGED),
    ("has no column named", CHANGED),
    ("no such index", CHANGED),
    ("Could not decode to UTF-8", _ENCODING),
    ("too many levels of trigger recursion", TRIGGER),
    ("cannot UPDATE generated column", VALUE),
    ("cannot INSERT into generated column", VALUE),
    ("attempt to write a readonly database", _READ_ONLY),
    ("syntax error", OWN_FAULT),
    ("incomplete input", OWN_FAULT),
    ("unrecognized token", OWN_FAULT),
    ("ambiguous column name", OWN_FAULT),
    ("misuse of ", OWN_FAULT),
    ("row value misused", OWN_FAULT),
    ("wrong number of arguments", OWN_FAULT),
    ("too many SQL variables", OWN_FAULT),
    ("within a transaction", OWN_FAULT),
    ("no transaction is active", OWN_FAULT),
)


def check_file(path: Path, *, write: bool) -> None:
    """Refuse a file that is missing, unreadable, foreign, or not writable where it has to be.

    Call it before this process has a connection to the file: see `check_writable`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            # Whoever opens a pipe may wait for ever.
            raise ConfigurationError(
                f"the database {path} is not a plain file", hint="Check [database] path. Or give --database."
            )
        with path.open("rb") as file:
            header = file.read(16)
    except FileNotFoundError:
        raise ConfigurationError(
            f"the database {path} does not exist", hint="Check [database] path and [paths] data. Or give --database."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"the database {path} cannot be read: {error.strerror}",
            hint="Run as the user that owns it, usually grafana.",
        ) from error
    if header and not header.startswith(b"SQLite format 3\0"):
        raise ConfigurationError(f"{path} is not an SQLite database", hint="Check [database] path. Or give --database.")
    if write:
        check_writable(path)


def check_writable(path: Path) -> None:
    """Refuse a file or folder that may not be written. It asks, and opens nothing.

    A process that closes a file gives up all POSIX locks that it has on it, also those of SQLite's open connections:
    others then write at the same time, or take a write-ahead log away that is still in use
    (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    unwritable = None
    # Sees an attribute and a file system that is read-only, too.
    if not os.access(path, os.W_OK):
        unwritable = f"the database {path}"
    if not os.access(path.parent, os.W_OK):
        # SQLite puts its journal beside the file.
        unwritable = unwritable or f"the folder {path.parent}"
    if unwritable:
        raise NotWritableError(
            f"{unwritable} is read-only for this user", hint="Run as the user that owns it, usually grafana."
        )


def damaged(path: Path, detail: str) -> ReencryptError:
    """The error for a file whose pages do not fit together."""
    return _DAMAGED.of(f"the database {path}", detail)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate the driver's errors in one place; the cause is kept."""
    try:
        yield
    except sqlite3.Error as error:
        meaning = meaning_of(error)
        if isinstance(meaning, OwnFault):
            raise
        raise meaning.of(f"the database {path}", _said(error)) from error


def meaning_of(error: sqlite3.Error) -> Meaning | OwnFault:
    """The meaning of an error, by its result code; the code of everything else says only in words what it means."""
    name = getattr(error, "sqlite_errorname", None) or ""
    if name in ("", "SQLITE_ERROR"):
        said = str(error)
        return next((meaning for words, meaning in WORDS if words in said), TRIGGER if name else OWN_FAULT)
    while name not in CODES and "_" in name:
        name = name.rpartition("_")[0]
    return CODES.get(name, REFUSED)


def _said(error: sqlite3.Error) -> str:
    # Behind these words the driver quotes the text itself.
    return str(error).partition(" with text ")[0]
