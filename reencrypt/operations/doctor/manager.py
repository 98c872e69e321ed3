"""Checks of Grafana's secrets manager. What is wrong in one that holds nothing is a warning and no failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.errors import ConfigurationError, ReencryptError, RefusedError
from reencrypt.keys.configuration import ProviderConfiguration
from reencrypt.keys.diagnostics import Check, State, failed, not_checked
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import DataKey
from reencrypt.operations.doctor.data_keys import unwrapping
from reencrypt.operations.doctor.report import NO_DATABASE, DoctorReport, refusals_of
from reencrypt.planning.plan import Plan
from reencrypt.planning.preflight import public_secret
from reencrypt.settings.model import ManagerSettings
from reencrypt.wording import counted

GROUP: Final = "secrets manager"
VALUES: Final = "secret_encrypted_value"


@dataclass(frozen=True, slots=True)
class ManagerFound:
    """What the database has of the secrets manager: whether Grafana made its tables, the columns of its values, keys.

    `plans` are the rehearsed ones of all stores, or the error that kept them from being made.
    """

    has_store: bool
    columns: frozenset[str]
    rows: Sequence[DataKey]
    plans: Sequence[Plan] | ReencryptError

    @property
    def plan(self) -> Plan | None:
        """The plan of this store, None where there is none."""
        plans = () if isinstance(self.plans, ReencryptError) else self.plans
        return next((each for each in plans if each.store is StoreName.MANAGER), None)


async def check_manager(
    report: DoctorReport, manager: ManagerSettings, providers: Providers, found: ManagerFound | None, *, alone: bool
) -> None:
    """Add the checks of the store, and of each of its providers; `alone`: no other store is checked.

    `found` is None where the database could not be read.
    """
    if found is None:
        if alone:  # else nobody knows whether there is one
            report.add(GROUP, [not_checked("tables", NO_DATABASE)], StoreName.MANAGER)
        return
    refused = _refusals(found)
    if manager.is_remote:
        report.add(GROUP, [_elsewhere(manager), *(refused if alone else [])], StoreName.MANAGER)
        return
    if not found.has_store:
        none = Check("tables", State.OK, "this Grafana has no secrets manager")
        report.add(GROUP, [none, *(refused if alone else [])], StoreName.MANAGER)
        return
    configured, used = providers.configured, bool(found.rows)
    checks = [_tables(found), _data_keys(found.rows), _encryption_provider(manager, configured, used=used)]
    checks += _public_secrets(manager, found.rows)
    if (unsplit := _unsplit(found.plan, manager)) is not None:
        checks.append(unsplit)
    report.add(GROUP, [*checks, *refused], StoreName.MANAGER)
    for name in dict.fromkeys((*configured.usable, *(row.provider for row in found.rows), *configured.unusable)):
        rows = [row for row in found.rows if row.provider == name]
        if about := await _provider(manager, providers, name, rows):
            report.add(f"{GROUP} {name}", about, StoreName.MANAGER)


def notes_on(manager: ManagerSettings) -> list[str]:
    """What to know of the configuration without a look at a database: that it is another's, or a secret is public."""
    if manager.is_remote:
        elsewhere = _elsewhere(manager)
        return [f"secrets manager: {elsewhere.detail}. {elsewhere.remedy}"]
    provider = manager.store.encryption_provider
    return [f"secrets manager: {'; '.join(public_secret(provider))}"] if manager.secret_is_default(provider) else []


def _refusals(found: ManagerFound) -> list[Check]:
    if isinstance(found.plans, ReencryptError):
        return [failed("refusals", found.plans)]
    if found.plan is None:
        return []
    return refusals_of(found.plan, [each for each in found.plans if each is not found.plan])


def _elsewhere(manager: ManagerSettings) -> Check:
    return Check(
        "service",
        State.NOTE,
        "its secrets are in the database of another service, because [secrets_manager] grpc_client_enable is on (from "
        f"{manager.is_remote_origin}): nothing of them is checked or done here",
        "Run the command with the configuration and the database of that service.",
    )


def _tables(found: ManagerFound) -> Check:
    if "uid" in found.columns:
        refused = RefusedError(
            f"{VALUES} has the form of the experiment in Grafana 12.0 and 12.1, which no release reads: nothing in it "
            "is read or moved",
            hint="Ask Grafana's support what this Grafana should do with it, or leave it out with --store classic.",
        )
        if found.rows:
            return failed("tables", refused)
        return Check("tables", State.WARNING, refused.message, refused.hint)
    if not found.columns:
        return Check("tables", State.OK, f"no {VALUES}")
    if "data_key_id" in found.columns:
        return Check("tables", State.OK, f"{VALUES} with data_key_id, as Grafana 12.3 and later has it")
    return Check(
        "tables",
        State.OK,
        f"{VALUES} without data_key_id, as in Grafana 12.2: the id of a value's data key stays in the value",
    )


def _data_keys(rows: Sequence[DataKey]) -> Check:
    if not rows:
        return Check("data keys", State.OK, "empty: it has no data key, and so no secret")
    spaces, active = {row.namespace for row in rows}, sum(row.active for row in rows)
    return Check("data keys", State.OK, f"{len(rows)} in {counted(len(spaces), 'namespace')}, {active} of them active")


def _encryption_provider(manager: ManagerSettings, configured: ProviderConfiguration, *, used: bool) -> Check:
    """Whether Grafana can encrypt; with a fault here it does not even start."""
    store, name = manager.store, "encryption_provider"
    error = store.fault
    if error is None and configured.problem(store.encryption_provider):
        try:
            configured.require(store.encryption_provider)
        except ConfigurationError as problem:
            error = problem
    if error is None:
        says = f"is {store.encryption_provider} (from {store.encryption_provider_origin})"
        if configured.is_covered(store.encryption_provider):
            return Check(name, State.OK, says)
        return Check(name, State.NOTE, f"{says}, which is Grafana Enterprise's: nothing is written under it here")
    fails = f"{error.message}. Grafana 12.2 and later does not start like that"
    if used:
        return Check(name, State.FAILED, fails, error.hint, error.exit_code)
    return Check(name, State.WARNING, fails, error.hint)


def _public_secrets(manager: ManagerSettings, rows: Sequence[DataKey]) -> list[Check]:
    used, found = {row.provider for row in rows}, []
    for provider in sorted(used | {manager.store.encryption_provider}):
        if manager.secret_is_default(provider):
            what, remedy = public_secret(provider)
            remedy = f"{remedy[0].upper()}{remedy[1:]}."
            found.append(
                Check("public secret", State.WARNING, what, remedy)
                if provider in used
                else Check("public secret", State.NOTE, f"{what}. Nothing is under it yet", remedy)
            )
    return found


def _unsplit(plan: Plan | None, manager: ManagerSettings) -> Check | None:
    """Whether values wait for Grafana to move the ids of their data keys into a column, and whether it will."""
    number = sum(each.unsplit for each in plan.census.locations.values()) if plan is not None else 0
    if not number:
        return None
    what = f"{number} values have the id of their data key in front, as Grafana 12.2 wrote them"
    if manager.splits_values:
        return Check("migrations", State.NOTE, f"{what}: Grafana 12.3 and later moves it when it starts, as a run does")
    return Check(
        "migrations",
        State.WARNING,
        f"{what}, and Grafana does not move it: run_secrets_db_migrations or run_data_key_migration is off",
        "Switch both on in [secrets_manager] and restart Grafana, or let `reencrypt run` do it.",
    )


async def _provider(manager: ManagerSettings, providers: Providers, name: str, rows: Sequence[DataKey]) -> list[Check]:
    configured = providers.configured
    if name in configured.usable:
        return await unwrapping(providers, rows)
    remedy = configured.remedy(name)
    if rows and not configured.is_covered(name):
        what = f"not covered: {len(rows)} are under it, which is Grafana Enterprise's, and cannot be read here"
        return [Check("data keys", State.WARNING, what, remedy)]
    if rows:
        return [Check("data keys", State.WARNING, f"{len(rows)} do not unwrap: {configured.problem(name)}", remedy)]
    if name == manager.store.encryption_provider:
        return []  # said of the store
    return [Check("configuration", State.WARNING, configured.unusable[name], remedy)]
