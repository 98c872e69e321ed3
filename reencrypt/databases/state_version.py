"""Version of the state tables: the steps that a database has made."""

from __future__ import annotations

from collections.abc import Collection

from reencrypt.databases.protocol import Executor
from reencrypt.databases.statements import ACCEPTED_TABLE, STATE_TABLES, STATE_VERSION, VERSION_TABLE
from reencrypt.errors import RefusedError


async def read_state_version(executor: Executor, tables: Collection[str]) -> int:
    """Return the last step whose tables are all among these; 0 where there is no state, or it was dropped.

    Raises `RefusedError` for the state of a newer program, which this one could damage.
    """
    marked = 0
    if VERSION_TABLE in tables:
        ((version,),) = await executor.fetch("state_version")
        marked = int(str(version or 0))
    if marked > STATE_VERSION:
        raise RefusedError(
            f"the state tables of this database are of version {marked}, and this reencrypt knows version "
            f"{STATE_VERSION}: a newer one has written them",
            hint="Use the newer reencrypt; nothing was changed.",
        )
    if not set(STATE_TABLES) <= set(tables):
        return 0
    if ACCEPTED_TABLE not in tables:
        return 1
    return max(2, marked)
