"""Secrets that lie in clear text beside the encrypted ones.

Grafana before 6 kept the passwords of data sources like that, and later ones read them still. Grafana's own command for
them is `data-migration encrypt-datasource-passwords` (source: pkg/cmd/grafana-cli/commands/datamigrations).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from reencrypt.databases.protocol import Executor
from reencrypt.wording import counted

TABLE: Final = "data_source"
#: Column of `data_source` → the statement that counts its rows with something in it.
_COUNTS: Final = {
    "password": "plain_passwords",
    "basic_auth_password": "plain_basic_auth_passwords",
}
REMEDY: Final = (
    "Move them with Grafana's `grafana cli admin data-migration encrypt-datasource-passwords`, or save each of these "
    "data sources with its password entered again; then run again. Backups keep the clear text."
)


async def count_plain_text(executor: Executor, columns: Collection[str]) -> dict[str, int]:
    """Count the rows with a secret in clear text, by `data_source.password` and the like; `columns` are its columns."""
    return {
        f"{TABLE}.{column}": int(str((await executor.fetch(statement))[0][0]))
        for column, statement in _COUNTS.items()
        if column in columns
    }


def plain_text_in_words(counts: Mapping[str, int]) -> list[str]:
    """One sentence for each column with secrets in clear text, without what to do (`REMEDY`)."""
    return [
        (
            f"{counted(number, 'row has', 'rows have')} a secret in clear text in {column}, which no key protects and "
            "no run changes"
        )
        for column, number in counts.items()
        if number
    ]
