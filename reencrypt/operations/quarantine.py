"""`reencrypt quarantine`: lists and acknowledges the secrets that could not be re-encrypted."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError
from reencrypt.events import Emit, Waiting, ignore
from reencrypt.operations.report import entry_as_json
from reencrypt.planning.options import QuarantineSelection, SafetyOptions
from reencrypt.planning.schema import inspect
from reencrypt.settings import Settings
from reencrypt.state.lease import take_lease
from reencrypt.state.quarantine import QuarantineEntry, acknowledge, read_quarantine


@dataclass(frozen=True, slots=True)
class QuarantineReport:
    """Entries, and how many of them this command has acknowledged."""

    entries: list[QuarantineEntry]
    acknowledged: int = 0

    def as_json(self) -> dict[str, object]:
        """For `--output json`."""
        return {
            "outcome": "quarantine",
            "acknowledged": self.acknowledged,
            "quarantine": [entry_as_json(entry) for entry in self.entries],
        }


async def list_quarantine(
    settings: Settings, selection: QuarantineSelection, *, emit: Emit = ignore
) -> QuarantineReport:
    """List the selected entries, all of them without an option. Changes nothing."""
    database = await open_database(settings.database, write=False, waiting=lambda reason: emit(Waiting(reason)))
    try:
        return QuarantineReport(await _selected(database, selection))
    finally:
        await database.close()


async def acknowledge_quarantine(settings: Settings, selection: QuarantineSelection, *, emit: Emit) -> QuarantineReport:
    """Mark entries as acknowledged. Raises `ConfigurationError` without an option, or where no entry fits."""
    if selection.is_empty:
        raise ConfigurationError(
            "no option says which secrets to acknowledge",
            hint="Give --location, --key, --field or --reason, or --all.",
        )
    database = await open_database(settings.database, write=True, waiting=lambda reason: emit(Waiting(reason)))
    try:
        entries = await _selected(database, selection)
        if not entries:
            raise ConfigurationError(
                "no secret in quarantine fits that", hint="`reencrypt quarantine list` shows what there is."
            )
        timeout = SafetyOptions().lease_timeout
        lease = await take_lease(database, timeout_seconds=timeout, waiting=lambda reason: emit(Waiting(reason)))
        try:
            done = [entry for entry in entries if await acknowledge(database, lease, entry)]
            return QuarantineReport([replace(entry, state="acknowledged") for entry in done], len(done))
        finally:
            await lease.release(database)
    finally:
        await database.close()


async def _selected(database: Database, selection: QuarantineSelection) -> list[QuarantineEntry]:
    if not (await inspect(database, pages=False)).has_state:
        return []
    return [entry for entry in await read_quarantine(database) if selection.takes(entry)]
