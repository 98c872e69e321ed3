"""Key usage: what still needs which key-encryption key, by a fresh read that trusts no record of any run.

Both stores of a database are read together, because a vault's key, or the text of `secret_key`, may serve both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.store_name import StoreName
from reencrypt.errors import RefusedError
from reencrypt.keys.provider import LEGACY_PROVIDER, SECRET_KEY_PROVIDER
from reencrypt.keys.ring import DataKey
from reencrypt.operations.complete.keks import Kek
from reencrypt.operations.complete.proposals import Proposal, propose
from reencrypt.operations.complete.search import CACHE, Known, NotSecrets, Place, Search
from reencrypt.operations.complete.store_usage import (
    StoreUsage,
    begin_usage,
    count_usage,
    judge_keys,
    judge_store,
    opened_by_secret_key,
    refuted_in_words,
    verify_usage,
)
from reencrypt.operations.complete.table_search import search
from reencrypt.operations.verify.readability import Fault
from reencrypt.planning.census import take_census
from reencrypt.planning.schema import Schema, inspect
from reencrypt.planning.session import Session
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.quarantine import read_quarantine
from reencrypt.state.runs import read_runs
from reencrypt.wording import counted

_CACHE_ADVICE: Final = "entries of Grafana's cache: wait until they expire, or delete the rows of cache_data"


@dataclass(slots=True)
class KeyUsage:
    """The key-encryption keys of the stores that are asked about, what keeps each or all of them, and the evidence.

    `everything` has the other stores too.
    """

    stores: list[StoreUsage]
    everything: list[StoreUsage]
    search: Search
    gaps: list[str]
    unused: list[DataKey]
    proposals: list[Proposal]
    notes: list[str] = field(default_factory=list)

    @property
    def keks(self) -> dict[str, Kek]:
        """The keys by name."""
        return {kek.name: kek for usage in self.stores for kek in usage.keks.values()}

    @property
    def targets(self) -> dict[StoreName, str]:
        """The names of the keys that stay, by store."""
        return {usage.store: usage.target for usage in self.stores if usage.target}

    @property
    def blockers(self) -> list[str]:
        """What keeps every key."""
        return [*(blocker for usage in self.stores for blocker in usage.blockers), *self.gaps]

    @property
    def faults(self) -> list[Fault]:
        """Settings that would keep Grafana from reading."""
        return [fault for usage in self.stores for fault in usage.faults]

    def retiring(self, names: Sequence[str]) -> list[Kek]:
        """The keys that are asked about: those named, or all but the targets."""
        stay = self.targets.values()
        return [each for each in self.keks.values() if (each.name in names if names else each.name not in stay)]

    def stores_of(self, key_id: str | None) -> list[StoreName]:
        """The stores that have a data key of this id, as values name it; the classic one for a legacy value."""
        if key_id is None:
            return [StoreName.CLASSIC]
        return [each.store for each in self.everything if any(row.framed_id == key_id for row in each.rows)]


@dataclass(frozen=True, slots=True)
class KeyUsageReader:
    """Reads the key usage of a database.

    `sessions` are those of all its stores; `asked` are the stores that the question is about. `unsearched` are tables,
    or TABLE.COLUMN, that the user says hold no ciphertext. `not_secrets` are finds of the search that are no secrets.
    """

    sessions: Sequence[Session]
    asked: frozenset[StoreName]
    unsearched: frozenset[str]
    not_secrets: NotSecrets

    async def gather(self, retire: Sequence[str], *, settled: frozenset[tuple[str, str]]) -> KeyUsage:
        """Count, verify with the keys that stay, search and judge.

        `retire` names the keys that are to go, all but the targets where it is empty. `settled` are runs, with their
        last change, whose data keys Grafana's cache no longer holds.
        """
        taken = await self._taken()
        usages = [
            await begin_usage(session, asked=session.store in self.asked, taken=taken) for session in self.sessions
        ]
        asked = [usage for usage in usages if usage.asked]
        for usage in asked:
            await verify_usage(usage, retire)
        found = await self._search([(usage.store, row) for usage in usages for row in usage.rows])
        database, schema = asked[0].session.database, asked[0].session.schema
        runs = await read_runs(database) if schema.has_state else []
        for usage in usages:
            await usage.confirm()
            await count_usage(usage)
        for usage in asked:
            await judge_store(usage, settled, runs)
        named = _named(found)
        unused = [
            row
            for usage in asked
            # A document anywhere may name a data key of the secrets manager: those are all in use.
            if usage.store is StoreName.CLASSIC
            for row in usage.rows
            if not row.active and row.id not in usage.verification.key_ids | named
        ]
        result = KeyUsage(asked, usages, found, list(self._gaps(found)), unused, await self._proposals(found))
        for usage in usages:
            result.notes += usage.notes
        _place_strays(usages, found, result.notes)
        for usage in asked:
            result.notes += refuted_in_words(usage, named)
        result.notes += _search_notes(found, self.not_secrets)
        await _judge(usages, result.notes)
        return result

    async def references(self, rows: Sequence[DataKey]) -> set[str]:
        """Find which of these data keys of the classic store something names now, in the catalogue or outside it.

        Raises `RefusedError` where a part of the database cannot be searched any more.
        """
        session = self.sessions[0]
        schema = (await self._schema()).of(StoreName.CLASSIC)
        census = await take_census(
            session.database,
            schema.fitted.locations,
            keys=0,
            wants_sample=lambda _location, _envelope: False,
            emit=session.emit,
        )
        found = await self._search([(StoreName.CLASSIC, row) for row in rows])
        for gap in self._gaps(found):
            raise RefusedError(gap, hint="Nothing was deleted. Start again.")
        return census.key_ids | _named(found)

    async def _taken(self) -> frozenset[str]:
        """The providers of the classic store, whose names none of the secrets manager's keys may have."""
        classic = next((each for each in self.sessions if each.store is StoreName.CLASSIC), None)
        if classic is None:
            return frozenset()
        rows = await read_data_keys(classic.database, classic.schema.key_table)
        configured = classic.providers.configured
        return frozenset((LEGACY_PROVIDER, *configured.usable, *configured.unusable, *(row.provider for row in rows)))

    async def _schema(self) -> Schema:
        first = self.sessions[0]
        stores = [session.store for session in self.sessions]
        return await inspect(first.database, stores=stores, file=first.schema.declared.file)

    async def _search(self, rows: Iterable[tuple[StoreName, DataKey]]) -> Search:
        session = self.sessions[0]
        schema = await self._schema()
        quarantine = await read_quarantine(session.database) if schema.has_state else []
        known = Known.of(
            _locations(schema),
            rows,
            frozenset({StoreName.MANAGER} if not schema.of(StoreName.MANAGER).has_store else ()),
            frozenset((*each.place, each.secret_hash) for each in quarantine if not each.is_open),
            self.not_secrets,
            self.unsearched,
        )
        return await search(session.database, known, session.pool, emit=session.emit)

    async def _proposals(self, found: Search) -> list[Proposal]:
        """Propose a declaration of each column with finds."""
        session = self.sessions[0]
        names = [each.name for each in session.schema.declared.declarations]
        return await propose(session.database, found.sighted, found.keys, names, ephemeral=(CACHE,))

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


def _locations(schema: Schema) -> list[tuple[StoreName, Location]]:
    return [(store, location) for store, seen in schema.stores.items() for location in seen.fitted.locations]


async def _judge(usages: Sequence[StoreUsage], notes: list[str]) -> None:
    """Say of each key what needs it, in its own store and in the other."""
    keks = [(usage, kek) for usage in usages for kek in usage.keks.values()]
    for usage in usages:
        judge_keys(usage)
    for usage, kek in keks:
        for others, other in keks:
            if other is not kek and other.is_needed and usage.naming.may_be(kek, other, others.naming):
                kek.reasons.append(_may_need(other))
    await _judge_shared_secret(usages, notes)
    for usage in usages:
        if usage.target in usage.keks:
            usage.keks[usage.target].reasons.append("it stays: new data keys are wrapped by it")
    # One key may serve several providers: while one of them needs it, it must stay.
    own = {id(kek): list(kek.reasons) for _, kek in keks}
    for _, kek in keks:
        for _, other in keks:
            if other is not kek and kek.kid and other.kid == kek.kid:
                kek.reasons += [f"it is the key of {other.name} too: {reason}" for reason in own[id(other)]]


def _may_need(other: Kek) -> str:
    if other.store is StoreName.MANAGER:
        return f"{other.data_keys} data keys of Grafana's secrets manager, under {other.provider}, may need it"
    return (
        f"{other.secrets.total()} secrets, {other.active} active data keys and {len(other.strays)} places "
        f"outside the catalogue need {other.name}, an unknown version: it may be this one"
    )


async def _judge_shared_secret(usages: Sequence[StoreUsage], notes: list[str]) -> None:
    """A section of the secrets manager is a setting of its own, which may hold the text of `secret_key`."""
    manager = next((usage for usage in usages if usage.store is StoreName.MANAGER), None)
    if manager is None:
        return
    opened = await opened_by_secret_key(manager)
    for usage in usages:
        for kek in usage.keks.values():
            if usage.store is StoreName.CLASSIC and kek.provider == SECRET_KEY_PROVIDER:
                kek.reasons += [
                    f"{number} data keys of Grafana's secrets manager, under {provider}, may need it"
                    for provider, number in sorted(opened.items())
                ]
    configured = manager.session.providers.configured
    notes += [
        f"not covered: {kek.data_keys} data keys of Grafana's secrets manager under {kek.provider}: "
        f"{configured.uncovered_in_words(kek.provider)}"
        for kek in manager.keks.values()
        if kek.data_keys and not configured.is_covered(kek.provider)
    ]


def _place_strays(usages: Sequence[StoreUsage], found: Search, notes: list[str]) -> None:
    """Count what the search found with the key that it needs, in each store that has such a data key."""
    for stray in found.strays.values():
        place = f"{stray.number} in {stray.table}.{stray.column}"
        advice = f"; {_CACHE_ADVICE}" if stray.table == CACHE else ""
        if stray.key_id is None:
            text = f"a legacy value where the catalogue knows none: {place}{advice}"
            for usage in usages:
                if usage.store is StoreName.CLASSIC:
                    usage.kek_of(None).strays.append(text)
            continue
        text = f"{place} under data key {stray.key_id}"
        owners = [(usage, row) for usage in usages for row in usage.rows if row.framed_id == stray.key_id]
        if not owners:
            notes.append(f"{text}, which {' and '.join(usage.table_name for usage in usages)} does not have")
        for usage, row in owners:
            usage.kek_of(row).strays.append(f"an envelope where the catalogue knows none: {text}{advice}")


def _named(found: Search) -> set[str]:
    """The data keys that a value outside the catalogue names, or damaged text inside it."""
    return {stray.key_id for stray in found.strays.values() if stray.key_id is not None} | found.given_up


def not_a_secret(column: str, places: Sequence[Place]) -> str:
    """The option that acknowledges the first of these finds."""
    return f"--not-a-secret {column}:{places[0].short}"


def _search_notes(found: Search, not_secrets: NotSecrets) -> Iterable[str]:
    for entry, number in sorted(found.acknowledged.items()):
        yield f"acknowledged as no secret by --not-a-secret {entry}: {counted(number, 'value')}"
    for entry in sorted(not_secrets.entries - set(found.acknowledged)):
        yield f"--not-a-secret {entry} fits no find: it is gone, or its bytes have changed"
