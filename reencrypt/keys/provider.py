"""Protocol of a provider: it wraps and unwraps data keys under one key-encryption key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from reencrypt.keys.diagnostics import Check
from reencrypt.keys.wrap_format import WrapFormat

#: Grafana's data keys: 16 random bytes (`pkg/services/secrets/manager/manager.go`).
DATA_KEY_BYTES: Final = 16

SECRET_KEY_PROVIDER: Final = "secretKey.v1"  # noqa: S105 - the provider's name, not a secret
#: Independent answers that prove what a service unwraps.
ENOUGH_WITNESSES: Final = 2
#: The name in reports of values that no data key encrypts.
LEGACY_PROVIDER: Final = "secret_key"
_SECRET_KEY_PROVIDER_BEFORE_9: Final = "secretKey"  # noqa: S105 - the same


def normalise_provider(name: str) -> str:
    """Grafana reads exactly `secretKey` as `secretKey.v1`; the stored text stays as it is."""
    return SECRET_KEY_PROVIDER if name == _SECRET_KEY_PROVIDER_BEFORE_9 else name


@dataclass(frozen=True, slots=True, repr=False)
class Unwrapped:
    """A data key in the clear.

    `conclusive` tells whether the padding or tag notices a wrong key: RSA-OAEP and GCM do, RSA1_5 and CFB do not.
    `witnesses` counts the independent answers that agree on the data key. One answer of a service is no proof: a proxy
    may mix up two answers. A result of this process needs no second one.
    `version` is the version of the vault's key that unwrapped it, `algorithm` and `operation` are how it was asked.
    `reading` says what was unwrapped where that is not the data key itself: secrets have proven it, and may be read
    under it, but how Grafana would read it is unknown, so nothing is written under it.
    """

    data_key: bytes
    conclusive: bool
    wrap_format: WrapFormat | None = None
    version: str = field(default="", compare=False)
    algorithm: str = field(default="", compare=False)
    operation: str = field(default="", compare=False)
    witnesses: int = field(default=1, compare=False)
    reading: str = ""

    @property
    def is_proof(self) -> bool:
        """Whether the unwrap proves the data key without the secrets under it."""
        return self.conclusive and self.witnesses >= ENOUGH_WITNESSES

    def __repr__(self) -> str:
        return f"Unwrapped(conclusive={self.conclusive}, wrap_format={self.wrap_format})"


class KeyProvider(Protocol):
    """Wraps and unwraps data keys under one KEK."""

    @property
    def name(self) -> str:
        """The provider id, such as `secretKey.v1` or `azurekv.prod`."""
        ...

    @property
    def needs_wrap_format(self) -> bool:
        """Whether `wrap` needs a format, because Grafana's own is not public."""
        ...

    async def unwrap(self, wrapped: bytes) -> Unwrapped:
        """Return the data key.

        Raises `UnwrapFailedError` for this data key alone (`OddLengthError` where something else unwrapped), a
        `ReencryptError` where the provider itself fails.
        """
        ...

    async def unwrap_again(self, wrapped: bytes, first: Unwrapped) -> bytes | None:
        """Unwrap a second time, as independently of the first answer as possible; None where it does not unwrap now.

        Raises a `ReencryptError` where the provider itself fails.
        """
        ...

    async def wrap(self, data_key: bytes, wrap_format: WrapFormat | None) -> bytes:
        """Return the column bytes for a data key; raises a `ReencryptError` where the provider fails."""
        ...

    async def newest_version(self) -> str:
        """The version of its key that `wrap` uses, empty where it has none; raises a `ReencryptError`."""
        ...

    async def versions(self) -> list[str]:
        """Return the enabled versions of its key, if it may list them; empty where it has none."""
        ...

    async def version_dates(self) -> dict[str, datetime]:
        """Return when each version of its key was made (UTC, naive), as far as it may ask; empty where it has none."""
        ...

    async def diagnose(self) -> list[Check]:
        """Check everything that this provider needs, by real use where that changes nothing; raises nothing."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
