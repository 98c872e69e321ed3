"""Takes the census, unwraps what is needed, judges the keys and finds the target. Only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from reencrypt.catalogue.location import Location
from reencrypt.crypto.ciphers import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Envelope
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError, NoSecretsError, ReencryptError
from reencrypt.events import Emit
from reencrypt.keys.proof import Proof, Verdict
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped, WrapFormat, normalise_provider
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import DataKey, KeyRing
from reencrypt.keys.vault_errors import KeyDisabledError
from reencrypt.operations.migrate.resolver import standing_of
from reencrypt.planning import preflight
from reencrypt.planning.census import Census, Samples, take_census
from reencrypt.planning.journal_samples import offer_precedents
from reencrypt.planning.key_checks import weigh_data_keys, weigh_keys
from reencrypt.planning.options import RunOptions
from reencrypt.planning.plan import Preparation, leads_to, run_to_continue
from reencrypt.planning.quarantined_keys import count_unchanged
from reencrypt.planning.schema import inspect, read_accepted_secrets, read_own_keys
from reencrypt.planning.target import Goal, Operation
from reencrypt.planning.target_key import choose_existing, rehearse
from reencrypt.settings import Settings
from reencrypt.state.accepted import Accepted
from reencrypt.state.checkpoints import latest_counts, read_checkpoints
from reencrypt.state.counts import PLAIN_OR_UNPROVEN
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.quarantine import read_quarantine
from reencrypt.state.runs import Run, find_open, last_rekey, read_runs


@dataclass(frozen=True, slots=True)
class Preparer:
    """Takes the census, unwraps what is needed, judges, and finds the target; used again before each sweep."""

    database: Database
    providers: Providers
    cache: DerivedKeyCache
    pool: ThreadPoolExecutor
    emit: Emit

    async def prepare(self, settings: Settings, options: RunOptions) -> Preparation:
        """Read everything a run depends on.

        Raises `ConfigurationError` for a foreign database and for a key that is named and does not exist; what would
        stop a run is collected in `refusals`.
        """
        schema = await inspect(self.database)
        ring = KeyRing(self.providers.get)
        ring.load(await read_data_keys(self.database, schema.key_table))
        runs = await read_runs(self.database) if schema.has_state else []
        open_run = find_open(runs)
        goal = _goal(settings, options, open_run)
        prepared = Preparation(
            settings=settings,
            options=options,
            goal=goal,
            schema=schema,
            census=Census({}, Samples(0)),
            ring=ring,
            proof=Proof(
                Verdict.UNPROVEN, accepted=_normalised(options.accept_unproven), skipped=_normalised(options.skip_keys)
            ),
            open_run=open_run,
            rekeyed=last_rekey(runs),
            quarantined=len(await read_quarantine(self.database)) if schema.has_state else 0,
        )
        prepared.census = await self._census(prepared)
        _check_names(prepared)
        if stale := preflight.of_stale_secret_key(prepared.rekeyed, settings):
            # Everything below would judge by a key that the database has left behind.
            prepared.refusals.append(stale)
            return prepared
        if not (prepared.census.total or (goal.operation is Operation.REWRAP and ring.rows)):
            if not options.allow_empty:
                prepared.refusals.append(
                    NoSecretsError(
                        f"{self.database.name} holds no secrets at all",
                        hint="is this the right database? if so, give --allow-empty",
                    )
                )
            return prepared
        if goal.fresh and options.if_older_than is not None and run_to_continue(prepared) is None:
            stuck = await self._stuck(prepared, runs)
            goal.waits_until = prepared.due_at(options.if_older_than, self.database.now(), stuck)
        prepared.warnings += preflight.warnings(prepared)
        try:
            if prepared.has_work:
                # Before all other refusals: a provider that does not exist is a slip of the pen.
                self.providers.get(goal.provider)
                prepared.refusals += preflight.before_keys(prepared)
            # Also where nothing is to move: a wrong secret_key must not pass for "nothing to do".
            await self._unwrap_and_judge(prepared)
            if prepared.needs_run or goal.operation is Operation.REWRAP:
                await self._find_target(prepared)
        except ReencryptError as error:
            prepared.refusals.append(error)
        return prepared

    async def judge_again(self, prepared: Preparation) -> Proof:
        """Take a new census and judge with it: keys may have been proven, or doubted, since."""
        before = prepared.proof
        before.forget(prepared.ring.load(await read_data_keys(self.database, prepared.schema.key_table)))
        prepared.census = await self._census(prepared)
        await self._unwrap_and_judge(prepared, refuse=False)
        # The same keys as before: what was proven stays proven although its secrets have moved on.
        prepared.proof.follow(before)
        return prepared.proof

    async def _census(self, prepared: Preparation) -> Census:
        def wants_sample(_location: Location, envelope: Envelope) -> bool:
            return envelope.key_id is None or prepared.ring.row(envelope.key_id) is not None

        accepted = await self._accepted(prepared)
        census = await take_census(
            self.database,
            prepared.locations,
            keys=len(prepared.ring.rows),
            wants_sample=wants_sample,
            emit=self.emit,
            accepted=accepted,
        )
        if prepared.schema.has_state:
            await offer_precedents(
                self.database,
                prepared.locations,
                census.samples,
                wants_sample,
                rekeyed=prepared.rekeyed,
                accepted=accepted,
            )
        return census

    async def _accepted(self, prepared: Preparation) -> Accepted:
        """What was accepted before, and what is in quarantine and the user accepts now: it says nothing of any key."""
        accepted = await read_accepted_secrets(self.database, prepared.schema)
        chosen = prepared.options.accepted
        if chosen is None or not prepared.schema.has_state:
            return accepted
        entries = await read_quarantine(self.database)
        return accepted | {entry.secret_hash for entry in entries if entry.is_open and chosen.takes(entry)}

    async def _stuck(self, prepared: Preparation, runs: Sequence[Run]) -> Counter[tuple[str, str | None]]:
        """What no run moves, by location and data key: in quarantine, skipped, or not known for a secret."""
        if not prepared.schema.has_state:
            return Counter()
        stuck = await count_unchanged(self.database, prepared.locations, await read_quarantine(self.database))
        ended = [run for run in runs if run.operation == Operation.RUN and run.is_over]
        if ended:
            for name, counts in latest_counts(await read_checkpoints(self.database, ended[-1].id)).items():
                stuck[name, None] += counts.left_because.get(PLAIN_OR_UNPROVEN, 0)
        for name, found in prepared.census.locations.items():
            for (key_id, _), number in found.by_key.items():
                if key_id is not None and _is_skipped(prepared, key_id):
                    stuck[name, key_id] += number
        return stuck

    async def _unwrap_and_judge(self, prepared: Preparation, *, refuse: bool = True) -> None:
        async def reload() -> list[DataKey]:
            return await read_data_keys(self.database, prepared.schema.key_table)

        skipped = prepared.proof.skipped
        wanted = [key_id for key_id in prepared.keys_to_unwrap() if not _is_skipped(prepared, key_id)]
        await prepared.ring.ensure(wanted, reload)
        prepared.proof = await weigh_keys(
            prepared.census,
            prepared.ring,
            self.providers.secret_key.password,
            self.cache,
            self.pool,
            accepted=prepared.proof.accepted,
            skipped=skipped,
        )
        await self._confirm(prepared, wanted)
        if refuse and prepared.needs_secret_key() and SECRET_KEY_PROVIDER not in skipped:
            prepared.refusals += preflight.of_secret_key(prepared)

    async def _find_target(self, prepared: Preparation) -> None:
        """Find the data keys that could be the target, and how Grafana wraps under the target provider."""
        goal = prepared.goal
        provider = self.providers.get(prepared.goal.provider)
        if goal.is_legacy:
            prepared.refusals += preflight.of_target(prepared, provider)
            return
        own = await read_own_keys(self.database, prepared.schema)
        rows = [row for row in prepared.ring.rows if row.provider == goal.provider]
        written_by_grafana = [row for row in rows if row.id not in own]
        prepared.grafana_knows_target = bool(written_by_grafana) or not provider.needs_wrap_format
        usable: list[DataKey] = []
        interrupted = run_to_continue(prepared)
        for row in _candidates(rows, goal, interrupted):
            await self.prove(prepared, [row.id])
            entry = prepared.ring.entry(row.id)
            if isinstance(entry, Unwrapped) and self.is_proven(prepared, row):
                usable.append(row)
                if row.id not in own and entry.wrap_format:
                    prepared.wrap_format = entry.wrap_format
                break
        prepared.existing = tuple(usable)
        remembered = WrapFormat.parse(interrupted.wrap_format) if interrupted and interrupted.wrap_format else None
        prepared.format_named = prepared.options.wrap_format is not None or remembered is not None
        named = prepared.options.wrap_format or remembered
        if named:
            prepared.wrap_format = named
        elif prepared.wrap_format is None and provider.needs_wrap_format:
            await self._learn_format(prepared, written_by_grafana)
        if prepared.has_work:
            prepared.refusals += preflight.of_target(prepared, provider)
            if not prepared.refusals and not prepared.existing:
                await rehearse(provider, prepared.wrap_format)

    async def prove(self, prepared: Preparation, key_ids: Sequence[str]) -> None:
        """Unwrap data keys and gather what proves them: their secrets, or a second answer where those do not.

        Raises `ContradictionError` where a key service answers differently, and its own error where it fails.
        """
        ring, proof = prepared.ring, prepared.proof

        async def reload() -> list[DataKey]:
            return await read_data_keys(self.database, prepared.schema.key_table)

        await ring.ensure(key_ids, reload)
        new = [key_id for key_id in key_ids if not proof.knows(key_id)]
        found = await weigh_data_keys(prepared.census, ring, new, self.cache, self.pool)
        for key_id, evidence in found.items():
            row = ring.row(key_id)
            proof.learn(key_id, evidence, under_secret_key=row is not None and row.provider == SECRET_KEY_PROVIDER)
        await self._confirm(prepared, key_ids)

    async def _confirm(self, prepared: Preparation, key_ids: Iterable[str]) -> None:
        """Ask a second time for the data keys that nothing but one answer speaks for."""
        await prepared.ring.confirm(each for each in key_ids if not prepared.proof.is_shown_by_secrets(each))

    def is_proven(self, prepared: Preparation, row: DataKey) -> bool:
        """Whether new secrets may be written under a data key that `prove` has seen; by RSA1_5 its secrets decide."""
        entry = prepared.ring.entry(row.id)
        return isinstance(entry, Unwrapped) and prepared.proof.proves_data_key(standing_of(row, entry))

    async def _learn_format(self, prepared: Preparation, rows: list[DataKey]) -> None:
        for row in sorted(rows, key=lambda each: str(each.created), reverse=True):
            if _is_skipped(prepared, row.id):
                continue
            try:
                await self.prove(prepared, [row.id])
            except KeyDisabledError:
                continue  # another one may tell as well
            entry = prepared.ring.entry(row.id)
            if isinstance(entry, Unwrapped) and entry.wrap_format and self.is_proven(prepared, row):
                prepared.wrap_format = entry.wrap_format
                return


def _candidates(rows: list[DataKey], goal: Goal, interrupted: Run | None) -> list[DataKey]:
    """Active data keys to write under, the best first; an interrupted run goes on under the one it began with."""
    found = choose_existing(rows, goal.provider, datetime.now().astimezone())
    if goal.needs_new_wrapping:
        return [row for row in found if row.id == goal.own_key]
    return sorted(found, key=lambda row: interrupted is not None and row.id != interrupted.target_key)


def _goal(settings: Settings, options: RunOptions, open_run: Run | None) -> Goal:
    """Where the operation leads; an interrupted rotation goes on as one, also when a plain run is asked for."""
    algorithm = options.algorithm or Algorithm(settings.algorithm)
    goal = Goal(options.operation, options.provider(settings), algorithm, fresh=options.fresh_data_key)
    if open_run is not None and open_run.fresh and leads_to(open_run, goal):
        goal.fresh, goal.own_key = True, open_run.target_key
    return goal


def _check_names(prepared: Preparation) -> None:
    """Refuse a key or provider that is named and is nowhere: a slip of the pen must not pass for a decision."""
    options, rows = prepared.options, prepared.ring.rows
    known = {SECRET_KEY_PROVIDER, *prepared.settings.azure, *prepared.settings.incomplete}
    known |= {row.id for row in rows} | {row.provider for row in rows} | prepared.census.key_ids
    for option, names in (("--skip-key", options.skip_keys), ("--accept-unproven", options.accept_unproven)):
        for name in sorted(_normalised(names) - known):
            raise ConfigurationError(
                f"{option} {name}: there is no such data key or provider", hint="`reencrypt plan` names those there are"
            )


def _normalised(names: frozenset[str]) -> frozenset[str]:
    return frozenset(map(normalise_provider, names))


def _is_skipped(prepared: Preparation, key_id: str) -> bool:
    row = prepared.ring.row(key_id)
    return key_id in prepared.proof.skipped or (row is not None and row.provider in prepared.proof.skipped)
