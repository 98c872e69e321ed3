"""The plan of an operation: all that is known before it writes its first byte. `planner` makes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.namespace import unqualified
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.errors import NoSecretsError, ReencryptError
from reencrypt.events import Warned
from reencrypt.keys.proof import KeyStanding, Proof
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.ring import DataKey, KeyRing
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.outcomes import Operation
from reencrypt.planning.census import Census
from reencrypt.planning.options import RunOptions
from reencrypt.planning.schema import Schema
from reencrypt.planning.target import Target, due_at
from reencrypt.settings import Settings
from reencrypt.settings.model import StoreSettings
from reencrypt.settings.providers import MANAGER, MANAGER_KIND
from reencrypt.state.counts import LEGACY_KEPT, Counts
from reencrypt.state.runs import Run


@dataclass(frozen=True, slots=True)
class Plan:
    """Census, keys, proof and target. `refusals` are in the order in which they would stop the operation.

    `existing` are Grafana's data keys to write under, by namespace; a namespace that is not among them gets a new one.
    `uncovered` are providers whose wrapping nobody here can read (`ProviderConfiguration.is_covered`): what is under
    them is left. `borrowed` are providers of the secrets manager whose key the user has named (`--manager-vault`).
    `known_names` are the keys and providers that the user can name: those that this store has.
    `plain_text` counts secrets that are not encrypted at all, by table and column.
    """

    store: StoreName
    settings: Settings
    options: RunOptions
    target: Target
    schema: Schema
    census: Census
    ring: KeyRing
    proof: Proof
    open_run: Run | None
    existing: Mapping[str, DataKey] = field(default_factory=dict)
    wrap_format: WrapFormat | None = None
    grafana_knows_target: bool = False
    format_named: bool = False
    quarantined: int = 0
    plain_text: Mapping[str, int] = field(default_factory=dict)
    rekeyed: Run | None = None
    known_names: frozenset[str] = frozenset()
    uncovered: frozenset[str] = frozenset()
    borrowed: frozenset[str] = frozenset()
    refusals: tuple[ReencryptError, ...] = ()
    warnings: tuple[Warned, ...] = ()

    @property
    def store_settings(self) -> StoreSettings:
        """What Grafana's configuration says of the store."""
        return self.settings.of(self.store)

    @property
    def is_empty(self) -> bool:
        """Whether the store holds no secrets, and the user has not said that this is no error."""
        return any(isinstance(each, NoSecretsError) for each in self.refusals)

    @property
    def with_envelopes(self) -> frozenset[str]:
        """The locations that hold an envelope: where that decides (`Legacy.LIKE_OTHERS`), Grafana wrote the first.

        What only looks like one names no data key of the store.
        """
        return frozenset(
            name
            for name, found in self.census.locations.items()
            if any(key_id is not None and self.ring.row(key_id) is not None for key_id, _ in found.by_key)
        )

    @property
    def locations(self) -> tuple[Location, ...]:
        """The store's locations in this database."""
        return self.schema.fitted.locations

    @property
    def target_provider(self) -> str:
        """The provider that secrets go to, `secret_key` for a rollback."""
        return self.target.name

    def is_current(self, key_id: str | None, algorithm: Algorithm) -> bool:
        """Whether a secret under this data key (None for a legacy value) is current: where this operation wants it."""
        row = self.ring.row(key_id) if key_id is not None else None
        if row is not None and row.provider in self.uncovered and row.provider != self.target.provider:
            # Also where a rotation that is not due finds everything else in its place.
            return False
        return self.target.is_reached(key_id, algorithm, row)

    def entries(self) -> Iterator[tuple[str | None, Algorithm, int]]:
        """Secrets that Grafana moves, counted by data key (None for a legacy value) and algorithm in each location."""
        for location in self.locations:
            if location.reencrypted:
                for (key_id, algorithm), number in self.census.locations[location.name].by_key.items():
                    yield key_id, algorithm, number

    def moves(self, location: Location, key_id: str | None, algorithm: Algorithm) -> bool:
        """Whether a run moves a secret of this location under this data key, as far as is known before it runs."""
        stays = self.is_current(key_id, algorithm) or self.stays_because(location, key_id)
        return not (stays or (key_id is not None and self.is_skipped(key_id)))

    def counts(self) -> dict[str, Counts]:
        """The census as the counters of a run that moves nothing."""
        found: dict[str, Counts] = {}
        for location in self.locations:
            census, counts = self.census.locations[location.name], Counts()
            if not location.reencrypted:
                counts.not_applicable = census.total
            else:
                for (key_id, algorithm), number in census.by_key.items():
                    if self.is_current(key_id, algorithm):
                        counts.already_current += number
                    else:
                        counts.left += number
                        if because := self.stays_because(location, key_id):
                            counts.left_because[because] = counts.left_because.get(because, 0) + number
                for reason, number in census.problems.items():
                    counts.quarantined += number
                    counts.quarantined_because[reason] = number
            found[location.name] = counts
        return found

    @property
    def target_is_known(self) -> bool:
        """Whether anybody here can wrap data keys under the target; where nobody can, nothing moves there.

        Under a key that the user has named, one of Grafana's own data keys has to show how (`preflight.of_target`).
        """
        return self.store is StoreName.CLASSIC or self.targets_section or self.target.provider in self.borrowed

    @property
    def targets_section(self) -> bool:
        """Whether the target is a secret in a section of the secrets manager, and no key-management service."""
        return self.store is StoreName.MANAGER and MANAGER.kind_of(self.target.provider) == MANAGER_KIND

    def stays_because(self, location: Location, key_id: str | None) -> str:
        """Why a run leaves a secret of this location under this data key, as far as is known before it runs."""
        if key_id is None:
            kept = location.keeps_legacy(self.with_envelopes) and not self.target.is_legacy
            return LEGACY_KEPT if kept else ""
        if provider := self._uncovered_provider(key_id):
            return f"not_covered {provider}"
        return "" if self.target_is_known else f"target_not_covered {self.target.provider}"

    def is_unproven(self, key_id: str | None, algorithm: Algorithm) -> bool:
        """Whether a run leaves the secrets under this data key, or `secret_key`, because nothing proves the key.

        As far as is known before it runs, and where that is one answer for all of them.
        """
        if algorithm is Algorithm.AES_GCM:
            # Its own tag is the proof of each.
            return False
        if key_id is None:
            standing = KeyStanding.of_secret_key()
        else:
            row = self.ring.row(key_id)
            entry = self.ring.entry(key_id) if self.ring.knows(key_id) else None
            if row is None or not isinstance(entry, Unwrapped):
                return False
            standing = KeyStanding.of(row, entry)
        return self.proof.leaves(standing)

    @property
    def movable(self) -> int:
        """Secrets that are not current, can be taken apart, and are not known to stay."""
        return sum(each.left - sum(each.left_because.values()) for each in self.counts().values())

    @property
    def leaves_some(self) -> bool:
        """Whether secrets are known to stay where they are although they are not current."""
        return any(each.left_because for each in self.counts().values())

    @property
    def not_covered(self) -> Counter[str]:
        """How many secrets are left because nobody here can read what their provider wraps, by provider."""
        found: Counter[str] = Counter()
        for key_id, _, number in self.entries():
            if provider := self._uncovered_provider(key_id):
                found[provider] += number
        return found

    def _uncovered_provider(self, key_id: str | None) -> str:
        row = self.ring.row(key_id) if key_id is not None else None
        return row.provider if row is not None and row.provider in self.uncovered else ""

    @property
    def has_work(self) -> bool:
        """Whether secrets, or data keys for a rewrap, are to move. A rewrap within one provider is not known here."""
        if not self.target_is_known:
            return False
        if self.target.operation is Operation.REWRAP:
            return any(row.provider not in {self.target.provider, *self.uncovered} for row in self.ring.rows)
        return bool(self.movable)

    @property
    def namespaces(self) -> list[str]:
        """The namespaces in which this store has data keys or names some; empty in a store without namespaces."""
        if self.store is StoreName.CLASSIC:
            return []
        named = {unqualified(key_id)[0] for key_id in self.census.key_ids}
        # What cannot be taken apart names none.
        return sorted(named | {row.namespace for row in self.ring.rows}) or [""]

    def providers_left(self) -> set[str]:
        """The providers that secrets, or data keys, are moved away from."""
        rewraps = self.target.operation is Operation.REWRAP
        rows = self.ring.rows if rewraps else map(self.ring.row, self.moving_key_ids())
        return {row.provider for row in rows if row is not None} - {self.target.provider, *self.uncovered}

    @property
    def unreadable(self) -> int:
        """Secrets that cannot be taken apart, wherever a run would move them."""
        return sum(each.quarantined for each in self.counts().values())

    @property
    def needs_run(self) -> bool:
        """Whether a run has anything to do, including another look at the quarantine, or a declaration to save."""
        if self.target.waits_until is not None:
            return False
        saves = self.schema.declared.has_changes(self.store)
        return bool(self.movable or self.unreadable or self.quarantined or self.run_to_continue or saves)

    def due_at(self, older_than: timedelta, now: object, stuck: Counter[tuple[str, str | None]]) -> datetime | None:
        """When a rotation by age will be due; None for now. A legacy value is as old as `secret_key`.

        `stuck` counts secrets that no run can move, by location and data key. They make no rotation due.
        """
        secrets: Counter[tuple[str, str | None]] = Counter()
        for location in self.locations:
            if location.reencrypted:
                for (key_id, _), number in self.census.locations[location.name].by_key.items():
                    secrets[location.name, key_id] += number
        used = {place[1] for place in secrets - stuck}
        # What is not covered moves with no run, and makes none due.
        rows = [row for row in self.ring.rows if row.id in used and not self._uncovered_provider(row.id)]
        if None in used or any(row.provider != self.target.provider for row in rows):
            # An unfinished migration goes on at once.
            return None
        return due_at(rows, older_than, now)

    @property
    def run_to_continue(self) -> Run | None:
        """The interrupted run that the next one resumes: the same operation towards the same target."""
        run = self.open_run
        return run if run is not None and run.fresh is self.target.fresh and leads_to(run, self.target) else None

    def is_skipped(self, key_id: str) -> bool:
        """Whether the user wants the secrets under a data key left alone."""
        return self.proof.skipped_as(key_id, self.ring.row(key_id)) is not None

    def moving_key_ids(self) -> list[str]:
        """The data keys of the secrets that are to move."""
        moving = (key_id for key_id, algorithm, _ in self.entries() if not self.is_current(key_id, algorithm))
        return list(dict.fromkeys(each for each in moving if each is not None and not self._uncovered_provider(each)))

    def keys_to_unwrap(self) -> list[str]:
        """Those, and the data keys under `secret_key`: their secrets are evidence for it and cost no vault call."""
        ids = self.census.key_ids | self.census.samples.key_ids
        local = [row.id for row in self.ring.rows if row.provider == SECRET_KEY_PROVIDER and row.id in ids]
        return list(dict.fromkeys((*self.moving_key_ids(), *local)))

    def needs_secret_key(self) -> bool:
        """Whether `secret_key` decrypts anything that Grafana moves, directly or through a data key."""
        return any(
            key_id is None or ((row := self.ring.row(key_id)) is not None and row.provider == SECRET_KEY_PROVIDER)
            for key_id, _, _ in self.entries()
        )


def leads_to(run: Run, target: Target) -> bool:
    """Whether a run has the same operation and target, with or without a data key of its own."""
    aim = (target.operation, target.name, target.algorithm)
    return (run.operation, run.target_provider, run.algorithm) == aim
