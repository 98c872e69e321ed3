"""Options that only the secrets manager needs, in a module of their own, because every `--help` loads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reencrypt.option import option

OPTION: Final = "--manager-vault"


@dataclass(frozen=True, slots=True)
class ManagerVault:
    """A `provider` of the secrets manager, and the `vault`, a provider of the classic store, that has its key."""

    provider: str
    vault: str

    @classmethod
    def parse(cls, text: str) -> ManagerVault:
        """Read `PROVIDER=KIND.NAME`; raises ValueError for anything else."""
        provider, _, vault = text.partition("=")
        kind, _, name = vault.partition(".")
        if not (provider and kind and name) or text != text.strip() or not text.isprintable():
            raise ValueError(
                f"{text!r} is not PROVIDER=KIND.NAME, such as azure_keyvault.prod=azurekv.prod: a provider of the "
                "secrets manager, and the one of [security.encryption.KIND.NAME] that has its key"
            )
        return cls(provider, vault)

    def __str__(self) -> str:
        return f"{self.provider}={self.vault}"


@dataclass(frozen=True, slots=True)
class ManagerOptions:
    """What only the secrets manager needs."""

    vaults: tuple[ManagerVault, ...] = option(
        f"{OPTION} PROVIDER=KIND.NAME",
        "Read what this provider of the secrets manager wraps by the key of `[security.encryption.KIND.NAME]`.",
        default=(),
        parse=ManagerVault.parse,
        example="azure_keyvault.prod=azurekv.prod",
    )
