"""Values on their way between a fixture's SQLite file and a server."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

#: For a file that nobody needs after a power failure.
FAST = "PRAGMA synchronous = OFF"

_BINARY = frozenset(("bytea", "blob", "mediumblob", "longblob"))
_INTEGERS = frozenset(("integer", "int", "bigint", "smallint", "tinyint"))


def to_server(value: object, data_type: str) -> object:
    """What the file's bytes, text or number is in a server's column of the type."""
    if value is None or data_type in _BINARY:
        return value
    if data_type == "boolean":
        return bool(value)
    text = value.decode() if isinstance(value, bytes) else str(value)
    if data_type.startswith(("timestamp", "datetime")):
        moment = datetime.fromisoformat(text[:19].replace("T", " "))
        return moment.replace(tzinfo=None)
    return int(text) if data_type in _INTEGERS else text


def to_file(value: object) -> object:
    """What a server's value is in the file."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return str(value) if isinstance(value, UUID) else value
