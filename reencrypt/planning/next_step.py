"""Commands to type next, made of what a plan found and of the options that it was made with."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reencrypt.planning.options import given_options
from reencrypt.planning.plan import Plan

#: Secrets of data sources are the easiest to look at in Grafana; those of Grafana 9 and later are in `secrets`.
_PREFERRED: Final = ("data_source", "secrets", "secret_encrypted_value")
_LIMIT: Final = 5


@dataclass(frozen=True, slots=True)
class Pilot:
    """A run of a few secrets: where, how many, and the command."""

    location: str
    secrets: int
    command: str

    def as_json(self) -> dict[str, Any]:
        """For `--output json`."""
        return {"location": self.location, "secrets": self.secrets, "command": self.command}


def pilot_of(plan: Plan, *, name_store: bool) -> Pilot | None:
    """The pilot that fits this database: the location that is easiest to look at in Grafana, and moves something.

    `name_store` is for a database in which both stores hold secrets.
    """
    counts = plan.counts()
    movable = {name: each.left - sum(each.left_because.values()) for name, each in counts.items()}
    places = [*_PREFERRED, *sorted(movable, key=lambda name: -movable[name])]
    location = next((name for name in places if movable.get(name, 0) > 0), None)
    if location is None:
        return None
    limit = min(_LIMIT, movable[location])
    more = {"--location": location, "--limit": limit}
    return Pilot(location, limit, command_with(plan, {"--store": str(plan.store)} | more if name_store else more))


def command_with(plan: Plan, more: Mapping[str, object] | None = None) -> str:
    """The `run` that the plan is of, with more options."""
    words = ["reencrypt run"]
    for name, value in {**given_options(plan.options), **(more or {})}.items():
        values = value if isinstance(value, list) else [value]
        words += [name] if value is True else [f"{name} {shlex.quote(str(each))}" for each in values]
    return " ".join(words)
