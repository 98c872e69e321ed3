"""Load the named statements: `-- name: NAME` begins one in a `.sql` file, `:parameter` marks its values."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

#: Not by `importlib.resources`, which brings archives along.
_FOLDER: Final = Path(__file__).parent
_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_STEP: Final = re.compile(r"^-- step (\d+)$", re.MULTILINE)

# Table names are written in lower case behind these words. `IS DISTINCT FROM` is followed by a value, and a name with
# a parenthesis directly behind it is a function.
_TABLE: Final = re.compile(
    r"(?<!DISTINCT )\b(FROM|INTO|UPDATE|JOIN|TABLE|TABLE IF NOT EXISTS|TABLE IF EXISTS)(\s+)([a-z_][a-z0-9_]*)\b(?!\()"
)

#: The tables of the first step, which every database with state has.
STATE_TABLES: Final = tuple(
    f"reencrypt_{name}" for name in ("journal", "quarantine", "checkpoint", "run", "lease", "data_key")
)
#: The tables of later steps: a database may have state and lack them.
ACCEPTED_TABLE, VERSION_TABLE = "reencrypt_accepted", "reencrypt_schema"
NAMESPACE_TABLE, DECLARED_TABLE = "reencrypt_namespace", "reencrypt_location"
AUDIT_TABLE, RANGE_TABLE = "reencrypt_audit", "reencrypt_range"
#: All state tables.
OUR_TABLES: Final = (
    *STATE_TABLES,
    ACCEPTED_TABLE,
    VERSION_TABLE,
    NAMESPACE_TABLE,
    DECLARED_TABLE,
    AUDIT_TABLE,
    RANGE_TABLE,
)
#: The state tables that are dropped. The others tell which data keys and wrappings are ours, and what the user has
#: accepted and declared. The lease is last, to protect the others.
TEMPORARY_TABLES: Final = (
    *(f"reencrypt_{name}" for name in ("journal", "quarantine", "checkpoint")),
    NAMESPACE_TABLE,
    AUDIT_TABLE,
    RANGE_TABLE,
    *(f"reencrypt_{name}" for name in ("run", "lease")),
)
#: The last step in the schema files: the state that this program reads and writes.
STATE_VERSION: Final = 6


def qualified(statement: str, schema: str) -> str:
    """Put a schema, quoted for SQL, before the name of every table of a statement."""
    return _TABLE.sub(lambda match: f"{match[1]}{match[2]}{schema}.{match[3]}", statement)


@cache
def load_statements(*files: str) -> dict[str, str]:
    """Read the statements of the files of this package; a later file overrides the names of an earlier one."""
    statements: dict[str, str] = {}
    for file in files:
        text = _FOLDER.joinpath(file).read_text()
        _, *parts = _NAME.split(text)
        statements |= {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
    return statements


@cache
def load_schema(file: str, since: int = 0) -> tuple[str, ...]:
    """Read the statements of a schema file behind a step; `-- step N` begins one. Each can be run again."""
    text = _FOLDER.joinpath(file).read_text()
    _, *parts = _STEP.split(text)
    lines = [
        line
        for number, step in zip(parts[::2], parts[1::2], strict=True)
        if int(number) > since
        for line in step.splitlines()
        if not line.startswith("--")
    ]
    return tuple(part.strip() for part in "\n".join(lines).split(";") if part.strip())
