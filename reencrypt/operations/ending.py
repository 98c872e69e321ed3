"""What the audit keeps of the end of an invocation, also where it stops or fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from reencrypt.errors import ReencryptError, StoppedEarlyError, UnavailableError, first_error
from reencrypt.keys.errors import ServiceGoneError
from reencrypt.outcomes import Outcome
from reencrypt.planning.session import Session
from reencrypt.state.audit import AuditEntry, AuditKind
from reencrypt.state.counts import Counts
from reencrypt.state.lease import Lease
from reencrypt.state.recording import record
from reencrypt.state.runs import Run

#: How long an entry about a failure may take.
_SECONDS: Final = 2.0


def ending_of(
    session: Session,
    outcome: Outcome,
    *,
    counts: Mapping[str, Counts] | None = None,
    stop_reason: str | None = None,
    **more: Any,  # noqa: ANN401 - for JSON
) -> dict[str, Any]:
    """The content of the entry about an end with a report."""
    return {
        "outcome": outcome,
        "exit_code": int(outcome.exit_code),
        "stop_reason": stop_reason,
        "locations": {name: each.to_numbers() for name, each in (counts or {}).items() if each.total},
        **more,
        **session.trail.totals(),
    }


def _is_the_database(error: ReencryptError) -> bool:
    """Whether there is nothing to write to, or nobody may wait for it any more: a try would only delay the end."""
    away = isinstance(error, UnavailableError) and not isinstance(error, ServiceGoneError)
    return away or isinstance(error, StoppedEarlyError)


async def record_stop(session: Session, lease: Lease, run: Run, ended: Mapping[str, Any]) -> None:
    """Record the end of an invocation that was stopped, unless even that takes too long."""
    with suppress(StoppedEarlyError):
        await session.stop.reported(record(session.database, lease, AuditEntry.now(run.id, AuditKind.ENDED, ended)))


@asynccontextmanager
async def failure_recorded(
    session: Session,
    lease: Lease,
    run: Run,
    **more: Any,  # noqa: ANN401 - for JSON
) -> AsyncIterator[None]:
    """Record the error that ends the block, as well as that is possible, and pass it on."""
    try:
        yield
    except (ReencryptError, BaseExceptionGroup) as raised:
        error = first_error(raised) if isinstance(raised, BaseExceptionGroup) else raised
        if isinstance(error, ReencryptError) and not _is_the_database(error):
            content = {
                "outcome": error.code,
                "exit_code": int(error.exit_code),
                "error": error.message,
                **more,
                **session.trail.totals(),
            }
            with suppress(ReencryptError, TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    await record(session.database, lease, AuditEntry.now(run.id, AuditKind.ENDED, content))
        raise
