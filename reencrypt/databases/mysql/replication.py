"""The replicas of a MySQL or MariaDB server: each is asked itself, because the primary does not know their lag.

Sources: the manuals of both, SHOW REPLICA STATUS. Its columns are called Source or Master, Replica or Slave by product
and version. `Seconds_Behind_Source` is NULL where replication is stopped or broken, and counts what was received, so
that the position in the primary's log has to tell the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, Final

from asyncmy.errors import MySQLError

from reencrypt.databases.mysql.driver import MysqlDriver
from reencrypt.databases.mysql.dsn import MysqlTarget, target_of
from reencrypt.databases.replication import ReplicaState, Replication
from reencrypt.databases.server.connection import Connection, Session
from reencrypt.databases.server.replicas import NamedReplicas, address_of
from reencrypt.errors import ConfigurationError
from reencrypt.settings import DatabaseSettings

_FILE_BITS: Final = 44  # of a position: no file of the log is that large
_DENIED: Final = 1227  # the number of that error
_OLD_WORDS: Final = (("Source", "Master"), ("Replica_", "Slave_"))
_REMEDY: Final = "Give the addresses of servers that replicate from this one, without another between them."
_RIGHTS: Final = (
    "Grant the account REPLICATION CLIENT on *.* (MariaDB: BINLOG MONITOR and REPLICA MONITOR), on the primary and on "
    "each replica."
)


def open_replication(settings: DatabaseSettings, addresses: Sequence[str]) -> Replication:
    """The replicas at these addresses. Raises `ConfigurationError` without any."""
    target = target_of(settings)
    if not addresses:
        raise ConfigurationError(
            "a MySQL or MariaDB server does not know the lag of its replicas",
            hint="Name each replica with --replica, or leave --max-lag out.",
        )
    others = [at_address(target, address) for address in addresses]
    replicas = {each.display: Connection(MysqlDriver(each)) for each in others}
    return NamedReplicas(MysqlProduct(), target.display, Connection(MysqlDriver(target)), replicas)


def at_address(target: MysqlTarget, address: str) -> MysqlTarget:
    """The same account and database on another server. A name that its certificate has to bear stays, if it is set."""
    host, port = address_of(address, target.port)
    certificate = host if target.certificate_name == target.host else target.certificate_name
    return replace(target, host=host, port=port, socket="", certificate_name=certificate)


class MysqlProduct:
    """What servers of both products answer. A position is the number of a binary log and the bytes in it."""

    async def position(self, session: Session) -> int:
        """Where the binary log ends."""
        is_mariadb, version = await _version(session)
        old = is_mariadb or version < (8, 4)
        rows = await _shown(session, f"SHOW {'MASTER' if old else 'BINARY LOG'} STATUS")
        if not rows:
            raise ConfigurationError(
                "this server writes no binary log, so that it has no replicas", hint="Leave --max-lag out."
            )
        return _position(rows[0]["File"], rows[0]["Position"])

    async def identity(self, session: Session) -> str:
        """Its number on MariaDB, its UUID on MySQL."""
        is_mariadb, _ = await _version(session)
        ((identity,),) = await session.fetch(f"SELECT @@{'server_id' if is_mariadb else 'server_uuid'}")
        return str(identity)

    async def state(self, session: Session, name: str, primary: str) -> ReplicaState:
        """Ask a replica, which may replicate from other servers as well."""
        is_mariadb, version = await _version(session)
        words = ("ALL SLAVES", "Master_Server_Id") if is_mariadb else (_replica(version), "Master_UUID")
        for source in await _shown(session, f"SHOW {words[0]} STATUS"):
            status = _in_old_words(source)
            if str(status[words[1]]) == primary:
                return _state(name, status)
        return ReplicaState(name, unknown="does not replicate from this database's server", remedy=_REMEDY)


def _state(name: str, status: Mapping[str, Any]) -> ReplicaState:
    seconds = status["Seconds_Behind_Master"]
    if seconds is None:
        said = status["Last_SQL_Error"] or status["Last_IO_Error"]
        running = f"threads: {status['Slave_IO_Running']}, {status['Slave_SQL_Running']}"
        return ReplicaState(
            name, unknown=f"does not replicate now ({said or running})", remedy="Start its replication again."
        )
    reached = _position(status["Relay_Master_Log_File"], status["Exec_Master_Log_Pos"])
    return ReplicaState(name, reached, float(seconds))


def _position(file: str, offset: int) -> int:
    number = re.search(r"([0-9]+)\Z", file)
    return (int(number[1]) if number else 0) << _FILE_BITS | int(offset)


def _in_old_words(status: Mapping[str, Any]) -> dict[str, Any]:
    return {reduce(lambda name, words: name.replace(*words), _OLD_WORDS, name): status[name] for name in status}


def _replica(version: tuple[int, int, int]) -> str:
    return "REPLICA" if version >= (8, 0, 22) else "SLAVE"


async def _shown(session: Session, query: str) -> list[dict[str, Any]]:
    try:
        return await session.fetch_named(query)
    except MySQLError as error:
        if error.args[:1] == (_DENIED,):
            raise ConfigurationError(f"the account may not ask: {error.args[-1]}", hint=_RIGHTS) from error
        raise


async def _version(session: Session) -> tuple[bool, tuple[int, int, int]]:
    """Whether it is MariaDB, and the version."""
    ((text,),) = await session.fetch("SELECT VERSION()")
    numbers = re.findall(r"[0-9]+", text)[:3]
    return "mariadb" in text.lower(), (int(numbers[0]), int(numbers[1]), int(numbers[2]))
