"""The standbys of a PostgreSQL server: those that the primary is connected to, as it knows them, or each by itself.

Sources: PostgreSQL's manual, "pg_stat_replication" and "Recovery Information Functions". The view shows an account
without `pg_read_all_stats`, which `pg_monitor` has, its rows with NULL in them. `replay_lag` is that of what was
replayed last: old, or NULL, where a standby has replayed everything, so that positions have to tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from reencrypt.databases.postgres.driver import PostgresDriver
from reencrypt.databases.postgres.dsn import PostgresTarget, target_of
from reencrypt.databases.replication import ReplicaState, Replication
from reencrypt.databases.server.connection import Connection, Session
from reencrypt.databases.server.replicas import NamedReplicas, address_of, asked
from reencrypt.errors import ConfigurationError
from reencrypt.settings import DatabaseSettings

_POSITION: Final = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::bigint"
# Neither a base backup nor a subscriber that has the log decoded: what is not for it, it need never acknowledge.
_CONNECTED: Final = """
SELECT r.state, r.application_name, pg_catalog.host(r.client_addr),
  pg_catalog.pg_wal_lsn_diff(r.replay_lsn, '0/0')::bigint, r.write_lsn IS NOT NULL,
  pg_catalog.date_part('epoch', r.replay_lag)
FROM pg_catalog.pg_stat_replication AS r
WHERE r.state IS DISTINCT FROM 'backup' AND NOT EXISTS (
  SELECT FROM pg_catalog.pg_replication_slots AS s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
"""
_SYSTEM: Final = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"
_STANDBY: Final = """
SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')::bigint,
  pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())
"""


def open_replication(settings: DatabaseSettings, addresses: Sequence[str]) -> Replication:
    """The standbys at these addresses; without any, those that are connected to the primary."""
    target = target_of(settings)
    primary = Connection(PostgresDriver(target))
    if not addresses:
        return ConnectedStandbys(target.display, primary)
    others = [at_address(target, address) for address in addresses]
    replicas = {each.display: Connection(PostgresDriver(each)) for each in others}
    return NamedReplicas(PostgresProduct(), target.display, primary, replicas)


def at_address(target: PostgresTarget, address: str) -> PostgresTarget:
    """The same account and database on another server, which may be a standby."""
    host, port = address_of(address, target.port)
    return replace(target, host=host or target.host, address="", port=port, attributes="any")


class PostgresProduct:
    """What PostgreSQL's servers answer. A position is a number of bytes in the write-ahead log."""

    async def position(self, session: Session) -> int:
        """Where the write-ahead log ends."""
        ((position,),) = await session.fetch(_POSITION)
        return int(position)

    async def identity(self, session: Session) -> str:
        """The number that a cluster and all of its standbys have."""
        ((system,),) = await session.fetch(_SYSTEM)
        return str(system)

    async def state(self, session: Session, name: str, primary: str) -> ReplicaState:
        """Ask a standby. The time since the last commit that it has replayed is its lag while it is behind."""
        ((is_standby, reached, seconds),) = await session.fetch(_STANDBY)
        if not is_standby or reached is None or await self.identity(session) != primary:
            return ReplicaState(
                name, unknown="is no standby of this database's server", remedy="Give the addresses of its standbys."
            )
        return ReplicaState(name, int(reached), float(seconds or 0))


class ConnectedStandbys:
    """The standbys in the view of the primary."""

    def __init__(self, name: str, primary: Connection) -> None:
        self._name = name
        self._primary = primary

    async def position(self) -> int:
        """Where the write-ahead log ends."""
        return await asked(self._name, self._primary, PostgresProduct().position)

    async def replicas(self) -> list[ReplicaState]:
        """Those that replay. Raises `ConfigurationError` where this account may not see how far they are."""
        found = []
        rows = await asked(self._name, self._primary, lambda session: session.fetch(_CONNECTED))
        for state, application, address, reached, receives, lag in rows:
            if state is None:
                raise ConfigurationError(
                    f"{self._name} does not show this account how far its replicas are",
                    hint="GRANT pg_monitor TO the account, or name each replica with --replica.",
                )
            name = f"{application or 'a replica'} at {address or 'a local socket'}"
            if reached is not None:
                found.append(ReplicaState(name, int(reached), float(lag or 0)))
            elif not receives:
                found.append(ReplicaState(name, unknown="has not told yet how far it is", remedy="Start again."))
            # Else it writes the log to files (pg_receivewal) and replays nothing.
        return found

    async def close(self) -> None:
        """Close the connection."""
        await asyncio.shield(self._primary.close())
