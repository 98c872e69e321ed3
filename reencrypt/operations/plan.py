"""`reencrypt plan`: what is in the database, what a run would do, refuse and cost. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reencrypt.catalogue.location import Location
from reencrypt.errors import ReencryptError
from reencrypt.events import Emit
from reencrypt.keys.proof import Proof
from reencrypt.keys.provider import LEGACY_PROVIDER, Unwrapped
from reencrypt.operations.session import opened
from reencrypt.planning.census import LocationCensus
from reencrypt.planning.estimate import roads
from reencrypt.planning.options import RunOptions
from reencrypt.planning.plan import Preparation, run_to_continue
from reencrypt.planning.planner import Preparer
from reencrypt.settings import Settings


@dataclass(frozen=True, slots=True)
class KeyLine:
    """Secrets of one location under one key and algorithm; `key_id` is None for legacy ones."""

    key_id: str | None
    provider: str
    algorithm: str
    secrets: int
    current: bool


@dataclass(frozen=True, slots=True)
class PlanReport:
    """The census and the decisions of a preparation, for printing."""

    prepared: Preparation
    database: str
    state_statements: tuple[str, ...]

    @property
    def check_exit_code(self) -> int:
        """The exit code that `run` would start with: that of its first refusal, else 0."""
        return self.prepared.refusals[0].exit_code if self.prepared.refusals else 0

    @property
    def refusals(self) -> list[ReencryptError]:
        """What would stop a run, in order."""
        return self.prepared.refusals

    def key_lines(self, location: Location) -> list[KeyLine]:
        """The census of a location by key and algorithm, largest first."""
        ring = self.prepared.ring
        lines = []
        for (key_id, algorithm), number in self._census(location).by_key.items():
            row = ring.row(key_id) if key_id is not None else None
            provider = LEGACY_PROVIDER if key_id is None else row.provider if row else "missing"
            lines.append(KeyLine(key_id, provider, algorithm, number, self.prepared.is_current(key_id, algorithm)))
        return sorted(lines, key=lambda line: -line.secrets)

    def _census(self, location: Location) -> LocationCensus:
        return self.prepared.census.locations[location.name]

    def orphaned_keys(self) -> list[str]:
        """Key ids that secrets name and `data_keys` lacks."""
        return sorted(key_id for key_id in self.prepared.census.key_ids if self.prepared.ring.row(key_id) is None)

    def unusable_keys(self) -> dict[str, str]:
        """Data keys that did not unwrap, with the reason."""
        ring = self.prepared.ring
        return {
            row.id: entry.detail
            for row in ring.rows
            if ring.knows(row.id) and not isinstance(entry := ring.entry(row.id), Unwrapped)
        }

    def target(self) -> str:
        """The data key that a run would write under, in words."""
        prepared = self.prepared
        if prepared.existing:
            return f"Grafana's active data key {prepared.existing[0].id}"
        return f"a new data key, wrapped as {prepared.wrap_format}" if prepared.wrap_format else "a new data key"

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        prepared = self.prepared
        counts = prepared.counts()
        interrupted = run_to_continue(prepared)
        rewrap, run = roads(prepared)
        return {
            "outcome": "refused" if prepared.refusals else "ready" if prepared.movable else "nothing_to_do",
            "database": self.database,
            "schema": prepared.schema.name or None,
            "target_provider": prepared.target_provider,
            "target_data_key": prepared.existing[0].id if prepared.existing else None,
            "wrap_format": str(prepared.wrap_format) if prepared.wrap_format else None,
            "secrets": {
                "total": prepared.census.total,
                "to_move": prepared.movable,
                "already_current": sum(each.already_current for each in counts.values()),
                "unreadable": prepared.unreadable,
                "not_applicable": sum(each.not_applicable for each in counts.values()),
            },
            "locations": {
                location.name: {
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
                    "named": self._census(location).named,
                }
                for location in prepared.locations
                if self._census(location).total
            },
            "missing": list(prepared.schema.fitted.missing),
            "orphaned_keys": self.orphaned_keys(),
            "unusable_keys": self.unusable_keys(),
            "secret_key": prepared.proof.secret_key.value,
            "interrupted_run": interrupted.id if interrupted else None,
            "estimate": {"seconds": round(run.seconds, 1), "vault_unwraps": run.vault_calls},
            "roads": [rewrap.as_json(), run.as_json()],
            "refusals": [
                {"code": each.code, "exit_code": each.exit_code, "message": each.message, "hint": each.hint}
                for each in prepared.refusals
            ],
            "warnings": prepared.warnings,
        }


async def plan(settings: Settings, options: RunOptions, *, emit: Emit) -> PlanReport:
    """Prepare as a run would, and stop there."""
    async with opened(settings, options, emit, write=False) as resources:
        preparer = Preparer(resources.database, resources.providers, resources.cache, resources.pool, emit)
        prepared = await preparer.prepare(settings, options)
        return PlanReport(
            prepared, resources.database.name, resources.database.state_statements(prepared.schema.state_version)
        )


def proof_in_words(proof: Proof) -> str:
    """For the table: the verdict on `secret_key`, and a doubt."""
    doubt = ", but something under it is implausible" if proof.doubt else ""
    return f"secret_key is {proof.secret_key.value}{doubt}"
