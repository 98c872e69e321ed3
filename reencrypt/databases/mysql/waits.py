"""What MySQL and MariaDB say of a statement of another connection: whether it is at work, and who holds its lock.

Every account sees its own threads in the list of processes; the locks of others only where it may read the tables that
hold them. The states are those of the manuals, "Thread Command Values" and "General Thread States".
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from asyncmy.errors import MySQLError

from reencrypt.databases.server.connection import Session
from reencrypt.databases.server.watch import Condition, Mark, Standing

# The texts of statements are compared as bytes and not shown, because one with ciphertexts in it is no text in any
# character set. MySQL's `information_schema` fails on such a text, even one of another thread; its `performance_schema`
# does not, but shows nothing where it is switched off, and MariaDB has no such table there.
_LISTS: Final = ("performance_schema", "information_schema")
_ACTIVITY: Final = """
SELECT id, state, id = CONNECTION_ID() FROM {schema}.processlist
WHERE id = CONNECTION_ID()
  OR command <> 'Sleep' AND LOCATE(CAST(%s AS BINARY), CAST(LEFT(info, 100) AS BINARY)) > 0
"""
_CONNECTION: Final = "SELECT host, command = 'Sleep' FROM {schema}.processlist WHERE id = %s"
_UNQUOTED: Final = str.maketrans("", "", '`"')
_SENDING: Final = ("Writing to net", "Sending to client")
#: Who blocks a thread, by the tables that a product and a version has and an account may read; the first that answers.
_BLOCKERS: Final = (
    # MySQL: locks on tables.
    """
    SELECT h.object_name, t.processlist_id, t.processlist_user FROM performance_schema.metadata_locks AS w
    JOIN performance_schema.threads AS me ON me.thread_id = w.owner_thread_id AND me.processlist_id = %s
    JOIN performance_schema.metadata_locks AS h ON h.lock_status = 'GRANTED' AND h.object_type = w.object_type
      AND h.object_schema <=> w.object_schema AND h.object_name <=> w.object_name
      AND h.owner_thread_id <> w.owner_thread_id
    JOIN performance_schema.threads AS t ON t.thread_id = h.owner_thread_id
    WHERE w.lock_status = 'PENDING' LIMIT 1
    """,
    # MySQL 8 and newer: locks on rows.
    """
    SELECT l.object_name, t.processlist_id, t.processlist_user FROM performance_schema.data_lock_waits AS w
    JOIN performance_schema.threads AS me ON me.thread_id = w.requesting_thread_id AND me.processlist_id = %s
    JOIN performance_schema.threads AS t ON t.thread_id = w.blocking_thread_id
    JOIN performance_schema.data_locks AS l ON l.engine_lock_id = w.requesting_engine_lock_id LIMIT 1
    """,
    # MariaDB: locks on rows.
    """
    SELECT l.lock_table, b.trx_mysql_thread_id, p.user FROM information_schema.innodb_lock_waits AS w
    JOIN information_schema.innodb_trx AS r ON r.trx_id = w.requesting_trx_id AND r.trx_mysql_thread_id = %s
    JOIN information_schema.innodb_trx AS b ON b.trx_id = w.blocking_trx_id
    JOIN information_schema.innodb_locks AS l ON l.lock_id = w.requested_lock_id
    LEFT JOIN information_schema.processlist AS p ON p.id = b.trx_mysql_thread_id LIMIT 1
    """,
)


async def condition_of(session: Session, mark: Mark, server: str) -> Condition | None:
    """Ask on a session of a server how the statement of a mark stands; None on another server than the mark's."""
    if server != mark.server:
        return None
    for thread, state, is_own in await _threads(session, mark):
        if not is_own:
            return await _condition(session, int(thread), str(state or ""))
    return Condition(Standing.IDLE)


async def connection_of(session: Session, thread: int) -> tuple[str, bool]:
    """The client's end of a thread as the server shows it, empty where it does not, and whether the thread is idle."""
    for schema in _LISTS:
        with suppress(MySQLError):
            for host, is_idle in await session.fetch(_CONNECTION.format(schema=schema), (thread,)):
                return str(host or ""), bool(is_idle)
    return "", False


async def _threads(session: Session, mark: Mark) -> list[tuple[Any, ...]]:
    """The asking thread and those at a statement with the mark, from the first list that is not empty."""
    *others, last = (_ACTIVITY.format(schema=schema) for schema in _LISTS)
    for query in others:
        with suppress(MySQLError):
            if found := await session.fetch(query, (mark.text,)):
                return found
    return await session.fetch(last, (mark.text,))


async def _condition(session: Session, thread: int, state: str) -> Condition:
    if state in _SENDING:
        return Condition(Standing.WAITS, f"the network, which does not take its answer ({state})")
    holder = await _holder(session, thread)
    if holder or "wait" in state.lower():
        # A state reads like "Waiting for table metadata lock".
        return Condition(Standing.WAITS, f"{state.lower().removeprefix('waiting for ') or 'a lock'}{holder}")
    return Condition(Standing.AT_WORK)


async def _holder(session: Session, thread: int) -> str:
    for query in _BLOCKERS:
        with suppress(MySQLError):
            for table, holder, user in await session.fetch(query, (thread,)):
                by = f" of the user {user}" if user else ""
                name = str(table).translate(_UNQUOTED)
                return f", on the table {name}, which thread {holder}{by} holds"
    return ""
