"""Takes the inventory of a whole database, for whoever listens."""

from __future__ import annotations

from dataclasses import replace

from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.errors import ReencryptError, StoppedEarlyError
from reencrypt.events import Emit, Waiting, Warned, ignore
from reencrypt.operations.choice import declared_locations
from reencrypt.operations.session import Shared
from reencrypt.operations.work import R, Work
from reencrypt.planning.census import take_census
from reencrypt.planning.declared import NO_FILE, LocationsFile
from reencrypt.planning.inventory import Inventory, count_secrets
from reencrypt.planning.options import DeclaredOptions, RunOptions
from reencrypt.planning.schema import Schema, inspect
from reencrypt.planning.target import Target
from reencrypt.settings import Settings
from reencrypt.settings.files import special_file
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.quarantine import known_secrets, read_quarantine
from reencrypt.state.stop import StopRequest


async def take_inventory(database: Database, schema: Schema, settings: Settings, *, emit: Emit = ignore) -> Inventory:
    """Read every secret of the stores that are in this database."""
    stores = []
    quarantine = await read_quarantine(database) if schema.has_state else []
    given_up = known_secrets([entry for entry in quarantine if not entry.is_open], lambda _entry: False)
    for name in StoreName:
        seen = schema.of(name)
        if name is StoreName.MANAGER and (settings.manager.is_remote or not seen.has_store):
            continue
        rows = await read_data_keys(database, seen.key_table)
        locations = seen.fitted.locations
        census = await take_census(
            database,
            locations,
            keys=len(rows),
            wants_sample=lambda _location, _envelope: False,
            emit=emit,
            given_up=given_up,
        )
        # Once more: a data key that Grafana has made meanwhile is not missing.
        rows = list({row.id: row for row in [*rows, *await read_data_keys(database, seen.key_table)]}.values())
        target = Target.resolve(settings.of(name), RunOptions())
        stores.append(count_secrets(name, locations, census, rows, target))
    return Inventory(stores, quarantine)


async def inventory_of(settings: Settings, file: LocationsFile = NO_FILE, *, emit: Emit = ignore) -> Inventory:
    """Open the database of a configuration and take its inventory, also of the locations that `file` declares."""
    database = await open_database(settings.database, write=False, waiting=lambda reason: emit(Waiting(reason)))
    try:
        return await take_inventory(database, await inspect(database, file=file), settings)
    finally:
        await database.close()


def with_inventory(work: Work[R]) -> Work[R]:
    """The same work, and afterwards an inventory for whoever listens; a stop of the work leaves that out.

    Where the inventory cannot be taken, or is stopped, a warning says so: the work itself has its result.
    """

    async def perform(settings: Settings, shared: Shared, *, emit: Emit, stop: StopRequest) -> R:
        report = await work.perform(settings, shared, emit=emit, stop=stop)
        if stop.reason is None:
            await _tell_inventory(settings, work.declared, emit, stop)
        return report

    return replace(work, perform=perform)


async def _tell_inventory(settings: Settings, declared: DeclaredOptions, emit: Emit, stop: StopRequest) -> None:
    try:
        file = _read_again(settings, declared, emit)
        inventory = await stop.interruptible(inventory_of(settings, file, emit=emit))
    except StoppedEarlyError:
        emit(Warned("secrets are not counted", f"the secrets are not counted for the metrics: {stop.reason}"))
    except ReencryptError as error:
        emit(Warned("secrets are not counted", f"the secrets cannot be counted for the metrics: {error.message}"))
    else:
        emit(inventory.as_event())


def _read_again(settings: Settings, declared: DeclaredOptions, emit: Emit) -> LocationsFile:
    """Read the declared locations, after the work has done so: a run may have saved them, a plan has not."""
    if declared.file is not None and (problem := special_file(str(declared.file))):
        # It has been read, and a pipe gives nothing twice.
        emit(
            Warned(
                "secrets are not counted",
                f"{declared.file} {problem}: the metrics count of its locations those that a run has saved",
            )
        )
        return NO_FILE
    return declared_locations(settings, RunOptions(declared=declared))
