"""Key-encryption keys as `complete` counts them, and their names, which are unambiguous over both stores."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.keys.configuration import ProviderConfiguration
from reencrypt.keys.provider import LEGACY_PROVIDER, SECRET_KEY_PROVIDER
from reencrypt.keys.store_kinds import plain

#: Stands for a version that could not be found out.
UNKNOWN_VERSION: Final = "unknown"


@dataclass(slots=True)
class Kek:
    """A key-encryption key of a store. `secrets` are counted by location.

    `version` is that of the provider's key; empty where such a key has none. `kid` is the service's id of the key with
    its version, which several providers of both stores may share; empty where it has none. Of the `data_keys`, those
    `refuted` do not need it, because their tags show that it does not unwrap them, and those `stuck` unwrap under
    nothing that is known. `reasons` keep it.
    """

    name: str
    store: StoreName
    provider: str
    version: str = ""
    kid: str = ""
    secrets: Counter[str] = field(default_factory=Counter)
    data_keys: int = 0
    active: int = 0
    refuted: int = 0
    stuck: int = 0
    strays: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def is_needed(self) -> bool:
        """Whether anything is, or may come to be, under it. No data key of the secrets manager is ever deleted."""
        manages = self.store is StoreName.MANAGER and self.data_keys > self.refuted
        return bool(self.secrets or self.active or self.strays or manages)


@dataclass(frozen=True, slots=True)
class KekNames:
    """Names the key-encryption keys of a store.

    Those of the classic store are `secret_key` and `PROVIDER/VERSION`. Those of the secrets manager are its providers;
    `taken` are the providers of the classic store, whose names get the store in front here.
    """

    configured: ProviderConfiguration
    taken: frozenset[str] = frozenset()

    @property
    def store(self) -> StoreName:
        """The store."""
        return self.configured.store

    def has_versions(self, provider: str) -> bool:
        """Whether a provider's key is that of a service, which may have several versions."""
        if self.store is StoreName.CLASSIC:
            return provider != SECRET_KEY_PROVIDER
        return provider in self.configured.borrowed

    def name(self, provider: str, version: str = "") -> str:
        """Return the name of a provider's key."""
        if not self.has_versions(provider):
            version = ""
        if self.store is StoreName.CLASSIC:
            return f"{provider}/{version or UNKNOWN_VERSION}" if self.has_versions(provider) else LEGACY_PROVIDER
        own = f"{self.store}:{provider}" if provider in self.taken else provider
        return f"{own}/{version or UNKNOWN_VERSION}" if self.has_versions(provider) else own

    def kek(self, provider: str, version: str = "") -> Kek:
        """Return a provider's key, with nothing counted."""
        if self.has_versions(provider) or not self.configured.is_covered(provider):
            version = version or UNKNOWN_VERSION
        kek = Kek(self.name(provider, version), self.store, provider, version)
        configured = self.configured.usable.get(provider)
        kek.kid = configured.key_id(version) if configured and version else ""
        return kek

    def may_be(self, kek: Kek, unknown: Kek, others: KekNames) -> bool:
        """Whether a key of which too little is known, of the store of `others`, may be this one."""
        if unknown.version != UNKNOWN_VERSION:
            return False
        mine, other = self.configured.usable.get(kek.provider), others.configured.usable.get(unknown.provider)
        if mine is None and others.configured.is_covered(unknown.provider):
            return False
        if mine is None or other is None or unknown.provider in others.configured.borrowed:
            # A provider without settings may use any key of its kind, and so may one whose data keys do not unwrap by
            # the key that the user has named for it.
            return bool(self._kinds(kek.provider) & others._kinds(unknown.provider))
        same = self.store is others.store and kek.provider == unknown.provider
        return same or mine.key_id() == other.key_id() != ""

    def _kinds(self, provider: str) -> set[str]:
        """The names of a provider's kind in both stores, in one spelling."""
        kind = self.configured.kind(provider)
        names = {plain(self.configured.kind_name(provider))}
        return names | set(kind.secrets_manager_names) | {plain(kind.name)} if kind else names
