"""Fills the secrets manager's store with any number of secrets, over its places, namespaces and forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.grafana.manager import ManagerKey, SecretsManagerBuilder

NAMESPACES: Final = ("default", "org-2")
_SNAPSHOT_EVERY: Final = 9


def populate_manager(
    manager: SecretsManagerBuilder,
    *,
    count: int,
    namespaces: Sequence[str] = NAMESPACES,
    provider: str = "secret_key.v1",
) -> list[ManagerKey]:
    """Plant exactly `count` secrets, and return the data keys: two of different days in each namespace.

    There are values of every length and any bytes, earlier versions of a name, values that are not split yet, and
    dashboard snapshots in both tables of unified storage.
    """
    keys = [
        manager.data_key(namespace, provider=provider, label_date=date)
        for date in ("2026-02-01", "2026-02-17")
        for namespace in namespaces
    ]
    for number in range(count):
        under = keys[number % len(keys)]
        if number % _SNAPSHOT_EVERY == _SNAPSHOT_EVERY - 1:
            table = "resource_history" if number % 2 else "resource"
            manager.add_snapshot(under, b'{"title":"dashboard %d"}' % number, table=table)
            continue
        # Neither text nor of one length: nothing here proves a key but its tag.
        plaintext = bytes((number * 7 + place) % 256 for place in range(number % 40)) + b"%d" % number
        split = None if number % 4 else False
        name, version = f"inline-{number // len(keys) // 2}-{number % len(keys)}", 1 + number // len(keys) % 2
        manager.add_value(under, plaintext, name=name, version=version, active=version == 2, split=split)
    return keys
