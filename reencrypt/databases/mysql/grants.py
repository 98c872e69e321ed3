"""Rights of an account of MySQL or MariaDB, from SHOW GRANTS."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_GRANT: Final = re.compile(r"GRANT (.+?) ON (\*|`(?:[^`]|``)+`)\.\* TO ")


def shows_triggers(grants: Iterable[str], database: str) -> bool:
    """Whether the server shows this account every trigger of a database: it has the TRIGGER privilege on all of it.

    Without that privilege information_schema.triggers leaves triggers out, and no error says so. What a role grants, or
    a name that is a pattern, does not count: then an empty answer proves nothing.
    """
    lines = list(grants)
    if any(line.startswith("REVOKE ") for line in lines):
        # MySQL can take a database out of what was granted on all of them.
        return False
    return any(
        privileges in ("ALL", "ALL PRIVILEGES") or "TRIGGER" in privileges.split(", ")
        for line in lines
        if (match := _GRANT.match(line)) is not None
        for privileges, scope in (match.groups(),)
        if scope == "*" or _is(scope, database)
    )


def _is(scope: str, database: str) -> bool:
    name = scope[1:-1].replace("``", "`")
    # In the name of a grant _ and % stand for any characters unless they are escaped.
    if "%" in re.sub(r"\\.", "", name):
        return False
    return name.replace("\\", "") == database
