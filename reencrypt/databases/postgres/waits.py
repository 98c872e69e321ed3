"""What PostgreSQL says of a statement of another connection: whether it is at work, and which lock it waits for.

`pg_stat_activity` shows every role its own sessions; of others it shows process and application, and whatever else the
role may see. Formats: PostgreSQL's manual, "The Cumulative Statistics System" and "pg_locks".
"""

from __future__ import annotations

from typing import Any, Final

from reencrypt.databases.server.connection import Session
from reencrypt.databases.server.watch import Condition, Mark, Standing

# A session of another role, whose state we do not see, cannot be ours.
_ACTIVITY: Final = """
SELECT pid, state, wait_event_type, wait_event FROM pg_catalog.pg_stat_activity
WHERE application_name = $1 AND state IS NOT NULL
"""
#: Ends the backend that is idle under a mark: a role may end its own.
TERMINATE: Final = """
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE application_name = $1 AND state IN ('idle in transaction', 'idle in transaction (aborted)')
"""
_LOCK: Final = """
SELECT l.mode, l.locktype, l.relation::pg_catalog.regclass::text, b.pid, b.usename::text, b.application_name, b.state,
  pg_catalog.to_char(b.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
FROM pg_catalog.pg_locks AS l
  LEFT JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(l.pid)) AS blocking (pid) ON true
  LEFT JOIN pg_catalog.pg_stat_activity AS b ON b.pid = blocking.pid
WHERE l.pid = $1 AND NOT l.granted
LIMIT 1
"""


async def condition_of(session: Session, mark: Mark) -> Condition:
    """Ask on a session, in its transaction, how the statement of a mark stands."""
    rows = await session.fetch(_ACTIVITY, (mark.text,))
    # `disabled`: with track_activities off the server tells only what a session waits for.
    busy = [row for row in rows if not row[1].startswith("idle") and (row[1:3] != ("disabled", "Client"))]
    if not busy:
        return Condition(Standing.IDLE)
    pid, _, kind, event = busy[0]
    if kind == "Lock":
        locks = await session.fetch(_LOCK, (pid,))
        return Condition(Standing.WAITS, _lock(locks[0]) if locks else f"a lock ({event})")
    if kind == "Client":
        return Condition(Standing.WAITS, f"the network, which does not take its answer ({event})")
    if event == "SyncRep":
        return Condition(Standing.WAITS, "a synchronous standby (SyncRep)")
    return Condition(Standing.AT_WORK)


def _lock(row: tuple[Any, ...]) -> str:
    mode, kind, table, pid, user, application, state, since = row
    what = f"a lock on the table {table}" if table else f"a lock on a {kind}"
    if pid is None:
        return f"{what} ({mode})"
    facts = [f"user {user}" if user else "", application or "", state or "", f"since {since} UTC" if since else ""]
    return f"{what} ({mode}), which process {pid} holds ({', '.join(filter(None, facts))})"
