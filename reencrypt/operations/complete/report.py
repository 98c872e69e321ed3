"""The answer of `reencrypt complete`, and its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reencrypt.next_steps import NextStep
from reencrypt.operations.complete.keks import Kek
from reencrypt.operations.complete.key_usage import KeyUsage
from reencrypt.operations.complete.search import Search
from reencrypt.operations.verify.operation import problem_as_json
from reencrypt.operations.verify.verification import Verification
from reencrypt.outcomes import ExitCode, Outcome
from reencrypt.planning.command_lines import REPORT_COMMAND

#: Places that no search of this database can see. Every answer lists them.
BLIND_SPOTS: Final = (
    "legacy values without a prefix outside the catalogue: they look like noise",
    "text in encodings other than base64, hexadecimal, JSON escapes, gzip and UTF-16 (once), or encrypted once more",
    "files of Live pipelines, unified storage outside this database, and the server's other schemas and databases",
    "a cache in Redis or Memcached, and the database's deleted rows, statistics and logs",
    "backups and replicas: restoring one needs the old key",
)


@dataclass(slots=True)
class CompleteReport:
    """The answer, its evidence, and what was done after a yes.

    `again` is the command that asks the same. `kept` are the runs of stores that are not asked about: their journal is
    never dropped.
    """

    outcome: Outcome
    usage: KeyUsage | None = None
    retiring: list[Kek] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    journal_dropped: bool = False
    kept: list[str] = field(default_factory=list)
    state_dropped: bool = False
    deleted: list[str] = field(default_factory=list)
    stop_reason: str | None = None
    again: str = "reencrypt complete"

    @property
    def exit_code(self) -> int:
        """0 for yes, 8 for no, 2 where only the configuration is in the way, 4 where it was stopped before."""
        return ExitCode.USAGE if self.outcome is Outcome.NO and not self.is_no else self.outcome.exit_code

    @property
    def is_no(self) -> bool:
        """Whether anything but the configuration is in the way."""
        blockers = self.usage.blockers if self.usage else []
        return bool(blockers) or any(kek.reasons for kek in self.retiring)

    @property
    def has_journal(self) -> bool:
        """Whether there is a journal that `--finish` would drop, and has not."""
        stores = self.usage.stores if self.usage else []
        return not self.journal_dropped and any(each.has_journal for each in stores)

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type after it."""
        if self.outcome is Outcome.STOPPED:
            return [NextStep(self.again, "it answers from the beginning")]
        if self.outcome is not Outcome.YES:
            return [self._towards_yes()]
        if self.state_dropped:
            return [NextStep("reencrypt verify", "it reads every secret again")]
        if self.journal_dropped:
            return [NextStep(REPORT_COMMAND, "it writes the evidence for an auditor")]
        if self.has_journal:
            return [NextStep(f"{self.again} --finish", "it drops the journal of what was replaced")]
        return [NextStep("reencrypt verify", "it reads every secret again, whenever you like")]

    def _towards_yes(self) -> NextStep:
        stores = self.usage.stores if self.usage else []
        if any(entry.is_open for each in stores for entry in each.quarantine):
            return NextStep("reencrypt quarantine list", "what could not be moved, why, and what to do")
        if any(each.unfinished for each in stores):
            return NextStep("reencrypt status", "it names the command that goes on")
        movable = {each.name for usage in stores for each in usage.session.locations if each.reencrypted}
        if any(movable & kek.secrets.keys() for kek in self.retiring):
            return NextStep("reencrypt plan", "it says what a run would do with the secrets that need the old key")
        return NextStep(self.again, "once what stands in the way is done")

    @property
    def in_words(self) -> str:
        """The answer in a sentence."""
        if self.outcome is not Outcome.YES:
            return "No: the old key must stay."
        return "Yes: the old key can be retired." if self.retiring else "Yes: there is no other key to retire."

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        usage = self.usage
        asked = {kek.name for kek in self.retiring}
        return {
            "outcome": self.outcome,
            "stop_reason": self.stop_reason,
            "target": next(iter(usage.targets.values()), None) if usage else None,
            "targets": usage.targets if usage else {},
            "stores": [each.store for each in usage.stores] if usage else [],
            "blockers": usage.blockers if usage else [],
            "configuration": [fault.as_json() for fault in (usage.faults if usage else ())],
            "keys": [
                {
                    "name": kek.name,
                    "store": kek.store,
                    "retiring": kek.name in asked,
                    "secrets": kek.secrets.total(),
                    "locations": dict(kek.secrets),
                    "data_keys": kek.data_keys,
                    "active_data_keys": kek.active,
                    "reasons": kek.reasons,
                }
                for kek in (usage.keks.values() if usage else ())
            ],
            "verified": _verified([each.verification for each in usage.stores]) if usage else None,
            "searched": {
                "tables": usage.search.tables if usage else 0,
                "rows": usage.search.rows if usage else 0,
                "not_searched": usage.search.unsearched if usage else {},
                "finds": finds(usage) if usage else [],
                "proposals": [each.as_json() for each in (usage.proposals if usage else ())],
            },
            "notes": usage.notes if usage else [],
            "not_seen": [*BLIND_SPOTS, *(unseen(usage.search) if usage else ())],
            "commands": self.commands,
            "journal_dropped": self.journal_dropped,
            "journal_kept": self.kept,
            "state_dropped": self.state_dropped,
            "deleted_data_keys": self.deleted,
        }


def _verified(verifications: Sequence[Verification]) -> dict[str, Any]:
    """The result of the verification of all stores with the keys that stay."""
    return {
        "total": sum(each.total for each in verifications),
        "readable": sum(each.readable for each in verifications),
        "accepted": sum(each.accepted for each in verifications),
        "quarantined": sum(each.quarantined for each in verifications),
        "unreadable": sum(each.unreadable for each in verifications),
        "not_covered": sum(each.uncovered.total() for each in verifications),
        "problems": [problem_as_json(problem) for each in verifications for problem in each.problems],
        "problems_not_named": sum(each.unnamed for each in verifications),
    }


def finds(usage: KeyUsage) -> list[dict[str, Any]]:
    """The finds of the search outside the catalogue, with the digest of each value's bytes, never their text."""
    return [
        {
            "table": stray.table,
            "column": stray.column,
            "data_key": stray.key_id,
            "stores": usage.stores_of(stray.key_id),
            "number": stray.number,
            "places": [{"row": place.row, "sha256": place.sha256} for place in stray.places],
        }
        for stray in usage.search.strays.values()
    ]


def unseen(found: Search) -> list[str]:
    """The values that were not searched completely, by place."""
    return [
        f"{each.table}.{each.column} {place.row}, SHA-256 {place.short}: {each.reason}"
        for each in found.unseen.values()
        for place in each.places
    ]
