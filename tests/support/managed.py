"""A Grafana that uses its secrets manager: what its configuration says of it, and what the judge reads there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from sqlite3 import connect
from typing import Final

from tests.grafana.decryptor import DecryptedSecret, SecretAddress
from tests.grafana.manager_decryptor import read_manager
from tests.support.commandline import CommandLine
from tests.support.story import SECTIONS, Story, manager_configuration, with_manager

_TTL: Final = {"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s"}


def managed(
    story: Story, sections: Mapping[str, str] = SECTIONS, *, provider: str = "secret_key.v1", name: str = "managed"
) -> Story:
    """The same Grafana with these sections, and caches of a second, so that nobody waits for a quarter of an hour."""
    assert story.cli.configuration is not None
    path = story.cli.configuration.with_name(f"{name}.ini")
    manager = manager_configuration(provider, "data_keys_cache_ttl = 1s", sections)
    path.write_text(with_manager(story.cli.configuration.read_text(), manager))
    cli = CommandLine(story.cli.database, path, story.vault, _TTL)
    return Story(story.database, story.engine, story.vault, story.secret_key, cli)


def read(story: Story, sections: Mapping[str, str] = SECTIONS) -> dict[SecretAddress, DecryptedSecret]:
    """Every secret of the manager as the independent judge reads it now."""
    return read_manager(story.judged(), sections=sections)


def rows(story: Story, table: str) -> int:
    """How many rows a table has."""
    with closing(connect(story.judged())) as connection:
        (number,) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()  # noqa: S608 - our own names
    return int(number)
