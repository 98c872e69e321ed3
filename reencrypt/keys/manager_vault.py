"""Data keys of the secrets manager under a vault's key that the classic store's configuration describes.

How Grafana Enterprise configures a vault for the secrets manager, and how it wraps there, is not public. So the user
names the key, and a data key is only wrapped in the format that one of Grafana's own under the same provider shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
        """Open the key under the name of the secrets manager's provider."""
        return BorrowedProvider(self.provider, self.lender.open(context))


class BorrowedProvider:
    """Unwraps as another provider does, with all that its answers need to be believed, and wraps as it is told."""

    def __init__(self, name: str, lender: KeyProvider) -> None:
        self._name = name
        self._lender = lender

    @property
    def name(self) -> str:
        """The id in the secrets manager."""
        return self._name

    @property
    def needs_wrap_format(self) -> bool:
        """Only Grafana's own data keys show it."""
        return True

    async def unwrap(self, wrapped: bytes) -> Unwrapped:
        """Unwrap by the other provider's key."""
        return await self._lender.unwrap(wrapped)

    async def unwrap_again(self, wrapped: bytes, first: Unwrapped) -> bytes | None:
        """Ask the other provider's key for its second answer."""
        return await self._lender.unwrap_again(wrapped, first)

    async def wrap(self, data_key: bytes, wrap_format: WrapFormat | None) -> bytes:
        """Wrap by the other provider's key, in the format that a data key of Grafana's has shown; refuse without."""
        if wrap_format is None:
            raise RefusedError(
                f"nothing is written under {self._name} of the secrets manager before one of Grafana's own data keys "
                "shows how it wraps there",
                hint="Save a secret in Grafana, so that it makes one, and run again.",
            )
        return await self._lender.wrap(data_key, wrap_format)

    async def newest_version(self) -> str:
        """The newest version of the other provider's key."""
        return await self._lender.newest_version()

    async def versions(self) -> list[str]:
        """The enabled versions of the other provider's key."""
        return await self._lender.versions()

    async def version_dates(self) -> dict[str, datetime]:
        """Those of the other provider's key."""
        return await self._lender.version_dates()

    async def diagnose(self) -> list[Check]:
        """Nothing: the other provider is one of the classic store's, which checks it."""
        return []

    async def close(self) -> None:
        """Close the other provider, which was opened for this one."""
        await self._lender.close()
