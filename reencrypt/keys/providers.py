"""Providers of a store, by name, from Grafana's configuration: opens each once, and closes them all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Self

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.errors import ConfigurationError
from reencrypt.keys.configuration import ProviderConfiguration, read_providers, with_vaults
from reencrypt.keys.kind import ProviderContext, ProviderKind
from reencrypt.keys.manager_options import ManagerVault
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, KeyProvider
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.settings import Settings


class Providers:
    """The providers of one store in one configuration; use as an async context manager."""

    def __init__(
        self,
        configured: ProviderConfiguration,
        context: ProviderContext,
        versions: Mapping[str, tuple[str, ...]],
        secret_key: SecretKeyProvider | None = None,
    ) -> None:
        #: The configuration of each provider, open or not.
        self.configured = configured
        self._context = context
        self._versions = versions
        self._secret_key = secret_key
        self._open: dict[str, KeyProvider] = {secret_key.name: secret_key} if secret_key else {}

    @classmethod
    def classic(cls, settings: Settings, cache: DerivedKeyCache, context: ProviderContext | None = None) -> Self:
        """Those of the classic store: `secretKey.v1`, and one for each section.

        Raises `ConfigurationError` where the user has named a version that no configured kind can have.
        """
        context = replace(context or ProviderContext(), cache=cache)
        configured = read_providers(settings)
        secret_key = SecretKeyProvider(settings.secret_key, Algorithm(settings.algorithm), cache)
        used = _kinds_of(configured, configured.usable) or configured.kinds.values()
        versions = _by_kind(used, context.options.key_versions)
        return cls(configured, context, versions, secret_key)

    @classmethod
    def manager(
        cls,
        settings: Settings,
        cache: DerivedKeyCache,
        context: ProviderContext | None = None,
        vaults: Iterable[ManagerVault] = (),
    ) -> Self:
        """Those of the secrets manager: one for each section `secret_key…`, and one to read by for each of `vaults`.

        Raises `ConfigurationError` where one of `vaults` cannot be used.
        """
        context = replace(context or ProviderContext(), cache=cache)
        configured = with_vaults(read_providers(settings, StoreName.MANAGER), read_providers(settings), vaults)
        # Whether a version can be one at all is the classic store's to say: here it may have nothing to be one of.
        versions = _by_kind(_kinds_of(configured, configured.borrowed), context.options.key_versions)
        return cls(configured, context, versions)

    @property
    def secret_key(self) -> SecretKeyProvider:
        """The provider of the classic store's `secret_key`; raises `LookupError` for another store."""
        if self._secret_key is None:
            raise LookupError(SECRET_KEY_PROVIDER)
        return self._secret_key

    def get(self, name: str) -> KeyProvider:
        """Return the provider of that name; raises `ConfigurationError` where it is unknown or incomplete."""
        if name not in self._open:
            configured, kind = self.configured.require(name), self.configured.kind(name)
            versions = self._versions.get(kind.name, ()) if kind else ()
            options = replace(self._context.options, key_versions=versions)
            self._open[name] = configured.open(replace(self._context, options=options))
        return self._open[name]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for provider in self._open.values():
            await provider.close()


def _kinds_of(configured: ProviderConfiguration, providers: Iterable[str]) -> list[ProviderKind]:
    """Return the kinds of providers, each once."""
    found = {kind.name: kind for provider in providers if (kind := configured.kind(provider))}
    return list(found.values())


def _by_kind(kinds: Collection[ProviderKind], versions: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return, by kind, the named versions that the kind can have; raises where no kind can have one."""
    found: dict[str, tuple[str, ...]] = {kind.name: () for kind in kinds}
    for version in versions:
        refusals = []
        for kind in kinds:
            try:
                found[kind.name] += (kind.read_key_version(version),)
            except ConfigurationError as error:
                refusals.append(error)
        if refusals and len(refusals) == len(found):
            raise refusals[0]
    return found
