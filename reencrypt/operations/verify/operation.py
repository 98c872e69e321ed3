"""`reencrypt verify`: reads every secret independently, without trust in any record of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.plain_text import REMEDY, count_plain_text, plain_text_in_words
from reencrypt.errors import NoSecretsError
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.next_steps import NextStep
from reencrypt.operations.verify.causes import causes_of
from reencrypt.operations.verify.judging import verify_secrets
from reencrypt.operations.verify.keys import RingKeys
from reencrypt.operations.verify.readability import Fault, ambiguous, faults_of, providers_of, public_secret_notes
from reencrypt.operations.verify.verification import Problem, Verification
from reencrypt.outcomes import ExitCode, Outcome
from reencrypt.planning.command_lines import words_of
from reencrypt.planning.lost_keys import refuse_lost_keys
from reencrypt.planning.options import given_options
from reencrypt.planning.quarantine_of import entries_of
from reencrypt.planning.quarantined_keys import UNREADABLE
from reencrypt.planning.schema import read_accepted_secrets
from reencrypt.planning.session import Session
from reencrypt.planning.target import Target
from reencrypt.planning.unread import refuse_unread
from reencrypt.state.data_keys import read_ambiguous_keys
from reencrypt.state.key_table import KeyTable
from reencrypt.state.runs import last_rekey, read_runs
from reencrypt.wording import counted


@dataclass(slots=True)
class VerifyReport:
    """The outcome of a verification of a store: its secrets, wrong settings, and ambiguous data keys by name.

    `explained` is how many of the unreadable secrets only a setting keeps from being read. `uncovered` says what to do
    about each provider that nobody here can read by, `notes` is what stops nothing. `elsewhere` counts the secrets that
    a run could move to the target, and `plan_command` asks about the same.
    """

    store: StoreName
    table: KeyTable
    target_provider: str
    found: Verification
    explained: int = 0
    faults: list[Fault] = field(default_factory=list)
    ambiguous_keys: list[str] = field(default_factory=list)
    plain_text: dict[str, int] = field(default_factory=dict)
    uncovered: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    elsewhere: int = 0
    plan_command: str = "reencrypt plan"

    @property
    def exit_code(self) -> int:
        """8 for a problem that is not in quarantine, 2 where only the configuration keeps Grafana from reading.

        3 where all that could be read is sound, and some secrets are not covered.
        """
        if self.found.unreadable > self.explained or self.ambiguous_keys:
            return ExitCode.NO
        if self.faults:
            return ExitCode.USAGE
        # Not 0, which scripts take for "Grafana can read every secret", and nobody has looked at these. Not 8 either:
        # a job that runs every night where Enterprise wraps some has to tell them from the day on which one breaks. It
        # is what `run` exits with there; --manager-vault or --store gets such a job back to 0.
        return ExitCode.PARTLY_DONE if self.found.uncovered else ExitCode.DONE

    @property
    def outcome(self) -> str:
        """The outcome in one word."""
        if self.exit_code == ExitCode.PARTLY_DONE:
            return Outcome.PARTLY_DONE
        return "failed" if self.exit_code else "verified"

    @property
    def problems(self) -> Sequence[Problem]:
        """The unreadable secrets that are named."""
        return self.found.problems

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type after it."""
        match self.exit_code:
            case ExitCode.NO:
                return [NextStep("reencrypt run", "what it cannot move goes to quarantine, with what to do about it")]
            case ExitCode.USAGE:
                return [NextStep("reencrypt doctor", "it says what the configuration needs")]
            case ExitCode.PARTLY_DONE:
                return [NextStep(self.plan_command, "it says under which keys the others are")]
        if any(problem.known and not problem.acknowledged for problem in self.problems):
            return [NextStep("reencrypt quarantine list", "what does not read, why, and what to do")]
        if self.elsewhere:
            are = counted(self.elsewhere, "secret is", "secrets are")
            return [NextStep(self.plan_command, f"{are} not under {self.target_provider}")]
        return [NextStep("reencrypt complete", "it answers whether the old key can be retired")]

    def sentences(self) -> list[str]:
        """The problems apart from single secrets, for people."""
        return [
            *(f"ambiguous: {ambiguous(name, self.table)}" for name in self.ambiguous_keys),
            *map(str, self.faults),
            *(
                f"not covered: {counted(number, 'secret')} in {location} under {provider}: {self.uncovered[provider]}"
                for (location, provider), number in sorted(self.found.uncovered.items())
            ),
            *(f"possibly cut off: {place}" for place in self.found.possibly_cut),
            *(f"note: {sentence}. {REMEDY}" for sentence in plain_text_in_words(self.plain_text)),
            *(f"note: {note}" for note in self.notes),
        ]

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        providers: dict[str, int] = {}
        locations = self.found.locations
        for result in locations.values():
            for provider, number in result.providers.items():
                providers[provider] = providers.get(provider, 0) + number
        return {
            "outcome": self.outcome,
            "store": self.store,
            "target_provider": self.target_provider,
            "secrets": {
                "total": self.found.total,
                "readable": self.found.readable,
                "accepted": self.found.accepted,
                "under_target": providers.get(self.target_provider, 0),
                "quarantined": self.found.quarantined,
                "unreadable": self.found.unreadable,
                "unreadable_by_configuration": self.explained,
                "not_covered": self.found.uncovered.total(),
            },
            "providers": providers,
            "locations": {
                name: {"total": each.total, "readable": each.readable, "providers": each.providers}
                for name, each in locations.items()
                if each.total
            },
            "problems": [problem_as_json(each) for each in self.problems],
            "problems_not_named": self.found.unnamed,
            "not_covered": [
                {
                    "store": self.store,
                    "location": location,
                    "provider": provider,
                    "secrets": number,
                    "hint": self.uncovered[provider],
                }
                for (location, provider), number in sorted(self.found.uncovered.items())
            ],
            "ambiguous_data_keys": self.ambiguous_keys,
            "possibly_cut_off": self.found.possibly_cut,
            "plain_text": self.plain_text,
            "configuration": [fault.as_json() for fault in self.faults],
            "notes": self.notes,
        }


def problem_as_json(problem: Problem) -> dict[str, object]:
    """One unreadable secret."""
    return {
        "store": problem.store,
        "location": problem.location,
        "key": problem.key,
        "field": problem.field,
        "name": problem.name or None,
        "reason": problem.reason,
        "detail": problem.detail,
        "in_quarantine": problem.known,
    }


async def verify_stores(sessions: Sequence[Session]) -> list[VerifyReport]:
    """Read, unwrap, decrypt and judge every secret of each store.

    Raises `NoSecretsError` where there is none in any of them, `RefusedError` for values that no release reads, and
    `NotVisibleError` for a secrets manager without the table of its data keys.
    """
    await refuse_lost_keys(sessions, snapshots=True)
    await refuse_unread(sessions)
    reports = [await _verify(session) for session in sessions]
    first = sessions[0]
    if not first.options.trust.allow_empty and not any(report.found.total for report in reports):
        where = f" in {first.store.in_words}" if len(sessions) == 1 and first.store is not StoreName.CLASSIC else ""
        raise NoSecretsError(
            f"{first.database.name} holds no secrets at all{where}",
            hint="Is this the right database? If so, give --allow-empty.",
        )
    return reports


async def _verify(session: Session) -> VerifyReport:
    database, schema, ring = session.database, session.schema, session.ring
    configured, is_classic = session.providers.configured, session.store is StoreName.CLASSIC
    await ring.reload()
    found = await verify_secrets(
        session,
        RingKeys.of(session),
        await entries_of(session),
        await read_accepted_secrets(database, schema),
    )
    needed = found.needed_key_ids
    runs = await read_runs(database) if schema.has_state else []
    causes = causes_of(found, session, last_rekey(runs))
    target = Target.resolve(session.store_settings, session.options).provider
    return VerifyReport(
        session.store,
        schema.key_table,
        target,
        found,
        found.of_configuration + sum(cause.secrets for cause in causes),
        [
            *(cause.fault for cause in causes),
            *faults_of(session, providers_of(ring, needed), has_envelopes=bool(needed), target=target),
        ],
        sorted(needed & await read_ambiguous_keys(database, schema.key_table)),
        await count_plain_text(database, schema.data_source_columns) if is_classic else {},
        {provider: configured.uncovered_in_words(provider) for _, provider in found.uncovered},
        public_secret_notes(session),
        _elsewhere(session, found, target),
        " ".join(["reencrypt plan", *words_of(given_options(session.options))]),
    )


def _elsewhere(session: Session, found: Verification, target: str) -> int:
    """The secrets under another provider than the target, but for those that no run moves."""
    # Out of a key service into `secret_key` nothing moves that nobody has asked for.
    keeps_services = target == SECRET_KEY_PROVIDER and session.options.target.to is None
    results = [(each, found.locations[each.name]) for each in session.locations if each.reencrypted]
    enveloped = {each.name for each, result in results if result.by_key.keys() - {None, UNREADABLE}}
    number = 0
    for location, result in results:
        for key_id, secrets in (result.by_key - result.in_quarantine).items():
            row = session.ring.row(key_id) if key_id else None
            if row is not None:
                moves = row.provider != target and not keeps_services
            else:
                moves = key_id is None and not location.keeps_legacy(enveloped)
            number += secrets if moves else 0
    return number
