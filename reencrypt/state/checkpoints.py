"""Checkpoints: the progress of a run in its locations, in `data_keys`, and, for an undo, in the journal.

All of it is in `reencrypt_checkpoint`, in one form of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from reencrypt.catalogue.location import Key
from reencrypt.databases.paging import Coverage
from reencrypt.databases.protocol import Executor, Transaction, Value
from reencrypt.state.counts import Counts
from reencrypt.state.damaged import read_back, whole
from reencrypt.state.rowkey import key_from_text, key_to_text

_COVERAGE: Final = "coverage"  # beside the counters
#: Progress with things other than secrets has these names in place of a location's.
_DATA_KEYS, _JOURNAL = "data_keys", "journal"


@dataclass(slots=True)
class Checkpoint:
    """The progress of a sweep in a location: its last key, its counters, and how many rows it has read."""

    location: str
    pass_number: int
    last_key: Key | None
    done: bool
    counts: Counts
    coverage: Coverage = field(default_factory=Coverage)


@dataclass(slots=True)
class DataKeyProgress:
    """How many data keys got a new wrapping, or their old one back, and why others kept theirs."""

    changed: int = 0
    kept_because: dict[str, int] = field(default_factory=dict)

    def keep(self, reason: str) -> None:
        """Count a data key that keeps its wrapping."""
        self.kept_because[reason] = self.kept_because.get(reason, 0) + 1


@dataclass(slots=True)
class ColumnProgress:
    """The progress of an undo in the journal, newest entry first, and what became of the columns.

    `restored` got their old bytes back, `as_before` had them already. `last` is the last entry that was read, None at
    the beginning.
    """

    restored: int = 0
    as_before: int = 0
    kept_because: dict[str, int] = field(default_factory=dict)
    last: int | None = None
    done: bool = False

    @property
    def back(self) -> int:
        """The number of columns that hold what they held before the run."""
        return self.restored + self.as_before

    def keep(self, reason: str) -> None:
        """Count a column that stays as it is."""
        self.kept_because[reason] = self.kept_because.get(reason, 0) + 1


async def read_checkpoints(executor: Executor, run_id: str) -> list[Checkpoint]:
    """Read the checkpoints of a run in its locations, of all sweeps."""
    return [each for each in await _read(executor, run_id) if each.location not in (_DATA_KEYS, _JOURNAL)]


async def read_data_key_progress(executor: Executor, run_id: str) -> DataKeyProgress | None:
    """Read the progress of a run or an undo with data keys; None where it has not begun with them."""
    for each in await _read(executor, run_id):
        if each.location == _DATA_KEYS:
            return DataKeyProgress(each.counts.re_encrypted, each.counts.left_because)
    return None


async def read_column_progress(executor: Executor, undo_id: str) -> ColumnProgress | None:
    """Read the progress of an undo with columns; None where it has not begun with them."""
    for each in await _read(executor, undo_id):
        if each.location == _JOURNAL:
            with read_back("the progress of an undo in reencrypt_checkpoint"):
                last = whole(each.last_key[0]) if each.last_key else None
            counts = each.counts
            return ColumnProgress(counts.re_encrypted, counts.already_current, counts.left_because, last, each.done)
    return None


async def _read(executor: Executor, run_id: str) -> list[Checkpoint]:
    return [read_checkpoint(row) for row in await executor.fetch("checkpoints", run_id=run_id)]


def read_checkpoint(row: Sequence[Value]) -> Checkpoint:
    """Read a row of `reencrypt_checkpoint` back; raises `DamagedStateError`."""
    location, number, last_key, done, text = row
    with read_back(f"the progress in {location!s} in reencrypt_checkpoint"):
        numbers: dict[str, Any] = json.loads(str(text))
        # Checkpoints of older versions have none.
        kept: dict[str, Any] = {
            name: None if each is None else whole(each) for name, each in numbers.pop(_COVERAGE, {}).items()
        }
        coverage = Coverage(**kept)
        return Checkpoint(
            location=str(location),
            pass_number=int(str(number)),
            last_key=key_from_text(str(last_key)) if last_key is not None else None,
            done=bool(done),
            counts=Counts.from_numbers(numbers),
            coverage=coverage,
        )


async def save_checkpoint(transaction: Transaction, run_id: str, checkpoint: Checkpoint) -> None:
    """Record progress in the transaction that made it."""
    await transaction.execute(
        "checkpoint_save",
        run_id=run_id,
        location=checkpoint.location,
        pass_number=checkpoint.pass_number,
        last_key=key_to_text(checkpoint.last_key) if checkpoint.last_key is not None else None,
        done=int(checkpoint.done),
        counts=json.dumps(checkpoint.counts.to_numbers() | {_COVERAGE: asdict(checkpoint.coverage)}),
    )


async def save_data_key_progress(
    transaction: Transaction, run_id: str, progress: DataKeyProgress, *, done: bool
) -> None:
    """Record progress with data keys in the transaction that made it."""
    counts = Counts(
        re_encrypted=progress.changed, left=sum(progress.kept_because.values()), left_because=progress.kept_because
    )
    await save_checkpoint(transaction, run_id, Checkpoint(_DATA_KEYS, 0, None, done=done, counts=counts))


async def save_column_progress(transaction: Transaction, undo_id: str, progress: ColumnProgress) -> None:
    """Record progress of an undo with columns."""
    counts = Counts(
        re_encrypted=progress.restored,
        already_current=progress.as_before,
        left=sum(progress.kept_because.values()),
        left_because=progress.kept_because,
    )
    last = None if progress.last is None else (progress.last,)
    await save_checkpoint(transaction, undo_id, Checkpoint(_JOURNAL, 0, last, done=progress.done, counts=counts))


def latest_coverage(checkpoints: Sequence[Checkpoint]) -> dict[str, Coverage]:
    """Return the coverage of each location in the last sweep that finished it."""
    ended = sorted((each for each in checkpoints if each.done), key=lambda each: each.pass_number)
    return {each.location: each.coverage for each in ended}


def latest_counts(checkpoints: Sequence[Checkpoint]) -> dict[str, Counts]:
    """Return the counters of each location: those of its last finished sweep, else of the one in progress."""
    latest: dict[str, Checkpoint] = {}
    for checkpoint in sorted(checkpoints, key=lambda each: (each.done, each.pass_number)):
        latest[checkpoint.location] = checkpoint
    return {name: checkpoint.counts for name, checkpoint in latest.items()}
