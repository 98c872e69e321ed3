"""Retirement: which data keys go with a key-encryption key, by the version of the key that unwraps each of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from reencrypt.errors import ReencryptError
from reencrypt.keys.provider import LEGACY_PROVIDER, Unwrapped
from reencrypt.keys.ring import KeyRing
from reencrypt.operations.complete.keks import UNKNOWN_VERSION, KekNames


async def read_versions(ring: KeyRing, naming: KekNames, matters: Callable[[str], bool]) -> dict[str, str]:
    """By data key, the version of the vault's key that unwraps it, or `UNKNOWN_VERSION`; raises nothing.

    Only a provider that `matters` is asked.
    """
    remote = [row for row in ring.rows if naming.has_versions(row.provider)]
    versions = {row.id: UNKNOWN_VERSION for row in remote}
    for provider in sorted({row.provider for row in remote if matters(row.provider)}):
        mine = [row for row in remote if row.provider == provider]
        with suppress(ReencryptError):
            await ring.ensure([row.id for row in mine])
        for row in mine:
            entry = ring.entry(row.id) if ring.knows(row.id) else None
            if entry is None:
                # One of them failed in a way that stops all, so each is asked by itself.
                with suppress(ReencryptError):
                    entry = await ring.unwrap_row(row)
            if isinstance(entry, Unwrapped):
                versions[row.id] = entry.version or UNKNOWN_VERSION
    return versions


@dataclass(frozen=True, slots=True)
class Retirement:
    """Tells which key-encryption key that goes takes a data key along, of a new data key once it is unwrapped.

    It records the versions that it learns in `versions`.
    """

    ring: KeyRing
    naming: KekNames
    versions: dict[str, str]
    names: frozenset[str]
    target: str

    def of(self, key_id: str | None) -> str:
        """The name of the key that takes this data key along, or empty. None stands for `secret_key`."""
        name = LEGACY_PROVIDER if key_id is None else self._kek(key_id)
        return name if name and self._goes(name) else ""

    def _goes(self, name: str) -> bool:
        return name in self.names if self.names else name != self.target

    def _kek(self, key_id: str) -> str:
        row = self.ring.row(key_id)
        if row is None:
            return ""
        if not self.naming.has_versions(row.provider):
            return self.naming.name(row.provider)
        if key_id not in self.versions and self.ring.knows(key_id):
            entry = self.ring.entry(key_id)
            self.versions[key_id] = (isinstance(entry, Unwrapped) and entry.version) or UNKNOWN_VERSION
        return self.naming.name(row.provider, self.versions[key_id]) if key_id in self.versions else ""
