"""Store of declared locations: tables of plugins and others that the user has named, as JSON by name.

They outlast the run that saved them, so that undo, verify and complete need no file.
"""

from __future__ import annotations

from reencrypt.databases.protocol import Executor, Transaction
from reencrypt.state.stamp import stamp


async def read_declared(executor: Executor) -> dict[str, str]:
    """Read the declarations by name; their table must exist."""
    return {str(name): str(declaration) for name, declaration in await executor.fetch("declared")}


async def read_undoable(executor: Executor, table: str, column: str) -> list[str]:
    """The runs that rewrote the column and can still be undone, by id, oldest first. The state tables must exist."""
    rows = await executor.fetch("declared_undoable", table_name=table, column_name=column)
    return [str(run_id) for (run_id,) in rows]


async def save_declared(transaction: Transaction, run_id: str, name: str, declaration: str) -> None:
    """Save a declaration, in the place of one of the same name; `run_id` is for people."""
    await transaction.execute("declared_save", name=name, declaration=declaration, run_id=run_id, at=stamp())


async def forget_declared(transaction: Transaction, name: str) -> None:
    """Forget a declaration, and what runs have found out by it: entries in quarantine, and how far they came."""
    for statement in (
        "declared_forget",
        "declared_forget_quarantine",
        "declared_forget_checkpoints",
        "declared_forget_ranges",
    ):
        await transaction.execute(statement, name=name)
