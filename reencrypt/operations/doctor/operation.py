"""`reencrypt doctor`: checks every precondition of a run and gives each failure its remedy. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.connect import open_database
from reencrypt.databases.plain_text import REMEDY, count_plain_text, plain_text_in_words
from reencrypt.databases.protocol import Database
from reencrypt.databases.statements import OUR_TABLES
from reencrypt.errors import ConfigurationError, NotWritableError, ReencryptError
from reencrypt.events import Emit, Waiting
from reencrypt.keys.configuration import ProviderConfiguration
from reencrypt.keys.diagnostics import Check, State, failed, not_checked
from reencrypt.keys.kind import ProviderContext
from reencrypt.keys.proof import Verdict
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, normalise_provider
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import DataKey
from reencrypt.operations.choice import declared_locations, options_of
from reencrypt.operations.doctor.data_keys import unwrapping
from reencrypt.operations.doctor.manager import VALUES, ManagerFound, check_manager
from reencrypt.operations.doctor.report import NO_DATABASE, DoctorReport, refusals_of
from reencrypt.operations.session import Shared, open_providers, open_stores
from reencrypt.planning.declared import LocationsFile
from reencrypt.planning.lost_keys import lost_keys
from reencrypt.planning.options import RunOptions
from reencrypt.planning.plan import Plan
from reencrypt.planning.planner import make_plans
from reencrypt.planning.schema import Schema, examine, read_own_keys
from reencrypt.planning.target import Target
from reencrypt.settings import Settings
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.stop import StopRequest
from reencrypt.wording import counted

#: The checks of a database that is open, in their order.
_OF_DATABASE: Final = ("writable", "schema", "visibility", "write rights", "state tables", "plain text")


@dataclass(frozen=True, slots=True)
class _Found:
    """The data keys of each store, the ids of those that runs made, and the schema with the columns of its tables."""

    schema: Schema
    columns: Mapping[str, frozenset[str]]
    rows: Mapping[StoreName, list[DataKey]]
    own: frozenset[str]


async def doctor(settings: Settings, options: RunOptions, shared: Shared, *, emit: Emit) -> DoctorReport:
    """Check the database, the configuration and every configured key; a failure becomes a check, not an error.

    `options` say which stores. Raises `ConfigurationError` where they contradict themselves, and for a
    wrong file of declared locations.
    """
    file, names = declared_locations(settings, options), options.stores.names
    here = [each for each in names if each is StoreName.CLASSIC or not settings.manager.is_remote] or names
    of_store = {each: options_of(each, here, settings, options) for each in names}
    opening = {
        each: open_providers(each, settings, DerivedKeyCache(), one, ProviderContext(one.vault, emit, shared.services))
        for each, one in of_store.items()
    }
    first = settings.of(names[0])
    report = DoctorReport(
        normalise_provider(first.encryption_provider) if names[0] is StoreName.CLASSIC else first.encryption_provider,
        Target.resolve(first, of_store[names[0]]).provider,
    )
    found = await _database(settings, names, file, report, emit)
    plans: Sequence[Plan] | ReencryptError = () if found is None else await _rehearsal(settings, options, shared, emit)
    if StoreName.CLASSIC in names:
        await _classic(settings, report, opening[StoreName.CLASSIC], found, plans)
    if StoreName.MANAGER in names:
        async with opening[StoreName.MANAGER] as providers:
            has = None if found is None else _manager(found, plans)
            await check_manager(report, settings.manager, providers, has, alone=len(names) == 1)
    return report


def _manager(found: _Found, plans: Sequence[Plan] | ReencryptError) -> ManagerFound:
    has_store = found.schema.of(StoreName.MANAGER).has_store
    return ManagerFound(has_store, found.columns.get(VALUES, frozenset()), found.rows[StoreName.MANAGER], plans)


async def _classic(
    settings: Settings,
    report: DoctorReport,
    opening: Providers,
    found: _Found | None,
    plans: Sequence[Plan] | ReencryptError,
) -> None:
    """Check the classic store: what Grafana's configuration says of it, its providers, and a run."""
    rows = found.rows[StoreName.CLASSIC] if found is not None else []
    report.add("grafana", _grafana(settings, report, found), StoreName.CLASSIC)
    async with opening as providers:
        for name in providers.configured.usable:
            checks = await _diagnose(providers, name)
            if any(check.exit_code for check in checks):
                checks.append(not_checked("data keys", "the provider does not work: see what failed above"))
            elif found is None:
                checks.append(not_checked("data keys", NO_DATABASE))
            else:
                checks += await unwrapping(providers, [row for row in rows if row.provider == name])
            report.add(name, checks, StoreName.CLASSIC)
    report.add(
        "run",
        [not_checked("refusals", NO_DATABASE)] if found is None else _run(plans),
        StoreName.CLASSIC,
    )
    for name in providers.configured.unusable:
        report.add(name, [_unusable(providers.configured, name, report)], StoreName.CLASSIC)


def _unusable(configured: ProviderConfiguration, name: str, report: DoctorReport) -> Check:
    """A section that cannot be used: a failure where Grafana writes under it, or a run would."""
    if name == report.target or (name == report.encryption_provider and configured.problem(name)):
        try:
            configured.require(name)
        except ConfigurationError as error:
            return failed("configuration", error)
    return Check("configuration", State.WARNING, configured.unusable[name], configured.remedy(name))


async def _diagnose(providers: Providers, name: str) -> list[Check]:
    try:
        return await providers.get(name).diagnose()
    except ReencryptError as error:
        return [failed("configuration", error)]


async def _rehearsal(
    settings: Settings, options: RunOptions, shared: Shared, emit: Emit
) -> Sequence[Plan] | ReencryptError:
    """Make the plans that `run` makes before it writes, one for each store; returns the error that ends it before."""
    try:
        async with open_stores(settings, options, shared, emit=emit, stop=StopRequest(), write=False) as sessions:
            return await make_plans(sessions)
    except ReencryptError as error:
        return error


def _run(plans: Sequence[Plan] | ReencryptError) -> list[Check]:
    """What would stop a run in the classic store, and whether `secret_key` is proven."""
    if isinstance(plans, ReencryptError):
        return [failed("refusals", plans), not_checked("secret_key", "the plan came to an end before")]
    plan = next(each for each in plans if each.store is StoreName.CLASSIC)
    found = refusals_of(plan, [each for each in plans if each is not plan])
    return found if plan.refusals and plan.proof.secret_key is Verdict.REFUTED else [*found, _proof(plan)]


def _proof(plan: Plan) -> Check:
    """Whether what is in the database shows that `secret_key` is the right one."""
    if plan.proof.secret_key is Verdict.PROVEN:
        doubt = "and something under it is implausible: an earlier secret_key may be behind it"
        proven = "what it decrypts is what Grafana stores there"
        return (
            Check("secret_key", State.WARNING, f"{proven}, {doubt}", "`reencrypt verify` names what it is.")
            if plan.proof.doubt
            else Check("secret_key", State.OK, proven)
        )
    needed = "too little in this database is under it" if plan.needs_secret_key() else "nothing in it is under it"
    if plan.refusals:
        needed = "a refusal came first, or too little is under it"
    return not_checked("secret_key", f"this database does not show whether it is Grafana's: {needed}")


async def _database(
    settings: Settings, stores: Sequence[StoreName], file: LocationsFile, report: DoctorReport, emit: Emit
) -> _Found | None:
    """Check the database; None where its data keys cannot be read."""
    checks = report.groups["database"] = list[Check]()
    try:
        database = await open_database(settings.database, write=False, waiting=lambda reason: emit(Waiting(reason)))
    except ReencryptError as error:
        checks.append(failed("connection", error))
        checks += [not_checked(name, "there is no connection") for name in _OF_DATABASE]
        return None
    try:
        checks.append(Check("connection", State.OK, database.name))
        checks.append(await _writable(database))
        schema, obstacles = await examine(database, stores=stores, file=file)
        if StoreName.MANAGER in stores and not settings.manager.is_remote and not obstacles:
            obstacles += [each for each in [await lost_keys(database, schema)] if each is not None]
        where = f" in the schema {schema.name}" if schema.name else ""
        places = f"Grafana's{where}, with {len(schema.fitted.locations)} places for secrets"
        report.schema = schema.name
        checks.append(Check("schema", State.OK, places))
        if obstacles:
            checks += [failed("visibility", obstacle) for obstacle in obstacles]
            checks += [not_checked(name, "this account may not see all of it") for name in _OF_DATABASE[3:]]
            return None
        checks.append(
            Check("visibility", State.OK, "this account sees every table, column and row, and each row has a key")
        )
        checks.append(await _write_rights(database, schema, stores))
        checks.append(_state_tables(schema))
        checks.append(_plain_text(await count_plain_text(database, schema.data_source_columns)))
        rows = {each: await read_data_keys(database, schema.of(each).key_table) for each in StoreName}
        return _Found(schema, await database.columns(), rows, await read_own_keys(database, schema))
    except ReencryptError as error:
        made = {check.name for check in checks}
        name, *others = [each for each in (*_OF_DATABASE, "data keys") if each not in made]
        checks.append(failed(name, error))
        checks += [not_checked(each, "an earlier check failed") for each in others if each in _OF_DATABASE]
        return None
    finally:
        await database.close()


async def _writable(database: Database) -> Check:
    obstacle = await database.write_obstacle()
    return failed("writable", obstacle) if obstacle else Check("writable", State.OK, "it takes writes")


async def _write_rights(database: Database, schema: Schema, stores: Sequence[StoreName]) -> Check:
    """Whether this account may write the state tables that are there, the data keys, and the secrets."""
    of_stores = [schema.of(each) for each in stores]
    keys = [each.key_table.table_name for each in of_stores if each.has_store]
    present = await database.columns()
    updated: dict[str, dict[str, None]] = {}
    for location in (one for each in of_stores for one in each.fitted.locations if one.reencrypted):
        updated.setdefault(location.table, {}).update(dict.fromkeys(location.stored))
    missing = await database.missing_rights([*(each for each in OUR_TABLES if each in present), *keys], updated)
    if not missing:
        return Check("write rights", State.OK, "this account may write every table that a run writes")
    by_table: dict[str, dict[str, None]] = {}
    for each in missing:
        by_table.setdefault(each.table, {})[each.right] = None
    lacks = "; ".join(f"{' and '.join(rights)} on {table}" for table, rights in by_table.items())
    grants = "; ".join(f"GRANT {', '.join(rights)} ON {table}" for table, rights in by_table.items())
    return failed(
        "write rights", NotWritableError(f"this account lacks {lacks}", hint=f"Let a DBA give them to it: {grants}.")
    )


def _state_tables(schema: Schema) -> Check:
    if not schema.is_state_old:
        return Check("state tables", State.OK, "there")
    missing = ", ".join(schema.missing_tables) or "the mark of their version"
    return Check(
        "state tables",
        State.NOTE,
        f"those of an earlier version; the next run adds {missing}"
        if schema.has_state
        else "not yet there; the first run creates them",
        "Where its account may not create tables, give a DBA what `reencrypt plan --ddl` prints.",
    )


def _plain_text(counts: Mapping[str, int]) -> Check:
    if found := plain_text_in_words(counts):
        return Check("plain text", State.WARNING, "; ".join(found), REMEDY)
    return Check("plain text", State.OK, f"nothing in {' or '.join(counts)}" if counts else "this Grafana has none")


def _grafana(settings: Settings, report: DoctorReport, found: _Found | None) -> list[Check]:
    checks = []
    if settings.secret_key_is_default:
        checks.append(
            Check(
                "secret_key",
                State.WARNING,
                "is the default that Grafana ships, which everybody knows",
                "Is this the right configuration file? If not, give --grafana-config. If it is, `reencrypt "
                "rekey-secret-key` goes to a new one.",
            )
        )
    else:
        checks.append(Check("secret_key", State.OK, f"set in {settings.secret_key_origin}"))
    configured, target = report.encryption_provider, report.target
    says = f"is {configured} (from {settings.encryption_provider_origin})"
    if configured == SECRET_KEY_PROVIDER:
        checks.append(
            Check(
                "encryption_provider",
                State.WARNING,
                f"{says}: Grafana encrypts new secrets with secret_key, not with a key in a vault",
                "Set [security] encryption_provider = azurekv.NAME, and restart every instance.",
            )
        )
    else:
        checks.append(Check("encryption_provider", State.OK, says))
    if target != configured:
        checks.append(
            Check(
                "target",
                State.WARNING,
                f"is {target}, by --to: Grafana keeps writing under {configured}",
                f"If that is to stay so, set [security] encryption_provider = {target}, and restart every instance.",
            )
        )
    if target == SECRET_KEY_PROVIDER:
        return checks
    if found is None:
        return [*checks, not_checked("Grafana uses it", NO_DATABASE)]
    written = [row for row in found.rows[StoreName.CLASSIC] if row.provider == target and row.id not in found.own]
    if written:
        checks.append(
            Check("Grafana uses it", State.OK, f"it has written {counted(len(written), 'data key')} under {target}")
        )
    else:
        checks.append(
            Check(
                "Grafana uses it",
                State.WARNING,
                f"no data key under {target} is Grafana's own, so nothing shows that the running Grafana knows it",
                "It takes Grafana Enterprise, and a restart of every instance with this configuration. Save a data "
                "source, then look again. Or begin with a pilot, which `reencrypt plan --wrap-format raw/RSA-OAEP-256` "
                "names.",
            )
        )
    return checks
