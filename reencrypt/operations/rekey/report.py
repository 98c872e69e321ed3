"""The report of `reencrypt rekey-secret-key`, and what is left for people to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reencrypt.next_steps import NextStep
from reencrypt.operations.report import RunReport
from reencrypt.outcomes import Outcome
from reencrypt.planning.command_lines import REKEY_COMMAND, resuming

#: Printed when the database is done: only then may the configuration change.
NEXT_STEPS: Final = (
    "put the new secret_key into Grafana's configuration: [security] secret_key, or GF_SECURITY_SECRET_KEY",
    "start Grafana, every instance with the new one",
    "reencrypt verify, with the new configuration",
    "everybody signs in again: Grafana hashes session tokens with secret_key",
)
#: Printed when only the part is left for which Grafana has to be stopped.
STOP_GRAFANA_FIRST: Final = (
    "stop every Grafana that uses this database",
    "start this command again, with --grafana-stopped",
)


@dataclass(frozen=True, slots=True)
class RekeyReport:
    """How far the change is. `legacy` is the report on secrets that were directly under `secret_key`.

    `instructions` are for people, `warnings` say what does not follow the change, and need not for it to be made.
    """

    outcome: Outcome
    legacy: RunReport
    run_id: str | None = None
    data_keys: int = 0
    alerting: int = 0
    before: int = 0
    left: Mapping[str, str] = field(default_factory=dict)
    quarantined: int = 0
    instructions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """4 where Grafana has to be stopped first, else as for a run."""
        return self.outcome.exit_code

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type after it."""
        if self.outcome is Outcome.STOP_GRAFANA:
            return [resuming(f"{REKEY_COMMAND} --grafana-stopped", "once every Grafana is stopped")]
        if self.outcome is Outcome.STOPPED:
            return [resuming(REKEY_COMMAND, "it resumes from here, with the same file")]
        return [NextStep("reencrypt verify", "with the new secret_key in Grafana's configuration")]

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        return {
            "outcome": self.outcome,
            "run_id": self.run_id,
            "legacy": self.legacy.as_json(),
            "data_keys_rewrapped": self.data_keys,
            "alerting_secrets_moved": self.alerting,
            "done_before": self.before,
            "left_because": self.left,
            "quarantined": self.quarantined,
            "next_steps": list(self.instructions),
            "warnings": list(self.warnings),
        }
