"""Opens providers by name from Grafana's configuration, each once, and closes them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

from reencrypt.crypto.ciphers import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.keys.azure.limiter import Limiter
from reencrypt.keys.azure.policy import VaultPolicy
from reencrypt.keys.azure.quota import Window
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, KeyProvider
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.settings import Settings, require_azure


class Providers:
    """The providers of one configuration; use as an async context manager."""

    def __init__(
        self,
        settings: Settings,
        cache: DerivedKeyCache,
        *,
        policy: VaultPolicy | None = None,
        waiting: Callable[[str], None] = lambda _reason: None,
        warn: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._settings = settings
        self._policy = policy or VaultPolicy()
        self._waiting = waiting
        self._warn = warn
        self._limiters: dict[str, Limiter] = {}
        self.secret_key = SecretKeyProvider(settings.secret_key, Algorithm(settings.algorithm), cache)
        self._open: dict[str, KeyProvider] = {SECRET_KEY_PROVIDER: self.secret_key}

    def get(self, name: str) -> KeyProvider:
        """The provider of that name; raises `ConfigurationError` where it is unknown or half-configured."""
        if name not in self._open:
            azure = require_azure(self._settings, name)
            # Azure's libraries take a quarter of a second to import.
            from reencrypt.keys.azure.provider import AzureKeyProvider  # noqa: PLC0415

            self._open[name] = AzureKeyProvider(
                azure,
                policy=self._policy,
                limiter=self._limiter(azure.vault_uri),
                waiting=self._waiting,
                warn=self._warn,
            )
        return self._open[name]

    def _limiter(self, vault_uri: str) -> Limiter:
        """One for each vault, whichever keys are in it: they draw on one quota. Managed HSM has none."""
        host = urlsplit(vault_uri).netloc.lower().removesuffix(":443")
        if host not in self._limiters:
            has_quota = ".managedhsm." not in host
            self._limiters[host] = Limiter(Window(self._policy.share) if has_quota else None)
        return self._limiters[host]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for provider in self._open.values():
            await provider.close()
