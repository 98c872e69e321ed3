"""Adds an entry to the audit of a run where no other transaction of the run is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.state.audit import AuditKind, append_audit
from reencrypt.state.lease import Lease


async def record(database: Database, lease: Lease, run_id: str, kind: AuditKind, content: Mapping[str, Any]) -> None:
    """Add an entry in a transaction of its own, if this process still has the lease."""

    async def body(transaction: Transaction) -> None:
        await lease.check(transaction)
        await append_audit(transaction, run_id, kind, content)

    await retry_transaction(database, body)
