"""`reencrypt plan`: what is in the database, what a run would do, refuse and cost. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.databases.footprint import Footprint
from reencrypt.errors import ReencryptError
from reencrypt.keys.proof import Proof
from reencrypt.keys.provider import LEGACY_PROVIDER, SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.next_steps import NextStep
from reencrypt.operations.names import Names, in_words, names_of
from reencrypt.planning.census import LocationCensus
from reencrypt.planning.command_lines import Pilot, command_given, pilot_of, words_of
from reencrypt.planning.estimate import Estimate, estimate
from reencrypt.planning.options import given_options
from reencrypt.planning.plan import Plan
from reencrypt.planning.planner import make_plans
from reencrypt.planning.quarantined_keys import count_unchanged
from reencrypt.planning.session import Session
from reencrypt.planning.space import footprint_of, shortage
from reencrypt.state.quarantine import read_quarantine
from reencrypt.wording import counted

#: What a run does with most secrets.
MOVES: Final = "move it"
#: What it does with those of a key that nothing proves.
UNPROVEN: Final = "leave it (unproven)"


@dataclass(frozen=True, slots=True)
class KeyLine:
    """Secrets of one location under one key and algorithm; `key_id` is None for legacy ones."""

    key_id: str | None
    provider: str
    algorithm: str
    secrets: int
    current: bool


@dataclass(frozen=True, slots=True)
class Fate:
    """Secrets of one location under one provider and algorithm that a run treats alike, and their data keys."""

    provider: str
    algorithm: str
    in_a_run: str
    secrets: int
    data_keys: int


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A plan, for printing.

    `ddl` are the statements that make the state tables, where they were asked for; `names` are those of what the
    unreadable secrets belong to.
    """

    plan: Plan
    database: str
    estimate: tuple[Estimate, Estimate]
    stuck: Counter[tuple[str, str | None]]
    space: Footprint | None = None
    pilot: Pilot | None = None
    next_steps: Sequence[NextStep] = ()
    ddl: tuple[str, ...] | None = None
    names: Names = field(default_factory=dict)

    @property
    def store(self) -> StoreName:
        """The store of the plan."""
        return self.plan.store

    @property
    def exit_code(self) -> int:
        """The exit code that `run` would start with: that of its first refusal, else 0."""
        return self.plan.refusals[0].exit_code if self.plan.refusals else 0

    @property
    def refusals(self) -> tuple[ReencryptError, ...]:
        """What would stop a run, in order."""
        return self.plan.refusals

    def fates(self, location: Location) -> list[Fate]:
        """The secrets of a location by what a run would do with them, under whatever data keys."""
        found: dict[tuple[str, str, str], tuple[int, set[str]]] = {}

        def add(line: KeyLine, fate: str, number: int) -> None:
            key = (line.provider, line.algorithm, fate)
            secrets, keys = found.setdefault(key, (0, set()))
            found[key] = (secrets + number, keys | ({line.key_id} if line.key_id is not None else set()))

        for line in self.key_lines(location):
            fate = self._fate(location, line)
            # What a run before could not move, and nobody has saved since.
            stuck = min(line.secrets, self.stuck[location.name, line.key_id]) if fate == MOVES else 0
            if line.secrets > stuck:
                add(line, fate, line.secrets - stuck)
            if stuck:
                add(line, "leave it in quarantine", stuck)
        return [Fate(*key, secrets, len(keys)) for key, (secrets, keys) in found.items()]

    def movable(self) -> dict[str, int]:
        """The secrets of each location that a run would move."""
        return {
            location.name: sum(each.secrets for each in self.fates(location) if each.in_a_run == MOVES)
            for location in self.plan.locations
            if location.reencrypted
        }

    @property
    def to_move(self) -> int:
        """The secrets that a run would move if nothing refused it."""
        return self.plan.movable if self.refusals else sum(self.movable().values())

    def _fate(self, location: Location, line: KeyLine) -> str:
        if line.current:
            return "find it current"
        if line.key_id is not None and self.plan.is_skipped(line.key_id):
            return "leave it (skipped)"
        if line.provider == "missing" or line.key_id in self.unusable_keys():
            return "quarantine it"
        if self.plan.stays_because(location, line.key_id):
            return "leave it"
        if not self.refusals and self.plan.is_unproven(line.key_id, Algorithm(line.algorithm)):
            return UNPROVEN
        return "refuse" if self.refusals else MOVES

    def key_lines(self, location: Location) -> list[KeyLine]:
        """The census of a location by key and algorithm, largest first."""
        ring = self.plan.ring
        lines = []
        for (key_id, algorithm), number in self._census(location).by_key.items():
            row = ring.row(key_id) if key_id is not None else None
            provider = LEGACY_PROVIDER if key_id is None else row.provider if row else "missing"
            lines.append(KeyLine(key_id, provider, algorithm, number, self.plan.is_current(key_id, algorithm)))
        return sorted(lines, key=lambda line: -line.secrets)

    def unreadable(self) -> list[str]:
        """Secrets that do not read as they stand, each with what it belongs to and why; of each location the first."""
        found = [each for location in self.plan.locations for each in self._census(location).named]
        return [f"{in_words(each.place, self.names)}: {each.why}" for each in found]

    def _census(self, location: Location) -> LocationCensus:
        return self.plan.census.locations[location.name]

    def orphaned_keys(self) -> list[str]:
        """Key ids that secrets name and `data_keys` lacks."""
        return sorted(key_id for key_id in self.plan.census.key_ids if self.plan.ring.row(key_id) is None)

    def unusable_keys(self) -> dict[str, str]:
        """Data keys that did not unwrap, with the reason."""
        ring = self.plan.ring
        return {
            row.id: entry.detail
            for row in ring.rows
            if ring.knows(row.id) and not isinstance(entry := ring.entry(row.id), Unwrapped)
        }

    def unproven_keys(self) -> dict[str, int]:
        """The keys that nothing proves, as `--accept-unproven` takes them, and the secrets that a run leaves for it."""
        found: Counter[str] = Counter()
        for location in self.plan.locations:
            for line in self.key_lines(location) if location.reencrypted else ():
                if self._fate(location, line) == UNPROVEN:
                    found[line.key_id or SECRET_KEY_PROVIDER] += line.secrets
        return dict(found)

    def declared(self) -> dict[str, str]:
        """The declared locations of the store, and whether they are saved, or what a run would do about them."""
        declared = self.plan.schema.declared
        dropped = {each.name for each in declared.dropped}
        found = {
            each.name: "saved" if each not in declared.unsaved else "changed" if each.name in dropped else "new"
            for each in declared.declarations
            if each.store is self.store
        }
        return found | {each.name: "forgotten" for each in declared.forgotten if each.store is self.store}

    def target(self) -> str:
        """The data key that a run would write under, in words."""
        plan = self.plan
        if plan.store is StoreName.MANAGER:
            number = len(plan.existing)
            known = f"the active data keys in {counted(number, 'namespace')}, and " if number else ""
            return f"{known}a new data key in each {'other ' if number else ''}namespace that needs one"
        if plan.existing:
            return f"the active data key {next(iter(plan.existing.values())).id}"
        return f"a new data key, wrapped as {plan.wrap_format}" if plan.wrap_format else "a new data key"

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        plan = self.plan
        counts = plan.counts()
        interrupted = plan.run_to_continue
        rewrap, run = self.estimate
        return {
            "outcome": "refused" if plan.refusals else "ready" if plan.movable else "nothing_to_do",
            "store": plan.store,
            "database": self.database,
            "schema": plan.schema.name or None,
            "encryption_provider": plan.store_settings.encryption_provider,
            "target_provider": plan.target_provider,
            "target_data_key": next((row.id for row in plan.existing.values()), None),
            "wrap_format": str(plan.wrap_format) if plan.wrap_format else None,
            "secrets": {
                "total": plan.census.total,
                "to_move": self.to_move,
                "already_current": sum(each.already_current for each in counts.values()),
                "unreadable": plan.unreadable,
                "not_applicable": sum(each.not_applicable for each in counts.values()),
            },
            "locations": {
                location.name: {
                    "store": plan.store,
                    "total": self._census(location).total,
                    "keys": [
                        {
                            "key_id": line.key_id,
                            "provider": line.provider,
                            "algorithm": line.algorithm,
                            "secrets": line.secrets,
                            "current": line.current,
                        }
                        for line in self.key_lines(location)
                    ],
                    "problems": self._census(location).problems,
                    "unreadable_padding": self._census(location).unreadable_padding,
                    "named": [f"{' '.join(each.place)}: {each.why}" for each in self._census(location).named],
                    "unreadable": [
                        {
                            "location": location.name,
                            "key": each.place[1],
                            "field": each.place[2],
                            "name": named.name if (named := self.names.get(each.place)) else None,
                            "why": each.why,
                        }
                        for each in self._census(location).named
                    ],
                }
                for location in plan.locations
                if self._census(location).total
            },
            "declared": self.declared(),
            "plain_text": dict(plan.plain_text),
            "missing": list(plan.schema.fitted.missing),
            "orphaned_keys": self.orphaned_keys(),
            "unusable_keys": self.unusable_keys(),
            "unproven_keys": self.unproven_keys(),
            "secret_key": plan.proof.secret_key.value,
            "interrupted_run": interrupted.id if interrupted else None,
            "estimate": {"seconds": round(run.seconds, 1), "vault_unwraps": run.vault_calls},
            "space": self.space.as_json() if self.space else None,
            "roads": [rewrap.as_json(), run.as_json()],
            "refusals": [
                {"code": each.code, "exit_code": each.exit_code, "message": each.message, "hint": each.hint}
                for each in plan.refusals
            ],
            "warnings": [each.message for each in plan.warnings],
            "pilot": self.pilot.as_json() if self.pilot else None,
            **({"ddl": list(self.ddl)} if self.ddl is not None else {}),
        }


async def plan_stores(sessions: Sequence[Session], *, ddl: bool = False) -> list[PlanReport]:
    """Make the plan that a run would make for each store, and stop there; with `ddl` also the state tables'."""
    plans = await make_plans(sessions)
    if not all(plan.is_empty for plan in plans):
        # As for a run: a store without secrets stops nothing as long as another one has some.
        plans = [replace(plan, refusals=()) if plan.is_empty else plan for plan in plans]
    first = sessions[0]
    database, name_store = first.database, first.schema.of(StoreName.MANAGER).has_store
    entries = await read_quarantine(database) if first.schema.has_state else []
    reports = []
    for session, plan in zip(sessions, plans, strict=True):
        space = await footprint_of(plan, database)
        report = PlanReport(
            replace(plan, warnings=(*plan.warnings, *shortage(space))),
            database.name,
            estimate(plan, session.providers.configured.quota),
            await count_unchanged(database, plan.locations, entries),
            space,
            ddl=database.state_statements(plan.schema.state_version) if ddl else None,
            names=await names_of(
                database, [one.place for each in plan.census.locations.values() for one in each.named]
            ),
        )
        reports.append(replace(report, pilot=pilot_of(plan, report.movable(), name_store=name_store)))
    steps = _next_steps(reports, name_store=name_store)
    return [replace(report, next_steps=steps) for report in reports]


def _next_steps(reports: Sequence[PlanReport], *, name_store: bool) -> list[NextStep]:
    """What to type next, for all stores together."""
    if any(report.refusals for report in reports):
        words = words_of(given_options(reports[0].plan.options))
        return [NextStep(" ".join(["reencrypt plan", *words]), "once what refuses is done")]
    found = []
    for report in reports:
        store = {"--store": str(report.store)} if name_store else {}
        if report.plan.run_to_continue is not None:
            found.append(NextStep(command_given(report.plan.options, store), "it resumes where it was interrupted"))
        elif report.pilot is not None:
            found.append(NextStep(report.pilot.command, "a pilot: then look whether Grafana reads those secrets"))
        elif unproven := report.unproven_keys():
            command = command_given(report.plan.options, {**store, "--accept-unproven": list(unproven)})
            found.append(NextStep(command, "if you know that the key is right; else save its secrets again in Grafana"))
    return found or [NextStep("reencrypt verify", "nothing is to be moved; it reads every secret again")]


def proof_in_words(proof: Proof) -> str:
    """The verdict on `secret_key`, and a doubt, for people."""
    doubt = ", but something under it is implausible" if proof.doubt else ""
    return f"secret_key is {proof.secret_key.value}{doubt}"
