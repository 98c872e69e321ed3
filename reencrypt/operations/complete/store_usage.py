"""Key usage of one store: what of it needs which key-encryption key, and what keeps every key of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto import managed
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.keys.errors import UnwrapFailedError
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.keys.ring import DataKey, Failure
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.operations.complete.keks import UNKNOWN_VERSION, Kek, KekNames
from reencrypt.operations.complete.last_copies import LastCopies
from reencrypt.operations.complete.retirement import Retirement, read_versions
from reencrypt.operations.session import renewed
from reencrypt.operations.verify.judging import verify_secrets
from reencrypt.operations.verify.keys import KEY_RETIRES, PROVIDER_NOT_CONFIGURED, RingKeys, StayingKeys
from reencrypt.operations.verify.readability import Fault, ambiguous, faults_of, providers_of
from reencrypt.operations.verify.verification import Verification
from reencrypt.outcomes import Operation, RunState
from reencrypt.planning.command_lines import REKEY_COMMAND
from reencrypt.planning.quarantine_of import entries_of
from reencrypt.planning.quarantined_keys import UNREADABLE
from reencrypt.planning.schema import read_accepted_secrets
from reencrypt.planning.session import Session
from reencrypt.planning.target import Target
from reencrypt.settings.defaults import NO_MANAGER_PROVIDER
from reencrypt.state.data_keys import read_ambiguous_keys, read_data_keys
from reencrypt.state.quarantine import QuarantineEntry
from reencrypt.state.runs import Run
from reencrypt.wording import counted

_NAMED: Final = 5  # secrets in one line
#: The halves of a change of `secret_key`, and what brings everything back under the key that there is.
_CHANGES: Final = (Operation.ENVELOP, Operation.REKEY, Operation.ROLLBACK)


@dataclass(slots=True)
class StoreUsage:
    """The key-encryption keys of a store by name, and the evidence.

    A store that is not `asked` about is counted by its data keys alone, because keys of both stores may be one.
    `before` are the data keys as they were before the count. `target` is the name of the key that stays, empty where
    the configuration names none. `verification` used only
    the keys that stay. `refuted` are data keys that the configured secret of their section does not open, as their tags
    show: they do not need it. `faults` are settings that would keep Grafana from reading. `unfinished`: a run, an undo
    or a change of `secret_key` is. `has_journal`: a run has one that can still be dropped.
    """

    session: Session
    asked: bool
    naming: KekNames
    before: list[DataKey]
    rows: list[DataKey]
    versions: dict[str, str]
    provider: str
    target: str
    quarantine: list[QuarantineEntry]
    keks: dict[str, Kek] = field(default_factory=dict)
    verification: Verification = field(default_factory=Verification)
    refuted: list[DataKey] = field(default_factory=list)
    blockers: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unfinished: bool = False
    has_journal: bool = False

    @property
    def store(self) -> StoreName:
        """The store."""
        return self.session.store

    @property
    def table_name(self) -> str:
        """The name of its table of data keys."""
        return self.session.schema.key_table.table_name

    def kek_of(self, row: DataKey | None) -> Kek:
        """Return the key of a data key, or `secret_key` for a legacy value."""
        if row is None:
            kek = self.naming.kek(SECRET_KEY_PROVIDER)
        else:
            kek = self.naming.kek(row.provider, self.versions.get(row.id, ""))
        return self.keks.setdefault(kek.name, kek)

    async def confirm(self) -> None:
        """Ask again for every data key that no secret proves, also those that only something unknown names.

        One answer proves the version of a data key as little as its bytes.
        """
        await self.session.ring.confirm([row.id for row in self.rows if not self.verification.is_proven(row.id)])


async def begin_usage(session: Session, *, asked: bool, taken: frozenset[str]) -> StoreUsage:
    """Read a store as it is now; `taken` are the providers of the classic store, for the names of keys."""
    # The command may have waited for Grafana's cache.
    session = await renewed(session)
    ring, configured = session.ring, session.providers.configured
    await ring.reload()
    naming = KekNames(configured, taken)

    def matters(provider: str) -> bool:
        # The vault of another key may be away: its versions tell nothing about what is asked.
        return asked or _may_be_shared(session, provider)

    versions = await read_versions(ring, naming, matters)
    provider = Target.resolve(session.store_settings, session.options).provider
    target = ""
    if provider not in ("", NO_MANAGER_PROVIDER):
        version = ""
        if naming.has_versions(provider) and provider in configured.usable and matters(provider):
            version = await session.providers.get(provider).newest_version()
        target = naming.name(provider, version)
    rows = list(ring.rows)
    return StoreUsage(session, asked, naming, rows, rows, versions, provider, target, await entries_of(session))


def _may_be_shared(session: Session, provider: str) -> bool:
    """Whether a service's key may be that of data keys of both stores: one that the user lets be borrowed."""
    configured = session.providers.configured
    if session.store is StoreName.MANAGER:
        return provider in configured.borrowed
    lent = {each.vault for each in session.options.manager.vaults}
    ids = {configured.usable[each].key_id() for each in lent if each in configured.usable} - {""}
    return provider in lent or (provider in configured.usable and configured.usable[provider].key_id() in ids)


async def verify_usage(usage: StoreUsage, retire: Sequence[str]) -> None:
    """Decrypt every secret of the store with the keys that stay when those named go, or all but the target."""
    session = usage.session
    retirement = Retirement(session.ring, usage.naming, usage.versions, frozenset(retire), usage.target)
    usage.verification = await verify_secrets(
        session,
        StayingKeys(RingKeys.of(session), retirement.of),
        usage.quarantine,
        await read_accepted_secrets(session.database, session.schema),
    )
    # A secret may have named a data key that came since.
    usage.rows = list(session.ring.rows)


async def count_usage(usage: StoreUsage) -> None:
    """Count data keys and secrets under each key."""
    session, by_id = usage.session, {row.id: row for row in usage.rows}
    for row in usage.rows:
        kek = usage.kek_of(row)
        kek.data_keys += 1
        kek.active += row.active
        if usage.store is StoreName.MANAGER:
            await _try(usage, row, kek)
    if not usage.asked:
        return
    for location in session.locations:
        result = usage.verification.locations[location.name]
        for key_id, left in (result.by_key - result.given_up).items():
            if key_id is None or key_id in by_id:
                usage.kek_of(by_id[key_id] if key_id is not None else None).secrets[location.name] += left
        if not location.reencrypted and (damaged := result.by_key[UNREADABLE]):
            # No run looks at them; they are under secret_key in any case.
            usage.kek_of(None).secrets[location.name] += damaged
    for provider, version in await _others(usage):
        # Those that nothing needs any more: these can go.
        kek = usage.naming.kek(provider, version)
        usage.keks.setdefault(kek.name, kek)


async def _try(usage: StoreUsage, row: DataKey, kek: Kek) -> None:
    """Find out whether a data key of the secrets manager needs the key that it is under, and whether that opens it."""
    if usage.naming.has_versions(row.provider):
        # An answer of a service refutes nothing.
        kek.stuck += kek.version == UNKNOWN_VERSION
        return
    entry = await usage.session.ring.unwrap_row(row)
    if isinstance(entry, Failure) and entry.another_key:
        kek.refuted += 1
        usage.refuted.append(row)
    elif isinstance(entry, Failure):
        kek.stuck += 1


async def _others(usage: StoreUsage) -> list[tuple[str, str]]:
    """The key that stays, the other enabled versions of it, and the sections of the secrets manager."""
    configured, naming, provider = usage.session.providers.configured, usage.naming, usage.provider
    found: list[tuple[str, str]] = []
    if usage.target:
        found.append((provider, usage.target.rpartition("/")[2] if naming.has_versions(provider) else ""))
    if naming.has_versions(provider) and provider in configured.usable:
        found += [(provider, version) for version in await usage.session.providers.get(provider).versions()]
    if usage.store is StoreName.MANAGER:
        found += [(each, "") for each in configured.usable if not naming.has_versions(each)]
    return found


async def judge_store(usage: StoreUsage, settled: frozenset[tuple[str, str]], runs: Sequence[Run]) -> None:
    """Find what keeps every key of the store: `settled` are runs that Grafana's cache has forgotten."""
    session, verification = usage.session, usage.verification
    database, schema = session.database, session.schema
    runs = [run for run in runs if run.store is usage.store]
    needed = verification.needed_key_ids
    copies = LastCopies(database, session.locations, session.ring, schema.key_table, runs)
    doubled = needed & await read_ambiguous_keys(database, schema.key_table)
    now = await read_data_keys(database, schema.key_table)
    blockers = [
        *_pending(usage, [run for run in runs if (run.id, run.updated) not in settled], runs),
        *_unreadable(usage),
        *(await copies.sentences(verification) if schema.has_state else ()),
        *(ambiguous(name, schema.key_table) for name in sorted(doubled)),
        *_changed(usage.before, now),
    ]
    usage.has_journal = any(run.state is not RunState.COMPLETED for run in runs)
    usage.unfinished = any(run.state in (RunState.OPEN, RunState.UNDOING) for run in runs) or bool(
        _half_done(usage, runs)
    )
    whose = "" if usage.store is StoreName.CLASSIC else f"{usage.store.in_words}: "
    usage.blockers = [f"{whose}{blocker}" for blocker in blockers]
    usage.faults = faults_of(
        session,
        providers_of(session.ring, needed),
        # Without envelopes Grafana would keep writing under secret_key.
        has_envelopes=bool(needed) or (usage.store is StoreName.CLASSIC and usage.provider != SECRET_KEY_PROVIDER),
        target=usage.provider,
    )
    configured = session.providers.configured
    usage.notes = [
        f"not covered: {counted(number, 'secret')} in {location} under {provider}: "
        f"{configured.uncovered_in_words(provider)}"
        for (location, provider), number in sorted(verification.uncovered.items())
    ]


def _pending(usage: StoreUsage, unsettled: Sequence[Run], runs: Sequence[Run]) -> Iterable[str]:
    still = sum(entry.is_open for entry in usage.quarantine)
    if still:
        what = counted(still, "secret is", "secrets are")
        yield f"{what} in quarantine and not acknowledged: see `reencrypt quarantine list`"
    if any(run.state == RunState.OPEN for run in runs):
        yield "a run is not finished: let it finish; if it was interrupted, resume it, or begin another one"
    for run in runs:
        if run.state == RunState.UNDOING:
            yield f"an undo is interrupted: finish it with `reencrypt undo {run.id}`"
    if envelop := _half_done(usage, runs):
        yield (
            f"a change of secret_key is half done: finish it with `{REKEY_COMMAND} --grafana-stopped`, or take it back "
            f"with `reencrypt undo {envelop.id}`"
        )
    settings = usage.session.store_settings
    if usage.target and settings.encryption_provider != usage.provider:
        yield f"Grafana's encryption_provider is {settings.encryption_provider}, so it does not write there"
    if unsettled and (until := _cached_until(unsettled, settings.data_keys_cache_ttl)):
        yield f"a running Grafana may write under data keys in its cache until {until}: wait, or give --settle"


def _half_done(usage: StoreUsage, runs: Sequence[Run]) -> Run | None:
    """The first half of a change of `secret_key` that has no second one, while secrets are under that key."""
    last = next((run for run in reversed(runs) if run.is_over and run.operation in _CHANGES), None)
    if last is None or last.operation != Operation.ENVELOP or last.state is RunState.COMPLETED:
        return None
    under = usage.keks.get(usage.naming.kek(SECRET_KEY_PROVIDER).name)
    return last if under is not None and under.secrets else None


def _unreadable(usage: StoreUsage) -> Iterable[str]:
    """Blockers of secrets that the keys that stay do not read, apart from those in quarantine.

    Damaged ones may be under any key. Secrets under a key that is to go count with that key; `faults` report a provider
    that is not configured.
    """
    verification = usage.verification
    for location in usage.session.locations:
        result = verification.locations[location.name]
        number = result.by_key[UNREADABLE] - result.in_quarantine[UNREADABLE]
        if location.reencrypted and number > 0:
            damaged = counted(
                number, f"secret in {location.name} is damaged", f"secrets in {location.name} are damaged"
            )
            yield f"{damaged}: `reencrypt run` moves what is damaged to quarantine; look at each"
    reported = (KEY_RETIRES, PROVIDER_NOT_CONFIGURED)
    number = verification.unreadable - sum(verification.reasons[reason] for reason in reported)
    if number:
        unknown = [each for each in verification.problems if not (each.known or each.reason in reported)]
        named = "; ".join(f"{each.place}: {each.reason}" for each in unknown[:_NAMED])
        what = counted(number, "secret does not read", "secrets do not read")
        yield f"{what}: `reencrypt verify` names each ({named}{' …' if number > _NAMED else ''})"


def _changed(before: Iterable[DataKey], now: Iterable[DataKey]) -> Iterable[str]:
    """Blocker of data keys that were wrapped anew or deleted during the count; new ones may come."""
    present = {(row.id, row.provider, row.wrapped) for row in now}
    changed = sorted({row.id for row in before if (row.id, row.provider, row.wrapped) not in present})
    if changed:
        what = counted(len(changed), "data key was", "data keys were")
        yield f"{what} changed or deleted during the count: run the command again ({changed[0]})"


def _cached_until(runs: Sequence[Run], cache_time: timedelta) -> str | None:
    """Until when a Grafana may use what it had in its cache as the last run ended; None if that time has passed."""
    now = datetime.now(UTC).replace(tzinfo=None)
    last = max(datetime.fromisoformat(run.updated) for run in runs)
    until = last + cache_time
    return f"{until:%Y-%m-%d %H:%M:%S} UTC" if now < until else None


def judge_keys(usage: StoreUsage) -> None:
    """Say of each key what of its own store needs it."""
    classic = usage.store is StoreName.CLASSIC
    for kek in usage.keks.values():
        if kek.secrets:
            places = ", ".join(f"{name} {number}" for name, number in sorted(kek.secrets.items()))
            kek.reasons.append(f"{counted(kek.secrets.total(), 'secret needs it', 'secrets need it')} ({places})")
            kept = [each.name for each in usage.session.locations if each.name in kek.secrets and not each.reencrypted]
            if kept:
                kek.reasons.append(
                    f"Grafana reads {', '.join(kept)} with secret_key alone, so no run moves it: the key can be "
                    "changed (`reencrypt rekey-secret-key`), and not be retired"
                )
        kek.reasons += _of_data_keys(usage, kek) if classic else _of_managed_keys(usage, kek)
        kek.reasons += kek.strays


def _of_data_keys(usage: StoreUsage, kek: Kek) -> Iterable[str]:
    if not usage.asked and kek.data_keys:
        yield f"{counted(kek.data_keys, 'data key')} of the classic store under it"
    if kek.active and kek.provider == usage.session.settings.encryption_provider:
        yield f"Grafana may write under {counted(kek.active, 'active data key')} that it wraps: `reencrypt rewrap`"


def _of_managed_keys(usage: StoreUsage, kek: Kek) -> Iterable[str]:
    covered = usage.session.providers.configured.is_covered(kek.provider)
    stuck = "they do not unwrap, so that nobody can wrap them again" if covered else "they cannot be wrapped again here"
    for number, remedy in (
        (kek.data_keys - kek.refuted - kek.stuck, "`reencrypt rewrap --store manager` takes them along"),
        (kek.stuck, stuck),
    ):
        if number:
            yield (
                f"{counted(number, 'data key')} of Grafana's secrets manager under it, and nothing ever deletes one, "
                f"because snapshots and history elsewhere may name it: {remedy}"
            )
    settings = usage.session.store_settings
    if kek.provider == settings.encryption_provider and not usage.naming.has_versions(kek.provider):
        yield "it is the encryption_provider of the secrets manager"


def refuted_in_words(usage: StoreUsage, named: Collection[str]) -> Iterable[str]:
    """Name the data keys that keep no section: `named` are those that a value outside the catalogue names."""
    taken = usage.verification.key_ids
    by_provider: dict[str, list[str]] = {}
    for row in usage.refuted:
        if row.id not in taken and row.framed_id not in named:
            by_provider.setdefault(row.provider, []).append(row.id)
    for provider, ids in sorted(by_provider.items()):
        section = usage.session.providers.configured.section_of(provider)
        yield from (
            f"data key {key_id}, under [{section}], does not unwrap under the configured secret and no secret "
            "names it: it does not need that section"
            for key_id in ids[:_NAMED]
        )
        if len(ids) > _NAMED:
            yield f"{len(ids) - _NAMED} more data keys under [{section}] are like that"


async def opened_by_secret_key(usage: StoreUsage) -> Counter[str]:
    """Count the secrets manager's data keys, by provider, that the classic store's `secret_key` opens.

    They are under a section with the same text. Their tags tell.
    """
    session, found = usage.session, Counter[str]()
    provider = SecretKeyProvider(
        session.settings.secret_key, Algorithm.AES_GCM, session.cache, parse=managed.parse_payload
    )
    for row in usage.rows:
        try:
            await provider.unwrap(row.wrapped)
        except UnwrapFailedError:
            continue
        found[row.provider] += 1
    return found
