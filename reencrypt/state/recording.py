"""Adds an entry to the audit of a run where no other transaction of the run is due."""

from __future__ import annotations

from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.state.audit import AuditEntry, append_audit
from reencrypt.state.lease import Lease


async def record(database: Database, lease: Lease, entry: AuditEntry) -> None:
    """Add an entry in a transaction of its own, if this process still has the lease."""

    async def body(transaction: Transaction) -> None:
        await lease.check(transaction)
        await append_audit(transaction, entry)

    await retry_transaction(database, body)
