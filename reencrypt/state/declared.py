"""Store of declared locations: tables of plugins and others that the user has named, as JSON by name.

They outlast the run that saved them, so that undo, verify and complete need no file.
"""

from __future__ import annotations

from reencrypt.databases.protocol import Executor, Transaction
from reencrypt.state.stamp import stamp


async def read_declared(executor: Executor) -> dict[str, str]:
    """Read the declarations by name; their table must exist."""
    return {str(name): str(declaration) for name, declaration in await executor.fetch("declared")}


async def save_declared(transaction: Transaction, run_id: str, name: str, declaration: str) -> None:
    """Save a declaration, in the place of one of the same name; `run_id` is for people."""
    await transaction.execute("declared_save", name=name, declaration=declaration, run_id=run_id, at=stamp())
