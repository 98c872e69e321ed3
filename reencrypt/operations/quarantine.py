"""`reencrypt quarantine`: lists and acknowledges the secrets that could not be re-encrypted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.databases.statements import AUDIT_TABLE
from reencrypt.errors import ConfigurationError
from reencrypt.events import Emit, Waiting, ignore
from reencrypt.next_steps import NextStep
from reencrypt.operations.names import Names, names_of
from reencrypt.operations.report import entry_as_json
from reencrypt.planning.options import QuarantineSelection, SafetyOptions, StoreOptions
from reencrypt.planning.schema import inspect
from reencrypt.settings import Settings
from reencrypt.state.audit import who
from reencrypt.state.lease import take_lease
from reencrypt.state.quarantine import QuarantineEntry, acknowledge, read_quarantine


@dataclass(frozen=True, slots=True)
class QuarantineReport:
    """Entries, the store of each location that is known, and how many entries this command has acknowledged.

    `names` are those of what the entries belong to.
    """

    entries: list[QuarantineEntry]
    stores: Mapping[str, StoreName]
    acknowledged: int = 0
    names: Names = field(default_factory=dict)

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type after it."""
        if any(entry.is_open for entry in self.entries):
            return [NextStep("reencrypt quarantine retry", "once what they need is done; or acknowledge them")]
        return [NextStep("reencrypt status", "it names the command that goes on")]

    def as_json(self) -> dict[str, object]:
        """For `--output json`."""
        return {
            "outcome": "quarantine",
            "acknowledged": self.acknowledged,
            "quarantine": [entry_as_json(entry, self.stores.get(entry.location), self.names) for entry in self.entries],
        }


async def list_quarantine(
    settings: Settings, stores: StoreOptions, selection: QuarantineSelection, *, emit: Emit = ignore
) -> QuarantineReport:
    """List the selected entries of these stores, all of them without an option. Changes nothing."""
    database = await open_database(settings.database, write=False, waiting=lambda reason: emit(Waiting(reason)))
    try:
        return await _selected(database, stores, selection)
    finally:
        await database.close()


async def acknowledge_quarantine(
    settings: Settings, stores: StoreOptions, selection: QuarantineSelection, *, emit: Emit
) -> QuarantineReport:
    """Mark the selected entries of these stores as acknowledged.

    Raises `ConfigurationError` without another option than the store, or where no entry fits.
    """
    if selection.is_empty:
        raise ConfigurationError(
            "no option says which secrets to acknowledge",
            hint="Give --location, --key, --field or --reason, or --all.",
        )
    database = await open_database(settings.database, write=True, waiting=lambda reason: emit(Waiting(reason)))
    try:
        found = await _selected(database, stores, selection)
        # State of an earlier version has no place for the audit, and this account need not be able to make one.
        by = who() if AUDIT_TABLE in await database.columns() else None
        if not found.entries:
            raise ConfigurationError(
                "no secret in quarantine fits that", hint="`reencrypt quarantine list` shows what there is."
            )
        timeout = SafetyOptions().lease_timeout
        lease = await take_lease(database, timeout_seconds=timeout, waiting=lambda reason: emit(Waiting(reason)))
        try:
            done = [entry for entry in found.entries if await acknowledge(database, lease, entry, by=by)]
            return replace(
                found, entries=[replace(entry, state="acknowledged") for entry in done], acknowledged=len(done)
            )
        finally:
            await lease.release(database)
    finally:
        await database.close()


async def _selected(database: Database, options: StoreOptions, selection: QuarantineSelection) -> QuarantineReport:
    schema = await inspect(database, pages=False)
    entries = await read_quarantine(database) if schema.has_state else []
    stores = {entry.location: store for entry in entries if (store := schema.store_of(entry.location)) is not None}
    # What an earlier version or a plugin's location left is nobody's now: it is listed with all.
    chosen = [entry for entry in entries if options.store == "all" or stores.get(entry.location) in options.names]
    wanted = [entry for entry in chosen if selection.takes(entry)]
    return QuarantineReport(wanted, stores, names=await names_of(database, [entry.place for entry in wanted]))
