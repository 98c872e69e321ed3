"""Loads the named statements: `-- name: NAME` begins one in a `.sql` file, `:parameter` marks its values."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)

#: Our tables but for the list of data keys that we made, the lease last: while it is there, it protects the others.
TEMPORARY_TABLES: Final = tuple(f"reencrypt_{name}" for name in ("journal", "quarantine", "checkpoint", "run", "lease"))


@cache
def load_statements(*files: str) -> dict[str, str]:
    """Read the statements of the files under `sql/`; a later file overrides the names of an earlier one."""
    statements: dict[str, str] = {}
    for file in files:
        text = resources.files("reencrypt.databases").joinpath("sql", file).read_text()
        _, *parts = _NAME.split(text)
        statements |= {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
    return statements


@cache
def load_schema(file: str) -> tuple[str, ...]:
    """Read the statements of a schema file, which are separated by semicolons."""
    text = resources.files("reencrypt.databases").joinpath("sql", file).read_text()
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return tuple(part.strip() for part in "\n".join(lines).split(";") if part.strip())
