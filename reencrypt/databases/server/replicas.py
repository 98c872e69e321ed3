"""Replicas that the user names: each is asked itself, with the account and the database of the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol, TypeVar

from reencrypt.databases.replication import ReplicaState
from reencrypt.databases.server.connection import Connection, Session
from reencrypt.errors import ReencryptError, UnavailableError
from reencrypt.settings.url import split_host_port

_T = TypeVar("_T")

# Work pauses while nobody knows the lag, so a server that does not answer is not waited for: it is asked again.
_ANSWER_SECONDS: Final = 10.0
_RETRIES_SECONDS: Final = 3.0
#: Where an address of a replica comes from, for messages.
OPTION: Final = "--replica"


class Product(Protocol):
    """What differs between servers."""

    async def position(self, session: Session) -> int:
        """Where the log of the primary, whose session it is, ends now."""
        ...

    async def identity(self, session: Session) -> str:
        """What the primary, whose session it is, is known by to its replicas."""
        ...

    async def state(self, session: Session, name: str, primary: str) -> ReplicaState:
        """How far the server of the session is, which should be a replica of the one with the identity `primary`."""
        ...


def address_of(text: str, default_port: int) -> tuple[str, int]:
    """Read `host`, `host:port` or `/folder:port`. Raises `ConfigurationError`."""
    return split_host_port(text, default_host="", default_port=default_port, origin=OPTION)


async def asked(name: str, connection: Connection, question: Callable[[Session], Awaitable[_T]]) -> _T:
    """Ask a server, but not for long. Raises a `ReencryptError`."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await connection.read(question, deadline_seconds=_RETRIES_SECONDS)
    except TimeoutError as error:
        raise UnavailableError(f"{name} does not answer", hint="Look into the server and the network.") from error


class NamedReplicas:
    """A primary, and replicas by their names."""

    def __init__(self, product: Product, name: str, primary: Connection, replicas: Mapping[str, Connection]) -> None:
        self._product = product
        self._name = name
        self._primary = primary
        self._replicas = replicas

    async def position(self) -> int:
        """The end of the primary's log."""
        return await asked(self._name, self._primary, self._product.position)

    async def replicas(self) -> list[ReplicaState]:
        """Ask all of them at once; one that fails to answer spoils nothing but its own."""
        # Each time: behind its address there may be another server after a failover.
        primary = await asked(self._name, self._primary, self._product.identity)
        return list(await asyncio.gather(*(self._state(*each, primary) for each in self._replicas.items())))

    async def _state(self, name: str, connection: Connection, primary: str) -> ReplicaState:
        try:
            return await asked(name, connection, lambda session: self._product.state(session, name, primary))
        except ReencryptError as error:
            return ReplicaState(name, unknown=f"does not tell its lag ({error.message})", remedy=error.hint)

    async def close(self) -> None:
        """Close every connection, at once."""
        connections = [self._primary, *self._replicas.values()]
        await asyncio.shield(asyncio.gather(*(each.close() for each in connections)))
