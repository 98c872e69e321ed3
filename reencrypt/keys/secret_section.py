"""The secrets manager's kind `secret_key`: data keys wrapped under the secret of a section of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reencrypt.crypto import managed
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.errors import ConfigurationError
from reencrypt.keys.kind import ProviderContext, ProviderKind
from reencrypt.keys.provider import KeyProvider
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.secret import Secret
from reencrypt.settings import ProviderSection
from reencrypt.settings.providers import MANAGER_KIND, SECRET_KEY


@dataclass(frozen=True, slots=True)
class ConfiguredSecret:
    """The secret of `[secrets_manager.encryption.secret_key.NAME]`."""

    provider: str
    section: str
    secret: Secret

    def key_id(self, version: str = "") -> str:
        """Empty: no service has a name for the secret. Two sections with the same one are two keys all the same."""
        del version
        return ""

    def disable_command(self, version: str) -> str:
        """Empty: a section is taken out of a file."""
        del version
        return ""

    def open(self, context: ProviderContext) -> KeyProvider:
        """Open the provider; its data keys are in the manager's cipher layer, always AES-GCM."""
        return SecretKeyProvider(
            self.secret,
            Algorithm.AES_GCM,
            context.cache,
            name=self.provider,
            setting=f"[{self.section}] {SECRET_KEY}",
            parse=managed.parse_payload,
        )


def _read(section: ProviderSection) -> ConfiguredSecret:
    secret = section.get(SECRET_KEY, needed=True)
    if not secret.text:
        ignored = section.ignored_variable(SECRET_KEY)
        note = f"; {ignored} is ignored, because the key has no value in a file" if ignored else ""
        raise ConfigurationError(
            f"[{section.name}] has no {SECRET_KEY}, and with such a section Grafana does not start{note}"
        )
    return ConfiguredSecret(section.provider, section.name, Secret(secret.text))


SECRET_SECTION: Final = ProviderKind(
    name=MANAGER_KIND, keys=(SECRET_KEY,), secret_keys=frozenset({SECRET_KEY}), read=_read
)
