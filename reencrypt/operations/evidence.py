"""The evidence of a run, for an auditor: its audit, what database and vault say now, and the answer of `complete`.

It changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.databases.statements import AUDIT_TABLE
from reencrypt.errors import ConfigurationError, ReencryptError, StoppedEarlyError
from reencrypt.keys.provider import LEGACY_PROVIDER, KeyProvider
from reencrypt.keys.request_ids import prefix_of
from reencrypt.operations.complete.operation import BLIND_SPOTS, complete
from reencrypt.operations.report import entry_as_json
from reencrypt.operations.verify.operation import verify_stores
from reencrypt.outcomes import ExitCode, Operation
from reencrypt.planning.census import take_census
from reencrypt.planning.inventory import SecretState, StoreInventory, count_secrets, versions_in
from reencrypt.planning.options import CompleteOptions
from reencrypt.planning.session import Session
from reencrypt.planning.target import Target, created_at
from reencrypt.state.audit import AuditEntry, AuditKind, read_audit, who
from reencrypt.state.checkpoints import latest_counts, read_checkpoints
from reencrypt.state.counts import per_location
from reencrypt.state.damaged import read_back
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.quarantine import QuarantineEntry, read_quarantine
from reencrypt.state.runs import Run, read_runs
from reencrypt.state.stamp import read_stamp, stamp

#: What an operation other than a run or a rollback means by its target is not about secrets: they stay where they are.
_MOVES: Final = (Operation.RUN, Operation.ROLLBACK, Operation.ENVELOP)
#: Where Log Analytics keeps Key Vault's AuditEvent log, by the kind of the vault's diagnostic setting, and its columns.
_LOGS: Final = {
    "AZKVAuditLogs": "OperationName, HttpStatusCode",
    'AzureDiagnostics | where ResourceProvider == "MICROSOFT.KEYVAULT"': "OperationName, httpStatusCode_d",
}
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of one run, as the object that reports are made of."""

    content: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        """0: whatever it says, it is there."""
        return ExitCode.DONE

    def as_json(self) -> Mapping[str, Any]:
        """The object itself."""
        return self.content


async def evidence_of(sessions: Sequence[Session], run_id: str | None, cryptoperiod: timedelta | None) -> Evidence:
    """Gather the evidence of a run, by default the last one; `sessions` are those of every store of the database.

    With a `cryptoperiod` each key is judged by its age. Raises `ConfigurationError` where there is no such run, and a
    `ReencryptError` where database or vault fails.
    """
    first = sessions[0]
    run = await _find(first, run_id)
    session = next((each for each in sessions if each.store is run.store), None)
    if session is None:
        raise ConfigurationError(
            f"run {run.id} was in {run.store.in_words}, which is not in this database now",
            hint="Use the database and the configuration that Grafana had then.",
        )
    database = session.database
    entries = _once(await read_audit(database, run.id)) if AUDIT_TABLE not in session.schema.missing_tables else []
    of_run = [entry for entry in entries if entry.run_id == run.id]
    invocations = _invocations(of_run)
    verified = await _verified(sessions)
    # An invocation that resumed one without an audit found what that one had moved already.
    first_begun = invocations[0] if invocations and invocations[0]["inventory"] else None
    before = first_begun["inventory"] if first_begun and not first_begun["resumed"] else None
    inventory = await _inventory(session, run, first_begun)
    after = inventory.as_json()
    keys = await _key_versions(session, before, after)
    quarantine = session.schema.own(await read_quarantine(database))
    answered = await _answered(sessions)
    today = database.now()
    return Evidence(
        {
            "kind": "run",
            "made": f"{stamp()}Z",
            "made_by": who(),
            "database": database.name,
            "run": _run_as_json(run),
            "invocations": [_without_inventory(each) for each in invocations],
            "counts": per_location(latest_counts(await read_checkpoints(database, run.id))),
            "secrets": _before_and_after(before, after),
            "data_keys": {
                "before": before["data_keys"] if before else None,
                "before_total": before["data_keys_total"] if before else None,
                "after": after["data_keys"],
                "after_total": after["data_keys_total"],
            },
            "key_versions": keys,
            "cryptoperiod": _judged(cryptoperiod, inventory, keys, today),
            "vault": _vault(run, invocations),
            "quarantine": [entry_as_json(entry, run.store) for entry in quarantine],
            "acknowledgements": _acknowledgements(entries, quarantine),
            "verify": verified[run.store],
            "verify_others": [each for store, each in verified.items() if store != run.store],
            "complete": answered,
            "not_seen": list(answered.get("not_seen", BLIND_SPOTS)),
        }
    )


async def _find(session: Session, run_id: str | None) -> Run:
    runs = await read_runs(session.database) if session.schema.has_state else []
    if not runs:
        raise ConfigurationError("there has been no run in this database", hint="`reencrypt status` lists the runs.")
    if run_id is None:
        return runs[-1]
    found = next((run for run in runs if run.id == run_id), None)
    if found is None:
        known = ", ".join(run.id for run in runs[-5:])
        raise ConfigurationError(f"there is no run {run_id}", hint=f"Known are {known}. `reencrypt status` lists them.")
    return found


def _once(entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    """Without copies: a transaction whose answer was lost may have been made twice."""
    return [entry for number, entry in enumerate(entries) if not number or entry != entries[number - 1]]


def _run_as_json(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "store": run.store,
        "operation": run.operation,
        "state": run.state,
        "outcome": run.outcome or None,
        "target_provider": run.target_provider,
        "algorithm": run.algorithm,
        "fresh_data_key": run.fresh,
        "target_data_keys": sorted(each.id for each in run.target_keys.values() if each.id),
        "started": f"{run.started}Z",
        "updated": f"{run.updated}Z",
    }


def _invocations(entries: Sequence[AuditEntry]) -> list[dict[str, Any]]:
    """Each time that the run was begun, resumed or undone, with its pace and its end; one without an end was killed."""
    found: list[dict[str, Any]] = []
    for entry in entries:
        if entry.kind is AuditKind.BEGUN:
            found.append(
                {
                    "inventory": None,
                    "resumed": False,
                    "options": {},
                    **entry.content,
                    "begun": f"{entry.at}Z",
                    "ended": None,
                    "last_sign": f"{entry.at}Z",
                    "pace": [],
                    "end": None,
                }
            )
        elif found and entry.kind is AuditKind.PACE:
            found[-1]["pace"].append({"at": f"{entry.at}Z", **entry.content})
            found[-1]["last_sign"] = f"{entry.at}Z"
        elif found and entry.kind is AuditKind.ENDED:
            found[-1] |= {"ended": f"{entry.at}Z", "last_sign": f"{entry.at}Z", "end": dict(entry.content)}
    return found


def _without_inventory(invocation: Mapping[str, Any]) -> dict[str, Any]:
    """Without what stands elsewhere, beside the inventory of now."""
    return {name: value for name, value in invocation.items() if name not in ("inventory", "judged_by")}


async def _inventory(session: Session, run: Run, begun: Mapping[str, Any] | None) -> StoreInventory:
    """The secrets as they are now, judged as those before the run, with the versions that unwrap their data keys."""
    database, ring = session.database, session.ring
    census = await take_census(
        database,
        session.locations,
        keys=len(ring.rows),
        wants_sample=lambda _location, _envelope: False,
        emit=session.emit,
    )
    versions = versions_in(ring)
    # A data key that Grafana has made since they were unwrapped is not missing.
    later = await read_data_keys(database, session.schema.key_table)
    rows = list({row.id: row for row in [*ring.rows, *later]}.values())
    target = _target(session, run, (begun or {}).get("judged_by"))
    return count_secrets(run.store, session.locations, census, rows, target, versions)


def _target(session: Session, run: Run, judged_by: Mapping[str, Any] | None) -> Target:
    """What the run's beginning was judged by; without an audit what its row says, if the run moves secrets at all."""
    own = frozenset(each.id for each in run.target_keys.values() if each.id)
    if judged_by is not None:
        with read_back(f"the beginning of run {run.id} in reencrypt_audit"):
            return Target(
                Operation(judged_by["operation"]),
                str(judged_by["provider"]),
                Algorithm(judged_by["algorithm"]),
                fresh=bool(judged_by["fresh"]),
                own_keys=own,
            )
    if run.operation in _MOVES:
        return Target(
            Operation(run.operation), run.target_provider, Algorithm(run.algorithm), fresh=run.fresh, own_keys=own
        )
    return Target.resolve(session.store_settings, session.options)


def _before_and_after(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The secrets of each location under each provider and in each state; `before` is None where no audit has it."""

    def counted(inventory: Mapping[str, Any]) -> dict[tuple[str, str, str], int]:
        return {(each["location"], each["provider"], each["state"]): each["secrets"] for each in inventory["secrets"]}

    now, then = counted(after), counted(before) if before else None
    places = dict.fromkeys([*(then or ()), *now])
    return [
        {
            "location": location,
            "provider": provider or None,
            "state": state,
            "before": None if then is None else then.get((location, provider, state), 0),
            "after": now.get((location, provider, state), 0),
        }
        for location, provider, state in sorted(places)
    ]


async def _key_versions(
    session: Session, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The key-encryption keys of data keys before and after: each provider and version, its age, its data keys.

    Raises a `ReencryptError` where a key service does not answer.
    """

    def counted(inventory: Mapping[str, Any] | None) -> Counter[tuple[str, str]]:
        listed = inventory["data_keys"] if inventory else ()
        return Counter((each["provider"], each["version"] or "") for each in listed if each["secrets"])

    then, now = counted(before), counted(after)
    dates = {provider: await _dates(session, provider) for provider in {name for name, _ in [*then, *now]}}
    found = []
    for provider, version in sorted({*then, *now}):
        made = dates[provider].get(version)
        found.append(
            {
                "provider": provider,
                "version": version or None,
                "created": f"{made:%Y-%m-%dT%H:%M:%SZ}" if made is not None else None,
                "data_keys_before": then[provider, version] if before else None,
                "data_keys_after": now[provider, version],
            }
        )
    return found


async def _dates(session: Session, name: str) -> dict[str, datetime]:
    """When the versions of a provider's key were made; nothing where nobody can be asked."""
    try:
        provider: KeyProvider = session.providers.get(name)
        return await provider.version_dates()
    except StoppedEarlyError:
        raise
    except ReencryptError:
        # A vault that is left behind need not answer any more; its dates are unknown then.
        return {}


def _judged(
    period: timedelta | None, inventory: StoreInventory, versions: Sequence[Mapping[str, Any]], now: object
) -> dict[str, Any] | None:
    """Each key that is in use now, by its age; None without a period."""
    if period is None:
        return None
    # This machine's time where the database gives none.
    today = created_at(now) or read_stamp(stamp())
    judged = [
        {"key": f"data key {each.id}", "provider": each.provider, **_age(each.created, today, period)}
        for each in inventory.data_keys
        if each.secrets
    ]
    for each in versions:
        if each["data_keys_after"]:
            made = datetime.fromisoformat(each["created"]).replace(tzinfo=None) if each["created"] else None
            what = f"version {each['version']}" if each["version"] else "key without versions"
            judged.append({"key": what, "provider": each["provider"], **_age(made, today, period)})
    if any(
        provider == LEGACY_PROVIDER and number
        for (_, provider, state), number in inventory.secrets.items()
        if state is not SecretState.NOT_APPLICABLE
    ):
        # Directly, without a data key: nobody knows how old it is.
        judged.append({"key": LEGACY_PROVIDER, "provider": LEGACY_PROVIDER, "age_days": None, "verdict": "unknown"})
    counts = Counter(str(each["verdict"]) for each in judged)
    return {
        "days": round(period / _DAY, 3),
        "within": counts["within"],
        "exceeded": counts["exceeded"],
        "unknown": counts["unknown"],
        "keys": judged,
    }


def _age(created: datetime | None, today: datetime, period: timedelta) -> dict[str, Any]:
    if created is None:
        return {"age_days": None, "verdict": "unknown"}
    age = today - created
    return {"age_days": round(age / _DAY, 1), "verdict": "within" if age <= period else "exceeded"}


def _vault(run: Run, invocations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The calls of all invocations that have an end, and how the vault's own log shows those of all."""
    calls: Counter[tuple[str, str, str, str]] = Counter()
    for each in invocations:
        for call in (each["end"] or {}).get("vault_calls", ()):
            key = (call["provider"], call["operation"], call["code"], call["version"] or "")
            calls[key] += call["calls"]
    prefix = prefix_of(run.id)
    found = f'CorrelationId startswith "{prefix}"'
    return {
        "calls": [
            {"provider": provider, "operation": operation, "code": code, "version": version or None, "calls": number}
            for (provider, operation, code, version), number in sorted(calls.items())
        ],
        "complete": bool(invocations) and all(each["end"] is not None for each in invocations),
        # A run without an audit asked under other ids.
        "request_id_prefix": prefix if invocations else None,
        "log_queries": [
            f"{table} | where {found} | summarize count() by {columns}" for table, columns in _LOGS.items()
        ],
    }


def _acknowledgements(entries: Sequence[AuditEntry], quarantine: Sequence[QuarantineEntry]) -> list[dict[str, Any]]:
    """Who gave up what is in quarantine as acknowledged now, and when: the last time for each place."""
    acknowledged = {each.place for each in quarantine if not each.is_open}
    found = {
        (entry.content["location"], entry.content["row_key"], entry.content["field"]): {
            "at": f"{entry.at}Z",
            **entry.content,
        }
        for entry in entries
        if entry.kind is AuditKind.ACKNOWLEDGED
    }
    return [each for place, each in found.items() if place in acknowledged]


async def _verified(sessions: Sequence[Session]) -> dict[StoreName, dict[str, Any]]:
    """Every secret of each store read now; an error instead where that cannot be done."""
    try:
        reports = await verify_stores(sessions)
    except StoppedEarlyError:
        raise
    except ReencryptError as error:
        return {each.store: {"store": each.store, "outcome": error.code, "error": error.message} for each in sessions}
    return {each.store: each.as_json() for each in reports}


async def _answered(sessions: Sequence[Session]) -> dict[str, Any]:
    """The answer of `complete`, which changes nothing without --finish; an error instead where there is none."""
    try:
        report = await complete(sessions, CompleteOptions())
    except StoppedEarlyError:
        raise
    except ReencryptError as error:
        return {"outcome": error.code, "error": error.message}
    return report.as_json()
