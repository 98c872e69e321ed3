"""The evidence of one run: its audit, and what its store and its vault say now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from reencrypt.crypto.algorithm import Algorithm
from reencrypt.keys.request_ids import prefix_of
from reencrypt.operations.evidence.keys import judged, key_versions
from reencrypt.operations.names import Names, name_of, names_of
from reencrypt.operations.report import entry_as_json
from reencrypt.outcomes import Operation
from reencrypt.planning.census import take_census
from reencrypt.planning.inventory import StoreInventory, count_secrets, versions_in
from reencrypt.planning.session import Session
from reencrypt.planning.target import Target
from reencrypt.state.audit import AuditEntry, AuditKind
from reencrypt.state.checkpoints import latest_counts, read_checkpoints
from reencrypt.state.counts import per_location
from reencrypt.state.damaged import read_back
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.quarantine import QuarantineEntry, read_quarantine
from reencrypt.state.runs import Run

#: What an operation other than a run or a rollback means by its target is not about secrets: they stay where they are.
_MOVES: Final = (Operation.RUN, Operation.ROLLBACK, Operation.ENVELOP)
#: Where Log Analytics keeps Key Vault's AuditEvent log, by the kind of the vault's diagnostic setting, and its columns.
_LOGS: Final = {
    "AZKVAuditLogs": "OperationName, HttpStatusCode",
    'AzureDiagnostics | where ResourceProvider == "MICROSOFT.KEYVAULT"': "OperationName, httpStatusCode_d",
}


async def section_of(
    session: Session, run: Run, entries: Sequence[AuditEntry], cryptoperiod: timedelta | None
) -> dict[str, Any]:
    """What a report says of a run; `entries` are its audit and what belongs to no run, oldest first.

    Raises a `ReencryptError` where database or vault fails.
    """
    database = session.database
    invocations = _invocations([entry for entry in entries if entry.run_id == run.id])
    # An invocation that resumed one without an audit found what that one had moved already.
    first_begun = invocations[0] if invocations and invocations[0]["inventory"] else None
    before = first_begun["inventory"] if first_begun and not first_begun["resumed"] else None
    inventory = await _inventory(session, run, first_begun)
    after = inventory.as_json()
    versions = await key_versions(session, before, inventory)
    quarantine = session.schema.own(await read_quarantine(database))
    names = await names_of(database, [entry.place for entry in quarantine])
    return {
        "run": _run_as_json(run),
        "invocations": [_without_inventory(each) for each in invocations],
        "counts": per_location(latest_counts(await read_checkpoints(database, run.id))),
        "secrets": _before_and_after(before, after),
        "data_keys": {
            when: {"total": each["data_keys_total"], "in_use": each["data_keys_in_use"], "listed": each["data_keys"]}
            if each
            else None
            for when, each in (("before", before), ("after", after))
        },
        "key_versions": versions,
        "cryptoperiod": judged(cryptoperiod, inventory, versions, database.now()),
        "vault": _vault(run, invocations),
        "quarantine": [entry_as_json(entry, run.store, names) for entry in quarantine],
        "acknowledgements": _acknowledgements(entries, quarantine, names),
    }


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


def _acknowledgements(
    entries: Sequence[AuditEntry], quarantine: Sequence[QuarantineEntry], names: Names
) -> list[dict[str, Any]]:
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
    # The record has no names: they are those of now.
    return [{**each, "name": name_of(place, names)} for place, each in found.items() if place in acknowledged]
