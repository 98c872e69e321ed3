"""The report of `reencrypt doctor`: checks by subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.keys.diagnostics import Check, State, failed
from reencrypt.next_steps import NextStep
from reencrypt.planning.plan import Plan

NO_DATABASE: Final = "the database could not be read: see what failed there"


@dataclass(slots=True)
class DoctorReport:
    """The checks by subject: `database`, `grafana`, `run`, `secrets manager`, and each provider.

    `encryption_provider` is what the configuration says, `target` is where a run would go, by `--to` perhaps: both of
    the first store that is checked. `schema` is that of Grafana's tables, empty where the engine has none. `stores`
    are those of the subjects that belong to one.
    """

    encryption_provider: str
    target: str
    groups: dict[str, list[Check]] = field(default_factory=dict)
    stores: dict[str, StoreName] = field(default_factory=dict)
    schema: str = ""

    def add(self, group: str, checks: Sequence[Check], store: StoreName | None = None) -> None:
        """Add the checks of a subject."""
        self.groups[group] = list(checks)
        if store is not None:
            self.stores[group] = store

    @property
    def exit_code(self) -> int:
        """0, or the exit code that a command would end with because of the first failed check."""
        codes = (check.exit_code for checks in self.groups.values() for check in checks)
        return next((code for code in codes if code), 0)

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type after it."""
        if self.exit_code == 0:
            return [NextStep("reencrypt plan", "it says what a run would do, refuse and cost")]
        return [NextStep("reencrypt doctor", "once that is done")]

    def as_json(self) -> dict[str, object]:
        """For `--output json`."""
        return {
            "outcome": "healthy" if self.exit_code == 0 else "not_healthy",
            "healthy": self.exit_code == 0,
            "schema": self.schema or None,
            "encryption_provider": self.encryption_provider,
            "target_provider": self.target,
            "checks": [
                {
                    "about": group,
                    "store": self.stores.get(group),
                    "name": check.name,
                    "state": check.state.value,
                    "detail": check.detail,
                    "remedy": check.remedy,
                }
                for group, checks in self.groups.items()
                for check in checks
            ],
        }


def refusals_of(plan: Plan, others: Sequence[Plan]) -> list[Check]:
    """What would stop a run in one store: each refusal is a failed check.

    That a store is empty stops a run only where all are.
    """
    if plan.is_empty and (plan.store is not StoreName.CLASSIC or any(not each.is_empty for each in others)) and others:
        return [Check("refusals", State.NOTE, f"{plan.store.in_words} holds no secrets: a run leaves it out")]
    if plan.refusals:
        return [failed("refusals", refusal) for refusal in plan.refusals]
    stop = f"nothing would stop `reencrypt run` to {plan.target_provider}"
    return [Check("refusals", State.OK, stop if plan.movable else f"{stop}, and nothing is to move")]
