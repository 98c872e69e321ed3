"""Refuses a secrets manager whose table of data keys is gone, as after a partial restore: it is not an empty store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reencrypt.catalogue.migrations import SECRETS_MANAGER_LOG, demanded
from reencrypt.catalogue.store_name import StoreName
from reencrypt.catalogue.stores import STORES
from reencrypt.databases.migration_log import read_migration_ids
from reencrypt.databases.paging import count_rows
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError, NotVisibleError
from reencrypt.events import ignore
from reencrypt.planning.census import take_census
from reencrypt.planning.schema import Schema
from reencrypt.planning.session import Session

#: The table of the secrets manager's data keys.
KEYS: Final = STORES[StoreName.MANAGER].data_keys
_VALUES: Final = "secret_encrypted_value"


async def lost_keys(database: Database, schema: Schema) -> ConfigurationError | None:
    """Where the table is missing and something shows that this Grafana had it, the error that says so.

    The signs are values, and the log of the secrets manager's migrations. Snapshots, which are many rows to read, are
    no sign here.
    """
    manager = schema.of(StoreName.MANAGER)
    if manager.has_store:
        return None
    signs = []
    if any([each.table == _VALUES and await count_rows(database, each) for each in manager.fitted.locations]):
        signs.append(f"{_VALUES} has values")
    if schema.has_manager_log:
        ids = await read_migration_ids(database, SECRETS_MANAGER_LOG)
        if KEYS in demanded({SECRETS_MANAGER_LOG: ids}):
            signs.append(f"{SECRETS_MANAGER_LOG} says that Grafana created it")
    return _missing(database, signs) if signs else None


async def refuse_lost_keys(sessions: Sequence[Session], *, snapshots: bool = False) -> None:
    """Raise `NotVisibleError` where the user asks about the secrets manager and its table of data keys is lost.

    With `snapshots` those that name one of its data keys are a sign of the table, too.
    """
    session = sessions[0]
    database, schema = session.database, session.schema
    if StoreName.MANAGER not in session.options.stores.names or session.settings.manager.is_remote:
        return
    if (error := await lost_keys(database, schema)) is not None:
        raise error
    manager = schema.of(StoreName.MANAGER)
    if not snapshots or manager.has_store:
        return
    census = await take_census(
        database,
        [each for each in manager.fitted.locations if each.table != _VALUES],
        keys=0,
        wants_sample=lambda _location, _envelope: False,
        emit=ignore,
    )
    if found := [f"{name} has {each.total} snapshots of it" for name, each in census.locations.items() if each.total]:
        raise _missing(database, found)


def _missing(database: Database, signs: Sequence[str]) -> NotVisibleError:
    return NotVisibleError(
        f"{database.name}: {KEYS} is missing, the table of the secrets manager's data keys: {' and '.join(signs)}",
        hint=f"Restore {KEYS} from the backup: without it nobody can read that store's secrets. --store classic leaves "
        "them out.",
    )
