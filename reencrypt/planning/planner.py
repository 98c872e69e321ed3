"""Makes a plan: takes the census, unwraps data keys, checks the keys and finds the target key. Only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.envelope import Envelope
from reencrypt.databases.plain_text import REMEDY, count_plain_text, plain_text_in_words
from reencrypt.errors import ConfigurationError, NoSecretsError, ReencryptError, RefusedError
from reencrypt.events import Warned
from reencrypt.keys.configuration import ProviderConfiguration
from reencrypt.keys.errors import KeyDisabledError
from reencrypt.keys.proof import Proof, Verdict
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, KeyProvider, Unwrapped, normalise_provider
from reencrypt.keys.ring import DataKey, Failure, KeyRing
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.outcomes import Operation
from reencrypt.planning import preflight
from reencrypt.planning.census import Census, take_census
from reencrypt.planning.journal_samples import offer_journal_samples
from reencrypt.planning.key_checks import KeyChecks
from reencrypt.planning.lost_keys import refuse_lost_keys
from reencrypt.planning.plan import Plan, leads_to
from reencrypt.planning.quarantined_keys import count_unchanged
from reencrypt.planning.resume import of_interrupted_rotation
from reencrypt.planning.schema import read_accepted_secrets, read_own_keys
from reencrypt.planning.session import Session
from reencrypt.planning.target import Target
from reencrypt.planning.target_key import choose_existing, rehearse
from reencrypt.planning.unread import unread_values
from reencrypt.state.accepted import Accepted
from reencrypt.state.checkpoints import latest_counts, read_checkpoints
from reencrypt.state.counts import LEGACY_KEPT, PLAIN_OR_UNPROVEN
from reencrypt.state.quarantine import read_quarantine
from reencrypt.state.runs import Run, find_open, last_rekey, read_runs
from reencrypt.suggestion import did_you_mean, joined


async def make_plan(session: Session) -> Plan:
    """Make the plan of the session's operation, see `make_plans`."""
    (plan,) = await make_plans([session])
    return plan


async def make_plans(sessions: Sequence[Session], *, for_run: bool = False) -> list[Plan]:
    """Make the plan of an operation for each store of one database. What a key service is asked `for_run` has its id.

    Raises `ConfigurationError` for a foreign database, for a secrets manager without the table of its data keys and for
    a named key that exists in no store; `refusals` collects what would stop the operation.
    """
    await refuse_lost_keys(sessions)
    plans = [await _Planner(session, for_run).plan() for session in sessions]
    _check_names(plans)
    obstacle = await sessions[0].database.write_obstacle()
    return plans if obstacle is None else [replace(plan, refusals=(obstacle, *plan.refusals)) for plan in plans]


async def plan_again(session: Session, before: Plan, proof: Proof) -> Plan:
    """Make the plan of a sweep: a new census, judged with the `proof` that the run has so far."""
    return await _Planner(session).again(before, proof)


@dataclass(frozen=True, slots=True)
class _Planner:
    session: Session
    for_run: bool = False

    async def plan(self) -> Plan:
        session = self.session
        options, settings = session.options, session.settings
        async with session.database.together():
            await session.ring.reload()
            runs = await read_runs(session.database) if session.schema.has_state else []
        plan = await self._survey(runs)
        if self.for_run and plan.run_to_continue is not None:
            session.requests.name(plan.run_to_continue.id)
        configured = session.providers.configured
        plan = replace(
            plan,
            known_names=_known_names(plan, configured),
            borrowed=frozenset(configured.borrowed),
            uncovered=frozenset(row.provider for row in session.ring.rows if not configured.is_covered(row.provider)),
        )
        if stale := preflight.of_stale_secret_key(plan.rekeyed, settings):
            # Everything below would judge by a key that is gone from the database.
            return replace(plan, refusals=(stale,))
        if unread := await unread_values(session):
            return replace(plan, refusals=tuple(unread))
        if not (plan.census.total or (plan.target.operation is Operation.REWRAP and session.ring.rows)):
            return replace(plan, refusals=() if options.trust.allow_empty else (self._no_secrets(),))
        if fault := session.store_settings.fault:
            # In a store that holds nothing it is no fault of this command.
            return replace(plan, refusals=(fault,))
        if plan.target.fresh and options.rotation.if_older_than is not None and plan.run_to_continue is None:
            stuck = await self._stuck(plan, runs)
            due = plan.due_at(options.rotation.if_older_than, session.database.now(), stuck)
            plan = replace(plan, target=replace(plan.target, waits_until=due))
        return await self._judged(replace(plan, warnings=(*plan.warnings, *preflight.warnings(plan))))

    async def _judged(self, plan: Plan) -> Plan:
        """Unwrap and judge the keys, and find the target key; what goes wrong is a refusal."""
        session = self.session
        refusals: list[ReencryptError] = []
        if plan.options.target.to is not None and not plan.target_is_known:
            return replace(plan, refusals=(preflight.of_unknown_target(plan),))
        try:
            if plan.has_work:
                # Before all other refusals: a provider that does not exist is a typing error.
                session.providers.get(plan.target.provider)
                refusals += preflight.before_keys(plan)
                if refused := of_interrupted_rotation(plan):
                    # Here, so that no other store has been written when it is raised.
                    refusals.append(refused)
            elif plan.target.operation is Operation.RUN and session.providers.configured.problem(plan.target.provider):
                # Nothing is to move, and Grafana could write nothing more: that is not "nothing to do".
                session.providers.configured.require(plan.target.provider)
            # Also where nothing is to move: a wrong secret_key must not look like "nothing to do".
            wanted = self._to_unwrap(plan)
            checks = await self._judge(plan, wanted)
            plan = replace(plan, proof=checks.proof)
            await checks.confirm(wanted)
            own = await read_own_keys(session.database, plan.schema)
            if plan.needs_secret_key() and SECRET_KEY_PROVIDER not in plan.proof.skipped:
                refusals += preflight.of_secret_key(plan)
            if plan.store is StoreName.MANAGER:
                refusals += await self._of_sections(plan, own)
            if plan.target_is_known and (plan.needs_run or plan.target.operation is Operation.REWRAP):
                plan = await self._aimed(plan, checks, own, refusals)
        except ReencryptError as error:
            refusals.append(error)
        return replace(plan, refusals=tuple(refusals))

    async def _of_sections(self, plan: Plan, own: frozenset[str]) -> list[RefusedError]:
        """Judge the secrets of sections by what they unwrap, the target's by all that Grafana has wrapped there."""
        rows = plan.ring.rows if plan.targets_section else ()
        by_grafana = [row.id for row in rows if row.provider == plan.target.provider and row.id not in own]
        await self.session.ring.ensure(by_grafana)
        refused = preflight.of_sections(plan, by_grafana)
        unseen = plan.has_work and plan.targets_section and not by_grafana
        return [*refused, *preflight.of_unseen_section(plan)] if unseen else refused

    async def _aimed(self, plan: Plan, checks: KeyChecks, own: frozenset[str], refusals: list[ReencryptError]) -> Plan:
        """Find the target key and its wrap format; adds to the refusals before it can fail itself."""
        provider = self.session.providers.get(plan.target.provider)
        plan = await self._with_target_key(plan, checks, provider, own)
        if plan.wrap_format is None and provider.needs_wrap_format and not plan.target.is_legacy:
            plan = replace(plan, wrap_format=await self._learn_format(plan, checks, own))
        if plan.has_work or plan.target.is_legacy:
            refusals += preflight.of_target(plan, provider)
            writes_format = not plan.existing or plan.target.operation is Operation.REWRAP
            if plan.format_named and provider.needs_wrap_format and writes_format:
                refusals += await self._contradicted(plan, checks, own)
            if not (refusals or plan.existing or plan.target.is_legacy):
                await rehearse(provider, plan.wrap_format)
        return plan

    async def again(self, before: Plan, proof: Proof) -> Plan:
        proof = proof.copy()
        proof.forget(await self.session.ring.reload())
        plan = replace(before, census=await self._census(before.rekeyed, await self._accepted()), proof=proof)
        wanted = self._to_unwrap(plan)
        checks = await self._judge(plan, wanted)
        await checks.confirm(wanted)
        # The same keys as before: a proven key stays proven although its secrets have moved.
        return replace(plan, proof=checks.proof.following(proof))

    async def _survey(self, runs: Sequence[Run]) -> Plan:
        """Read the database; nothing is judged yet."""
        session = self.session
        is_classic = session.store is StoreName.CLASSIC
        rekeyed = last_rekey(runs) if is_classic else None
        open_run = find_open(runs, session.store)
        async with session.database.together():
            plain = await count_plain_text(session.database, session.schema.data_source_columns) if is_classic else {}
            entries = await read_quarantine(session.database) if session.schema.has_state else []
            accepted = await self._accepted()
        return Plan(
            store=session.store,
            settings=session.settings,
            options=session.options,
            target=self._target(open_run),
            schema=session.schema,
            census=await self._census(rekeyed, accepted),
            ring=session.ring,
            proof=Proof(
                Verdict.UNPROVEN,
                accepted=_normalised(session.options.trust.accept_unproven),
                skipped=_normalised(session.options.trust.skip_keys),
            ),
            open_run=open_run,
            rekeyed=rekeyed,
            quarantined=len(session.schema.own(entries)),
            plain_text=plain,
            warnings=tuple(
                Warned("plain text in the database", f"{sentence}. {REMEDY}") for sentence in plain_text_in_words(plain)
            ),
        )

    def _target(self, open_run: Run | None) -> Target:
        """The target. An interrupted rotation is resumed as one, also when a plain run is asked for."""
        target = Target.resolve(self.session.store_settings, self.session.options)
        if open_run is not None and open_run.fresh and leads_to(open_run, target):
            return replace(target, fresh=True, own_keys=frozenset(each.id for each in open_run.target_keys.values()))
        return target

    def _no_secrets(self) -> NoSecretsError:
        return NoSecretsError(
            f"{self.session.database.name} holds no secrets at all{self._where()}",
            hint="Is this the right database? If so, give --allow-empty.",
        )

    def _where(self) -> str:
        return "" if self.session.store is StoreName.CLASSIC else f" in {self.session.store.in_words}"

    async def _census(self, rekeyed: Run | None, accepted: Accepted) -> Census:
        session, ring = self.session, self.session.ring

        def wants_sample(_location: Location, envelope: Envelope) -> bool:
            return envelope.key_id is None or ring.row(envelope.key_id) is not None

        locations = session.locations
        census = await take_census(
            session.database,
            locations,
            keys=len(ring.rows),
            wants_sample=wants_sample,
            emit=session.emit,
            accepted=accepted,
            memory=session.documents,
        )
        if session.schema.has_state:
            await offer_journal_samples(
                session.database, locations, census.samples, wants_sample, rekeyed=rekeyed, accepted=accepted
            )
        return census

    async def _accepted(self) -> Accepted:
        """Secrets accepted before, and those in quarantine that the user accepts now: evidence for no key."""
        session = self.session
        accepted = await read_accepted_secrets(session.database, session.schema)
        if session.options.accepted is None or not session.schema.has_state:
            return accepted
        entries = await read_quarantine(session.database)
        return accepted | {entry.secret_hash for entry in entries if session.options.accepts(entry)}

    async def _stuck(self, plan: Plan, runs: Sequence[Run]) -> Counter[tuple[str, str | None]]:
        """Values that no run moves, by location and data key: in quarantine, skipped, or not known for a secret."""
        database = self.session.database
        if not plan.schema.has_state:
            return Counter()
        stuck = await count_unchanged(database, plan.locations, plan.schema.own(await read_quarantine(database)))
        ended = [run for run in runs if run.operation == Operation.RUN and run.is_over and run.store is plan.store]
        if ended:
            for name, counts in latest_counts(await read_checkpoints(database, ended[-1].id)).items():
                left = counts.left_because
                stuck[name, None] += left.get(PLAIN_OR_UNPROVEN, 0) + left.get(LEGACY_KEPT, 0)
        for name, found in plan.census.locations.items():
            for (key_id, _), number in found.by_key.items():
                if key_id is not None and plan.is_skipped(key_id):
                    stuck[name, key_id] += number
        return stuck

    @staticmethod
    def _to_unwrap(plan: Plan) -> list[str]:
        return [key_id for key_id in plan.keys_to_unwrap() if not plan.is_skipped(key_id)]

    async def _judge(self, plan: Plan, wanted: Sequence[str]) -> KeyChecks:
        proof = plan.proof
        return await KeyChecks.judge(
            self.session, plan.census.samples, wanted, accepted=proof.accepted, skipped=proof.skipped
        )

    async def _with_target_key(self, plan: Plan, checks: KeyChecks, provider: KeyProvider, own: frozenset[str]) -> Plan:
        """Find the data keys that could be the target key, and the wrap format of Grafana under the target provider."""
        target = plan.target
        if target.is_legacy:
            return plan
        rows = [row for row in plan.ring.rows if row.provider == target.provider]
        written_by_grafana = [row for row in rows if row.id not in own]
        interrupted = plan.run_to_continue
        existing, learned = await self._usable(checks, _candidates(plan.store, rows, target, interrupted), own)
        remembered = WrapFormat.parse(interrupted.wrap_format) if interrupted and interrupted.wrap_format else None
        named = plan.options.target.wrap_format or remembered
        return replace(
            plan,
            existing=existing,
            wrap_format=named or learned,
            grafana_knows_target=bool(written_by_grafana) or not provider.needs_wrap_format,
            format_named=named is not None,
        )

    async def _usable(
        self, checks: KeyChecks, candidates: Iterable[DataKey], own: frozenset[str]
    ) -> tuple[dict[str, DataKey], WrapFormat | None]:
        """The first proven candidate of each namespace, and the wrap format of the first that Grafana wrapped."""
        found: dict[str, DataKey] = {}
        learned: WrapFormat | None = None
        for row in candidates:
            if row.namespace in found:
                continue
            await checks.prove([row.id])
            if checks.proves(row):
                found[row.namespace] = row
                learned = learned or (None if row.id in own else _format_of(self.session.ring, row))
        return found, learned

    async def _learn_format(self, plan: Plan, checks: KeyChecks, own: frozenset[str]) -> WrapFormat | None:
        async for row, entry in self._written_by_grafana(plan, checks, own):
            if entry.reading:
                return None  # what Grafana writes now has a form that older data keys do not show
            wrap_format = _format_of(plan.ring, row)
            if wrap_format and checks.proves(row):
                return wrap_format
        return None

    async def _contradicted(self, plan: Plan, checks: KeyChecks, own: frozenset[str]) -> list[RefusedError]:
        """Refuse a named format where the newest key that tells anything shows that Grafana writes another one."""
        async for row, entry in self._written_by_grafana(plan, checks, own):
            if entry.reading:
                return [preflight.of_odd_length(row, entry)]
            learned = _format_of(plan.ring, row)
            if learned and checks.proves(row):
                return [] if learned == plan.wrap_format else [preflight.of_other_format(row, learned, plan)]
        return []

    async def _written_by_grafana(
        self, plan: Plan, checks: KeyChecks, own: frozenset[str]
    ) -> AsyncIterator[tuple[DataKey, Unwrapped | Failure]]:
        """Grafana's own data keys under the target, the newest first, as they unwrap."""
        rows = [row for row in plan.ring.rows if row.provider == plan.target.provider and row.id not in own]
        for row in sorted(rows, key=lambda each: str(each.created), reverse=True):
            if plan.is_skipped(row.id):
                continue
            with suppress(KeyDisabledError):  # another one may tell as well
                await checks.prove([row.id])
                yield row, plan.ring.entry(row.id)


def _format_of(ring: KeyRing, row: DataKey) -> WrapFormat | None:
    entry = ring.entry(row.id)
    return entry.wrap_format if isinstance(entry, Unwrapped) else None


def _candidates(store: StoreName, rows: list[DataKey], target: Target, interrupted: Run | None) -> list[DataKey]:
    """Active data keys to write under, the best first; an interrupted run goes on under the one it began with."""
    found = choose_existing(store, rows, target.provider, datetime.now().astimezone())
    if target.needs_new_wrapping:
        return [row for row in found if row.id in target.own_keys]
    begun = {each.id for each in interrupted.target_keys.values()} if interrupted is not None else None
    return sorted(found, key=lambda row: begun is not None and row.id not in begun)


def _known_names(plan: Plan, configured: ProviderConfiguration) -> frozenset[str]:
    """The keys and providers that the store has, in its tables or its configuration."""
    rows = plan.ring.rows
    known = {*configured.usable, *configured.unusable}
    known |= {SECRET_KEY_PROVIDER} if plan.store is StoreName.CLASSIC else set()
    known |= {row.id for row in rows} | {row.provider for row in rows} | plan.census.key_ids
    return frozenset(known)


def _check_names(plans: Sequence[Plan]) -> None:
    """Refuse a named key or provider that no store has: a typing error must not count as a decision."""
    known = frozenset().union(*(plan.known_names for plan in plans))
    trust = plans[0].options.trust
    for option, names in (("--skip-key", trust.skip_keys), ("--accept-unproven", trust.accept_unproven)):
        for name in sorted(_normalised(names) - known):
            raise ConfigurationError(
                f"{option} {name}: there is no such data key or provider",
                hint=joined(did_you_mean(name, known), "`reencrypt plan` names those that exist."),
            )


def _normalised(names: frozenset[str]) -> frozenset[str]:
    return frozenset(map(normalise_provider, names))
