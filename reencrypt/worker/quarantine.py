"""The quarantine: secrets that could not be re-encrypted, each with a reason code, over all runs of a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reencrypt.databases.protocol import Executor, Transaction, Value
from reencrypt.worker.journal import digest
from reencrypt.worker.rowkey import key_to_text
from reencrypt.worker.stamp import stamp
from reencrypt.worker.transform import Finding


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A row of `reencrypt_quarantine`; `row_key` is the row's key as a JSON array."""

    location: str
    row_key: str
    field: str
    reason: str
    detail: str
    state: str


async def read_quarantine(executor: Executor) -> list[QuarantineEntry]:
    """Everything in quarantine, by location, key and field."""
    return [QuarantineEntry(*map(str, row[:6])) for row in await executor.fetch("quarantine")]


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
