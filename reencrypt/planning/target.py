"""The target of an operation, which decides what is current and what is to move."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reencrypt.crypto.algorithm import Algorithm
from reencrypt.keys.provider import LEGACY_PROVIDER, SECRET_KEY_PROVIDER, normalise_provider
from reencrypt.keys.ring import DataKey
from reencrypt.outcomes import Operation
from reencrypt.planning.options import RunOptions
from reencrypt.settings.model import StoreSettings


@dataclass(frozen=True, slots=True)
class Target:
    """The provider and algorithm that an operation wants secrets, or data keys, to be under.

    `fresh` asks for data keys of the run's own, which are `own_keys` once there are any; they may become more while the
    run is at work. `waits_until` (UTC, naive) is when a rotation will be due that is not yet; until then everything is
    current.
    """

    operation: Operation
    provider: str
    algorithm: Algorithm
    fresh: bool = False
    own_keys: AbstractSet[str] = frozenset()
    waits_until: datetime | None = None

    @classmethod
    def resolve(cls, settings: StoreSettings, options: RunOptions) -> Target:
        """Derive the target from Grafana's configuration of a store and the user's options; nothing else does."""
        legacy = options.operation is Operation.ROLLBACK
        return cls(
            options.operation,
            SECRET_KEY_PROVIDER if legacy else normalise_provider(options.target.to or settings.encryption_provider),
            options.target.algorithm or Algorithm(settings.algorithm),
            fresh=options.rotation.fresh_data_key,
        )

    @property
    def is_legacy(self) -> bool:
        """Whether secrets go back to `secret_key`, without a data key."""
        return self.operation is Operation.ROLLBACK

    @property
    def name(self) -> str:
        """The name for reports and for the run's row: a provider, or `secret_key` for a rollback."""
        return LEGACY_PROVIDER if self.is_legacy else self.provider

    @property
    def needs_new_wrapping(self) -> bool:
        """Whether a data key of Grafana's own cannot serve as it is."""
        return self.fresh or self.operation is Operation.REWRAP

    def is_reached(self, key_id: str | None, algorithm: Algorithm, row: DataKey | None) -> bool:
        """Whether a secret under this data key (None for a legacy value), whose row is `row`, is current."""
        if self.is_legacy:
            return key_id is None
        if self.operation is Operation.REWRAP:
            # Legacy values have no data key, and a missing one cannot be wrapped.
            return row is None or row.provider == self.provider
        if row is None:
            return False
        if self.operation is Operation.ENVELOP or self.waits_until is not None:
            return True
        if self.fresh:
            return key_id in self.own_keys and algorithm is self.algorithm
        return row.provider == self.provider and algorithm is self.algorithm


def due_at(rows: Iterable[DataKey], older_than: timedelta, now: object) -> datetime | None:
    """When the oldest of these data keys reaches an age (UTC, naive); None where it has, or its age is unknown."""
    created = [created_at(row.created) for row in rows]
    today = created_at(now)
    known = [each for each in created if each is not None]
    if today is None or not known or len(known) < len(created):
        return None
    try:
        due = min(known) + older_than
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC).replace(tzinfo=None)  # as far away as a date can be
    return due if due > today else None


def created_at(value: object) -> datetime | None:
    """A timestamp as Grafana's columns hold it (UTC): the driver's datetime, or SQLite's text."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):  # no date at all, or one beyond the years that there are in UTC
        return None
