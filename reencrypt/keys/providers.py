"""Providers by name from Grafana's configuration: opens each once, and closes them all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Self

from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.errors import ConfigurationError
from reencrypt.keys.configuration import read_providers
from reencrypt.keys.kind import ProviderContext, ProviderKind
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, KeyProvider
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.settings import Settings
from reencrypt.settings.providers import kind_of


class Providers:
    """The providers of one configuration; use as an async context manager.

    Raises `ConfigurationError` where the user has named a version that no configured kind can have.
    """

    def __init__(self, settings: Settings, cache: DerivedKeyCache, context: ProviderContext | None = None) -> None:
        #: The configuration of each provider, open or not.
        self.configured = read_providers(settings)
        self.secret_key = SecretKeyProvider(settings.secret_key, Algorithm(settings.algorithm), cache)
        self._open: dict[str, KeyProvider] = {SECRET_KEY_PROVIDER: self.secret_key}
        self._context = context or ProviderContext()
        kinds = self.configured.kinds
        used = [kinds[name] for name in dict.fromkeys(map(kind_of, self.configured.usable))]
        self._versions = _by_kind(used or kinds.values(), self._context.options.key_versions)

    def get(self, name: str) -> KeyProvider:
        """Return the provider of that name; raises `ConfigurationError` where it is unknown or incomplete."""
        if name not in self._open:
            options = replace(self._context.options, key_versions=self._versions.get(kind_of(name), ()))
            self._open[name] = self.configured.require(name).open(replace(self._context, options=options))
        return self._open[name]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for provider in self._open.values():
            await provider.close()


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
