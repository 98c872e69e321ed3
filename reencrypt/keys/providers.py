"""Opens providers by name from Grafana's configuration, each once, and closes them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from reencrypt.crypto.ciphers import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, KeyProvider
from reencrypt.keys.retry import RetryPolicy
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.settings import Settings, require_azure


class Providers:
    """The providers of one configuration; use as an async context manager."""

    def __init__(
        self,
        settings: Settings,
        cache: DerivedKeyCache,
        *,
        policy: RetryPolicy | None = None,
        waiting: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._settings = settings
        self._policy = policy or RetryPolicy()
        self._waiting = waiting
        self.secret_key = SecretKeyProvider(settings.secret_key, Algorithm(settings.algorithm), cache)
        self._open: dict[str, KeyProvider] = {SECRET_KEY_PROVIDER: self.secret_key}

    def get(self, name: str) -> KeyProvider:
        """The provider of that name; raises `ConfigurationError` where it is unknown or half-configured."""
        if name not in self._open:
            azure = require_azure(self._settings, name)
            # Azure's libraries take a quarter of a second to import.
            from reencrypt.keys.azure import AzureKeyProvider  # noqa: PLC0415

            self._open[name] = AzureKeyProvider(azure, policy=self._policy, waiting=self._waiting)
        return self._open[name]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for provider in self._open.values():
            await provider.close()
