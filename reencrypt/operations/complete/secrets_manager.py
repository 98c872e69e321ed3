"""Data keys of Grafana 12's secrets manager, which may use the same key-encryption keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from reencrypt.databases.protocol import Database
from reencrypt.keys.errors import UnwrapFailedError
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.state.data_keys import read_secrets_manager

_TABLE: Final = "secret_data_key"
# It spells its kinds of provider differently, and not the same in all releases (`secretKey.v1`,
# `secret_key.v1`); sources: pkg/setting/setting_secrets_manager.go and its tests.
_KIND_OF_OURS: Final = "secretkey"


@dataclass(slots=True)
class ProviderUse:
    """The number of data keys under one of its providers, and how many of them may need `secret_key`."""

    provider: str
    number: int = 0
    under_secret_key: int = 0

    @property
    def kind(self) -> str:
        """The kind of provider, in one spelling for all releases."""
        return self.provider.partition(".")[0].replace("_", "").lower()

    def may_need(self, provider: str, names: Collection[str]) -> int:
        """Count those that may need the key of a provider in `data_keys`; `names` are those of its kind here.

        Which key a provider of the secrets manager uses is not public, so it may be any of that kind.
        """
        if provider == SECRET_KEY_PROVIDER:
            return self.under_secret_key
        return self.number if self.kind in names else 0


async def read_uses(database: Database, secret_key: SecretKeyProvider) -> list[ProviderUse]:
    """Look at every data key of the secrets manager, if there is one.

    Its `secret_key` is a setting of its own, which may have the same value: GCM tells, and with CFB it may be so.
    """
    if _TABLE not in await database.columns():
        return []
    uses: dict[str, ProviderUse] = {}
    for name, wrapped in await read_secrets_manager(database):
        use = uses.setdefault(name, ProviderUse(name))
        use.number += 1
        if use.kind == _KIND_OF_OURS and wrapped is not None:
            try:
                await secret_key.unwrap(wrapped)
            except UnwrapFailedError:
                continue
            use.under_secret_key += 1
    return list(uses.values())


def notes(uses: Iterable[ProviderUse]) -> list[str]:
    """The notes of a report on them: no operation covers them."""
    return [f"not covered: {use.number} data keys of Grafana's secrets manager under {use.provider}" for use in uses]
