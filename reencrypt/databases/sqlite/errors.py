"""Errors of an SQLite file: checked before opening, translated while working."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reencrypt.errors import ConfigurationError, RefusedError, UnavailableError


class UnfinishedError(ConfigurationError):
    """A program died in the middle of a commit. A read needs its rollback, and only a writer can do that."""


class DatabaseLockedError(UnavailableError):
    """Another program held the file's lock for longer than SQLite's own handler waits."""

    code = "locked"


def check_file(path: Path, *, write: bool) -> None:
    """Refuse a file that is missing, unreadable, foreign, or not writable where it has to be."""
    try:
        with path.open("rb") as file:
            header = file.read(16)
    except FileNotFoundError:
        raise ConfigurationError(
            f"the database {path} does not exist", hint="Check [database] path and [paths] data, or give --database."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"the database {path} cannot be read: {error.strerror}",
            hint="Run as the user that owns it, usually grafana.",
        ) from error
    if header and not header.startswith(b"SQLite format 3\0"):
        raise ConfigurationError(f"{path} is not an SQLite database", hint="Check [database] path, or give --database.")
    for needed, what in ((path, "database"), (path.parent, "folder")):
        if write and not os.access(needed, os.W_OK):
            # The folder too, because SQLite puts its journal beside the file.
            raise ConfigurationError(
                f"the {what} {needed} is read-only for this user", hint="Run as the user that owns it, usually grafana."
            )


def damaged(path: Path, detail: str) -> ConfigurationError:
    """The error for a file whose pages do not fit together."""
    return ConfigurationError(
        f"the database {path} is damaged: {detail}",
        hint="Repair it first (sqlite3 FILE .recover, or a backup); nothing was changed.",
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate the driver's errors in one place; the cause is kept."""
    try:
        yield
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise DatabaseLockedError(
                f"the database {path} stayed locked by another program",
                hint="Wait until it is done, then start again; progress is saved.",
            ) from error
        if name in ("SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY"):
            raise UnfinishedError(
                f"the database {path} holds an unfinished commit of a program that died",
                hint="Run as the user that owns it, usually grafana, so that it can be rolled back.",
            ) from error
        if name.startswith("SQLITE_READONLY"):
            raise ConfigurationError(
                f"the database {path} is read-only", hint="Run as the user that owns it, usually grafana."
            ) from error
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")):
            raise UnavailableError(
                f"the database {path} could not be accessed: {error}",
                hint="Check the disk's free space and the folder's permissions, then start again; progress is saved.",
            ) from error
        raise
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name == "SQLITE_CONSTRAINT_TRIGGER":
            raise RefusedError(
                f"the database {path}: a trigger refuses what is written: {error}",
                hint="Nothing of this page was committed. Drop the trigger, then start again.",
            ) from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise damaged(path, str(error)) from error
        raise
