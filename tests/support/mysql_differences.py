"""What the tests say to MariaDB that MySQL itself does not take, and what they say to MySQL instead.

A test tries each of them on both servers, so that the list stays true when one of them changes. Where MySQL has nothing
instead, the test that needs it is skipped there with a line that says so.

Not statements, but of the same kind: `mariadb-install-db` makes a data folder, where `mysqld --initialize-insecure`
does; `--innodb-log-file-size` is `--innodb-redo-log-capacity`; `--skip-character-set-client-handshake` is gone, so no
server setting forces a character set upon a client.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest


@dataclass(frozen=True)
class Difference:
    """A statement that MySQL does not take, the number of its error, and what MySQL takes instead, or nothing."""

    mariadb: str
    error: int
    mysql: str | None
    why: str

    def on(self, engine: str) -> str:
        """The statement for an engine; skips the test where that has none."""
        if engine == "mariadb":
            return self.mariadb
        if self.mysql is None:
            pytest.skip(f"NOT RUN: {self.why}")
        return self.mysql


REPLACED_USER: Final = Difference(
    "CREATE OR REPLACE USER reencrypt_poor IDENTIFIED BY 'p'",
    1064,
    "CREATE USER reencrypt_poor IDENTIFIED BY 'p'",  # after DROP USER IF EXISTS; both take that
    "MySQL has no OR REPLACE for users",
)
RESERVED_NAME: Final = Difference(
    "SELECT external FROM dashboard_snapshot",
    1064,
    "SELECT `external` FROM dashboard_snapshot",  # both take that
    "EXTERNAL is a reserved word of MySQL 9",
)
INVALID_UTF8: Final = Difference(
    "UPDATE secrets SET value = x'EDA080' WHERE id = 1",
    1366,
    None,
    "MySQL stores no text that is not valid UTF-8",
)
LOCK_WAITS: Final = Difference(
    "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    3854,
    "SELECT COUNT(*) FROM performance_schema.data_lock_waits",
    "MySQL's innodb_trx cannot show a statement with binary values, and ends the query",
)
SYSTEM_VERSIONED: Final = Difference(
    "CREATE TABLE odd (id INT PRIMARY KEY, kept TEXT) WITH SYSTEM VERSIONING",
    1064,
    None,
    "MySQL has no system-versioned tables",
)
OWN_TABLE: Final = Difference(
    "UPDATE secrets SET type = 't' WHERE id = (SELECT MIN(id) FROM secrets)",
    1093,
    "UPDATE secrets SET type = 't' WHERE id = (SELECT id FROM (SELECT MIN(id) AS id FROM secrets) AS t)",  # both do
    "MySQL changes no table that a subquery of the statement reads, unless that is a derived table",
)
DECIMAL_LIMIT: Final = Difference(
    "SET SESSION sql_select_limit = IF(1, 7, 18446744073709551615)",
    1232,
    "SET SESSION sql_select_limit = CAST(IF(1, 7, 18446744073709551615) AS UNSIGNED)",  # both take that
    "MySQL takes no decimal for a variable that is a number of rows",
)
