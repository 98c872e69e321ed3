"""Grafana's own logs of the migrations that a database has run."""

from __future__ import annotations

from typing import Final

from reencrypt.databases.protocol import Executor

#: The columns that are read of a log.
LOG_COLUMNS: Final = frozenset(("migration_id", "success"))


async def read_migration_ids(executor: Executor, log: str) -> list[str]:
    """Read the successful migrations of a log, whose table must exist: `migration_log` or a similar one."""
    return [str(row[0]) for row in await executor.fetch(f"{log}_ids")]
