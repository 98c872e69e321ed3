"""Key usage: what still needs which key-encryption key, by a fresh read that trusts no record of any run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.errors import RefusedError
from reencrypt.keys.provider import LEGACY_PROVIDER, SECRET_KEY_PROVIDER
from reencrypt.keys.ring import DataKey
from reencrypt.operations.complete.last_copies import LastCopies
from reencrypt.operations.complete.retirement import UNKNOWN_VERSION, Retirement, read_versions
from reencrypt.operations.complete.search import CACHE, Known, NotSecrets, Place, Search, search
from reencrypt.operations.complete.secrets_manager import ProviderUse, notes, read_uses
from reencrypt.operations.session import renewed
from reencrypt.operations.verify.keys import KEY_RETIRES, PROVIDER_NOT_CONFIGURED, RingKeys, StayingKeys
from reencrypt.operations.verify.readability import Fault, ambiguous, faults_of, providers_of
from reencrypt.operations.verify.verification import Verification, verify_secrets
from reencrypt.outcomes import RunState
from reencrypt.planning.census import take_census
from reencrypt.planning.quarantined_keys import UNREADABLE
from reencrypt.planning.schema import inspect, read_accepted_secrets
from reencrypt.planning.session import Session
from reencrypt.settings.providers import kind_of
from reencrypt.state.data_keys import read_ambiguous_keys, read_data_keys
from reencrypt.state.quarantine import QuarantineEntry, read_quarantine
from reencrypt.state.runs import Run, read_runs

_CACHE_ADVICE: Final = "entries of Grafana's cache: wait until they expire, or delete the rows of cache_data"

_NAMED: Final = 5  # secrets in one line


@dataclass(slots=True)
class Kek:
    """A key-encryption key: `secret_key`, or `PROVIDER/VERSION`. `secrets` are counted by location.

    `kid` is the service's id of the key with its version, which several providers may share; empty where it has none.
    """

    name: str
    provider: str
    kid: str = ""
    secrets: Counter[str] = field(default_factory=Counter)
    data_keys: int = 0
    active: int = 0
    strays: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def version(self) -> str:
        """The version of the provider's key, or `UNKNOWN_VERSION`; `secret_key` has none."""
        return self.name.partition("/")[2]


@dataclass(slots=True)
class KeyUsage:
    """All key-encryption keys by name, the blockers that keep each of them, and the evidence.

    `verification` used only the keys that stay. `faults` are settings that would keep Grafana from reading.
    """

    target: str
    keks: dict[str, Kek]
    blockers: list[str]
    faults: list[Fault]
    unused: list[DataKey]
    verification: Verification
    search: Search
    notes: list[str] = field(default_factory=list)

    def retiring(self, names: Sequence[str]) -> list[Kek]:
        """The keys that are asked about: those named, or all but the target."""
        return [each for each in self.keks.values() if (each.name in names if names else each.name != self.target)]


@dataclass(frozen=True, slots=True)
class KeyUsageReader:
    """Reads the key usage of a database; `target` is the provider that stays.

    `unsearched` are tables, or TABLE.COLUMN, that the user says hold no ciphertext. `not_secrets` are finds of the
    search that are no secrets.
    """

    session: Session
    target: str
    unsearched: frozenset[str]
    not_secrets: NotSecrets

    async def gather(self, retire: Sequence[str], *, settled: frozenset[tuple[str, str]]) -> KeyUsage:
        """Count, verify with the keys that stay, search and judge.

        `retire` names the keys that are to go, all but the target where it is empty. `settled` are runs, with their
        last change, whose data keys Grafana's cache no longer holds.
        """
        # The database as it is now: the command may have waited for Grafana's cache.
        session = await renewed(self.session)
        database, schema, ring = session.database, session.schema, session.ring
        locations = schema.fitted.locations
        await ring.reload()
        before = list(ring.rows)
        quarantine = await read_quarantine(database) if schema.has_state else []
        runs = await read_runs(database) if schema.has_state else []
        versions = await read_versions(ring)
        target = await self._target()
        every_key = RingKeys(ring, session.secret_key, session.providers.configured.problem)
        verification = await verify_secrets(
            session,
            StayingKeys(every_key, Retirement(ring, versions, frozenset(retire), target).of),
            quarantine,
            await read_accepted_secrets(database, schema),
        )
        rows = list(ring.rows)
        found = await self._search(locations, rows, quarantine)
        # One answer proves the version of a data key as little as its bytes: those that no secret proves are asked for
        # again, also those that only something outside the catalogue names.
        await ring.confirm([row.id for row in rows if not verification.is_proven(row.id)])
        keks = _keks(verification, locations, rows, versions)
        keks.setdefault(target, Kek(target, self.target))
        for version in await self._enabled_versions():
            # Also those that nothing needs any more: these can go.
            keks.setdefault(f"{self.target}/{version}", Kek(f"{self.target}/{version}", self.target))
        needed = verification.needed_key_ids
        ambiguous_keys = needed & await read_ambiguous_keys(self.session.database, schema.key_table)
        copies = LastCopies(self.session.database, locations, ring, runs)
        usage = KeyUsage(
            target=target,
            keks=keks,
            blockers=[
                *self._blockers(quarantine, [run for run in runs if (run.id, run.updated) not in settled], runs),
                *_unreadable(verification, locations),
                *(await copies.sentences(verification) if schema.has_state else ()),
                *map(ambiguous, sorted(ambiguous_keys)),
                *_changed(before, await read_data_keys(database, schema.key_table)),
                *self._gaps(found),
            ],
            faults=faults_of(
                self.session.settings,
                self.session.providers.configured,
                providers_of(ring, needed),
                # Without envelopes Grafana would keep writing under secret_key.
                has_envelopes=bool(needed) or self.target != SECRET_KEY_PROVIDER,
                target=self.target,
            ),
            unused=[row for row in rows if not row.active and row.id not in verification.key_ids | _named(found)],
            verification=verification,
            search=found,
        )
        _place_strays(usage, rows, versions)
        uses = await read_uses(self.session.database, self.session.providers.secret_key)
        usage.notes += [*notes(uses), *_search_notes(found, self.not_secrets)]
        self._judge(usage, uses)
        return usage

    async def references(self, rows: Sequence[DataKey]) -> set[str]:
        """Find which of these data keys something names now, in the catalogue or outside it.

        Raises `RefusedError` where a part of the database cannot be searched any more.
        """
        session = self.session
        schema = await inspect(session.database)
        locations = schema.fitted.locations
        census = await take_census(
            self.session.database,
            locations,
            keys=0,
            wants_sample=lambda _location, _envelope: False,
            emit=self.session.emit,
        )
        quarantine = await read_quarantine(session.database) if schema.has_state else []
        found = await self._search(locations, rows, quarantine)
        for gap in self._gaps(found):
            raise RefusedError(gap, hint="Nothing was deleted. Start again.")
        return census.key_ids | _named(found)

    async def _search(
        self, locations: Sequence[Location], rows: Sequence[DataKey], quarantine: Sequence[QuarantineEntry]
    ) -> Search:
        known = Known.of(
            locations,
            (row.id for row in rows),
            frozenset((*each.place, each.secret_hash) for each in quarantine if not each.is_open),
            self.not_secrets,
            self.unsearched,
        )
        return await search(self.session.database, known, self.session.pool, emit=self.session.emit)

    async def _target(self) -> str:
        if self.target == SECRET_KEY_PROVIDER:
            return LEGACY_PROVIDER
        version = "" if self._is_unusable else await self.session.providers.get(self.target).newest_version()
        return f"{self.target}/{version or UNKNOWN_VERSION}"

    async def _enabled_versions(self) -> list[str]:
        return [] if self._is_unusable else await self.session.providers.get(self.target).versions()

    @property
    def _is_unusable(self) -> bool:
        """Whether the provider that stays cannot be asked: a fault of the configuration reports it."""
        return bool(self.session.providers.configured.problem(self.target))

    def _blockers(
        self, quarantine: Sequence[QuarantineEntry], unsettled: Sequence[Run], runs: Sequence[Run]
    ) -> Iterable[str]:
        still = sum(entry.is_open for entry in quarantine)
        if still:
            yield f"{still} secrets are in quarantine and not acknowledged: see `reencrypt quarantine list`"
        if any(run.state == RunState.OPEN for run in runs):
            yield "a run is not finished: let it finish; if it was interrupted, resume it, or begin another one"
        for run in runs:
            if run.state == RunState.UNDOING:
                yield f"an undo is interrupted: finish it with `reencrypt undo {run.id}`"
        if self.session.settings.encryption_provider != self.target:
            configured = self.session.settings.encryption_provider
            yield f"Grafana's encryption_provider is {configured}, so it does not write there"
        if unsettled and (until := _cached_until(unsettled, self.session.settings.data_keys_cache_ttl)):
            yield f"a running Grafana may write under data keys in its cache until {until}: wait, or give --settle"

    def _gaps(self, found: Search) -> Iterable[str]:
        for part, reason in found.unsearched.items():
            if not {part, part.partition(".")[0]} & self.unsearched:
                yield f"{part} could not be searched ({reason}): if it holds no secrets, give --unsearched {part}"
        for each in found.unseen.values():
            column = f"{each.table}.{each.column}"
            if not {column, each.table} & self.unsearched:
                yield (
                    f"{each.number} values in {column} were not searched completely ({each.reason}): "
                    f"if they are no secrets, give --unsearched {column}, or {not_a_secret(column, each.places)}"
                )

    def _kid(self, kek: Kek) -> str:
        configured = self.session.providers.configured.usable.get(kek.provider)
        return configured.key_id(kek.version) if configured and kek.version else ""

    def _judge(self, usage: KeyUsage, uses: Sequence[ProviderUse]) -> None:
        for kek in usage.keks.values():
            kek.kid = self._kid(kek)
            self._judge_alone(usage, kek)
            kek.reasons += [
                f"{number} data keys of Grafana's secrets manager, under {use.provider}, may need it"
                for use in uses
                if (number := use.may_need(kek.provider, self._secrets_manager_names(kek.provider)))
            ]
        stays = usage.keks[usage.target]
        stays.reasons.append("it stays: new data keys are wrapped by it")
        # One key may serve several providers: while one of them needs it, it must stay.
        own = {kek.name: list(kek.reasons) for kek in usage.keks.values()}
        for kek in usage.keks.values():
            for other in usage.keks.values():
                if other is not kek and kek.kid and other.kid == kek.kid:
                    kek.reasons += [f"it is the key of {other.name} too: {reason}" for reason in own[other.name]]

    def _judge_alone(self, usage: KeyUsage, kek: Kek) -> None:
        if kek.secrets:
            places = ", ".join(f"{name} {number}" for name, number in sorted(kek.secrets.items()))
            kek.reasons.append(f"{kek.secrets.total()} secrets need it ({places})")
        if kek.active and kek.provider == self.session.settings.encryption_provider:
            kek.reasons.append(f"Grafana may write under {kek.active} active data keys that it wraps: rewrap them")
        kek.reasons += kek.strays
        for other in usage.keks.values():
            needed = other.secrets or other.active or other.strays
            if other is not kek and needed and self._may_be(other, kek):
                kek.reasons.append(
                    f"{other.secrets.total()} secrets, {other.active} active data keys and {len(other.strays)} places "
                    f"outside the catalogue need {other.name}, an unknown version: it may be this one"
                )

    def _may_be(self, unknown: Kek, kek: Kek) -> bool:
        """Whether an unknown version may be this key; a provider without settings may use any key of its kind."""
        usable = self.session.providers.configured.usable
        if unknown.version != UNKNOWN_VERSION or kek.provider not in usable:
            return False
        if unknown.provider not in usable:
            return kind_of(unknown.provider) == kind_of(kek.provider)
        return unknown.provider == kek.provider or (
            usable[unknown.provider].key_id() == usable[kek.provider].key_id() != ""
        )

    def _secrets_manager_names(self, provider: str) -> Collection[str]:
        kind = self.session.providers.configured.kind(provider)
        # A kind that says nothing of it may be spelled there as it is here.
        return (kind.secrets_manager_names if kind else ()) or (kind_of(provider).replace("_", "").lower(),)


def _keks(
    verification: Verification, locations: Iterable[Location], rows: Sequence[DataKey], versions: Mapping[str, str]
) -> dict[str, Kek]:
    keks: dict[str, Kek] = {}
    by_id = {row.id: row for row in rows}
    for row in rows:
        kek = _kek_of(keks, row, versions)
        kek.data_keys += 1
        kek.active += row.active
    for location in locations:
        result = verification.locations[location.name]
        for key_id, left in (result.by_key - result.given_up).items():
            if key_id is None or key_id in by_id:
                _kek_of(keks, by_id[key_id] if key_id is not None else None, versions).secrets[location.name] += left
        if not location.reencrypted and (damaged := result.by_key[UNREADABLE]):
            # No run looks at them; they are under secret_key in any case.
            _kek_of(keks, None, versions).secrets[location.name] += damaged
    return keks


def _unreadable(verification: Verification, locations: Iterable[Location]) -> Iterable[str]:
    """Blockers of secrets that the keys that stay do not read, apart from those in quarantine.

    Damaged ones may be under any key. Secrets under a key that is to go count with that key; `faults` report a provider
    that is not configured.
    """
    for location in locations:
        result = verification.locations[location.name]
        number = result.by_key[UNREADABLE] - result.in_quarantine[UNREADABLE]
        if location.reencrypted and number > 0:
            yield f"{number} secrets in {location.name} are damaged: `reencrypt run` quarantines them; look at each"
    reported = (KEY_RETIRES, PROVIDER_NOT_CONFIGURED)
    number = verification.unreadable - sum(verification.reasons[reason] for reason in reported)
    if number:
        unknown = [each for each in verification.problems if not (each.known or each.reason in reported)]
        named = "; ".join(f"{each.place}: {each.reason}" for each in unknown[:_NAMED])
        yield f"{number} secrets do not read: `reencrypt verify` names them ({named}{' …' if number > _NAMED else ''})"


def _changed(before: Iterable[DataKey], now: Iterable[DataKey]) -> Iterable[str]:
    """Blocker of data keys that were wrapped anew or deleted during the count; new ones may come."""
    present = {(row.id, row.provider, row.wrapped) for row in now}
    changed = sorted({row.id for row in before if (row.id, row.provider, row.wrapped) not in present})
    if changed:
        yield f"{len(changed)} data keys were changed or deleted during the count: run the command again ({changed[0]})"


def _kek_of(keks: dict[str, Kek], row: DataKey | None, versions: Mapping[str, str]) -> Kek:
    if row is None or row.provider == SECRET_KEY_PROVIDER:
        return keks.setdefault(LEGACY_PROVIDER, Kek(LEGACY_PROVIDER, SECRET_KEY_PROVIDER))
    name = f"{row.provider}/{versions.get(row.id, UNKNOWN_VERSION)}"
    return keks.setdefault(name, Kek(name, row.provider))


def _place_strays(usage: KeyUsage, rows: Sequence[DataKey], versions: Mapping[str, str]) -> None:
    by_id = {row.id: row for row in rows}
    for stray in usage.search.strays.values():
        place = f"{stray.number} in {stray.table}.{stray.column}"
        advice = f"; {_CACHE_ADVICE}" if stray.table == CACHE else ""
        if stray.key_id is None:
            text = f"a legacy value where the catalogue knows none: {place}{advice}"
            _kek_of(usage.keks, None, versions).strays.append(text)
            continue
        text = f"{place} under data key {stray.key_id}"
        row = by_id.get(stray.key_id)
        if row is None:
            usage.notes.append(f"{text}, which data_keys does not have")
        else:
            stray_text = f"an envelope where the catalogue knows none: {text}{advice}"
            _kek_of(usage.keks, row, versions).strays.append(stray_text)


def _named(found: Search) -> set[str]:
    """The data keys that a value outside the catalogue names, or damaged text inside it."""
    return {stray.key_id for stray in found.strays.values() if stray.key_id is not None} | found.given_up


def not_a_secret(column: str, places: Sequence[Place]) -> str:
    """The option that acknowledges the first of these finds."""
    return f"--not-a-secret {column}:{places[0].short}"


def _search_notes(found: Search, not_secrets: NotSecrets) -> Iterable[str]:
    for (table, key_id), number in sorted(found.snapshots.items()):
        yield (
            f"not covered: {number} dashboard snapshots in {table} under data key {key_id} of Grafana's secrets manager"
        )
    for entry, number in sorted(found.acknowledged.items()):
        yield f"{number} values are acknowledged as no secrets by --not-a-secret {entry}"
    for entry in sorted(not_secrets.entries - set(found.acknowledged)):
        yield f"--not-a-secret {entry} fits no find: it is gone, or its bytes have changed"


def _cached_until(runs: Sequence[Run], cache_time: timedelta) -> str | None:
    """Until when a Grafana may use what it had in its cache as the last run ended; None if that time has passed."""
    now = datetime.now(UTC).replace(tzinfo=None)
    last = max(datetime.fromisoformat(run.updated) for run in runs)
    until = last + cache_time
    return f"{until:%Y-%m-%d %H:%M:%S} UTC" if now < until else None
