"""Store of the quarantine: secrets that could not be re-encrypted, each with a reason, over all runs of a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.catalogue.reading import FoundSecret
from reencrypt.catalogue.reason import Reason
from reencrypt.databases.protocol import Database, Executor, Transaction, Value
from reencrypt.databases.retry import retry_transaction
from reencrypt.state.audit import AuditEntry, AuditKind, append_audit
from reencrypt.state.damaged import read_back
from reencrypt.state.journal import digest
from reencrypt.state.lease import Lease
from reencrypt.state.rowkey import key_to_text
from reencrypt.state.stamp import stamp

#: A secret: its location's name, its row's key as text, its field.
Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """An earlier finding: its reason, the SHA-256 of the text then (`digest`), and whether the user vouches for it."""

    reason: Reason
    detail: str
    digest: bytes
    accepted: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret for the quarantine; `text` is its text in the column.

    It is no `news` where the secret was left this time and an older finding remains.
    """

    key: Key
    field: str
    reason: Reason
    detail: str
    text: bytes
    news: bool = True


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A row of `reencrypt_quarantine`; `row_key` is the row's key as a JSON array.

    `state` is open, or acknowledged where the user has given the secret up knowingly. That lasts until its text in the
    column, whose SHA-256 is `secret_hash`, changes. Other secrets of the same document may change.
    """

    location: str
    row_key: str
    field: str
    reason: str
    detail: str
    state: str
    secret_hash: bytes

    @property
    def is_open(self) -> bool:
        """Whether it still keeps a run from being done."""
        return self.state == "open"

    @property
    def place(self) -> Place:
        """Which secret it is."""
        return self.location, self.row_key, self.field


async def read_quarantine(executor: Executor) -> list[QuarantineEntry]:
    """Read the quarantine, by location, key and field."""
    return [quarantine_entry(row) for row in await executor.fetch("quarantine")]


def quarantine_entry(row: Sequence[Value]) -> QuarantineEntry:
    """Read a row of `reencrypt_quarantine` back; raises `DamagedStateError`."""
    location, key, name, reason, detail, state, secret_hash = row
    with read_back(f"the row {location!s} {key!s} {name!s} of reencrypt_quarantine"):
        return QuarantineEntry(
            str(location), str(key), str(name), Reason(str(reason)), str(detail), str(state), _bytes(secret_hash)
        )


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def known_secrets(
    entries: Sequence[QuarantineEntry], accepts: Callable[[QuarantineEntry], bool]
) -> dict[Place, KnownSecret]:
    """Index earlier findings by place. `accepts` tells which of them the user vouches for."""
    return {
        entry.place: KnownSecret(
            Reason(entry.reason),
            entry.detail,
            entry.secret_hash,
            accepted=accepts(entry),
        )
        for entry in entries
    }


def known_of(
    known: Mapping[Place, KnownSecret], location: Location, secret: FoundSecret, row: Row
) -> KnownSecret | None:
    """Return the finding about a secret, if the secret has not changed since."""
    if not known:
        return None
    found = known.get((location.name, key_to_text(row.key), secret.field))
    return found if found is not None and found.digest == digest(secret.text_in(row)) else None


async def acknowledge(
    database: Database, lease: Lease, entry: QuarantineEntry, *, by: Mapping[str, Any] | None
) -> bool:
    """Acknowledge an entry; returns whether it is still the one that was read. `by` is for the audit, if any."""
    place = {"location": entry.location, "row_key": entry.row_key, "field": entry.field}
    content = {**(by or {}), **place, "reason": entry.reason, "detail": entry.detail}
    audit = AuditEntry.now("", AuditKind.ACKNOWLEDGED, content) if by is not None else None

    async def body(transaction: Transaction) -> bool:
        await lease.check(transaction)
        if not await transaction.execute("quarantine_acknowledge", secret_hash=entry.secret_hash, **place):
            return False
        if audit is not None:
            await append_audit(transaction, audit)
        return True

    return await retry_transaction(database, body)


async def save_findings(
    transaction: Transaction, run_id: str, pass_number: int, location: str, findings: Sequence[Finding]
) -> None:
    """Save findings, or refresh their entries. `secret_hash` tells later whether a secret changed."""
    entries = [
        (key_to_text(each.key), each.field, each.reason.value, each.detail, digest(each.text)) for each in findings
    ]
    await transaction.execute_many(
        "quarantine_save",
        ("row_key", "field", "reason", "detail", "secret_hash"),
        entries,
        location=location,
        state="open",
        run_id=run_id,
        pass_number=pass_number,
        at=stamp(),
    )


async def drop_stale(transaction: Transaction, run_id: str, pass_number: int, location: str) -> None:
    """Delete entries that a finished sweep of the location did not see again: repaired, or gone."""
    await transaction.execute("quarantine_drop_stale", run_id=run_id, pass_number=pass_number, location=location)
