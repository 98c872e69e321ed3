"""Checkpoints: the progress of a run in its locations, in `data_keys`, and, for an undo, in the journal.

All of it is in `reencrypt_checkpoint`, in one form of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from reencrypt.catalogue.location import Key
from reencrypt.databases.paging import Coverage
from reencrypt.databases.protocol import Executor, Transaction, Value
from reencrypt.databases.statements import RANGE_TABLE
from reencrypt.state.counts import Counts
from reencrypt.state.damaged import read_back, whole
from reencrypt.state.failure_rate import FailureRate
from reencrypt.state.rowkey import key_from_text, key_to_text

_COVERAGE, _IS_SPLIT = "coverage", "is_split"  # beside the counters
#: Progress with things other than secrets has these names in place of a location's.
_DATA_KEYS, _JOURNAL = "data_keys", "journal"


@dataclass(slots=True)
class KeyRange:
    """A part of a location, up to the key `until`, None for the location's end; its failures are counted by itself."""

    number: int
    until: Key | None
    failure_rate: FailureRate = field(default_factory=FailureRate)


@dataclass(slots=True)
class Checkpoint:
    """The progress of a sweep in a location: its last key, its counters, and how many rows it has read.

    A location that `is_split` has a checkpoint for each of its `ranges` besides, which are what lies behind its own
    last key. That of a range begins with the last key of the range before.
    """

    location: str
    pass_number: int
    last_key: Key | None
    done: bool
    counts: Counts
    coverage: Coverage = field(default_factory=Coverage)
    key_range: KeyRange | None = None
    is_split: bool = False
    ranges: list[Checkpoint] = field(default_factory=list)

    @property
    def all_counts(self) -> Counts:
        """The counters with those of the ranges."""
        return Counts.sum([self.counts, *(each.counts for each in self.ranges)])

    def joined(self, counted: int) -> Checkpoint:
        """The checkpoint of a location whose ranges are all done, and which has so many rows now."""
        rows = sum(each.coverage.rows for each in self.ranges)
        return Checkpoint(
            self.location,
            self.pass_number,
            self.last_key,
            done=True,
            counts=self.all_counts,
            coverage=self.coverage.read(rows).ended(counted),
        )


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
    checkpoints = [read_checkpoint(row) for row in await executor.fetch("checkpoints", run_id=run_id)]
    if any(each.is_split for each in checkpoints):
        # State of an older version has no such table.
        split = {(each.location, each.pass_number): each for each in checkpoints}
        for row in await executor.fetch("ranges", run_id=run_id):
            found = read_range(row)
            with read_back(f"the progress in {found.location} in {RANGE_TABLE}"):
                split[found.location, found.pass_number].ranges.append(found)
    return checkpoints


def read_range(row: Sequence[Value]) -> Checkpoint:
    """Read a row of `reencrypt_range` back; raises `DamagedStateError`."""
    location, pass_number, number, until, last_key, done, counts, tally = row
    checkpoint = read_checkpoint((location, pass_number, last_key, done, counts), RANGE_TABLE)
    with read_back(f"the progress in {location!s} in {RANGE_TABLE}"):
        checkpoint.key_range = KeyRange(
            whole(number), key_from_text(str(until)) if until is not None else None, FailureRate.from_json(str(tally))
        )
    return checkpoint


def read_checkpoint(row: Sequence[Value], table: str = "reencrypt_checkpoint") -> Checkpoint:
    """Read a row of `reencrypt_checkpoint` back; raises `DamagedStateError`."""
    location, number, last_key, done, text = row
    with read_back(f"the progress in {location!s} in {table}"):
        numbers: dict[str, Any] = json.loads(str(text))
        is_split = bool(numbers.pop(_IS_SPLIT, False))
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
            is_split=is_split,
        )


async def save_checkpoint(transaction: Transaction, run_id: str, checkpoint: Checkpoint, tally: str = "{}") -> None:
    """Record progress in the transaction that made it; `tally` is what a key range has of the failure rate."""
    if checkpoint.key_range is None:
        await transaction.execute("checkpoint_save", **_values(run_id, checkpoint))
    else:
        values = _values(run_id, checkpoint) | {"number": checkpoint.key_range.number, "tally": tally}
        await transaction.execute("range_save", **values)


async def save_checkpoints(transaction: Transaction, run_id: str, checkpoints: Sequence[Checkpoint]) -> None:
    """Record the progress in many locations, none of them split, in one round trip."""
    rows = [_values(run_id, each) for each in checkpoints]
    if rows:
        await transaction.execute_many("checkpoint_save", tuple(rows[0]), [tuple(row.values()) for row in rows])


def _values(run_id: str, checkpoint: Checkpoint) -> dict[str, Value]:
    numbers = checkpoint.counts.to_numbers() | {_COVERAGE: asdict(checkpoint.coverage)}
    return {
        "run_id": run_id,
        "location": checkpoint.location,
        "pass_number": checkpoint.pass_number,
        "last_key": _text(checkpoint.last_key),
        "done": int(checkpoint.done),
        "counts": json.dumps(numbers | ({_IS_SPLIT: True} if checkpoint.is_split else {})),
    }


def _text(key: Key | None) -> str | None:
    return None if key is None else key_to_text(key)


async def save_ranges(transaction: Transaction, run_id: str, checkpoint: Checkpoint) -> None:
    """Record that a location is split, and where its ranges begin and end."""
    await save_checkpoint(transaction, run_id, checkpoint)
    await drop_ranges(transaction, run_id, checkpoint)  # of a commit whose answer was lost
    for each in checkpoint.ranges:
        if each.key_range is not None:
            until, number = _text(each.key_range.until), each.key_range.number
            values = _values(run_id, each) | {"number": number, "until_key": until, "tally": "{}"}
            await transaction.execute("range_insert", **values)


async def drop_ranges(transaction: Transaction, run_id: str, checkpoint: Checkpoint) -> None:
    """Drop the ranges of a location that is done."""
    await transaction.execute(
        "ranges_drop", run_id=run_id, location=checkpoint.location, pass_number=checkpoint.pass_number
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
    return {name: checkpoint.all_counts for name, checkpoint in latest.items()}
