"""`reencrypt verify`: reads every secret independently, without trust in any record of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from reencrypt.databases.plain_text import REMEDY, count_plain_text, plain_text_in_words
from reencrypt.errors import NoSecretsError
from reencrypt.operations.verify.causes import causes_of
from reencrypt.operations.verify.keys import RingKeys
from reencrypt.operations.verify.readability import Fault, ambiguous, faults_of, providers_of
from reencrypt.operations.verify.verification import Problem, Verification, verify_secrets
from reencrypt.outcomes import ExitCode
from reencrypt.planning.schema import read_accepted_secrets
from reencrypt.planning.session import Session
from reencrypt.planning.target import Target
from reencrypt.state.data_keys import read_ambiguous_keys
from reencrypt.state.quarantine import read_quarantine
from reencrypt.state.runs import last_rekey, read_runs


@dataclass(slots=True)
class VerifyReport:
    """The outcome of a verification: the secrets, the settings that are wrong, and ambiguous data keys by name.

    `explained` is how many of the unreadable secrets only a setting keeps from being read.
    """

    target_provider: str
    found: Verification
    explained: int = 0
    faults: list[Fault] = field(default_factory=list)
    ambiguous_keys: list[str] = field(default_factory=list)
    plain_text: dict[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """8 for a problem that is not in quarantine, 2 where only the configuration keeps Grafana from reading."""
        if self.found.unreadable > self.explained or self.ambiguous_keys:
            return ExitCode.NO
        return ExitCode.USAGE if self.faults else ExitCode.DONE

    @property
    def problems(self) -> Sequence[Problem]:
        """The unreadable secrets that are named."""
        return self.found.problems

    def sentences(self) -> list[str]:
        """The problems apart from single secrets, for people."""
        return [
            *(f"ambiguous: {ambiguous(name)}" for name in self.ambiguous_keys),
            *map(str, self.faults),
            *(f"possibly cut off: {place}" for place in self.found.possibly_cut),
            *(f"note: {sentence}. {REMEDY}" for sentence in plain_text_in_words(self.plain_text)),
        ]

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        providers: dict[str, int] = {}
        locations = self.found.locations
        for result in locations.values():
            for provider, number in result.providers.items():
                providers[provider] = providers.get(provider, 0) + number
        return {
            "outcome": "failed" if self.exit_code else "verified",
            "target_provider": self.target_provider,
            "secrets": {
                "total": self.found.total,
                "readable": sum(each.readable for each in locations.values()),
                "accepted": self.found.accepted,
                "under_target": providers.get(self.target_provider, 0),
                "quarantined": self.found.quarantined,
                "unreadable": self.found.unreadable,
                "unreadable_by_configuration": self.explained,
            },
            "providers": providers,
            "locations": {
                name: {"total": each.total, "readable": each.readable, "providers": each.providers}
                for name, each in locations.items()
                if each.total
            },
            "problems": [problem_as_json(each) for each in self.problems],
            "problems_not_named": self.found.unnamed,
            "ambiguous_data_keys": self.ambiguous_keys,
            "possibly_cut_off": self.found.possibly_cut,
            "plain_text": self.plain_text,
            "configuration": [fault.as_json() for fault in self.faults],
        }


def problem_as_json(problem: Problem) -> dict[str, object]:
    """One unreadable secret."""
    return {
        "location": problem.location,
        "key": problem.key,
        "field": problem.field,
        "reason": problem.reason,
        "detail": problem.detail,
        "in_quarantine": problem.known,
    }


async def verify(session: Session) -> VerifyReport:
    """Read, unwrap, decrypt and judge every secret; raises `NoSecretsError` where there is none at all."""
    database, schema, ring = session.database, session.schema, session.ring
    configured = session.providers.configured
    await ring.reload()
    found = await verify_secrets(
        session,
        RingKeys(ring, session.secret_key, configured.problem),
        await read_quarantine(database) if schema.has_state else [],
        await read_accepted_secrets(database, schema),
    )
    if not session.options.trust.allow_empty and not found.total:
        raise NoSecretsError(
            f"{database.name} holds no secrets at all",
            hint="Is this the right database? If so, give --allow-empty.",
        )
    needed = found.needed_key_ids
    runs = await read_runs(database) if schema.has_state else []
    causes = causes_of(found, ring, session.settings, last_rekey(runs))
    target = Target.resolve(session.store_settings, session.options).provider
    return VerifyReport(
        target,
        found,
        found.of_configuration + sum(cause.secrets for cause in causes),
        [
            *(cause.fault for cause in causes),
            *faults_of(
                session.settings, configured, providers_of(ring, needed), has_envelopes=bool(needed), target=target
            ),
        ],
        sorted(needed & await read_ambiguous_keys(database, schema.key_table)),
        await count_plain_text(database, schema.data_source_columns),
    )
