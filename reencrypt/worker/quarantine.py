"""The quarantine: secrets that could not be re-encrypted, each with a reason code, over all runs of a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reencrypt.catalogue.reason import Reason
from reencrypt.databases.protocol import Database, Executor, Transaction, Value
from reencrypt.worker.journal import digest
from reencrypt.worker.lease import Lease
from reencrypt.worker.rowkey import key_to_text
from reencrypt.worker.stamp import stamp
from reencrypt.worker.transform import Finding, KnownCell, Place


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A row of `reencrypt_quarantine`; `row_key` is the row's key as a JSON array.

    `state` is open, or acknowledged where somebody has given the secret up knowingly; that lasts until its column,
    whose SHA-256 is `cell_hash`, changes.
    """

    location: str
    row_key: str
    field: str
    reason: str
    detail: str
    state: str
    cell_hash: bytes

    @property
    def is_open(self) -> bool:
        """Whether it is still in the way of a run that is done."""
        return self.state == "open"

    @property
    def place(self) -> Place:
        """Which secret it is."""
        return self.location, self.row_key, self.field


async def read_quarantine(executor: Executor) -> list[QuarantineEntry]:
    """Everything in quarantine, by location, key and field."""
    return [
        QuarantineEntry(str(location), str(key), str(name), str(reason), str(detail), str(state), _bytes(cell_hash))
        for location, key, name, reason, detail, state, cell_hash in await executor.fetch("quarantine")
    ]


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def known_cells(entries: Sequence[QuarantineEntry]) -> dict[Place, KnownCell]:
    """What was found before: by place the reason and the SHA-256 of the column then."""
    return {entry.place: KnownCell(Reason(entry.reason), entry.cell_hash) for entry in entries}


async def acknowledge(database: Database, lease: Lease, entry: QuarantineEntry) -> bool:
    """Give a secret up knowingly; returns whether it still is the entry that was looked at."""
    matched = await lease.apply(
        database,
        "quarantine_acknowledge",
        location=entry.location,
        row_key=entry.row_key,
        field=entry.field,
        cell_hash=entry.cell_hash,
    )
    return bool(matched)


async def save_findings(
    transaction: Transaction, run_id: str, pass_number: int, location: str, findings: Sequence[Finding]
) -> None:
    """Enter findings, or refresh the entries they already have. `cell_hash` tells later whether the column changed."""
    entries: list[dict[str, Value]] = [
        {
            "location": location,
            "row_key": key_to_text(finding.key),
            "field": finding.field,
            "reason": finding.reason.value,
            "detail": finding.detail,
            "cell_hash": digest(finding.cell),
            "run_id": run_id,
            "pass_number": pass_number,
            "at": stamp(),
        }
        for finding in findings
    ]
    await transaction.execute_many("quarantine_save", entries)


async def drop_stale(transaction: Transaction, run_id: str, pass_number: int, location: str) -> None:
    """Forget entries that a finished pass over the location did not see again: healed, or gone."""
    await transaction.execute("quarantine_drop_stale", run_id=run_id, pass_number=pass_number, location=location)
