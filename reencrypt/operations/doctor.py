"""`reencrypt doctor`: checks every precondition of a run and gives each failure its remedy. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.connect import open_database
from reencrypt.databases.plain_text import REMEDY, count_plain_text, plain_text_in_words
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError, ReencryptError
from reencrypt.events import Emit, Waiting
from reencrypt.keys.configuration import ProviderConfiguration
from reencrypt.keys.diagnostics import Check, State, failed, not_checked
from reencrypt.keys.proof import Verdict
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped, normalise_provider
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import DataKey, Failure, KeyRing
from reencrypt.operations.session import Shared, open_providers, open_session
from reencrypt.planning.options import RunOptions
from reencrypt.planning.plan import Plan
from reencrypt.planning.planner import make_plan
from reencrypt.planning.schema import Schema, examine, read_own_keys
from reencrypt.planning.target import Target
from reencrypt.settings import Settings
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.stop import StopRequest

_NAMED: Final = 5  # data keys in one line
#: The checks of a database that is open, in their order.
_OF_DATABASE: Final = ("writable", "schema", "visibility", "state tables", "plain text")
_NO_DATABASE: Final = "the database could not be read: see what failed there"


@dataclass(slots=True)
class DoctorReport:
    """The checks by subject: `database`, `grafana`, `run`, and each provider.

    `encryption_provider` is what the configuration says, `target` is where a run would go, by `--to` perhaps. `schema`
    is that of Grafana's tables, empty where the engine has none.
    """

    encryption_provider: str
    target: str
    groups: dict[str, list[Check]] = field(default_factory=dict)
    schema: str = ""

    @property
    def exit_code(self) -> int:
        """0, or the exit code that a command would end with because of the first failed check."""
        codes = (check.exit_code for checks in self.groups.values() for check in checks)
        return next((code for code in codes if code), 0)

    def as_json(self) -> dict[str, object]:
        """For `--output json`."""
        return {
            "healthy": self.exit_code == 0,
            "schema": self.schema or None,
            "encryption_provider": self.encryption_provider,
            "target_provider": self.target,
            "checks": [
                {
                    "about": group,
                    "name": check.name,
                    "state": check.state.value,
                    "detail": check.detail,
                    "remedy": check.remedy,
                }
                for group, checks in self.groups.items()
                for check in checks
            ],
        }


@dataclass(frozen=True, slots=True)
class _DataKeysFound:
    """The rows of `data_keys`, and the ids of those that runs made."""

    rows: list[DataKey]
    own: frozenset[str]


async def doctor(settings: Settings, options: RunOptions, shared: Shared, *, emit: Emit) -> DoctorReport:
    """Check the database, the configuration and every configured key; a failure becomes a check, not an error."""
    report = DoctorReport(
        normalise_provider(settings.encryption_provider), Target.resolve(settings.classic, options).provider
    )
    opening = open_providers(StoreName.CLASSIC, settings, DerivedKeyCache(), options, shared.services, emit)
    found = await _database(settings, report, emit)
    report.groups["grafana"] = _grafana(settings, report, found)
    async with opening as providers:
        for name in providers.configured.usable:
            checks = await _diagnose(providers, name)
            if any(check.exit_code for check in checks):
                checks.append(not_checked("data keys", "the provider does not work: see what failed above"))
            elif found is None:
                checks.append(not_checked("data keys", _NO_DATABASE))
            else:
                checks += await _needed_versions(providers, [row for row in found.rows if row.provider == name])
            report.groups[name] = checks
    report.groups["run"] = (
        [not_checked("refusals", _NO_DATABASE)] if found is None else await _rehearsal(settings, options, shared, emit)
    )
    for name in providers.configured.unusable:
        report.groups[name] = [_unusable(providers.configured, name, report)]
    return report


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


async def _rehearsal(settings: Settings, options: RunOptions, shared: Shared, emit: Emit) -> list[Check]:
    """Make the plan that `run` makes before it writes: each refusal is a failed check."""
    try:
        async with open_session(settings, options, shared, emit=emit, stop=StopRequest(), write=False) as session:
            plan = await make_plan(session)
    except ReencryptError as error:
        return [failed("refusals", error), not_checked("secret_key", "the plan came to an end before")]
    if plan.refusals:
        refused = [failed("refusals", refusal) for refusal in plan.refusals]
        return refused if plan.proof.secret_key is Verdict.REFUTED else [*refused, _proof(plan)]
    stop = f"nothing would stop `reencrypt run` to {plan.target_provider}"
    return [Check("refusals", State.OK, stop if plan.movable else f"{stop}, and nothing is to move"), _proof(plan)]


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


async def _database(settings: Settings, report: DoctorReport, emit: Emit) -> _DataKeysFound | None:
    """Check the database; None where its data keys cannot be read."""
    checks: list[Check] = []
    report.groups["database"] = checks
    try:
        database = await open_database(settings.database, write=False, waiting=lambda reason: emit(Waiting(reason)))
    except ReencryptError as error:
        checks.append(failed("connection", error))
        checks += [not_checked(name, "there is no connection") for name in _OF_DATABASE]
        return None
    try:
        checks.append(Check("connection", State.OK, database.name))
        checks.append(await _writable(database))
        schema, obstacles = await examine(database)
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
        checks.append(_state_tables(schema))
        checks.append(_plain_text(await count_plain_text(database, schema.data_source_columns)))
        return _DataKeysFound(await read_data_keys(database, schema.key_table), await read_own_keys(database, schema))
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
        "Where its account may not create tables, hand the statements that `reencrypt plan` prints to a DBA.",
    )


def _plain_text(counts: Mapping[str, int]) -> Check:
    if found := plain_text_in_words(counts):
        return Check("plain text", State.WARNING, "; ".join(found), REMEDY)
    return Check("plain text", State.OK, f"nothing in {' or '.join(counts)}" if counts else "this Grafana has none")


def _grafana(settings: Settings, report: DoctorReport, found: _DataKeysFound | None) -> list[Check]:
    checks = []
    if settings.secret_key_is_default:
        checks.append(
            Check(
                "secret_key",
                State.WARNING,
                "is the default that Grafana ships, which everybody knows",
                "Is this the right configuration file? If not, give --grafana-config.",
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
                f"{says}: Grafana writes new secrets under secret_key, not under a vault",
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
        return [*checks, not_checked("Grafana uses it", _NO_DATABASE)]
    written = [row for row in found.rows if row.provider == target and row.id not in found.own]
    if written:
        checks.append(Check("Grafana uses it", State.OK, f"it has written {len(written)} data keys under {target}"))
    else:
        checks.append(
            Check(
                "Grafana uses it",
                State.WARNING,
                f"no data key under {target} is Grafana's own, so nothing shows that the running Grafana knows it",
                "It takes Grafana Enterprise, and a restart of every instance with this configuration. Save a data "
                "source, then look again. Begin with a pilot: `reencrypt run --location data_source --limit 5`.",
            )
        )
    return checks


async def _needed_versions(providers: Providers, rows: list[DataKey]) -> list[Check]:
    """Unwrap every data key under a provider, to find which versions of its key are still needed."""
    if not rows:
        return [Check("data keys", State.OK, "none are under it yet")]

    async def read() -> list[DataKey]:
        return rows

    ring = KeyRing(providers.get, read)
    try:
        await ring.ensure([row.id for row in rows])
    except ReencryptError as error:
        return [failed("data keys", error)]
    entries = {row.id: ring.entry(row.id) for row in rows}
    versions = Counter(entry.version for entry in entries.values() if isinstance(entry, Unwrapped))
    checks = [
        Check("needed version", State.OK, f"{version or 'unknown'}: {count} data keys")
        for version, count in versions.items()
    ]
    reasons: dict[str, list[str]] = {}
    for key_id, entry in entries.items():
        if isinstance(entry, Failure):
            reasons.setdefault(entry.detail, []).append(key_id)
    for detail, ids in reasons.items():
        named = ", ".join(ids[:_NAMED]) + (" …" if len(ids) > _NAMED else "")
        checks.append(Check("data keys", State.WARNING, f"{len(ids)} do not unwrap ({named}): {detail}"))
    return checks
