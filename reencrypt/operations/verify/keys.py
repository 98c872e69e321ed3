"""The keys that a verification decrypts with: all of a configuration, or those that stay when others retire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from reencrypt.catalogue.reason import Reason
from reencrypt.keys.configuration import ProviderConfiguration
from reencrypt.keys.errors import KeyDisabledError
from reencrypt.keys.provider import LEGACY_PROVIDER
from reencrypt.keys.ring import DataKey, Failure, KeyRing
from reencrypt.planning.missing_key import missing_in_words
from reencrypt.planning.session import Session
from reencrypt.state.key_table import KeyTable

#: Reasons that only a verification has.
PROVIDER_NOT_CONFIGURED: Final = "provider_not_configured"
#: How the provider wraps is not public, and no key is borrowed for it: nobody here knows whether Grafana reads these.
NOT_COVERED: Final = "not_covered"
_WRAPPED_ANEW: Final = Failure(unknown=False, detail="it was wrapped again meanwhile")
KEY_RETIRES: Final = "key_retires"


class Unusable(NamedTuple):
    """Why a key decrypts nothing; every secret under it gets the reason."""

    reason: str
    detail: str


class Keys(Protocol):
    """The keys that a verification decrypts with."""

    async def ensure(self, key_ids: Sequence[str]) -> None:
        """Make these data keys ready; raises a `ReencryptError` where a key service fails as a whole."""
        ...

    async def confirm(self, key_ids: Sequence[str]) -> None:
        """Ask a key service a second time for the data keys that have only one answer as proof.

        Raises `ContradictionError` where it answers differently, a `ReencryptError` where it fails.
        """
        ...

    def key_for(self, key_id: str | None) -> tuple[str, bytes | Unusable]:
        """The provider of a data key (None: of a legacy value), and the key itself or why it is unusable."""
        ...

    @property
    def whole(self) -> Keys:
        """All keys of the configuration, those that are to retire among them."""
        ...


@dataclass(frozen=True, slots=True)
class RingKeys:
    """All keys that a store has in a configuration: data keys from the ring, `secret_key` for legacy values."""

    ring: KeyRing
    table: KeyTable
    configured: ProviderConfiguration
    secret_key: bytes
    _disabled: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session) -> RingKeys:
        """Return the keys of a session's store."""
        return cls(session.ring, session.schema.key_table, session.providers.configured, session.secret_key)

    async def ensure(self, key_ids: Sequence[str]) -> None:
        """Unwrap; a data key under a disabled version is unusable for Grafana too, and stops no other."""
        wanted = [key_id for key_id in key_ids if key_id not in self._disabled and self._is_covered(key_id)]
        try:
            await self.ring.ensure(wanted)
        except KeyDisabledError:
            for key_id in wanted:
                try:
                    await self.ring.ensure([key_id])
                except KeyDisabledError as error:
                    self._disabled[key_id] = error.message

    async def confirm(self, key_ids: Sequence[str]) -> None:
        """See `Keys`."""
        await self.ring.confirm(key_ids)

    def key_for(self, key_id: str | None) -> tuple[str, bytes | Unusable]:
        """See `Keys`."""
        if key_id is None:
            return LEGACY_PROVIDER, self.secret_key
        row = self.ring.row(key_id)
        provider = row.provider if row else "missing"
        if row is not None and (unusable := self._unusable_provider(row)):
            return provider, unusable
        if key_id in self._disabled:
            return provider, Unusable(Reason.UNWRAP_FAILED, self._disabled[key_id])
        entry = self.ring.entry(key_id) if self.ring.knows(key_id) else _WRAPPED_ANEW
        if isinstance(entry, Failure):
            reason = Reason.UNKNOWN_DATA_KEY if entry.unknown else Reason.UNWRAP_FAILED
            detail = missing_in_words(key_id, self.table, self.ring.rows) if entry.unknown else entry.detail
            return provider, Unusable(reason, f"data key {key_id}: {detail}")
        return provider, entry.data_key

    def _unusable_provider(self, row: DataKey) -> Unusable | None:
        """Why nothing of a provider can be read, whatever it wraps."""
        provider = row.provider
        if not self.configured.is_covered(provider):
            return Unusable(NOT_COVERED, f"data key {row.id}: this program cannot read what {provider} wraps")
        if setting := self.configured.problem(provider):
            return Unusable(PROVIDER_NOT_CONFIGURED, f"data key {row.id}: {setting}")
        return None

    def _is_covered(self, key_id: str) -> bool:
        row = self.ring.row(key_id)
        return row is None or self.configured.is_covered(row.provider)

    @property
    def whole(self) -> Keys:
        """See `Keys`."""
        return self


@dataclass(frozen=True, slots=True)
class StayingKeys:
    """The keys of another set without those that are to retire.

    `retires` names the key-encryption key that goes and takes a data key (None: `secret_key`) along, or is empty. A
    retiring data key is never unwrapped, unless only the unwrap tells that it retires.
    """

    keys: Keys
    retires: Callable[[str | None], str]

    async def ensure(self, key_ids: Sequence[str]) -> None:
        """See `Keys`."""
        await self.keys.ensure([key_id for key_id in key_ids if not self.retires(key_id)])

    async def confirm(self, key_ids: Sequence[str]) -> None:
        """See `Keys`."""
        await self.keys.confirm([key_id for key_id in key_ids if not self.retires(key_id)])

    def key_for(self, key_id: str | None) -> tuple[str, bytes | Unusable]:
        """See `Keys`."""
        if kek := self.retires(key_id):
            return kek, Unusable(KEY_RETIRES, f"it needs {kek}, which is to go")
        return self.keys.key_for(key_id)

    @property
    def whole(self) -> Keys:
        """See `Keys`."""
        return self.keys
