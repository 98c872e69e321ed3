"""Reading data keys of the secrets manager by a vault's key that the classic store's configuration describes.

How Grafana Enterprise configures a vault for the secrets manager, and how it wraps there, is not public. So the user
names the key, and nothing is ever written under it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from reencrypt.errors import RefusedError
from reencrypt.keys.diagnostics import Check
from reencrypt.keys.kind import ConfiguredProvider, ProviderContext
from reencrypt.keys.provider import KeyProvider, Unwrapped
from reencrypt.keys.wrap_format import WrapFormat


@dataclass(frozen=True, slots=True)
class BorrowedKey:
    """A configured key of the classic store in the place of a provider of the secrets manager."""

    provider: str
    lender: ConfiguredProvider

    def key_id(self, version: str = "") -> str:
        """The key's own id, so that it counts as one key however many providers use it."""
        return self.lender.key_id(version)

    def disable_command(self, version: str) -> str:
        """Return the command for the key itself."""
        return self.lender.disable_command(version)

    def open(self, context: ProviderContext) -> KeyProvider:
        """Open the key, for reading alone."""
        return ReadOnlyProvider(self.provider, self.lender.open(context))


class ReadOnlyProvider:
    """Unwraps as another provider does, with all that its answers need to be believed, and never wraps."""

    def __init__(self, name: str, lender: KeyProvider) -> None:
        self._name = name
        self._lender = lender

    @property
    def name(self) -> str:
        """The id in the secrets manager."""
        return self._name

    @property
    def needs_wrap_format(self) -> bool:
        """Nobody knows it."""
        return True

    async def unwrap(self, wrapped: bytes) -> Unwrapped:
        """Unwrap by the other provider's key."""
        return await self._lender.unwrap(wrapped)

    async def unwrap_again(self, wrapped: bytes, first: Unwrapped) -> bytes | None:
        """Ask the other provider's key for its second answer."""
        return await self._lender.unwrap_again(wrapped, first)

    async def wrap(self, data_key: bytes, wrap_format: WrapFormat | None) -> NoReturn:
        """Refuse, in whatever format: what Grafana Enterprise could read here is not known."""
        del data_key, wrap_format
        raise RefusedError(
            f"nothing is written under {self._name} of the secrets manager: how Grafana Enterprise wraps there is not "
            "public",
            hint="Take a provider secret_key.NAME of the secrets manager as the target.",
        )

    async def newest_version(self) -> str:
        """The newest version of the other provider's key."""
        return await self._lender.newest_version()

    async def versions(self) -> list[str]:
        """The enabled versions of the other provider's key."""
        return await self._lender.versions()

    async def diagnose(self) -> list[Check]:
        """Nothing: the other provider is one of the classic store's, which checks it."""
        return []

    async def close(self) -> None:
        """Close the other provider, which was opened for this one."""
        await self._lender.close()
