"""Request log of the emulator, for assertions: everything but bodies, tokens and query strings."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Final

#: Above this the oldest records are dropped, so that an emulator may run for weeks.
CAPACITY: Final = 100_000


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One answered request."""

    #: Unix seconds.
    time: float
    method: str
    #: As sent, without the query.
    path: str
    #: The permission that the operation needs (`unwrapKey`, `get`, ...), `token` for a sign-in, `discovery` for what
    #: goes before it, "" for no operation.
    operation: str
    #: Name of the key, "" where none was named.
    key: str
    #: The version that was used, even if the request named none; if none was used, the one in the path.
    version: str
    #: Algorithm of a crypto operation, "" otherwise.
    alg: str
    status: int
    #: `x-ms-request-id` of the answer.
    request_id: str
    #: The client's port: requests of one connection have the same.
    connection: int = 0
    #: `x-ms-client-request-id` as the client sent it, "" without one.
    client_request_id: str = ""


class RequestLog:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=CAPACITY)

    def add(self, record: RequestRecord) -> None:
        """Append one record."""
        self._records.append(record)

    def records(self) -> tuple[RequestRecord, ...]:
        """Return all records, oldest first."""
        return tuple(self._records)

    def clear(self) -> None:
        """Forget all records."""
        self._records.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Return all records as plain objects, oldest first."""
        return [asdict(record) for record in self._records]
