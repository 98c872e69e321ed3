"""Reads the journal of a run for its undo: entries, newest first, and the secrets that each of them changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from reencrypt.catalogue.encoding import BesideKeyId
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import FoundSecret, secrets_of
from reencrypt.state.journal import JournalEntry, digest
from reencrypt.state.quarantine import Place

#: How a value of the secrets manager begins that has the id of its data key before it.
_UNSPLIT: Final = b"#"
#: How a joined cell begins whose column for that id is empty.
_NO_KEY_ID: Final = b"\0"


class UndoSkipReason(StrEnum):
    """Why a column, or the wrapping of a data key, stays as it is."""

    ROW_GONE = "row_gone"
    CHANGED_SINCE = "changed_since"
    OF_LATER_RUN = "written_by_a_later_run"
    NO_LOCATION = "table_unknown"
    DIFFERS = "secrets_differ"
    OLD_UNREADABLE = "old_bytes_unreadable"
    OLD_IMPLAUSIBLE = "old_plaintext_implausible"
    OLD_UNPROVEN = "old_key_unproven"
    SECRET_KEY_CHANGED = "secret_key_changed_since"  # noqa: S105 - a reason, not a secret
    PRESENT_UNREADABLE = "present_unreadable"
    UNDER_BOTH = "secrets_under_both_wrappings"


#: The remedy for each, shown with it.
REMEDY: Final[Mapping[UndoSkipReason, str]] = {
    UndoSkipReason.ROW_GONE: "the row was deleted since the run: nothing to do",
    UndoSkipReason.CHANGED_SINCE: "something else was saved there since the run, and stays: nothing to do",
    UndoSkipReason.OF_LATER_RUN: "a later run wrote it, whose own undo had to keep it: undo that run again first",
    UndoSkipReason.NO_LOCATION: (
        "nobody knows this column now: undo again with the `--locations` that the run had, or with the version that ran"
    ),
    UndoSkipReason.DIFFERS: "the old text holds other secrets than the present one: use the version that ran",
    UndoSkipReason.OLD_UNREADABLE: (
        "the old bytes do not decrypt: bring the old data key or its provider back, then undo again"
    ),
    UndoSkipReason.OLD_IMPLAUSIBLE: (
        "the old key yields what Grafana does not store there: check secret_key, then undo again"
    ),
    UndoSkipReason.OLD_UNPROVEN: (
        "too little was under the old key to prove it: undo again when the present value can be read"
    ),
    UndoSkipReason.SECRET_KEY_CHANGED: (
        "secret_key was changed after the run, and the old value says something else than the present one: "
        "save the setting again in Grafana"
    ),
    UndoSkipReason.PRESENT_UNREADABLE: (
        "the present value cannot be read, and the old one alone does not prove itself: bring the present key"
        " back, then undo again"
    ),
    UndoSkipReason.UNDER_BOTH: (
        "Grafana saved the secrets named `present` under the present wrapping: note what they say, delete "
        "them, undo again, and save them once more"
    ),
}

#: Reasons that nothing removes: an undo that met no others is finished.
FINAL: Final = frozenset((UndoSkipReason.ROW_GONE, UndoSkipReason.CHANGED_SINCE))


@dataclass(frozen=True, slots=True)
class SkippedColumn:
    """A column that stays as it is; `location` is empty where no location has it, as of a wrapping."""

    table: str
    row_key: str
    column: str
    reason: UndoSkipReason
    location: str = ""

    @property
    def place(self) -> Place:
        """Where it is, as names are found by."""
        return self.location, self.row_key, self.column


class Rewritten(NamedTuple):
    """A secret that a run rewrote: as it was, and as it is now; `old_text` is its old text in the column."""

    old: FoundSecret
    present: FoundSecret
    old_text: bytes


def as_stored_now(location: Location, row: Row, entry: JournalEntry) -> JournalEntry:
    """The entry as it would be, had the row had its present form when the run wrote it.

    Grafana 12.3 adds the column `data_key_id` when it first starts, and moves the id of each value's data key there. A
    run before that has journaled the id and the value as they were then, in one column.
    """
    old = entry.old
    if old is None or not location.is_joined or not old.startswith(_UNSPLIT):
        return entry
    cell = row.cells[location.columns.index(entry.column)]
    if cell is not None and cell.startswith(_NO_KEY_ID):
        # Not moved yet.
        return replace(entry, old=_NO_KEY_ID + old, new_hash=_of_cell(entry, cell))
    try:
        old = BesideKeyId().encode(old)
    except ValueError:
        return entry
    return replace(entry, old=old, new_hash=entry.new_hash if cell is None else _of_cell(entry, cell))


def _of_cell(entry: JournalEntry, cell: bytes) -> bytes | None:
    """The hash of a cell where it holds what the run wrote in another form, else that of what the run wrote."""
    return digest(cell) if digest(BesideKeyId().decode(cell)) == entry.new_hash else entry.new_hash


def old_secrets(location: Location, row: Row, entry: JournalEntry) -> list[FoundSecret]:
    """The secrets of a column as it was."""
    index = location.columns.index(entry.column)
    old_row = row._replace(cells=tuple(entry.old if at == index else cell for at, cell in enumerate(row.cells)))
    return [each for each in secrets_of(location, old_row) if each.column == index]


def old_text(entry: JournalEntry, secret: FoundSecret) -> bytes:
    """The text of one old secret in the column, encoded as it was there."""
    return (entry.old or b"")[secret.slot.start : secret.slot.end]


def rewritten_secrets(location: Location, row: Row, entry: JournalEntry) -> list[Rewritten] | None:
    """Find the secrets of a column that differ from the old ones; None where the column holds other secrets.

    The rest is left alone, and needs no keys.
    """
    index = location.columns.index(entry.column)
    old = old_secrets(location, row, entry)
    present = [each for each in secrets_of(location, row) if each.column == index]
    if [each.field for each in old] != [each.field for each in present]:
        return None
    return [
        Rewritten(before, now, old_text(entry, before))
        for before, now in zip(old, present, strict=True)
        if before.slot.ciphertext != now.slot.ciphertext
    ]
