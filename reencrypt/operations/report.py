"""The report of a run: an exit code, an object for JSON, and nothing secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reencrypt.catalogue.reason import Reason, remedy_of
from reencrypt.catalogue.store_name import StoreName
from reencrypt.catalogue.stores import STORE_OF
from reencrypt.databases.paging import Coverage
from reencrypt.events import Warned
from reencrypt.next_steps import NextStep
from reencrypt.operations.names import Names, name_of
from reencrypt.outcomes import Outcome
from reencrypt.state.counts import Counts, per_location
from reencrypt.state.quarantine import QuarantineEntry


@dataclass(frozen=True, slots=True)
class RunReport:
    """The result of a run, over all its resumptions. `counts` are by location in the catalogue's order.

    `due` (UTC, naive) is when a rotation by age has something to do. `again` is the command that was typed, `resume`
    the one that goes on after a stop, which begins a run where there is no `run_id`.
    `warnings` were told as events too, before anything was written. `may_remain` says what Grafana may have written
    under an older key meanwhile. `names` are those of what the entries in quarantine belong to, and stored nowhere.
    `incomplete` are the locations of which two passes in a row missed rows.
    """

    outcome: Outcome
    target_provider: str
    counts: Mapping[str, Counts]
    run_id: str | None = None
    store: StoreName = StoreName.CLASSIC
    target_data_key: str | None = None
    resumed: bool = False
    operation: str = "run"
    due: datetime | None = None
    sweeps: int = 0
    stop_reason: str | None = None
    resume: str | None = None
    warnings: Sequence[Warned] = ()
    may_remain: str = ""
    quarantine: Sequence[QuarantineEntry] = ()
    names: Names = field(default_factory=dict)
    incomplete: Mapping[str, Coverage] = field(default_factory=dict)
    seconds: float = 0.0
    again: str = ""

    @property
    def exit_code(self) -> int:
        """See `ExitCode`."""
        return self.outcome.exit_code

    @property
    def total(self) -> Counts:
        """All locations together."""
        return Counts.sum(self.counts.values())

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type after a run."""
        if self.outcome is Outcome.STOPPED:
            why = "it resumes from here" if self.run_id else "it begins, or resumes an interrupted run"
            return [NextStep(self.resume or f"reencrypt {self.operation}", why)]
        if any(entry.is_open for entry in self.quarantine):
            return [NextStep("reencrypt quarantine list", "what could not be moved, why, and what to do")]
        if self.incomplete:
            return [NextStep(self.again or f"reencrypt {self.operation}", "once the cause is found")]
        if self.outcome is Outcome.PARTLY_DONE:
            return [NextStep("reencrypt plan", "it says why secrets stay where they are")]
        return [NextStep("reencrypt verify", "it reads every secret again")]

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        total = self.total
        return {
            "outcome": self.outcome,
            "store": self.store,
            "run_id": self.run_id,
            "resumed": self.resumed,
            "stop_reason": self.stop_reason,
            "resume": self.resume,
            "due": f"{self.due:%Y-%m-%dT%H:%M:%SZ}" if self.due else None,
            "target_provider": self.target_provider,
            "target_data_key": self.target_data_key,
            "secrets": total.as_numbers(),
            "locations": per_location(self.counts),
            "left_because": total.left_because,
            "quarantined_because": total.quarantined_because,
            "quarantine": [
                entry_as_json(entry, STORE_OF.get(entry.location, self.store), self.names) for entry in self.quarantine
            ],
            "incomplete": {name: coverage.as_numbers() for name, coverage in self.incomplete.items()},
            "sweeps": self.sweeps,
            "seconds": round(self.seconds, 3),
            "warnings": [*(each.message for each in self.warnings), *([self.may_remain] if self.may_remain else [])],
        }


def entry_as_json(entry: QuarantineEntry, store: StoreName | None, names: Names) -> dict[str, str | None]:
    """One quarantined secret: where, why, what to do; `store` is its location's, None where nobody knows it now."""
    return {
        "store": store,
        "location": entry.location,
        "key": entry.row_key,
        "field": entry.field,
        "name": name_of(entry.place, names),
        "reason": entry.reason,
        "detail": entry.detail,
        "state": entry.state,
        "remedy": remedy_for(entry, names),
    }


def remedy_for(entry: QuarantineEntry, names: Names) -> str:
    """What to do about a quarantined secret; what it belongs to is named where that is known."""
    named = names.get(entry.place)
    return remedy_of(Reason(entry.reason), named.again) if named else remedy_of(Reason(entry.reason))
